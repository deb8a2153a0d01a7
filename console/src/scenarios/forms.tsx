// What a step is made of: a form for each kind.
import type { ComponentType } from "react";
import { type Names, useNames } from "../data";
import { Actions } from "../ui/Actions";
import { Button, Check, Field, Select, type Option } from "../ui/kit";
import { named, t, type Word } from "../words";
import { ConditionField, Length, MessageField } from "./fields";
import type { Late, Step, Until } from "./model";
import { arm, WEEKDAYS } from "./say";

export interface FormProps {
  step: Step;
  /** `tag` names the field that is being typed into. */
  set: (next: Step, tag?: string) => void;
}

export const FORMS: Record<Step["type"], ComponentType<FormProps>> = { message: MessageForm, wait: WaitForm, wait_for: WaitForForm, branch: BranchForm, split: SplitForm, action: ActionForm, exit: ExitForm };

const optionsOf = (names: Names, kind: string): Option[] => (names[kind] ?? []).map((one) => ({ value: one.id, label: one.name.slice(0, 60) }));

/** A value that is no longer among the choices stays one. */
const with_ = (options: Option[], value: string | undefined): Option[] => (!value || options.some((one) => one.value === value) ? options : [...options, { value, label: value }]);

function MessageForm({ step, set }: FormProps) {
  return (
    <>
      <MessageField id={step.message ?? ""} set={(message) => set({ ...step, message })} />
      <LateField late={step.late ?? null} set={(late) => set(without({ ...step, late }, "late"), "late")} none={t("scn.late.none")} />
    </>
  );
}

export function LateField({ late, set, none }: { late: Late | null; set: (next: Late | null) => void; none: string }) {
  return (
    <fieldset>
      <legend>{t("scn.late")}</legend>
      <Select label={t("scn.late.then")} value={late ? (late.then ?? "send") : ""} onChange={(event) => set(event.target.value ? { max: late?.max ?? "1h", then: event.target.value as Late["then"] } : null)} options={[{ value: "", label: none }, ...["skip", "send", "exit"].map((one) => ({ value: one, label: t(`scn.late.${one}` as Word) }))]} />
      {late ? <Length label={t("scn.late.max")} value={late.max} least={1} set={(max) => set({ ...late, max })} /> : null}
    </fieldset>
  );
}

/** Without a field that is null: the API takes it as not given. */
function without(step: Step, field: keyof Step): Step {
  if (step[field] !== null) return step;
  const { [field]: _gone, ...rest } = step;
  return rest as Step;
}

const WAITS = ["after", "at", "until"] as const;

function WaitForm({ step, set }: FormProps) {
  const mode = WAITS.find((one) => step[one]) ?? "after";
  const change = (next: (typeof WAITS)[number]) => {
    const { after: _after, at: _at, until: _until, on_past, ...rest } = step;
    if (next === "after") set({ ...rest, after: "1d" });
    else if (next === "at") set({ ...rest, at: { day: 1, time: "10:00" } });
    else set({ ...rest, ...(on_past ? { on_past } : {}), until: { event: "reserved", offset: "-1d", time: "18:00" } });
  };
  return (
    <>
      <Select label={t("scn.wait.how")} value={mode} onChange={(event) => change(event.target.value as typeof mode)} options={WAITS.map((one) => ({ value: one, label: t(`scn.wait.${one}` as Word) }))} />
      {mode === "after" ? <Length label={t("scn.wait.length")} value={step.after ?? "1d"} set={(after) => set({ ...step, after }, "after")} /> : null}
      {mode === "at" && step.at ? <AtFields at={step.at} set={(at) => set({ ...step, at }, "at")} /> : null}
      {mode === "until" && step.until ? <UntilFields until={step.until} set={(until, tag) => set({ ...step, until }, tag)} /> : null}
    </>
  );
}

function AtFields({ at, set }: { at: NonNullable<Step["at"]>; set: (next: NonNullable<Step["at"]>) => void }) {
  const days = at.weekdays ?? [];
  const toggle = (day: string) => {
    const next = WEEKDAYS.filter((one) => (one === day ? !days.includes(day) : days.includes(one)));
    const { weekdays: _gone, ...rest } = at;
    set(next.length ? { ...rest, weekdays: next } : rest);
  };
  return (
    <>
      <div className="fields">
        <Field label={t("scn.at.days_after")} type="number" min={0} max={3650} value={at.day} onChange={(event) => set({ ...at, day: Math.max(0, Math.min(3650, Math.trunc(Number(event.target.value) || 0))) })} />
        <Field label={t("scn.at.time")} type="time" value={at.time} onChange={(event) => event.target.value && set({ ...at, time: event.target.value })} />
      </div>
      <fieldset><legend>{t("scn.at.weekdays")}</legend><div className="chips">{WEEKDAYS.map((day) => <Check key={day} label={named("day", day)} checked={days.includes(day)} onChange={() => toggle(day)} />)}</div></fieldset>
    </>
  );
}

function UntilFields({ until, set }: { until: Until; set: (next: Until, tag?: string) => void }) {
  const names = useNames();
  const dates = (names.attributes ?? []).filter((one) => one.more.type === "date").map((one) => ({ value: `a:${one.id}`, label: one.name.slice(0, 60) }));
  const value = until.attribute ? `a:${until.attribute}` : `e:${until.event ?? ""}`;
  const anchors = with_([{ value: "e:reserved", label: t("scn.anchor.reserved") }, { value: "e:purchased", label: t("scn.anchor.purchased") }, ...dates], value);
  const found = /^([+-]?)(\d+)([smhdw])$/.exec(until.offset ?? "0s");
  const side = !found || found[2] === "0" ? "same" : found[1] === "-" ? "before" : "later";
  const length = found ? `${found[2]}${found[3]}` : "1d";
  const anchor = (text: string) => {
    const { attribute: _attribute, event: _event, ...rest } = until;
    set({ ...rest, ...(text.startsWith("a:") ? { attribute: text.slice(2) } : { event: text.slice(2) }) });
  };
  const write = (nextSide: string, text: string) => set({ ...until, offset: nextSide === "same" ? "0s" : `${nextSide === "before" ? "-" : ""}${text.startsWith("0") ? "1d" : text}` }, "offset");
  const clock = (time: string) => {
    const { time: _gone, ...rest } = until;
    set(time ? { ...rest, time } : rest, "time");
  };
  return (
    <>
      <Select label={t("scn.until.anchor")} value={value} onChange={(event) => anchor(event.target.value)} options={anchors} />
      <Select label={t("scn.until.side")} value={side} onChange={(event) => write(event.target.value, length)} options={["before", "same", "later"].map((one) => ({ value: one, label: t(`scn.side.${one}` as Word) }))} />
      {side === "same" ? null : <Length label={t("scn.until.length")} value={length} least={1} set={(text) => write(side, text)} />}
      <Field label={t("scn.until.time")} type="time" hint={t("scn.until.time.hint")} value={until.time ?? ""} onChange={(event) => clock(event.target.value)} />
      <p className="soft">{t("scn.until.past")}</p>
    </>
  );
}

const HEARD = ["messaged", "postback", "link_clicked", "form_answered", "purchased", "reserved", "tag_added", "tag_removed", "score_crossed", "attribute_set", "video_completed", "account_linked", "unfollowed"];
/** What of an event is looked at, and among which documents it is chosen. */
const TARGETS: Record<string, [string, string]> = { link_clicked: ["link", "links"], form_answered: ["form", "forms"], tag_added: ["tag", "tags"], tag_removed: ["tag", "tags"], score_crossed: ["score", "scores"], attribute_set: ["attribute", "attributes"] };

function WaitForForm({ step, set }: FormProps) {
  const names = useNames();
  const event = step.event ?? "messaged";
  const custom = event.startsWith("custom:") ? event.slice(7) : null;
  const kinds = with_([...HEARD.map((one) => ({ value: one, label: named("event", one) })), { value: "custom:", label: t("scn.event.own") }], custom === null ? event : undefined);
  const write = (next: string) => {
    const { match: _gone, ...rest } = step;
    set({ ...rest, event: next }, "event");
  };
  return (
    <>
      <Select label={t("scn.wait_for.event")} value={custom === null ? event : "custom:"} onChange={(one) => write(one.target.value)} options={kinds} />
      {custom === null ? <MatchField step={step} set={set} names={names} /> : <Field label={t("scn.event.name")} value={custom} maxLength={90} onChange={(one) => write(`custom:${one.target.value}`)} />}
      <Length label={t("scn.wait_for.timeout")} value={step.timeout ?? "3d"} least={1} set={(timeout) => set({ ...step, timeout }, "timeout")} />
    </>
  );
}

function MatchField({ step, set, names }: FormProps & { names: Names }) {
  const [path, kind] = TARGETS[step.event ?? ""] ?? ["text", ""];
  const match = step.match ?? {};
  const write = (value: unknown) => {
    const { match: _gone, ...rest } = step;
    set(value === "" ? rest : { ...rest, match: { [path]: value } }, "match");
  };
  const found = match[path];
  const isOurs = Object.keys(match).length === 0 || (Object.keys(match).length === 1 && path in match && (kind ? typeof found === "string" : typeof (found as { contains?: unknown }).contains === "string"));
  if (!isOurs) return <pre>{JSON.stringify(match, null, 1)}</pre>;
  if (kind) return <Select label={t("scn.wait_for.which")} value={String(found ?? "")} onChange={(event) => write(event.target.value)} options={with_([{ value: "", label: t("scn.wait_for.any") }, ...optionsOf(names, kind)], typeof found === "string" ? found : undefined)} />;
  if (step.event !== "messaged") return null;
  return <Field label={t("rule.keyword")} hint={t("scn.keyword.hint")} value={String((found as { contains?: string } | undefined)?.contains ?? "")} onChange={(event) => write(event.target.value && { contains: event.target.value })} />;
}

function BranchForm({ step, set }: FormProps) {
  const cases = step.cases ?? [];
  return (
    <>
      {cases.map((one, at) => (
        <fieldset key={at}>
          <legend>{t("scn.case", { n: at + 1 })}</legend>
          <ConditionField condition={one.if} set={(condition) => set({ ...step, cases: cases.map((other, place) => (place === at ? { ...other, if: condition } : other)) }, `case${at}`)} />
          <Button kind="quiet" disabled={cases.length < 2} onClick={() => set({ ...step, cases: cases.filter((_, place) => place !== at) })}>✕ {t("scn.case.remove", { n: at + 1 })}</Button>
        </fieldset>
      ))}
      <Button disabled={cases.length >= 50} onClick={() => set({ ...step, cases: [...cases, { if: { all: [] } }] })}>+ {t("scn.case.add")}</Button>
      <p className="soft">{t("scn.case.lead")}</p>
    </>
  );
}

function SplitForm({ step, set }: FormProps) {
  const arms = step.arms ?? [];
  return (
    <>
      {arms.map((one, at) => (
        <div className="pair" key={at}>
          <Field label={t("scn.arm.weight", { name: arm(at) })} type="number" min={1} max={1_000_000} value={one.weight} onChange={(event) => set({ ...step, arms: arms.map((other, place) => (place === at ? { ...other, weight: Math.max(1, Math.trunc(Number(event.target.value) || 1)) } : other)) }, `arm${at}`)} />
          <Button kind="quiet" aria-label={t("scn.arm.remove", { name: arm(at) })} disabled={arms.length < 2} onClick={() => set({ ...step, arms: arms.filter((_, place) => place !== at) })}>✕</Button>
        </div>
      ))}
      <Button disabled={arms.length >= 26} onClick={() => set({ ...step, arms: [...arms, { weight: arms.at(-1)?.weight ?? 50 }] })}>+ {t("scn.arm.add")}</Button>
      <p className="soft">{t("scn.arm.lead")}</p>
    </>
  );
}

function ActionForm({ step, set }: FormProps) {
  return <Actions then={step.then ?? []} without={["reply"]} set={(then) => set({ ...step, then }, "then")} />;
}

function ExitForm({ step, set }: FormProps) {
  return <Field label={t("scn.exit.reason")} hint={t("scn.exit.hint")} maxLength={100} value={step.reason ?? ""} onChange={(event) => set(event.target.value ? { ...step, reason: event.target.value } : without({ ...step, reason: null }, "reason"), "reason")} />;
}
