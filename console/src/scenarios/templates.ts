// Scenarios to begin with: a definition and the messages that it sends, as one bundle.
import { newId } from "../api/client";
import { language } from "../words";
import type { Definition, Step } from "./model";

type Both = { ja: string; en: string };
const say = (both: Both) => both[language];

interface Template {
  id: string;
  name: Both;
  about: Both;
  entry?: Definition["entry"];
  /** In their order: each leads to the next. What takes another way says so itself. */
  steps: (Omit<Step, "message"> & { id: string; says?: Both })[];
}

const HELLO = '{{ friend.display_name | default("お客様") }}';
const HELLO_EN = '{{ friend.display_name | default("there") }}';

export const TEMPLATES: Template[] = [
  {
    id: "welcome",
    name: { ja: "友だち追加後のあいさつ", en: "Welcome new friends" },
    about: { ja: "追加直後・翌日・3日後の3通で、お店を知ってもらいます。", en: "Three messages introduce the shop: at once, the next day, and three days later." },
    steps: [
      { id: "hello", type: "message", says: { ja: `${HELLO}さん、友だち追加ありがとうございます!`, en: `Hello ${HELLO_EN}, thank you for adding us!` } },
      { id: "next-day", type: "wait", at: { day: 1, time: "18:00" } },
      { id: "about", type: "message", says: { ja: "当店のこだわりをご紹介します。", en: "Here is what we care about." } },
      { id: "three-days", type: "wait", at: { day: 2, time: "18:00" } },
      { id: "offer", type: "message", says: { ja: "初めての方へのご案内です。このトークでお気軽にご質問ください。", en: "Something for your first visit. Ask us anything in this chat." } },
    ],
  },
  {
    id: "reminder",
    name: { ja: "予約リマインド", en: "Reservation reminders" },
    about: { ja: "予約ごとに、前日18時と2時間前にお知らせします。日時の変更やキャンセルにも追従します。", en: "For each reservation: at 18:00 the day before, and two hours before. It follows changes and cancellations." },
    entry: { per: "reservation_id", re_entry: "after_exit" },
    steps: [
      { id: "day-before", type: "wait", until: { event: "reserved", offset: "-1d", time: "18:00" } },
      { id: "tomorrow", type: "message", says: { ja: "明日はご予約の日です。お待ちしております。", en: "Your reservation is tomorrow. We look forward to seeing you." }, late: { max: "3h", then: "skip" } },
      { id: "hours-before", type: "wait", until: { event: "reserved", offset: "-2h" } },
      { id: "soon", type: "message", says: { ja: "まもなくご予約のお時間です。お気をつけてお越しください。", en: "Your reservation is in two hours. See you soon." }, late: { max: "1h", then: "skip" } },
    ],
  },
  {
    id: "purchase",
    name: { ja: "購入後のフォロー", en: "After a purchase" },
    about: { ja: "3日後に使い方、2週間後に感想をうかがい、返事があれば終わります。", en: "Tips after three days, a question after two weeks; it ends when the friend answers." },
    entry: { re_entry: "after_exit" },
    steps: [
      { id: "three-days", type: "wait", after: "3d" },
      { id: "tips", type: "message", says: { ja: "お買い上げの商品はいかがですか? 上手な使い方をご紹介します。", en: "How do you like what you bought? Here are some tips." } },
      { id: "two-weeks", type: "wait", after: "11d" },
      { id: "ask", type: "message", says: { ja: "使い心地をこのトークでお聞かせください。", en: "Tell us in this chat how it is going." } },
      { id: "answer", type: "wait_for", event: "messaged", timeout: "3d", next: null, on_timeout: "again" },
      { id: "again", type: "message", says: { ja: "お困りのことがあれば、いつでもご連絡ください。", en: "Whenever you need help, write to us." } },
    ],
  },
  {
    id: "compare",
    name: { ja: "2つの文面を比べる", en: "Compare two messages" },
    about: { ja: "半分ずつに別の文面を送り、その後の購入などのゴールで比べます。", en: "Half get one message, half another; the goal tells which was better." },
    steps: [
      { id: "split", type: "split", arms: [{ weight: 50, next: "one" }, { weight: 50, next: "other" }] },
      { id: "one", type: "message", next: null, says: { ja: "A: 今月のおすすめです。", en: "A: Our pick of the month." } },
      { id: "other", type: "message", next: null, says: { ja: "B: あなたへのおすすめです。", en: "B: Picked for you." } },
    ],
  },
];

export const nameOfTemplate = (template: Template) => say(template.name);
export const aboutTemplate = (template: Template) => say(template.about);

/** The bundle that makes a scenario and its messages, all or nothing. */
export function bundleOf(template: Template, id: string) {
  const messages: Record<string, unknown> = {};
  const nodes: Record<string, Step> = {};
  template.steps.forEach(({ id: name, says, ...step }, at) => {
    const leads = step.type === "exit" || step.type === "branch" || step.type === "split" || "next" in step;
    const made: Step = leads ? { ...step } : { ...step, next: template.steps[at + 1]?.id ?? null };
    if (says) {
      const message = newId("message");
      messages[message] = { name: `${say(template.name)} ${Object.keys(messages).length + 1}`, category: template.id === "reminder" ? "transactional" : "marketing", messages: [{ type: "text", text: say(says) }] };
      made.message = message;
    }
    nodes[name] = made;
  });
  const scenario = { name: say(template.name), ...(template.entry ? { entry: template.entry } : {}), start: template.steps[0]?.id, nodes };
  return { messages, scenarios: { [id]: scenario } };
}
