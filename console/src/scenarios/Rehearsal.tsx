// A scenario under a simulated clock: dots go from step to step, a phone shows what one of the friends gets, and the
// days say how much that is. Nothing is sent.
import { useMutation, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { get, post } from "../api/client";
import type { RehearseAnswer, TimelineEntry } from "../api/schema";
import { searchFriends } from "../api/friends";
import { type Friend, type LineMessage, type Message, nameOf, usePlace } from "../data";
import { Phone } from "../phone/Phone";
import { FriendPicker } from "../ui/FriendPicker";
import { Button, Field, Problem, Section, Select, Words } from "../ui/kit";
import { fromLocal, named, number, t, time, toLocal, yen } from "../words";
import type { Board } from "./board";
import Outline from "./Outline";
import { sentBy, standing, timestampsOf } from "./replay";
import { stepName } from "./say";

const Canvas = lazy(() => import("./Canvas"));

interface Asked {
  sample: string;
  friend: Friend | null;
  start: string;
  days: string;
  says: string;
  text: string;
  event: string;
}

const EVENTS = ["", "messaged", "purchased"];

export function Rehearsal({ id, board, narrow, prepare, mayPrepare }: { id: string; board: Board; narrow: boolean; prepare: () => Promise<void>; mayPrepare: boolean }) {
  const { base } = usePlace();
  const [form, setForm] = useState<Asked>(() => ({ sample: "20", friend: null, start: toLocal(new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000).toISOString()), days: "30", event: "", says: "", text: "" }));
  const act = useMutation({
    mutationFn: async () => {
      if (mayPrepare) await prepare();
      return post<RehearseAnswer>(`${base}/scenarios/${id}/rehearse`, bodyOf(form));
    },
  });
  const edit = (more: Partial<Asked>) => setForm((was) => ({ ...was, ...more }));
  return (
    <>
      <Section title={t("scn.rehearse")} lead={t("scn.rehearse.lead")}>
        <div className="fields">
          <Field label={t("scn.rehearse.sample")} type="number" min={1} max={200} value={form.sample} disabled={form.friend !== null} onChange={(event) => edit({ sample: event.target.value })} />
          <FriendPicker label={t("scn.rehearse.friend")} onPick={(friend) => edit({ friend })} />
          <Field label={t("scn.rehearse.start")} type="datetime-local" value={form.start} onChange={(event) => edit({ start: event.target.value })} />
          <Field label={t("scn.rehearse.days")} type="number" min={1} max={366} value={form.days} onChange={(event) => edit({ days: event.target.value })} />
          <Select label={t("scn.rehearse.event")} value={form.event} onChange={(event) => edit({ event: event.target.value, says: event.target.value ? form.says || form.start : "" })} options={EVENTS.map((one) => ({ value: one, label: one ? named("event", one) : t("scn.rehearse.event.none") }))} />
          {form.event ? <Field label={t("scn.rehearse.event.at")} type="datetime-local" value={form.says} onChange={(event) => edit({ says: event.target.value })} /> : null}
          {form.event === "messaged" ? <Field label={t("scn.rehearse.event.text")} value={form.text} onChange={(event) => edit({ text: event.target.value })} /> : null}
        </div>
        <Button kind="main" busy={act.isPending} disabled={!form.start} onClick={() => act.mutate()}>{t("scn.rehearse.do")}</Button>
        <Problem error={act.error} />
      </Section>
      {act.data && timestampsOf(act.data.timelines).length === 0 ? <p className="notice warn" role="status">{t("scn.rehearse.nobody")}</p> : act.data ? <Film key={act.submittedAt} answer={act.data} board={board} narrow={narrow} /> : null}
    </>
  );
}

function bodyOf(form: Asked) {
  const props = form.event === "messaged" ? { message_type: "text", text: form.text, message_id: "1" } : { order_id: "rehearsal", amount: 1000, currency: "JPY", items: [] };
  return {
    friends: form.friend ? { user_ids: [form.friend.user_id] } : { sample: Math.max(1, Math.min(200, Number(form.sample) || 1)) },
    start: fromLocal(form.start),
    days: Math.max(1, Math.min(366, Number(form.days) || 1)),
    ...(form.event && form.says ? { events: [{ at: fromLocal(form.says), type: form.event, props }] } : {}),
  };
}

const FRAME_MS = 700;

function Film({ answer, board, narrow }: { answer: RehearseAnswer; board: Board; narrow: boolean }) {
  const { base } = usePlace();
  const timestamps = useMemo(() => timestampsOf(answer.timelines), [answer]);
  const users = Object.keys(answer.timelines);
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [follow, setFollow] = useState(users[0] ?? "");
  const known = useQuery({ queryKey: [base, "rehearsed", users.length], queryFn: () => searchFriends(base, { limit: 200 }) });
  const names = new Map((known.data?.items ?? []).map((one) => [one.user_id, one.display_name]));
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setInterval(() => setAt((was) => Math.min(timestamps.length - 1, was + 1)), FRAME_MS);
    return () => clearInterval(timer);
  }, [playing, timestamps.length]);
  useEffect(() => {
    if (at >= timestamps.length - 1) setPlaying(false);
  }, [at, timestamps.length]);
  const now = timestamps[at] ?? "";
  const dots = users.flatMap((user) => {
    const node = standing(answer.timelines[user] ?? [], now);
    return node === undefined ? [] : [{ user, name: names.get(user) ?? null, node }];
  });
  const shown: Board = { ...board, fixed: true, chosen: null, choose: () => undefined, waiting: {}, funnel: null, marks: new Map(), dots, follow };
  const toggle = () => {
    if (!playing && at >= timestamps.length - 1) setAt(0);
    setPlaying(!playing);
  };
  return (
    <>
      <Totals answer={answer} />
      <section className="panel">
        <div className="player">
          <Button kind="main" onClick={toggle}>{playing ? `❚❚ ${t("scn.film.stop")}` : `▶ ${t("scn.film.play")}`}</Button>
          <label className="grow"><span className="hidden">{t("scn.film.time")}</span><input type="range" min={0} max={Math.max(0, timestamps.length - 1)} value={at} aria-valuetext={time(now)} onChange={(event) => { setPlaying(false); setAt(Number(event.target.value)); }} /></label>
          <strong role="status" aria-live="off">{time(now)}</strong>
        </div>
        <div className="film">
          {narrow ? <Outline board={shown} label={t("scn.film.where")} /> : <Suspense fallback={<p role="status">{t("state.loading")}</p>}><Canvas board={shown} label={t("scn.film.where")} /></Suspense>}
          <div>
            <Select label={t("scn.film.whose")} value={follow} onChange={(event) => setFollow(event.target.value)} options={users.map((user, at) => ({ value: user, label: names.get(user)?.slice(0, 40) || t("scn.film.friend", { n: at + 1 }) }))} />
            <Received entries={answer.timelines[follow] ?? []} user={follow} now={now} />
            <Story entries={answer.timelines[follow] ?? []} now={now} board={board} />
          </div>
        </div>
      </section>
      <Days answer={answer} />
    </>
  );
}

function Totals({ answer }: { answer: RehearseAnswer }) {
  const { quota } = answer;
  const exits = Object.values(answer.funnel.exited).reduce((sum, n) => sum + n, 0);
  return (
    <dl className="figures">
      <div className="figure"><dt>{t("scn.total.messages")}</dt><dd className="value">{number(answer.messages)}</dd></div>
      <div className="figure"><dt>{t("scn.total.yen")}</dt><dd className="value">{yen(answer.cost_yen)}</dd></div>
      <div className="figure"><dt>{t("scn.total.ended")}</dt><dd className="value">{number(answer.funnel.finished)}</dd><dd className="figure-note">{t("scn.total.exited", { n: exits })}</dd></div>
      <div className="figure"><dt>{t("shell.quota")}</dt><dd className="value">{t(quota.holds === null ? "scn.quota.unknown" : quota.holds ? "scn.quota.holds" : "scn.quota.short")}</dd>{quota.left === null ? null : <dd className="figure-note">{t("scn.quota.left", { n: quota.left })}</dd>}</div>
    </dl>
  );
}

/** What this friend's phone shows by now: the last few messages, as they would get them. */
function Received({ entries, user, now }: { entries: TimelineEntry[]; user: string; now: string }) {
  const { base, account } = usePlace();
  const sent = sentBy(entries, now).flatMap((one) => (one.message ? [one.message] : [])).slice(-3);
  const asked = useQuery({
    queryKey: [base, "rehearsed", user, sent.join()],
    enabled: sent.length > 0,
    placeholderData: (before) => before,
    queryFn: async () => (await Promise.all(sent.map((id) => asSent(base, id, user)))).flat(),
  });
  return <Phone name={account.name} messages={sent.length ? (asked.data ?? []) : []} />;
}

async function asSent(base: string, id: string, user: string): Promise<LineMessage[]> {
  const { messages } = await get<Message>(`${base}/messages/${encodeURIComponent(id)}`);
  const shown = await post<{ messages: LineMessage[] | null }>(`${base}/messages/preview`, { user_id: user, messages }).catch(() => null);
  return shown?.messages ?? messages;
}

/** Of these the API says why; of the others the words say all. */
const EXPLAINED = new Set(["refused", "skipped", "deferred", "exited", "cut", "more"]);

function Story({ entries, now, board }: { entries: TimelineEntry[]; now: string; board: Board }) {
  const past = entries.filter((one) => one.at <= now).slice(-6);
  return (
    <ol className="timeline" aria-label={t("scn.film.story")}>
      {past.map((one, at) => (
        <li key={`${one.at} ${at}`}>
          <b>{t(`scn.what.${one.what}`)}</b><time dateTime={one.at}>{time(one.at)}</time>
          <div className="soft"><Words text={[one.node ? stepName(board.definition, one.node) : "", one.message ? nameOf(board.names, "messages", one.message) : "", (EXPLAINED.has(one.what) && one.why) || ""].filter(Boolean).join(" · ") || " "} most={120} /></div>
        </li>
      ))}
    </ol>
  );
}

function Days({ answer }: { answer: RehearseAnswer }) {
  const days = Object.entries(answer.per_day).sort(([a], [b]) => (a < b ? -1 : 1));
  const most = Math.max(1, ...days.map(([, day]) => day.messages));
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, n) => all + n, 0);
  if (days.length === 0) return null;
  return (
    <Section title={t("scn.days")}>
      <div className="scroll"><table>
        <thead><tr><th scope="col">{t("scn.day")}</th><th scope="col" className="number">{t("scn.day.messages")}</th><th scope="col"><span className="hidden">{t("scn.day.bar")}</span></th><th scope="col" className="number">{t("scn.day.skipped")}</th><th scope="col" className="number">{t("scn.day.deferred")}</th></tr></thead>
        <tbody>{days.map(([day, counts]) => <tr key={day}><th scope="row">{day}</th><td className="number">{number(counts.messages)}</td><td className="day-bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width={(counts.messages / most) * 100} height="8" rx="1" /></svg></td><td className="number">{number(sum(counts.skipped))}</td><td className="number">{number(sum(counts.deferred))}</td></tr>)}</tbody>
      </table></div>
    </Section>
  );
}
