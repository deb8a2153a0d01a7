// A condition as a sentence, in the words of the page.
import { nameOf, type Names } from "../data";
import { language, named, number, t, type Word } from "../words";
import type { Condition, Group, Node } from "./model";

type Values = Record<string, unknown>;

export function durationText(text: unknown): string {
  const found = /^(\d+)([smhdw])$/.exec(String(text));
  if (!found) return String(text);
  return t(`duration.${found[2]}` as Word, { n: Number(found[1]) });
}

const OPERATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "contains", "starts_with", "has_any", "has_all", "in_next", "in_last", "anniversary_in"] as const;

const shown = (value: unknown): string =>
  Array.isArray(value) ? value.map(shown).join(t("say.or")) : typeof value === "number" ? number(value) : typeof value === "boolean" ? t(value ? "say.yes" : "say.no") : String(value);

/** ``{gte: 3}`` as "3以上". */
export function comparison(value: Values): string {
  for (const operator of OPERATORS) {
    if (!(operator in value)) continue;
    const wanted = value[operator];
    if (operator === "between" && Array.isArray(wanted)) return t("say.between", { a: shown(wanted[0]), b: shown(wanted[1]) });
    const text = operator.startsWith("in_") || operator === "anniversary_in" ? durationText(wanted) : shown(wanted);
    return t(`say.${operator}` as Word, { v: text });
  }
  if ("exists" in value) return t(value.exists ? "say.exists" : "say.missing");
  return JSON.stringify(value);
}

const age = (value: Values): string =>
  "within" in value ? t("say.within", { d: durationText(value.within) }) : "before" in value ? t("say.before", { d: durationText(value.before) }) : "days_ago" in value ? t("say.days_ago", { v: shown(value.days_ago) }) : JSON.stringify(value);

const q = (text: string) => (language === "ja" ? `「${text}」` : `“${text}”`);

const LEAVES: Record<string, (value: never, names: Names, no: boolean) => string> = {
  tag: (value: string | Values, names, no) => {
    if (typeof value === "string") return t(no ? "say.tag.no" : "say.tag", { name: q(nameOf(names, "tags", value)) });
    return t(no ? "say.tag.since.no" : "say.tag.since", { name: q(nameOf(names, "tags", String(value.id))), when: age((value.since ?? {}) as Values) });
  },
  attribute: (value: Values, names, no) => pair(q(nameOf(names, "attributes", String(value.id))), comparison(value), no),
  score: (value: Values, names, no) => pair(q(nameOf(names, "scores", String(value.id))), comparison(value), no),
  event: (value: Values, names, no) => {
    const what = String(value.type).startsWith("custom:") ? q(String(value.type).slice(7)) : named("event", String(value.type));
    const key = value.key ? t("say.event.key", { key: q(nameOf(names, value.type === "link_clicked" ? "links" : value.type === "form_answered" ? "forms" : "routes", String(value.key))) }) : "";
    const when = value.within ? t("say.event.within", { d: durationText(value.within) }) : "";
    const times = value.count ? t("say.event.count", { v: comparison(value.count as Values) }) : "";
    return t(no ? "say.event.no" : "say.event", { when, what: `${key}${what}`, times });
  },
  purchase: (value: Values, _names, no) => {
    const what = value.category ? q(String(value.category)) : value.product ? q(String(value.product)) : "";
    const parts: string[] = [];
    const last = value.last as Values | undefined;
    if (last && "within" in last && Object.keys(value).length === (what ? 2 : 1)) {
      return t(no ? "say.bought.no" : "say.bought", { d: durationText(last.within), what });
    }
    if (last) parts.push(t("say.bought.last", { when: age(last) }));
    if (value.first) parts.push(t("say.bought.first", { when: age(value.first as Values) }));
    if (value.count) parts.push(t("say.bought.count", { v: comparison(value.count as Values) }));
    if (value.total) parts.push(t("say.bought.total", { v: comparison(value.total as Values) }));
    if (!parts.length) return t(no ? "say.bought.never" : "say.bought.ever", { what });
    return negate(`${what}${parts.join(t("say.comma"))}`, no);
  },
  stage: (value: string | Values, _names, no) => pair(t("say.stage"), (typeof value === "string" ? [value] : ((value.in as string[]) ?? [])).map((one) => named("stage", one)).join(t("say.or")), no),
  friend: (value: Values, _names, no) => {
    if ("status" in value) return pair(t("leaf.friend.status"), named("friend.status", String(value.status)), no);
    if ("followed_at" in value) return pair(t("leaf.friend.followed_at"), age(value.followed_at as Values), no);
    if ("last_active" in value) return pair(t("leaf.friend.last_active"), age(value.last_active as Values), no);
    if ("language" in value) return pair(t("leaf.friend.language"), String(value.language), no);
    return negate(t(value.linked ? "say.linked" : "say.linked.no"), no);
  },
  reservation: (value: Values, _names, no) => {
    if ("upcoming" in value) return negate(value.in_next ? t("say.reservation.in_next", { d: durationText(value.in_next) }) : t("say.reservation.upcoming"), no);
    if ("count" in value) return negate(t("say.reservation.count", { v: comparison(value.count as Values) }), no);
    const when = value.within ? t("say.event.within", { d: durationText(value.within) }) : "";
    return negate(t("say.reservation.status", { when, status: named("reservation.status", String(value.status)) }), no);
  },
  source: (value: Values, names, no) => pair(t("first" in value ? "leaf.source.first" : "leaf.source.latest"), q(nameOf(names, "routes", String(value.first ?? value.latest))), no),
  scenario: (value: Values, names, no) => pair(q(nameOf(names, "scenarios", String(value.id))), named("scenario.state", String(value.state)), no),
  delivery: (value: Values, names, no) => {
    const what = value.id ? q(nameOf(names, "broadcasts", String(value.id))) : t("say.any.delivery");
    const when = value.within ? t("say.event.within", { d: durationText(value.within) }) : "";
    const word: Word = "received" in value ? (value.received ? "say.received" : "say.received.no") : value.clicked ? "say.clicked" : "say.clicked.no";
    return negate(t(word, { what, when }), no);
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
