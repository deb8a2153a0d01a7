// What can be asked of a friend: by category, how a new one begins, and the fields that edit it.
import type { ReactNode } from "react";
import type { Names } from "../data";
import { Field, Select, type Option } from "../ui/kit";
import { named, t, type Word } from "../words";
import type { Condition } from "./model";

type Values = Record<string, unknown>;

interface FormProps {
  value: never;
  names: Names;
  set: (value: unknown) => void;
}

export interface LeafKind {
  id: string;
  leaf: string;
  category: Word;
  label: Word;
  /** The value of a new one, or null while there is nothing to ask for (no tag yet). */
  first: (names: Names) => unknown | null;
  fits: (value: unknown) => boolean;
  form: (props: FormProps) => ReactNode;
}

const options = (names: Names, kind: string): Option[] => (names[kind] ?? []).map((one) => ({ value: one.id, label: one.name }));
const words = (group: string, codes: readonly string[]): Option[] => codes.map((code) => ({ value: code, label: named(group, code) }));
const firstOf = (names: Names, kind: string) => names[kind]?.[0]?.id;
const asObject = (value: unknown): Values => (value && typeof value === "object" && !Array.isArray(value) ? (value as Values) : {});

export function Duration({ label, value, set, units = ["d", "w"] }: { label: string; value: unknown; set: (text: string) => void; units?: string[] }) {
  const found = /^(\d+)([smhdw])$/.exec(String(value ?? "30d"));
  const [amount, unit] = [found?.[1] ?? "30", found?.[2] ?? "d"];
  return (
    <span className="pair">
      <Field label={label} type="number" min={1} max={9999} value={amount} onChange={(event) => set(`${Math.max(1, Math.trunc(Number(event.target.value) || 1))}${unit}`)} />
      <Select label={t("leaf.unit")} hideLabel value={unit} onChange={(event) => set(`${amount}${event.target.value}`)} options={units.map((one) => ({ value: one, label: t(`unit.${one}` as Word) }))} />
    </span>
  );
}

function Age({ label, value, set }: { label: string; value: Values; set: (value: Values) => void }) {
  const how = "before" in value ? "before" : "within";
  return (
    <span className="pair">
      <Duration label={label} value={value[how]} set={(text) => set({ [how]: text })} />
      <Select label={t("leaf.when")} hideLabel value={how} onChange={(event) => set({ [event.target.value]: value[how] ?? "30d" })} options={[{ value: "within", label: t("leaf.within") }, { value: "before", label: t("leaf.before") }]} />
    </span>
  );
}

const NUMERIC = ["gte", "lte", "gt", "lt", "eq", "ne", "between"];
const BY_TYPE: Record<string, string[]> = {
  text: ["eq", "ne", "contains", "starts_with", "exists"],
  number: [...NUMERIC, "exists"],
  boolean: ["eq", "exists"],
  date: ["in_next", "in_last", "anniversary_in", "eq", "gte", "lte", "exists"],
  choice: ["eq", "ne", "in", "exists"],
  multi_choice: ["has_any", "has_all", "exists"],
};
const DAYS = new Set(["in_next", "in_last", "anniversary_in"]);
const LISTS = new Set(["in", "has_any", "has_all"]);
const operatorOf = (value: Values, allowed: string[]) => allowed.find((one) => one in value) ?? allowed[0] ?? "eq";

function startOf(operator: string, type: string, choices: string[]): unknown {
  if (operator === "exists") return true;
  if (DAYS.has(operator)) return "7d";
  if (LISTS.has(operator)) return choices.slice(0, 1);
  if (operator === "between") return [0, 10];
  if (type === "boolean") return true;
  if (type === "number") return 0;
  if (type.endsWith("choice")) return choices[0] ?? "";
  return type === "date" ? new Date().toISOString().slice(0, 10) : "";
}

function Operand({ operator, type, choices, value, set }: { operator: string; type: string; choices: string[]; value: unknown; set: (value: unknown) => void }) {
  const label = t("leaf.value");
  if (operator === "exists") return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value === "true")} options={[{ value: "true", label: t("say.exists") }, { value: "false", label: t("say.missing") }]} />;
  if (DAYS.has(operator)) return <Duration label={label} value={value} set={set} />;
  if (operator === "between" && Array.isArray(value)) {
    return (
      <span className="pair">
        <Field label={t("leaf.from")} type="number" value={Number(value[0])} onChange={(event) => set([Number(event.target.value), value[1]])} />
        <Field label={t("leaf.to")} type="number" value={Number(value[1])} onChange={(event) => set([value[0], Number(event.target.value)])} />
      </span>
    );
  }
  if (LISTS.has(operator)) {
    const chosen = Array.isArray(value) ? value.map(String) : [];
    return (
      <fieldset className="choices">
        <legend>{label}</legend>
        {choices.map((choice) => (
          <label key={choice} className="check">
            <input type="checkbox" checked={chosen.includes(choice)} onChange={(event) => set(event.target.checked ? [...chosen, choice] : chosen.filter((one) => one !== choice))} />
            <span>{choice}</span>
          </label>
        ))}
      </fieldset>
    );
  }
  if (type === "boolean") return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value === "true")} options={[{ value: "true", label: t("say.yes") }, { value: "false", label: t("say.no") }]} />;
  if (type.endsWith("choice")) return <Select label={label} value={String(value)} onChange={(event) => set(event.target.value)} options={choices.map((choice) => ({ value: choice, label: choice }))} />;
  if (type === "number") return <Field label={label} type="number" step="any" value={String(value ?? "")} onChange={(event) => set(Number(event.target.value))} />;
  return <Field label={label} type={type === "date" ? "date" : "text"} value={String(value ?? "")} onChange={(event) => set(event.target.value)} />;
}

function Compared({ value, set, type, choices = [], allowed, keep }: { value: Values; set: (value: Values) => void; type: string; choices?: string[]; allowed: string[]; keep: Values }) {
  const operator = operatorOf(value, allowed);
  return (
    <>
      <Select label={t("leaf.operator")} value={operator} onChange={(event) => set({ ...keep, [event.target.value]: startOf(event.target.value, type, choices) })} options={words("op", allowed)} />
      <Operand operator={operator} type={type} choices={choices} value={value[operator]} set={(next) => set({ ...keep, [operator]: next })} />
    </>
  );
}

function TagForm({ value, names, set }: FormProps) {
  const given: Values = typeof value === "string" ? { id: value } : value;
  const since = asObject(given.since);
  const when = "within" in since ? "within" : "before" in since ? "before" : "any";
  const write = (id: unknown, how: string, length: unknown) => set(how === "any" ? id : { id, since: { [how]: length ?? "30d" } });
  return (
    <>
      <Select label={t("leaf.tag")} value={String(given.id)} onChange={(event) => write(event.target.value, when, since[when])} options={options(names, "tags")} />
      <Select label={t("leaf.when")} value={when} onChange={(event) => write(given.id, event.target.value, since[when])} options={[{ value: "any", label: t("leaf.any") }, { value: "within", label: t("leaf.within") }, { value: "before", label: t("leaf.before") }]} />
      {when === "any" ? null : <Duration label={t("leaf.duration")} value={since[when]} set={(text) => write(given.id, when, text)} />}
    </>
  );
}

function AttributeForm({ value, names, set }: FormProps) {
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
      <Select label={t("leaf.attribute")} value={String(given.id)} onChange={(event) => choose(event.target.value)} options={options(names, "attributes")} />
      <Compared value={given} set={set} type={type} choices={known.choices} allowed={BY_TYPE[type] ?? ["eq"]} keep={{ id: given.id }} />
    </>
  );
}

function ScoreForm({ value, names, set }: FormProps) {
  const given = value as Values;
  return (
    <>
      <Select label={t("leaf.score")} value={String(given.id)} onChange={(event) => set({ ...given, id: event.target.value })} options={options(names, "scores")} />
      <Compared value={given} set={set} type="number" allowed={NUMERIC} keep={{ id: given.id }} />
    </>
  );
}

const EVENTS = ["messaged", "postback", "link_clicked", "form_answered", "followed", "purchased", "reserved", "video_completed", "beacon"] as const;
const KEYED: Record<string, string> = { link_clicked: "links", form_answered: "forms" };

function EventForm({ value, names, set }: FormProps) {
  const given = value as Values;
  const type = String(given.type);
  const kind = KEYED[type];
  const least = asObject(given.count);
  const write = (more: Values) => {
    const next: Values = { ...given, ...more };
    for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key];
    set(next);
  };
  return (
    <>
      <Select label={t("leaf.event")} value={type} onChange={(event) => write({ type: event.target.value, key: undefined })} options={[...words("event", EVENTS), ...(EVENTS.includes(type as never) ? [] : [{ value: type, label: type }])]} />
      {kind ? <Select label={t("leaf.event.key")} value={String(given.key ?? "")} onChange={(event) => write({ key: event.target.value || undefined })} options={[{ value: "", label: t("leaf.any") }, ...options(names, kind)]} /> : null}
      <Field label={t("leaf.least")} type="number" min={1} value={String(least.gte ?? 1)} onChange={(event) => write({ count: Number(event.target.value) > 1 ? { gte: Number(event.target.value) } : undefined })} />
      <Select label={t("leaf.when")} value={given.within ? "within" : "any"} onChange={(event) => write({ within: event.target.value === "any" ? undefined : "30d" })} options={[{ value: "any", label: t("leaf.any") }, { value: "within", label: t("leaf.within") }]} />
      {given.within ? <Duration label={t("leaf.duration")} value={given.within} set={(text) => write({ within: text })} /> : null}
    </>
  );
}

const BUYING = ["last_within", "last_before", "count", "total", "ever"] as const;

function PurchaseForm({ value, set }: FormProps) {
  const given = value as Values;
  const category = given.category ? { category: given.category } : {};
  const last = asObject(given.last);
  const how = given.count ? "count" : given.total ? "total" : "within" in last ? "last_within" : "before" in last ? "last_before" : "ever";
  const start: Record<string, Values> = { last_within: { last: { within: "90d" } }, last_before: { last: { before: "90d" } }, count: { count: { gte: 2 } }, total: { total: { gte: 10000 } }, ever: {} };
  const rest = (next: Values) => set({ ...category, ...next });
  return (
    <>
      <Select label={t("leaf.purchase")} value={how} onChange={(event) => rest(start[event.target.value] ?? {})} options={words("buying", BUYING)} />
      {how === "last_within" || how === "last_before" ? <Duration label={t("leaf.duration")} value={last.within ?? last.before} set={(text) => rest({ last: { [how === "last_within" ? "within" : "before"]: text } })} /> : null}
      {how === "count" || how === "total" ? <Compared value={asObject(given[how])} set={(next) => rest({ [how]: next })} type="number" allowed={NUMERIC} keep={{}} /> : null}
      <Field label={t("leaf.category")} value={String(given.category ?? "")} onChange={(event) => set({ ...given, ...{ category: event.target.value }, ...(event.target.value ? {} : { category: undefined }) })} />
    </>
  );
}

const one = (id: string, leaf: string, category: Word, label: Word, first: LeafKind["first"], form: LeafKind["form"], fits: LeafKind["fits"] = () => true): LeafKind => ({ id, leaf, category, label, first, form, fits });
const has = (key: string) => (value: unknown) => key in asObject(value);

function aged(key: string, label: Word): LeafKind["form"] {
  return ({ value, set }) => <Age label={t(label)} value={asObject((value as Values)[key])} set={(next) => set({ [key]: next })} />;
}

function chosen(key: string, label: Word, kind: string): LeafKind["form"] {
  return ({ value, names, set }) => <Select label={t(label)} value={String((value as Values)[key])} onChange={(event) => set({ [key]: event.target.value })} options={options(names, kind)} />;
}

export const KINDS: LeafKind[] = [
  one("tag", "tag", "category.profile", "leaf.tag", (names) => firstOf(names, "tags") ?? null, (props) => <TagForm {...props} />),
  one("attribute", "attribute", "category.profile", "leaf.attribute", (names) => {
    const found = names.attributes?.[0];
    if (!found) return null;
    const operator = (BY_TYPE[found.more.type ?? "text"] ?? ["eq"])[0] ?? "eq";
    return { id: found.id, [operator]: startOf(operator, found.more.type ?? "text", found.more.choices ?? []) };
  }, (props) => <AttributeForm {...props} />),
  one("score", "score", "category.profile", "leaf.score", (names) => (firstOf(names, "scores") ? { id: firstOf(names, "scores"), gte: 1 } : null), (props) => <ScoreForm {...props} />),
  one("event", "event", "category.behaviour", "leaf.event", () => ({ type: "messaged", within: "30d" }), (props) => <EventForm {...props} />),
  one("link", "event", "category.behaviour", "leaf.link", () => ({ type: "link_clicked" }), (props) => <EventForm {...props} />, () => false),
  one("last_active", "friend", "category.behaviour", "leaf.friend.last_active", () => ({ last_active: { within: "30d" } }), aged("last_active", "leaf.friend.last_active"), has("last_active")),
  one("purchase", "purchase", "category.buying", "leaf.purchase", () => ({ last: { within: "90d" } }), (props) => <PurchaseForm {...props} />),
  one("stage", "stage", "category.buying", "leaf.stage", () => "repeat", ({ value, set }) => <Select label={t("leaf.stage")} value={String(value)} onChange={(event) => set(event.target.value)} options={words("stage", ["prospect", "first", "repeat", "loyal", "dormant"])} />, (value) => typeof value === "string"),
  one("upcoming", "reservation", "category.buying", "leaf.reservation.upcoming", () => ({ upcoming: true, in_next: "7d" }), ({ value, set }) => <Duration label={t("leaf.within")} value={(value as Values).in_next} set={(text) => set({ upcoming: true, in_next: text })} />, has("upcoming")),
  one("reservation_status", "reservation", "category.buying", "leaf.reservation.status", () => ({ status: "done", within: "30d" }), ({ value, set }) => (
    <>
      <Select label={t("leaf.reservation.status")} value={String((value as Values).status)} onChange={(event) => set({ ...(value as Values), status: event.target.value })} options={words("reservation.status", ["booked", "moved", "cancelled", "done", "no_show"])} />
      <Duration label={t("leaf.within")} value={(value as Values).within} set={(text) => set({ ...(value as Values), within: text })} />
    </>
  ), has("status")),
  one("followed_at", "friend", "category.friend", "leaf.friend.followed_at", () => ({ followed_at: { within: "30d" } }), aged("followed_at", "leaf.friend.followed_at"), has("followed_at")),
  one("status", "friend", "category.friend", "leaf.friend.status", () => ({ status: "following" }), ({ value, set }) => <Select label={t("leaf.friend.status")} value={String((value as Values).status)} onChange={(event) => set({ status: event.target.value })} options={words("friend.status", ["following", "blocked"])} />, has("status")),
  one("language", "friend", "category.friend", "leaf.friend.language", () => ({ language: "ja" }), ({ value, set }) => <Field label={t("leaf.friend.language")} value={String((value as Values).language)} onChange={(event) => set({ language: event.target.value })} />, has("language")),
  one("linked", "friend", "category.friend", "leaf.friend.linked", () => ({ linked: true }), ({ value, set }) => <Select label={t("leaf.friend.linked")} value={String((value as Values).linked)} onChange={(event) => set({ linked: event.target.value === "true" })} options={[{ value: "true", label: t("say.linked") }, { value: "false", label: t("say.linked.no") }]} />, has("linked")),
  one("source", "source", "category.friend", "leaf.source.first", (names) => (firstOf(names, "routes") ? { first: firstOf(names, "routes") } : null), chosen("first", "leaf.source.first", "routes"), has("first")),
  one("scenario", "scenario", "category.sending", "leaf.scenario", (names) => (firstOf(names, "scenarios") ? { id: firstOf(names, "scenarios"), state: "active" } : null), ({ value, names, set }) => (
    <>
      <Select label={t("leaf.scenario")} value={String((value as Values).id)} onChange={(event) => set({ ...(value as Values), id: event.target.value })} options={options(names, "scenarios")} />
      <Select label={t("leaf.scenario.state")} value={String((value as Values).state)} onChange={(event) => set({ ...(value as Values), state: event.target.value })} options={words("scenario.state", ["active", "finished", "exited", "never"])} />
    </>
  )),
  one("received", "delivery", "category.sending", "leaf.received", () => ({ received: true, within: "30d" }), ({ value, set }) => <Duration label={t("leaf.within")} value={(value as Values).within} set={(text) => set({ ...(value as Values), within: text })} />, has("received")),
  one("clicked", "delivery", "category.sending", "leaf.clicked", () => ({ clicked: true, within: "30d" }), ({ value, set }) => <Duration label={t("leaf.within")} value={(value as Values).within} set={(text) => set({ ...(value as Values), within: text })} />, has("clicked")),
  one("answered", "form", "category.behaviour", "leaf.answered", (names) => (firstOf(names, "forms") ? { id: firstOf(names, "forms"), answered: true } : null), ({ value, names, set }) => <Select label={t("leaf.answered")} value={String((value as Values).id)} onChange={(event) => set({ id: event.target.value, answered: true })} options={options(names, "forms")} />, has("answered")),
  one("segment", "segment", "category.sending", "leaf.segment", (names) => firstOf(names, "segments") ?? null, ({ value, names, set }) => <Select label={t("leaf.segment")} value={String(value)} onChange={(event) => set(event.target.value)} options={options(names, "segments")} />),
  one("random", "random", "category.sending", "leaf.random", () => ({ salt: "a", from: 0, to: 50 }), ({ value, set }) => (
    <span className="pair">
      <Field label={t("leaf.from")} type="number" min={0} max={100} value={String((value as Values).from)} onChange={(event) => set({ ...(value as Values), from: Number(event.target.value) })} />
      <Field label={t("leaf.to")} type="number" min={0} max={100} value={String((value as Values).to)} onChange={(event) => set({ ...(value as Values), to: Number(event.target.value) })} />
    </span>
  )),
];

export function kindOf(condition: Condition): LeafKind | undefined {
  const [key] = Object.keys(condition);
  return KINDS.find((kind) => kind.leaf === key && kind.fits(condition[key ?? ""]));
}
