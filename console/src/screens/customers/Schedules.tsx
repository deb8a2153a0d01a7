// What comes round: at a local time, for each friend of an audience, some actions.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { all, enc, get, type Page, post } from "../../api/client";
import type { Run } from "../../api/schema";
import { Builder } from "../../conditions/Builder";
import { CountPanel } from "../../conditions/Count";
import { Duration } from "../../conditions/fields";
import { audienceOf, type Condition, type Group, toTree } from "../../conditions/model";
import { durationText, rootSentence } from "../../conditions/sentence";
import { type Names, useMay, useNames, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { type Action, Actions, actionText } from "../../ui/Actions";
import { Existing, type Stored, useDocument } from "../../ui/document";
import { Button, Check, Chip, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { named, number, t, type Word } from "../../words";
import { DAYS, type Every, everyText, nextOf } from "./every";

interface Draft {
  name: string;
  enabled: boolean;
  every: Every;
  audience: Condition;
  once_per?: string | null;
  max_lateness?: string;
  then: Action[];
}

type Schedule = Stored & Draft & { status: string; status_reason: string | null };

const EMPTY: Draft = { name: "", enabled: false, every: { time: "10:00" }, audience: { everyone: true }, then: [] };

export default function Schedules() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing<Schedule> kind="schedules" id={id} title="nav.schedules">{(found) => <Editor schedule={found} />}</Existing>;
}

function textOf(one: Draft, names: Names): string {
  const done = one.then.map((action) => actionText(action, names)).join(t("say.comma"));
  return t("schedule.says", { when: everyText(one.every), who: rootSentence(toTree(one.audience), names), what: done || t("schedule.nothing") });
}

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "schedules"], queryFn: () => all<Schedule>(`${base}/schedules`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "schedules", "new"]}>{t("schedule.new")}</Link> : null;
  return (
    <Screen title={t("nav.schedules")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("schedules.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("schedules.empty")}</h2><p>{t("schedules.empty.more")}</p>{fresh}</>}>
      {items.map((one) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<><Chip tone={one.status === "active" ? "brand" : one.status === "paused" ? "bad" : "plain"}>{named("schedule.status", one.status)}</Chip><Link className="button" parts={[account.id, "schedules", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link></>}>
          <p><Words text={textOf(one, names)} most={600} /></p>
          {one.status === "active" ? <p className="soft">{t("schedule.next")} {nextOf(one.every, 1)[0] ?? "—"}</p> : null}
        </Section>
      ))}
    </Screen>
  );
}

function Editor({ schedule }: { schedule?: Schedule }) {
  const { account } = usePlace();
  const names = useNames();
  const doc = useDocument<Draft>({ kind: "schedules", stored: schedule, empty: EMPTY, state: ["status", "status_reason"], gone: t("schedule.gone") });
  const { draft, edit, about } = doc;
  const [root, setRoot] = useState<Group>(() => toTree(draft.audience));
  useEffect(() => setRoot(toTree(draft.audience)), [doc.round]);
  return (
    <Screen title={schedule ? schedule.name.slice(0, 100) : t("schedule.new")} state="ready" wide back={<Link className="back" parts={[account.id, "schedules"]}>← {t("nav.schedules")}</Link>} actions={doc.actions}>
      {doc.above}
      {schedule?.status === "paused" ? <Paused id={schedule.id} /> : null}
      <p className="sentence"><Words text={textOf(draft, names)} most={1000} /></p>
      <br />
      <div className="columns">
        <div>
          <Section title={t("schedule.name")}>
            <Field label={t("schedule.name")} hideLabel value={draft.name} maxLength={200} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <Check label={t("schedule.enabled")} checked={draft.enabled} onChange={(event) => edit({ enabled: event.target.checked })} />
          </Section>
          <Section title={t("schedule.when")}><EveryForm every={draft.every} set={(every) => edit({ every })} error={about("every")} /></Section>
          <Section title={t("schedule.who")} lead={t("schedule.who.lead")}><Builder root={root} onChange={(next) => { setRoot(next); edit({ audience: audienceOf(next) }); }} compact /></Section>
          <Section title={t("rule.part.then")}><Actions then={draft.then} set={(then) => edit({ then })} /></Section>
          <Section title={t("schedule.once")} lead={t("schedule.once.lead")}>
            <Select label={t("schedule.once")} value={draft.once_per ? (draft.once_per === "ever" ? "ever" : "length") : "none"} onChange={(event) => edit({ once_per: event.target.value === "none" ? null : event.target.value === "ever" ? "ever" : "30d" })} options={["none", "length", "ever"].map((one) => ({ value: one, label: named("schedule.once", one) }))} />
            {draft.once_per && draft.once_per !== "ever" ? <Duration label={t("leaf.duration")} value={draft.once_per} units={["d", "w"]} set={(once_per) => edit({ once_per })} /> : null}
          </Section>
        </div>
        <div className="stick">
          <Section title={t("count.label")}><CountPanel condition={draft.audience} /></Section>
          <Section title={t("schedule.nexts")}><ol>{nextOf(draft.every, 5).map((one) => <li key={one}>{one}</li>)}</ol>{draft.once_per ? <p className="soft">{draft.once_per === "ever" ? t("schedule.once.ever") : t("schedule.once.says", { d: durationText(draft.once_per) })}</p> : null}</Section>
          {schedule ? <Runs id={schedule.id} /> : null}
        </div>
      </div>
      {doc.below}
    </Screen>
  );
}

function Paused({ id }: { id: string }) {
  const { base } = usePlace();
  const may = useMay("publisher");
  const client = useQueryClient();
  const resume = useMutation({ mutationFn: () => post(`${base}/schedules/${enc(id)}/resume`, {}), onSuccess: () => client.invalidateQueries({ queryKey: [base] }) });
  return <div className="notice warn"><p>{t("schedule.paused")}</p>{may ? <Button busy={resume.isPending} onClick={() => resume.mutate()}>{t("stop.resume")}</Button> : null}<Problem error={resume.error} /></div>;
}

function EveryForm({ every, set, error }: { every: Every; set: (next: Every) => void; error?: string }) {
  const how = every.weekdays ? "week" : every.days_of_month ? "month" : "day";
  const weekdays = every.weekdays ?? [];
  const dates = every.days_of_month ?? [];
  const time = { time: every.time };
  const start: Record<string, Every> = { day: time, week: { ...time, weekdays: ["mon"] }, month: { ...time, days_of_month: [1] } };
  const put = (day: number | "last", on: boolean) => {
    const next = on ? [...dates, day] : dates.filter((one) => one !== day);
    if (next.length) set({ ...time, days_of_month: [...next].sort((one, other) => (one === "last" ? 1 : other === "last" ? -1 : one - other)) });
  };
  return (
    <>
      <div className="fields">
        <Select label={t("every.how")} value={how} onChange={(event) => set(start[event.target.value] ?? time)} options={["day", "week", "month"].map((one) => ({ value: one, label: named("every.how", one) }))} />
        <Field label={t("every.time")} type="time" required value={every.time} error={error} onChange={(event) => event.target.value && set({ ...every, time: event.target.value })} />
      </div>
      {how === "week" ? <fieldset><legend>{t("compose.weekdays")}</legend><div className="chips">{DAYS.map((day) => <Check key={day} label={t(`day.${day}` as Word)} checked={weekdays.includes(day)} onChange={(event) => { const next = event.target.checked ? [...weekdays, day] : weekdays.filter((one) => one !== day); if (next.length) set({ ...time, weekdays: DAYS.filter((one) => next.includes(one)) }); }} />)}</div></fieldset> : null}
      {how === "month" ? <fieldset><legend>{t("every.dates")}</legend><div className="chips dates">{Array.from({ length: 31 }, (_, at) => at + 1).map((day) => <Check key={day} label={String(day)} checked={dates.includes(day)} onChange={(event) => put(day, event.target.checked)} />)}<Check label={t("every.last")} checked={dates.includes("last")} onChange={(event) => put("last", event.target.checked)} /></div></fieldset> : null}
    </>
  );
}

function Runs({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "schedules", id, "runs"], queryFn: () => get<Page<Run>>(`${base}/schedules/${enc(id)}/runs?limit=10`), refetchInterval: 10_000 });
  const runs = asked.data?.items ?? [];
  return (
    <Section title={t("schedule.runs")}>
      <Problem error={asked.error} />
      {asked.isSuccess && runs.length === 0 ? <p className="soft">{t("schedule.runs.none")}</p> : null}
      {runs.length ? <div className="scroll"><table>
        <thead><tr><th scope="col">{t("date")}</th><th scope="col">{t("broadcast.status")}</th><th scope="col" className="number">{t("schedule.done")}</th><th scope="col" className="number">{t("schedule.left_out")}</th></tr></thead>
        <tbody>{runs.map((run) => <tr key={run.at}><th scope="row"><Timestamp at={run.at} /></th><td>{named("schedule.run", run.state)}</td><td className="number">{number(run.done)}</td><td className="number">{number(run.left_out)}</td></tr>)}</tbody>
      </table></div> : null}
    </Section>
  );
}
