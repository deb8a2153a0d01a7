// The start: who brings friends in, who may come again, and what ends the scenario early.
import { useNames, nameOf, usePlace } from "../data";
import type { Starter } from "../api/schema";
import { Link, to } from "../router";
import { Button, Field, Select, Words } from "../ui/kit";
import { named, t, type Word } from "../words";
import { useBoard } from "./board";
import { ConditionField } from "./fields";
import { LateField } from "./forms";
import type { Definition } from "./model";
import type { Tools } from "./Panel";
import { Enroll } from "./Waiting";

const SCREENS = new Set(["rules", "forms", "scenarios", "routes", "schedules"]);

export function StartPanel({ starters, isPublished, tools }: { starters: Starter[]; isPublished: boolean; tools: Tools }) {
  const { definition } = useBoard();
  return (
    <>
      <Starters starters={starters} scenario={tools.id} />
      {isPublished ? <Enroll scenario={tools.id} per={definition.entry?.per ?? null} /> : null}
      <fieldset disabled={!tools.mayEdit} className="bare">
        <Goals definition={definition} tools={tools} />
        <Entry definition={definition} tools={tools} />
        <LateField late={definition.late ?? null} none={t("scn.late.always")} set={(late) => tools.edit(framed(definition, { late }), "late")} />
        <Field label={t("scn.folder")} value={definition.folder ?? ""} maxLength={100} onChange={(event) => tools.edit(framed(definition, { folder: event.target.value || null }), "folder")} />
      </fieldset>
    </>
  );
}

/** Without what is null: the API takes it as not given. */
function framed(definition: Definition, more: Partial<Definition>): Definition {
  return Object.fromEntries(Object.entries({ ...definition, ...more }).filter(([field, value]) => value !== null || field === "start")) as unknown as Definition;
}

function Starters({ starters, scenario }: { starters: Starter[]; scenario: string }) {
  const { account } = usePlace();
  const names = useNames();
  const found = [...new Map(starters.map((one) => [`${one.kind}/${one.id}`, one])).values()];
  return (
    <section>
      <h3>{t("scn.started_by")}</h3>
      {found.length === 0 ? <div className="notice warn"><p>{t("scn.started_by.none")}</p>{scenario ? <a className="button" href={`${to(account.id, "rules", "new")}?enters=${encodeURIComponent(scenario)}`}>{t("scn.started_by.make")}</a> : null}</div> : null}
      <ul className="plain-list" aria-label={t("scn.started_by")}>
        {found.map((one) => (
          <li key={`${one.kind}/${one.id}`}><span className="soft">{named("document", one.kind)}</span> {SCREENS.has(one.kind) ? <Link parts={[account.id, one.kind, one.id]}><Words text={nameOf(names, one.kind, one.id)} most={60} /></Link> : <Words text={nameOf(names, one.kind, one.id)} most={60} />}</li>
        ))}
      </ul>
    </section>
  );
}

function Entry({ definition, tools }: { definition: Definition; tools: Tools }) {
  const entry = definition.entry ?? {};
  const set = (more: typeof entry) => tools.edit({ ...definition, entry: Object.fromEntries(Object.entries({ ...entry, ...more }).filter(([, value]) => value)) }, `entry.${Object.keys(more).join()}`);
  const words = (group: string, codes: string[]) => codes.map((code) => ({ value: code, label: t(`scn.${group}.${code}` as Word) }));
  return (
    <>
      <Select label={t("scn.re_entry")} value={entry.re_entry ?? "never"} onChange={(event) => set({ re_entry: event.target.value })} options={words("re_entry", ["never", "after_exit", "restart"])} />
      <Select label={t("scn.on_block")} value={entry.on_block ?? "exit"} onChange={(event) => set({ on_block: event.target.value })} options={words("on_block", ["exit", "keep"])} />
      <Select label={t("scn.per")} hint={t("scn.per.hint")} value={["", "reservation_id", "order_id"].includes(entry.per ?? "") ? (entry.per ?? "") : "other"} onChange={(event) => set({ per: event.target.value === "other" ? "item_id" : event.target.value })} options={[{ value: "", label: t("scn.per.none") }, ...words("per", ["reservation_id", "order_id", "other"])]} />
      {entry.per && !["reservation_id", "order_id"].includes(entry.per) ? <Field label={t("scn.per.name")} value={entry.per} maxLength={64} onChange={(event) => set({ per: event.target.value || "item_id" })} /> : null}
    </>
  );
}

function Goals({ definition, tools }: { definition: Definition; tools: Tools }) {
  const goals = definition.goals ?? [];
  const write = (next: typeof goals, tag?: string) => {
    const { goals: _gone, ...rest } = definition;
    tools.edit(next.length ? { ...rest, goals: next } : rest, tag);
  };
  return (
    <fieldset>
      <legend>{t("scn.goals")}</legend>
      <p className="soft">{t("scn.goals.lead")}</p>
      {goals.map((goal, at) => (
        <fieldset key={at}>
          <legend>{t("scn.goal.of", { n: at + 1 })}</legend>
          <ConditionField condition={goal.if} set={(condition) => write(goals.map((one, place) => (place === at ? { if: condition } : one)), `goal${at}`)} />
          <Button kind="quiet" onClick={() => write(goals.filter((_, place) => place !== at))}>✕ {t("scn.goal.remove", { n: at + 1 })}</Button>
        </fieldset>
      ))}
      <Button disabled={goals.length >= 50} onClick={() => write([...goals, { if: { all: [] } }])}>+ {t("scn.goal.add")}</Button>
    </fieldset>
  );
}
