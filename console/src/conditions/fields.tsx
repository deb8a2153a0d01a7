// The fields that leaves of the builder are made of: a length of time, a window, a comparison, one of a list.
import { Check, Field, Select, type Option } from "../ui/kit";
import type { Names } from "../data";
import { named, t, type Word } from "../words";

export type Values = Record<string, unknown>;

export interface FormProps {
  value: never;
  names: Names;
  set: (value: unknown) => void;
}

export const options = (names: Names, kind: string): Option[] => (names[kind] ?? []).map((one) => ({ value: one.id, label: one.name }));
export const words = (group: string, codes: readonly string[]): Option[] => codes.map((code) => ({ value: code, label: named(group, code) }));
export const asObject = (value: unknown): Values => (value && typeof value === "object" && !Array.isArray(value) ? (value as Values) : {});
/** What is chosen is in the list, also where the account has no such thing any more. */
export const withChosen = (list: Option[], value: string): Option[] => (value === "" || list.some((one) => one.value === value) ? list : [...list, { value, label: value }]);

/** The same object without what is undefined. */
export function only(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, one]) => one !== undefined));
}

const LENGTH = /^(\d+)(mo|[smhdwy])$/;
const UNITS = ["d", "w", "mo", "y"];

export function Duration({ label, value, set, units = UNITS }: { label: string; value: unknown; set: (text: string) => void; units?: string[] }) {
  const found = LENGTH.exec(String(value ?? "30d"));
  const [amount, unit] = [found?.[1] ?? "30", found?.[2] ?? "d"];
  const shown = units.includes(unit) ? units : [unit, ...units];
  return (
    <span className="pair">
      <Field label={label} type="number" min={1} max={9999} value={amount} onChange={(event) => set(`${Math.min(9999, Math.max(1, Math.trunc(Number(event.target.value) || 1)))}${unit}`)} />
      <Select label={t("leaf.unit")} hideLabel value={unit} onChange={(event) => set(`${amount}${event.target.value}`)} options={shown.map((one) => ({ value: one, label: t(`unit.${one}` as Word) }))} />
    </span>
  );
}

export const PAST = ["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"];
export const AHEAD = ["today", "tomorrow", "this_week", "next_week", "this_month", "next_month"];

/** A length of time or a span of the calendar; undefined: none, where that may be. */
export function Window({ label, value, set, spans = PAST, none, units }: { label: string; value: unknown; set: (next: string | undefined) => void; spans?: string[]; none?: string; units?: string[] }) {
  const how = value === undefined ? "none" : spans.includes(String(value)) ? String(value) : "length";
  return (
    <>
      <Select label={label} value={how} onChange={(event) => set(event.target.value === "none" ? undefined : event.target.value === "length" ? "30d" : event.target.value)} options={[...(none ? [{ value: "none", label: none }] : []), { value: "length", label: t("leaf.length") }, ...words("window", spans)]} />
      {how === "length" ? <Duration label={t("leaf.duration")} value={value} set={set} units={units} /> : null}
    </>
  );
}

/** When something was: within a time, longer ago, or between n and m days ago. */
export function When({ label, value, set, none, days }: { label: string; value: Values; set: (value: Values | undefined) => void; none?: string; days?: boolean }) {
  const within = value.within;
  const how = Object.keys(value).length === 0 ? "none" : "before" in value ? "before" : "days_ago" in value ? "days_ago" : PAST.includes(String(within)) ? String(within) : "within";
  const start = (next: string): Values | undefined => {
    if (next === "none") return undefined;
    if (next === "days_ago") return { days_ago: [30, 60] };
    return next === "before" ? { before: "30d" } : { within: next === "within" ? "30d" : next };
  };
  const pair = Array.isArray(value.days_ago) ? (value.days_ago as number[]) : [];
  const day = (at: number, text: string) => set({ days_ago: pair.map((one, place) => (place === at ? Math.max(0, Math.trunc(Number(text) || 0)) : one)) });
  return (
    <>
      <Select label={label} value={how} onChange={(event) => set(start(event.target.value))} options={[...(none ? [{ value: "none", label: none }] : []), { value: "within", label: t("leaf.within") }, { value: "before", label: t("leaf.before") }, ...(days ? [{ value: "days_ago", label: t("leaf.days_ago") }] : []), ...words("window", PAST)]} />
      {how === "within" || how === "before" ? <Duration label={t("leaf.duration")} value={value[how]} set={(text) => set({ [how]: text })} /> : null}
      {how === "days_ago" ? <span className="pair"><Field label={t("leaf.days_from")} type="number" min={0} value={pair[0] ?? 0} onChange={(event) => day(0, event.target.value)} /><Field label={t("leaf.days_to")} type="number" min={0} value={pair[1] ?? 0} onChange={(event) => day(1, event.target.value)} /></span> : null}
    </>
  );
}

export const NUMERIC = ["gte", "lte", "gt", "lt", "eq", "ne", "between"];
const DAYS = new Set(["in_next", "in_last"]);
const LISTS = new Set(["in", "has_any", "has_all"]);
const EVERY = [...NUMERIC, "in", "contains", "starts_with", "has_any", "has_all", "in_next", "in_last", "anniversary_in", "exists"];
export const operatorOf = (value: Values, allowed: string[]) => allowed.find((one) => one in value) ?? EVERY.find((one) => one in value) ?? allowed[0] ?? "eq";

export function startOf(operator: string, type: string, choices: string[]): unknown {
  if (operator === "exists") return true;
  if (DAYS.has(operator) || operator === "anniversary_in") return "7d";
  if (LISTS.has(operator)) return choices.slice(0, 1);
  const today = new Date().toISOString().slice(0, 10);
  if (operator === "between") return type === "date" ? [today, today] : type === "text" ? ["", ""] : [0, 10];
  if (type === "boolean") return true;
  if (type === "number") return 0;
  if (type.endsWith("choice")) return choices[0] ?? "";
  return type === "date" ? today : "";
}

interface OperandProps {
  operator: string;
  type: string;
  choices: string[];
  value: unknown;
  set: (value: unknown) => void;
}

const inputOf = (type: string) => (type === "number" ? "number" : type === "date" ? "date" : "text");

function Operand({ operator, type, choices, value, set }: OperandProps) {
  const label = t("leaf.value");
  const typed = (text: string) => (type === "number" ? Number(text) : text);
  if (operator === "exists") return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value === "true")} options={[{ value: "true", label: t("say.exists") }, { value: "false", label: t("say.missing") }]} />;
  if (operator === "anniversary_in") return <Window label={label} value={value} set={set} spans={AHEAD} />;
  if (DAYS.has(operator)) return <Duration label={label} value={value} set={set} />;
  if (operator === "between" && Array.isArray(value)) {
    return (
      <span className="pair">
        <Field label={t("leaf.from")} type={inputOf(type)} value={String(value[0] ?? "")} onChange={(event) => set([typed(event.target.value), value[1]])} />
        <Field label={t("leaf.to")} type={inputOf(type)} value={String(value[1] ?? "")} onChange={(event) => set([value[0], typed(event.target.value)])} />
      </span>
    );
  }
  if (LISTS.has(operator)) return <Listed label={label} choices={choices} value={value} type={type} set={set} />;
  if (type === "boolean") return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value === "true")} options={[{ value: "true", label: t("say.yes") }, { value: "false", label: t("say.no") }]} />;
  if (type === "choice" && choices.length) return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value)} options={withChosen(choices.map((choice) => ({ value: choice, label: choice })), String(value))} />;
  if (type === "multi_choice") return <Listed label={label} choices={choices} value={value} type={type} set={set} />;
  return <Field label={label} type={inputOf(type)} step={type === "number" ? "any" : undefined} value={String(value ?? "")} onChange={(event) => set(typed(event.target.value))} />;
}

/** Some of the choices; where there are none, what is written between commas. */
function Listed({ label, choices, value, type, set }: { label: string; choices: string[]; value: unknown; type: string; set: (value: unknown) => void }) {
  const chosen = Array.isArray(value) ? value.map(String) : [];
  if (choices.length === 0) return <Field label={label} hint={t("leaf.commas")} defaultValue={chosen.join(", ")} onChange={(event) => set(event.target.value.split(/[,、]/).map((one) => one.trim()).filter(Boolean).map((one) => (type === "number" ? Number(one) : one)))} />;
  return <Choices label={label} options={[...new Set([...choices, ...chosen])].map((one) => ({ value: one, label: one }))} chosen={chosen} set={set} />;
}

export function Choices({ label, options: list, chosen, set }: { label: string; options: Option[]; chosen: string[]; set: (next: string[]) => void }) {
  return (
    <fieldset className="choices">
      <legend>{label}</legend>
      {list.map((one) => <Check key={one.value} label={one.label} checked={chosen.includes(one.value)} onChange={(event) => set(event.target.checked ? [...chosen, one.value] : chosen.filter((other) => other !== one.value))} />)}
    </fieldset>
  );
}

export function Compared({ value, set, type, choices = [], allowed, keep }: { value: Values; set: (value: Values) => void; type: string; choices?: string[]; allowed: string[]; keep: Values }) {
  const operator = operatorOf(value, allowed);
  const shown = allowed.includes(operator) ? allowed : [...allowed, operator];
  return (
    <>
      <Select label={t("leaf.operator")} value={operator} onChange={(event) => set({ ...keep, [event.target.value]: startOf(event.target.value, type, choices) })} options={words("op", shown)} />
      <Operand operator={operator} type={type} choices={choices} value={value[operator]} set={(next) => set({ ...keep, [operator]: next })} />
    </>
  );
}

/** A number that may be asked for: "any", or how it is compared. */
export function Figure({ label, value, set, first = 1 }: { label: string; value: unknown; set: (next: Values | undefined) => void; first?: number }) {
  const given = asObject(value);
  const isAsked = value !== undefined;
  const operator = operatorOf(given, NUMERIC);
  return (
    <>
      <Select label={label} value={isAsked ? operator : "any"} onChange={(event) => set(event.target.value === "any" ? undefined : { [event.target.value]: event.target.value === "between" ? [first, first + 10] : typeof given[operator] === "number" ? given[operator] : first })} options={[{ value: "any", label: t("leaf.unasked") }, ...words("op", NUMERIC.includes(operator) ? NUMERIC : [...NUMERIC, operator])]} />
      {isAsked ? <Operand operator={operator} type="number" choices={[]} value={given[operator]} set={(next) => set({ [operator]: next })} /> : null}
    </>
  );
}

export function YesNo({ label, value, set, yes, no }: { label: string; value: boolean; set: (next: boolean) => void; yes: string; no: string }) {
  return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value === "true")} options={[{ value: "true", label: yes }, { value: "false", label: no }]} />;
}
