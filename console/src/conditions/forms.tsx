// The fields of each leaf that has more than one.
import { useQuery } from "@tanstack/react-query";
import { enc, get } from "../api/client";
import { usePlace } from "../data";
import { Field, Select } from "../ui/kit";
import { named, t } from "../words";
import { asObject, Choices, Compared, Figure, type FormProps, NUMERIC, only, options, startOf, type Values, When, Window, withChosen, words, YesNo } from "./fields";

export const BY_TYPE: Record<string, string[]> = {
  text: ["eq", "ne", "contains", "starts_with", "in", "gt", "gte", "lt", "lte", "between", "exists"],
  number: [...NUMERIC, "in", "exists"],
  boolean: ["eq", "ne", "exists"],
  date: ["in_next", "in_last", "anniversary_in", "eq", "ne", "gt", "gte", "lt", "lte", "between", "exists"],
  choice: ["eq", "ne", "in", "exists"],
  multi_choice: ["has_any", "has_all", "eq", "ne", "exists"],
};

export function TagForm({ value, names, set }: FormProps) {
  const given: Values = typeof value === "string" ? { id: value } : value;
  const write = (id: unknown, since: Values | undefined) => set(since ? { id, since } : id);
  const since = given.since as Values | undefined;
  return (
    <>
      <Select label={t("leaf.tag")} value={String(given.id)} onChange={(event) => write(event.target.value, since)} options={withChosen(options(names, "tags"), String(given.id))} />
      <When label={t("leaf.when")} value={asObject(since)} none={t("leaf.any")} set={(next) => write(given.id, next)} />
    </>
  );
}

export function AttributeForm({ value, names, set }: FormProps) {
  const given = value as Values;
  const known = names.attributes?.find((one) => one.id === given.id)?.more ?? {};
  const type = known.type ?? "text";
  const choose = (id: string) => {
    const more = names.attributes?.find((one) => one.id === id)?.more ?? {};
    const operator = (BY_TYPE[more.type ?? "text"] ?? ["eq"])[0] ?? "eq";
    set({ id, [operator]: startOf(operator, more.type ?? "text", more.choices ?? []) });
  };
  return (
    <>
      <Select label={t("leaf.attribute")} value={String(given.id)} onChange={(event) => choose(event.target.value)} options={withChosen(options(names, "attributes"), String(given.id))} />
      <Compared value={given} set={set} type={type} choices={known.choices} allowed={BY_TYPE[type] ?? ["eq"]} keep={{ id: given.id }} />
    </>
  );
}

export function ScoreForm({ value, names, set }: FormProps) {
  const given = value as Values;
  return (
    <>
      <Select label={t("leaf.score")} value={String(given.id)} onChange={(event) => set({ ...given, id: event.target.value })} options={withChosen(options(names, "scores"), String(given.id))} />
      <Compared value={given} set={set} type="number" allowed={[...NUMERIC, "in"]} keep={{ id: given.id }} />
    </>
  );
}

/** What can be counted, as a marketer looks for it; of some which document it was about. */
const EVENTS = [
  ...["messaged", "postback", "followed", "unfollowed", "link_clicked", "form_answered", "page_viewed", "cart_changed", "converted", "purchased", "refunded", "reserved", "route_entered", "route_joined"],
  ...["scheduled", "scenario_entered", "scenario_finished", "scenario_exited", "tag_added", "tag_removed", "score_changed", "score_crossed", "attribute_set", "stage_changed", "account_linked", "account_unlinked"],
  ...["opted_out", "opted_in", "video_completed", "beacon", "membership_changed", "unsent", "data_requested"],
];
const KEYED: Record<string, string> = { link_clicked: "links", form_answered: "forms", page_viewed: "pages", route_entered: "routes", scheduled: "schedules" };
const TYPED = new Set(["messaged", "postback"]);
const MESSAGE_KINDS = ["text", "image", "video", "audio", "file", "location", "sticker"];
const CUSTOM = "custom:";
/** Days are kept for a quarter: years cannot be asked for. */
const DAY_SPANS = ["today", "yesterday", "this_week", "last_week", "this_month", "last_month"];

export function EventForm({ value, names, set }: FormProps) {
  const given = value as Values;
  const type = String(given.type);
  const isCustom = type.startsWith(CUSTOM);
  const kind = KEYED[type];
  const key = String(given.key ?? "");
  const write = (more: Values) => set(only({ ...given, ...more }));
  return (
    <>
      <Select label={t("leaf.event")} value={isCustom ? CUSTOM : type} onChange={(event) => write({ type: event.target.value === CUSTOM ? `${CUSTOM}event` : event.target.value, key: undefined })} options={withChosen([...words("event", EVENTS), { value: CUSTOM, label: t("leaf.event.custom") }], isCustom ? CUSTOM : type)} />
      {isCustom ? <Field label={t("leaf.event.name")} maxLength={100} value={type.slice(CUSTOM.length)} onChange={(event) => write({ type: `${CUSTOM}${event.target.value}` })} /> : null}
      {kind ? <Select label={t("leaf.event.key")} value={key} onChange={(event) => write({ key: event.target.value || undefined })} options={withChosen([{ value: "", label: t("leaf.any.of") }, ...options(names, kind)], key)} /> : null}
      {type === "messaged" ? <Select label={t("leaf.event.key")} value={key} onChange={(event) => write({ key: event.target.value || undefined })} options={withChosen([{ value: "", label: t("leaf.any.of") }, ...words("messaged.kind", MESSAGE_KINDS)], key)} /> : null}
      {isCustom || (TYPED.has(type) && type !== "messaged") ? <Field label={t("leaf.event.detail")} maxLength={100} value={key} onChange={(event) => write({ key: event.target.value || undefined })} /> : null}
      <Figure label={t("leaf.times")} value={given.count} set={(count) => write({ count })} />
      <Window label={t("leaf.when")} value={given.within} none={t("leaf.any")} spans={DAY_SPANS} units={["d", "w", "mo"]} set={(within) => write({ within })} />
    </>
  );
}

export function PurchaseForm({ value, set }: FormProps) {
  const given = value as Values;
  const write = (more: Values) => {
    const next = only({ ...given, ...more });
    // Nothing asked is refused: having bought at all is one order or more.
    set(Object.keys(next).length ? next : { count: { gte: 1 } });
  };
  return (
    <>
      <When label={t("leaf.bought.last")} value={asObject(given.last)} none={t("leaf.unasked")} days set={(last) => write({ last })} />
      <When label={t("leaf.bought.first")} value={asObject(given.first)} none={t("leaf.unasked")} days set={(first) => write({ first })} />
      <Figure label={t("leaf.bought.count")} value={given.count} set={(count) => write({ count })} />
      <Figure label={t("leaf.bought.total")} value={given.total} first={10000} set={(total) => write({ total })} />
      <Field label={t("leaf.category")} maxLength={100} value={String(given.category ?? "")} onChange={(event) => write({ category: event.target.value || undefined })} />
      <Field label={t("leaf.product")} maxLength={100} value={String(given.product ?? "")} onChange={(event) => write({ product: event.target.value || undefined })} />
    </>
  );
}

export const STAGES = ["prospect", "first", "repeat", "loyal", "dormant"];

export function StageForm({ value, set }: FormProps) {
  const given: Values = typeof value === "string" ? { in: [value] } : value;
  const chosen = Array.isArray(given.in) ? given.in.map(String) : [];
  const category = given.category === undefined ? undefined : String(given.category);
  const write = (list: string[], of: string | undefined) => set(list.length === 1 && of === undefined ? list[0] : only({ in: list, category: of }));
  return (
    <>
      <Choices label={t("leaf.stage")} options={words("stage", STAGES)} chosen={chosen} set={(list) => write(STAGES.filter((one) => list.includes(one)), category)} />
      <Field label={t("leaf.category")} maxLength={100} value={category ?? ""} onChange={(event) => write(chosen, event.target.value || undefined)} />
    </>
  );
}

export const RFM = ["r_rank", "f_rank", "m_rank", "r", "f", "m"];

export function RfmForm({ value, set }: FormProps) {
  const given = value as Values;
  return <>{RFM.map((one) => <Figure key={one} label={named("rfm", one)} value={given[one]} first={one.endsWith("rank") ? 4 : one === "r" ? 90 : one === "f" ? 2 : 10000} set={(next) => {
    const made = only({ ...given, [one]: next });
    if (Object.keys(made).length) set(made);
  }} />)}</>;
}

const RESERVED = ["booked", "moved", "cancelled", "done", "no_show"];

export function ReservationForm({ value, set }: FormProps) {
  const given = value as Values;
  const how = "upcoming" in given ? "upcoming" : "count" in given ? "count" : "status";
  const begin: Record<string, Values> = { upcoming: { upcoming: true, in_next: "7d" }, status: { status: "done", within: "30d" }, count: { count: { gte: 1 } } };
  return (
    <>
      <Select label={t("leaf.reservation")} value={how} onChange={(event) => set(begin[event.target.value])} options={words("reserving", ["upcoming", "status", "count"])} />
      {how === "upcoming" ? <Window label={t("leaf.in_next")} value={given.in_next} none={t("leaf.any")} spans={[]} units={["h", "d", "w", "mo"]} set={(in_next) => set(only({ upcoming: true, in_next }))} /> : null}
      {how === "status" ? <><Select label={t("leaf.reservation.status")} value={String(given.status)} onChange={(event) => set({ ...given, status: event.target.value })} options={words("reservation.status", RESERVED)} /><Window label={t("leaf.when")} value={given.within} none={t("leaf.any")} set={(within) => set(only({ status: given.status, within }))} /></> : null}
      {how === "count" ? <Compared value={asObject(given.count)} set={(count) => set({ count })} type="number" allowed={NUMERIC} keep={{}} /> : null}
    </>
  );
}

export function SourceForm({ value, names, set }: FormProps) {
  const given = value as Values;
  const which = "latest" in given ? "latest" : "first";
  const route = String(given[which]);
  return (
    <>
      <Select label={t("leaf.source")} value={which} onChange={(event) => set({ [event.target.value]: route })} options={[{ value: "first", label: t("leaf.source.first") }, { value: "latest", label: t("leaf.source.latest") }]} />
      <Select label={t("leaf.event.key")} value={route} onChange={(event) => set({ [which]: event.target.value })} options={withChosen(options(names, "routes"), route)} />
    </>
  );
}

export function MemberForm({ value, set }: FormProps) {
  const given = value as Values;
  const isRank = "rank" in given;
  return (
    <>
      <Select label={t("leaf.member")} value={isRank ? "rank" : "linked"} onChange={(event) => set(event.target.value === "rank" ? { rank: { eq: "" } } : { linked: true })} options={[{ value: "rank", label: t("leaf.member.rank") }, { value: "linked", label: t("leaf.friend.linked") }]} />
      {isRank ? <Compared value={asObject(given.rank)} set={(rank) => set({ rank })} type="text" allowed={["eq", "ne", "in"]} keep={{}} /> : <YesNo label={t("leaf.friend.linked")} value={given.linked !== false} set={(linked) => set({ linked })} yes={t("say.linked")} no={t("say.linked.no")} />}
    </>
  );
}

interface Scenario {
  nodes: Record<string, { type: string; message?: string }>;
}

export function ScenarioForm({ value, names, set }: FormProps) {
  const { base } = usePlace();
  const given = value as Values;
  const [id, node] = [String(given.id), given.node === undefined ? "" : String(given.node)];
  const asked = useQuery({ queryKey: [base, "scenarios", id], queryFn: () => get<Scenario>(`${base}/scenarios/${enc(id)}`), staleTime: 30_000 });
  const nodes = Object.entries(asked.data?.nodes ?? {}).map(([key, one]) => ({ value: key, label: one.message ? (options(names, "messages").find((found) => found.value === one.message)?.label ?? key) : `${named("report.node", one.type)} (${key})` }));
  return (
    <>
      <Select label={t("leaf.scenario")} value={id} onChange={(event) => set(only({ ...given, id: event.target.value, node: undefined }))} options={withChosen(options(names, "scenarios"), id)} />
      <Select label={t("leaf.scenario.state")} value={String(given.state)} onChange={(event) => set(only({ ...given, state: event.target.value, ...(event.target.value === "never" ? { node: undefined } : {}) }))} options={words("scenario.state", ["active", "finished", "exited", "never"])} />
      {given.state === "never" ? null : <Select label={t("leaf.scenario.node")} value={node} onChange={(event) => set(only({ ...given, node: event.target.value || undefined }))} options={withChosen([{ value: "", label: t("leaf.any.of") }, ...nodes], node)} />}
    </>
  );
}

export function DeliveryForm({ value, names, set }: FormProps) {
  const given = value as Values;
  const what = "clicked" in given ? "clicked" : "received";
  const id = String(given.id ?? "");
  const write = (more: Values) => set(only({ ...given, ...more }));
  return (
    <>
      <YesNo label={t(what === "clicked" ? "leaf.clicked" : "leaf.received")} value={given[what] !== false} set={(on) => write({ [what]: on })} yes={t("leaf.did")} no={t("leaf.did.not")} />
      <Select label={t("leaf.delivery")} value={id} onChange={(event) => write({ id: event.target.value || undefined })} options={withChosen([{ value: "", label: t("leaf.any.of") }, ...options(names, "broadcasts"), ...options(names, "scenarios")], id)} />
      <Window label={t("leaf.when")} value={given.within} none={t("leaf.any")} set={(within) => write({ within })} />
    </>
  );
}

interface FormDoc {
  questions: { id: string; text: string; type: string; choices?: { value: string; label?: string }[] }[];
}

export function AnswerForm({ value, names, set }: FormProps) {
  const { base } = usePlace();
  const given = value as Values;
  const id = String(given.id);
  const asked = useQuery({ queryKey: [base, "forms", id], queryFn: () => get<FormDoc>(`${base}/forms/${enc(id)}`), staleTime: 30_000 });
  const questions = (asked.data?.questions ?? []).filter((one) => one.type !== "file");
  const question = questions.find((one) => one.id === given.question);
  const choices = (question?.choices ?? []).map((one) => one.value);
  const type = choices.length ? "choice" : question?.type === "number" || question?.type === "rating" ? "number" : "text";
  const start = (next: string) => {
    if (next === "") return set({ id, answered: true });
    const found = questions.find((one) => one.id === next);
    return set({ id, question: next, eq: found?.choices?.[0]?.value ?? (found?.type === "number" || found?.type === "rating" ? 0 : "") });
  };
  return (
    <>
      <Select label={t("leaf.form")} value={id} onChange={(event) => set({ id: event.target.value, answered: true })} options={withChosen(options(names, "forms"), id)} />
      <Select label={t("leaf.question")} value={String(given.question ?? "")} onChange={(event) => start(event.target.value)} options={withChosen([{ value: "", label: t("leaf.question.whole") }, ...questions.map((one) => ({ value: one.id, label: one.text.slice(0, 60) }))], String(given.question ?? ""))} />
      {given.question === undefined ? <YesNo label={t("leaf.answered")} value={given.answered !== false} set={(answered) => set({ id, answered })} yes={t("leaf.did")} no={t("leaf.did.not")} /> : <Compared value={given} set={set} type={type} choices={choices} allowed={type === "number" ? NUMERIC : ["eq", "ne", "in"]} keep={{ id, question: given.question }} />}
    </>
  );
}

export function RandomForm({ value, set }: FormProps) {
  const given = value as Values;
  return (
    <>
      <span className="pair">
        <Field label={t("leaf.from")} type="number" min={0} max={100} value={String(given.from)} onChange={(event) => set({ ...given, from: Number(event.target.value) })} />
        <Field label={t("leaf.to")} type="number" min={0} max={100} value={String(given.to)} onChange={(event) => set({ ...given, to: Number(event.target.value) })} />
      </span>
      <Field label={t("leaf.salt")} hint={t("leaf.salt.hint")} maxLength={60} value={String(given.salt)} onChange={(event) => set({ ...given, salt: event.target.value })} />
    </>
  );
}
