// A condition as a sentence, in the words of the page.
import { nameOf, type Names } from "../data";
import { language, named, number, t, type Word } from "../words";
import type { Condition, Group, Node } from "./model";

type Values = Record<string, unknown>;

const SPANS = new Set(["today", "yesterday", "tomorrow", "this_week", "last_week", "next_week", "this_month", "last_month", "next_month", "this_year", "last_year"]);
const isSpan = (text: unknown) => SPANS.has(String(text));

/** A length of time or a span of the calendar. */
export function durationText(text: unknown): string {
  if (isSpan(text)) return named("window", String(text));
  const found = /^(\d+)(mo|[smhdwy])$/.exec(String(text));
  return found ? t(`duration.${found[2]}` as Word, { n: Number(found[1]) }) : String(text);
}

/** "30日以内に", "先月、"; of no window nothing. */
const during = (window: unknown): string => (window === undefined ? "" : t(isSpan(window) ? "say.in.span" : "say.event.within", { d: durationText(window) }));

const OPERATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "contains", "starts_with", "has_any", "has_all", "in_next", "in_last"] as const;
const LENGTHS = new Set(["in_next", "in_last"]);
type Unit = "say.times" | "say.yen" | "say.cases" | "say.days";

const shown = (value: unknown): string =>
  Array.isArray(value) ? value.map(shown).join(t("say.or")) : typeof value === "number" ? number(value) : typeof value === "boolean" ? t(value ? "say.yes" : "say.no") : String(value);

/** ``{gte: 3}`` as "3以上"; with a unit as "3回以上". */
export function comparison(value: Values, unit?: Unit): string {
  const counted = (wanted: unknown) => (unit ? t(unit, { v: shown(wanted) }) : shown(wanted));
  for (const operator of OPERATORS) {
    if (!(operator in value)) continue;
    const wanted = value[operator];
    if (operator === "between" && Array.isArray(wanted)) return t("say.between", { a: shown(wanted[0]), b: counted(wanted[1]) });
    const bare = (operator === "eq" || operator === "ne") && typeof wanted !== "string";
    return t(`say.${operator}${bare ? ".number" : ""}` as Word, { v: LENGTHS.has(operator) ? durationText(wanted) : counted(wanted) });
  }
  if ("exists" in value) return t(value.exists ? "say.exists" : "say.missing");
  return JSON.stringify(value);
}

function age(value: Values): string {
  if ("within" in value) return t(isSpan(value.within) ? "say.window" : "say.within", { d: durationText(value.within) });
  if ("before" in value) return t("say.before", { d: durationText(value.before) });
  if (Array.isArray(value.days_ago)) return t("say.days_ago", { a: shown(value.days_ago[0]), b: shown(value.days_ago[1]) });
  return JSON.stringify(value);
}

const q = (text: string) => (language === "ja" ? `「${text}」` : `“${text}”`);

/** What the key of a type of event names. */
const KEYED: Record<string, string> = { link_clicked: "links", form_answered: "forms", page_viewed: "pages", route_entered: "routes", scheduled: "schedules" };

const LEAVES: Record<string, (value: never, names: Names, no: boolean) => string> = {
  tag: (value: string | Values, names, no) => {
    if (typeof value === "string") return t(no ? "say.tag.no" : "say.tag", { name: q(nameOf(names, "tags", value)) });
    return t(no ? "say.tag.since.no" : "say.tag.since", { name: q(nameOf(names, "tags", String(value.id))), when: age((value.since ?? {}) as Values) });
  },
  attribute: (value: Values, names, no) => {
    const name = q(nameOf(names, "attributes", String(value.id)));
    const day = value.anniversary_in;
    return day === undefined ? pair(name, comparison(value), no) : negate(t(isSpan(day) ? "say.anniversary_in.span" : "say.anniversary_in", { name, v: durationText(day) }), no);
  },
  score: (value: Values, names, no) => pair(q(nameOf(names, "scores", String(value.id))), comparison(value), no),
  event: (value: Values, names, no) => {
    const type = String(value.type);
    const what = type.startsWith("custom:") ? q(type.slice(7)) : named("event", type);
    const kind = KEYED[type];
    const key = value.key ? t("say.event.key", { key: q(kind ? nameOf(names, kind, String(value.key)) : named("messaged.kind", String(value.key)).replace(/^messaged\.kind\./, "")) }) : "";
    const times = value.count ? t("say.event.count", { v: comparison(value.count as Values, "say.times") }) : "";
    return t(no ? "say.event.no" : "say.event", { when: during(value.within), what: `${key}${what}`, times });
  },
  purchase: (value: Values, _names, no) => {
    const what = [value.category, value.product].filter(Boolean).map((one) => q(String(one))).join("");
    const asked = Object.keys(value).filter((one) => one !== "category" && one !== "product");
    const last = value.last as Values | undefined;
    if (last && "within" in last && asked.length === 1) return t(no ? "say.bought.no" : "say.bought", { when: during(last.within), what });
    const count = value.count as Values | undefined;
    if (asked.length === 0 || (asked.length === 1 && count?.gte === 1)) return t(no ? "say.bought.never" : "say.bought.ever", { what });
    const parts: string[] = [];
    if (last) parts.push(t("say.bought.last", { when: age(last) }));
    if (value.first) parts.push(t("say.bought.first", { when: age(value.first as Values) }));
    if (count) parts.push(t("say.bought.count", { v: comparison(count, "say.times") }));
    if (value.total) parts.push(t("say.bought.total", { v: comparison(value.total as Values, "say.yen") }));
    return negate(`${what}${parts.join(t("say.comma"))}`, no);
  },
  stage: (value: string | Values, _names, no) => {
    const list = typeof value === "string" ? [value] : ((value.in as string[] | undefined) ?? []);
    const of = typeof value === "string" || value.category === undefined ? t("say.stage") : t("say.stage.of", { what: q(String(value.category)) });
    return list.length ? pair(of, list.map((one) => named("stage", one)).join(t("say.or")), no) : negate(t("say.stage.none"), no);
  },
  rfm: (value: Values, _names, no) => negate(Object.entries(value).map(([name, one]) => t("say.rfm", { name: named("rfm", name).replace(/[((].*[))]$/, "").trim(), text: comparison(one as Values, ({ r: "say.days", f: "say.times", m: "say.yen" } as Record<string, Unit>)[name]) })).join(t("say.comma")), no),
  member: (value: Values, _names, no) => negate("rank" in value ? t("say.member.rank", { text: comparison(value.rank as Values) }) : t(value.linked ? "say.linked.member" : "say.linked.member.no"), no),
  opted_out: (value: string, names, no) => t(no ? "say.opted_out.no" : "say.opted_out", { name: value === "marketing" ? t("topic.marketing") : q(nameOf(names, "topics", value)) }),
  friend: (value: Values, _names, no) => {
    if ("status" in value) return pair(t("leaf.friend.status"), named("friend.status", String(value.status)), no);
    if ("followed_at" in value) return pair(t("leaf.friend.followed_at"), age(value.followed_at as Values), no);
    if ("last_active" in value) return pair(t("leaf.friend.last_active"), age(value.last_active as Values), no);
    if ("language" in value) return pair(t("leaf.friend.language"), String(value.language), no);
    return negate(t(value.linked ? "say.linked" : "say.linked.no"), no);
  },
  reservation: (value: Values, _names, no) => {
    if ("upcoming" in value) return negate(value.in_next ? t("say.reservation.in_next", { d: durationText(value.in_next) }) : t("say.reservation.upcoming"), no);
    if ("count" in value) return negate(t("say.reservation.count", { v: comparison(value.count as Values, "say.cases") }), no);
    return negate(t("say.reservation.status", { when: during(value.within), status: named("reservation.status", String(value.status)) }), no);
  },
  source: (value: Values, names, no) => pair(t("first" in value ? "leaf.source.first" : "leaf.source.latest"), q(nameOf(names, "routes", String(value.first ?? value.latest))), no),
  scenario: (value: Values, names, no) => {
    const name = q(nameOf(names, "scenarios", String(value.id)));
    if (value.state === "never") return negate(t("say.scenario.never", { name }), no);
    return value.node === undefined ? pair(name, named("scenario.state", String(value.state)), no) : negate(t("say.at.node", { name, node: String(value.node) }), no);
  },
  delivery: (value: Values, names, no) => {
    const id = String(value.id ?? "");
    const what = id ? q(names.broadcasts?.find((one) => one.id === id)?.name ?? nameOf(names, "scenarios", id)) : t("say.any.delivery");
    const word: Word = "received" in value ? (value.received ? "say.received" : "say.received.no") : value.clicked ? "say.clicked" : "say.clicked.no";
    return negate(t(word, { what, when: during(value.within) }), no);
  },
  form: (value: Values, names, no) => {
    const name = q(nameOf(names, "forms", String(value.id)));
    return "answered" in value ? negate(t(value.answered ? "say.answered" : "say.answered.no", { name }), no) : pair(`${name} ${String(value.question)}`, comparison(value), no);
  },
  segment: (value: string, names, no) => t(no ? "say.segment.no" : "say.segment", { name: q(nameOf(names, "segments", value)) }),
  random: (value: Values, _names, no) => negate(t("say.random", { from: Number(value.from), to: Number(value.to) }), no),
  everyone: () => t("say.everyone"),
};

const negate = (text: string, no: boolean) => (no ? t("say.not", { text }) : text);
const pair = (name: string, text: string, no: boolean) => t(no ? "say.pair.no" : "say.pair", { name, text });

export function leafText(condition: Condition, names: Names, negated = false): string {
  const [key] = Object.keys(condition);
  const make = key ? LEAVES[key] : undefined;
  if (!key || !make) return negate(JSON.stringify(condition), negated);
  try {
    return make(condition[key] as never, names, negated).replace(/ {2,}/g, " ").trim();
  } catch {
    return negate(JSON.stringify(condition), negated);
  }
}

/** The whole tree as one sentence; groups inside in brackets. */
export function sentence(node: Node, names: Names, inner = false): string {
  if (node.kind === "leaf") return leafText(node.condition, names, node.negated);
  if (node.children.length === 0) return inner ? t("say.empty") : t("say.everyone");
  const [only] = node.children;
  if (node.op === "none" && node.children.length === 1 && only?.kind === "leaf") return leafText(only.condition, names, !only.negated);
  const parts = node.children.map((child) => sentence(child, names, true));
  const text = parts.join(t(node.op === "all" ? "say.and" : "say.or"));
  if (node.op === "none") return t("say.none", { text });
  return inner && parts.length > 1 ? t("say.group", { text }) : text;
}

export const rootSentence = (root: Group, names: Names) => sentence(root, names);
