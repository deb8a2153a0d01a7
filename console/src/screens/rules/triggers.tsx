// What wakes a rule: an event, and what is looked at in it. Each event has its own fields; what these cannot say is
// shown as it is and kept.
import { useState } from "react";
import { type Names, nameOf, useNames } from "../../data";
import { Field, Select } from "../../ui/kit";
import { isWord, named, t, type Word } from "../../words";

export interface When {
  event: string;
  match?: Record<string, unknown>;
}

/** A field: a document by its name, one of some words, a text, or the least a number may be. */
type Look = { path: string; find: string } | { path: string; words: string; options: string[] } | { path: string; least: true } | { path: string; text: true };

const STATUSES = { path: "status", words: "reservation.status", options: ["booked", "moved", "cancelled", "done", "no_show"] };
const AMOUNT: Look = { path: "amount", least: true };
const FIELDS: Record<string, Look[]> = {
  followed: [{ path: "is_unblocked", words: "trigger.unblocked", options: ["false", "true"] }],
  postback: [{ path: "data", text: true }],
  link_clicked: [{ path: "link", find: "links" }],
  form_answered: [{ path: "form", find: "forms" }],
  purchased: [AMOUNT],
  refunded: [AMOUNT],
  reserved: [STATUSES],
  tag_added: [{ path: "tag", find: "tags" }],
  tag_removed: [{ path: "tag", find: "tags" }],
  score_crossed: [{ path: "score", find: "scores" }, { path: "direction", words: "trigger.direction", options: ["up", "down"] }],
  score_changed: [{ path: "score", find: "scores" }],
  attribute_set: [{ path: "attribute", find: "attributes" }, { path: "value", text: true }],
  scenario_entered: [{ path: "scenario", find: "scenarios" }],
  scenario_finished: [{ path: "scenario", find: "scenarios" }],
  scenario_exited: [{ path: "scenario", find: "scenarios" }],
  route_joined: [{ path: "route", find: "routes" }],
  page_viewed: [{ path: "page", find: "pages" }],
  opted_out: [{ path: "topic", find: "topics" }],
  opted_in: [{ path: "topic", find: "topics" }],
  stage_changed: [{ path: "after", words: "stage", options: ["prospect", "first", "repeat", "loyal", "dormant"] }],
};
export const EVENTS = ["messaged", "followed", "postback", "link_clicked", "purchased", "refunded", "reserved", "form_answered", "tag_added", "tag_removed", "score_crossed", "attribute_set", "stage_changed", "scenario_entered", "scenario_finished", "scenario_exited", "route_joined", "page_viewed", "cart_changed", "converted", "opted_out", "opted_in", "account_linked", "video_completed", "beacon", "unfollowed"];
const MESSAGE_KINDS = ["image", "video", "audio", "sticker", "location", "file"];

const HOWS = ["contains", "eq", "prefix"] as const;
export type How = (typeof HOWS)[number];
export interface Sought {
  words: string[];
  how: How;
}

const SEPARATOR = /\s*[、,,\n]\s*/;
export const wordsOf = (text: string) => text.split(SEPARATOR).filter(Boolean);
const escaped = (word: string) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const PLAIN = /^(?:[^.*+?^${}()|[\]\\]|\\[.*+?^${}()|[\]\\])+$/;

/** Words in a text as the API matches them: several by one pattern, or by a list. */
export function matchOf({ words, how }: Sought): unknown {
  const [first = ""] = words;
  if (how === "eq") return words.length > 1 ? { in: words } : first;
  if (words.length < 2) return { [how]: first };
  return { regex: how === "prefix" ? `^(${words.map(escaped).join("|")})` : words.map(escaped).join("|") };
}

/** The same back; null where somebody wrote what these fields cannot say. */
export function soughtOf(value: unknown): Sought | null {
  if (value === undefined) return { words: [], how: "contains" };
  if (typeof value === "string") return { words: value ? [value] : [], how: "eq" };
  const [[operator, one] = ["", undefined], ...more] = Object.entries((value ?? {}) as Record<string, unknown>);
  if (more.length) return null;
  if (operator === "in" && Array.isArray(one)) return { words: one.map(String), how: "eq" };
  if ((operator === "contains" || operator === "prefix" || operator === "eq") && typeof one === "string") return { words: one ? [one] : [], how: operator };
  if (operator !== "regex" || typeof one !== "string") return null;
  const inner = /^\^\((.*)\)$/.exec(one)?.[1];
  const parts = (inner ?? one).split("|");
  return parts.every((part) => PLAIN.test(part)) ? { words: parts.map((part) => part.replace(/\\(.)/g, "$1")), how: inner === undefined ? "contains" : "prefix" } : null;
}

/** The event alone or with what it looks for; an empty field looks for nothing. */
export function whenOf(event: string, match: Record<string, unknown>): When {
  const kept = Object.fromEntries(Object.entries(match).filter(([, value]) => value !== "" && value !== undefined && JSON.stringify(value) !== '{"contains":""}' && JSON.stringify(value) !== '{"prefix":""}'));
  return Object.keys(kept).length ? { event, match: kept } : { event };
}

/** Whether a field can show this. */
function isPlain(look: Look, value: unknown): boolean {
  if (value === undefined) return true;
  if ("least" in look) return typeof (value as { gte?: unknown } | null)?.gte === "number" && Object.keys(value as object).length === 1;
  if ("text" in look) return soughtOf(value) !== null;
  return typeof value === "string" || typeof value === "boolean";
}

const labelOf = (look: Look) => t(`trigger.${look.path}` as Word);

export function TriggerFields({ when, set }: { when: When; set: (next: When) => void }) {
  const names = useNames();
  const match = when.match ?? {};
  const write = (path: string, value: unknown) => set({ event: when.event, match: { ...match, [path]: value } });
  const fields = (FIELDS[when.event] ?? []).filter((look) => isPlain(look, match[look.path]));
  const shown = new Set(fields.map((look) => look.path));
  const others = Object.entries(match).filter(([path]) => !shown.has(path));
  return (
    <>
      <div className="fields">
        {fields.map((look) => {
          const value = match[look.path];
          const label = labelOf(look);
          if ("least" in look) return <Field key={look.path} label={label} type="number" min={0} value={(value as { gte: number } | undefined)?.gte ?? ""} onChange={(event) => write(look.path, event.target.value === "" ? undefined : { gte: Number(event.target.value) })} />;
          if ("text" in look) return <SoughtFields key={look.path} label={label} value={value} set={(next) => write(look.path, next)} />;
          const options = "find" in look ? (names[look.find] ?? []).map((one) => ({ value: one.id, label: one.name })) : look.options.map((one) => ({ value: one, label: named(look.words, one) }));
          const known = value === undefined || options.some((one) => one.value === String(value)) ? options : [...options, { value: String(value), label: String(value) }];
          return <Select key={look.path} label={label} value={String(value ?? "")} onChange={(event) => write(look.path, event.target.value === "true" ? true : event.target.value === "false" ? false : event.target.value)} options={[{ value: "", label: t("trigger.any") }, ...known]} />;
        })}
      </div>
      {others.length ? <><p className="soft">{t("trigger.others")}</p><pre>{JSON.stringify(Object.fromEntries(others), null, 1)}</pre></> : null}
    </>
  );
}

/** Words in a text, and how they are looked for. */
function SoughtFields({ label, value, set }: { label: string; value: unknown; set: (next: unknown) => void }) {
  const { words, how } = soughtOf(value) ?? { words: [], how: "contains" };
  return (
    <>
      <Field label={label} value={words.join("、")} onChange={(event) => set(event.target.value ? matchOf({ words: [event.target.value], how }) : undefined)} />
      <HowField how={how} set={(next) => set(matchOf({ words: words.length ? words : [""], how: next }))} />
    </>
  );
}

/** Whether the words are anywhere, are all, or begin it. */
export function HowField({ how, set, error }: { how: How; set: (how: How) => void; error?: string }) {
  return <Select label={t("trigger.how")} value={how} error={error} onChange={(event) => set(event.target.value as How)} options={HOWS.map((one) => ({ value: one, label: named("trigger.how.of", one) }))} />;
}

/** What the message is, as three fields: which kind of message, the words, and how they are looked for. */
export function MessageFields({ when, set }: { when: When; set: (next: When) => void }) {
  const kind = typeof when.match?.message_type === "string" && when.match.message_type !== "text" ? when.match.message_type : "text";
  const sought = soughtOf(when.match?.text);
  if (sought === null || Object.keys(when.match ?? {}).some((path) => path !== "text" && path !== "message_type")) return <pre>{JSON.stringify(when.match, null, 1)}</pre>;
  const text = (words: string[], how: How) => set({ event: "messaged", match: { text: matchOf({ words: words.length ? words : [""], how }) } });
  return (
    <>
      <Select label={t("trigger.message_type")} value={kind} onChange={(event) => (event.target.value === "text" ? text([], "contains") : set({ event: "messaged", match: { message_type: event.target.value } }))} options={["text", ...MESSAGE_KINDS].map((one) => ({ value: one, label: named("message.kind", one) }))} />
      {kind === "text" ? (
        <>
          <Words words={sought.words} set={(words) => text(words, sought.how)} />
          <HowField how={sought.how} set={(how) => text(sought.words, how)} />
        </>
      ) : null}
    </>
  );
}

/** Keywords in one field, with commas between; while somebody writes, the field holds what they wrote. */
export function Words({ words, set }: { words: string[]; set: (words: string[]) => void }) {
  const [text, setText] = useState("");
  const shown = wordsOf(text).join() === words.join() ? text : words.join("、");
  return <Field label={t("rule.keyword")} hint={t("rule.keyword.hint")} value={shown} maxLength={500} onChange={(event) => { setText(event.target.value); set(wordsOf(event.target.value)); }} />;
}

const quoted = (words: string[]) => words.map((word) => t("say.quoted", { name: word })).join(t("say.or"));

function valueText(look: Look, value: unknown, names: Names): string {
  if ("find" in look && typeof value === "string") return t("say.quoted", { name: nameOf(names, look.find, value) });
  if ("words" in look) return named(look.words, String(value));
  if ("least" in look && isPlain(look, value)) return t("trigger.least", { n: Number((value as { gte: number }).gte) });
  const sought = "text" in look ? soughtOf(value) : null;
  if (sought) return `${quoted(sought.words)}${sought.how === "eq" ? "" : t(`trigger.how.short.${sought.how}`)}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What wakes a rule, in words: all that it looks for in the event. */
export function whenText({ event, match = {} }: When, names: Names): string {
  const [[path, value] = ["", undefined], ...more] = Object.entries(match);
  if (more.length === 0 && event === "messaged") {
    if (path === "message_type" && isWord(`message.kind.${String(value)}`)) return t("rule.when.kind", { kind: named("message.kind", String(value)) });
    const sought = path === "text" ? soughtOf(value) : null;
    if (sought?.words.length) return t(sought.how === "eq" ? "rule.when.keyword" : sought.how === "prefix" ? "rule.when.prefix" : "rule.when.contains", { word: quoted(sought.words) });
    if (path === "text" && !sought) return t("rule.when.regex", { word: String((value as { regex?: unknown }).regex ?? JSON.stringify(value)) });
  }
  if (more.length === 0 && event === "link_clicked" && typeof value === "string") return t("rule.when.link", { name: nameOf(names, "links", value) });
  if (more.length === 0 && event === "postback" && path === "data" && typeof value === "string") return t("rule.when.button", { word: value });
  const looked = Object.entries(whenOf(event, match).match ?? {});
  if (looked.length === 0) return t("rule.when", { event: named("event", event) });
  const conditions = looked.map(([name, one]) => {
    const look = FIELDS[event]?.find((field) => field.path === name);
    return look ? `${labelOf(look)}: ${valueText(look, one, names)}` : `${name}: ${typeof one === "object" ? JSON.stringify(one) : String(one)}`;
  });
  return t("rule.when.match", { event: named("event", event), match: conditions.join(t("say.comma")) });
}

/** What an event made up for a test says: the values that the rule looks for. */
export function propsOf({ event, match = {} }: When, text: string): Record<string, unknown> {
  if (event === "messaged") return match.message_type && match.message_type !== "text" ? { message_type: match.message_type, message_id: "1" } : { message_type: "text", text, message_id: "1" };
  return Object.fromEntries(Object.entries(match).map(([path, value]) => [path, typeof value === "object" && value !== null ? Object.values(value)[0] : value]));
}
