// A scenario as a graph that can be edited without wiring: steps are put in, taken out and joined, and every result
// is one that the API can keep. Pure: canvas and outline both go by it.
import type { Action } from "../ui/Actions";
import type { Condition } from "../conditions/model";

export const KINDS = ["message", "wait", "wait_for", "branch", "split", "action", "exit"] as const;
export type Kind = (typeof KINDS)[number];

export interface Late {
  max: string;
  then?: "skip" | "send" | "exit";
}

export interface Until {
  attribute?: string | null;
  event?: string | null;
  offset?: string;
  time?: string | null;
}

export interface Step {
  type: Kind;
  name?: string | null;
  next?: string | null;
  message?: string;
  late?: Late | null;
  after?: string | null;
  at?: { day: number; time: string; weekdays?: string[] | null } | null;
  until?: Until | null;
  on_past?: string | null;
  event?: string;
  match?: Record<string, unknown> | null;
  timeout?: string;
  on_timeout?: string | null;
  cases?: { if: Condition; next?: string | null }[];
  else?: string | null;
  arms?: { weight: number; next?: string | null }[];
  then?: Action[];
  reason?: string | null;
}

export interface Definition {
  name: string;
  folder?: string | null;
  entry?: { per?: string | null; re_entry?: string; on_block?: string };
  late?: Late | null;
  goals?: { if: Condition }[];
  /** Null while there is no step yet. */
  start: string | null;
  nodes: Record<string, Step>;
  redirects?: Record<string, string | null>;
}

/** A way out of a step, by the path of its field (`next`, `cases[0].next`); `from` null: the way in from the start. */
export interface Place {
  from: string | null;
  slot: string;
}

export interface Way {
  slot: string;
  to: string | null;
}

export const START: Place = { from: null, slot: "start" };
export const empty = (name = ""): Definition => ({ name, start: null, nodes: {} });

const orNull = (to: string | null | undefined) => to ?? null;

export function waysOf(step: Step): Way[] {
  if (step.type === "exit") return [];
  if (step.type === "branch") return [...(step.cases ?? []).map((one, at) => ({ slot: `cases[${at}].next`, to: orNull(one.next) })), { slot: "else", to: orNull(step.else) }];
  if (step.type === "split") return (step.arms ?? []).map((one, at) => ({ slot: `arms[${at}].next`, to: orNull(one.next) }));
  const ways = [{ slot: "next", to: orNull(step.next) }];
  if (step.type === "wait_for") ways.push({ slot: "on_timeout", to: orNull(step.on_timeout) });
  if (step.type === "wait" && step.on_past) ways.push({ slot: "on_past", to: step.on_past });
  return ways;
}

const LISTED = /^(cases|arms)\[(\d+)\]\.next$/;

/** The step with one of its ways leading elsewhere. */
export function leading(step: Step, slot: string, to: string | null): Step {
  const [, list, at] = LISTED.exec(slot) ?? [];
  if (!list) return { ...step, [slot]: to };
  const items = (step[list as "cases" | "arms"] ?? []) as { next?: string | null }[];
  return { ...step, [list]: items.map((one, place) => (place === Number(at) ? { ...one, next: to } : one)) };
}

export function target(definition: Definition, place: Place): string | null {
  if (place.from === null) return definition.start;
  const step = definition.nodes[place.from];
  return (step && waysOf(step).find((way) => way.slot === place.slot)?.to) ?? null;
}

function lead(definition: Definition, place: Place, to: string | null): Definition {
  if (place.from === null) return { ...definition, start: to };
  const step = definition.nodes[place.from];
  return step ? { ...definition, nodes: { ...definition.nodes, [place.from]: leading(step, place.slot, to) } } : definition;
}

/** The steps that friends can reach, in the order in which one meets them. */
export function reached(definition: Definition, from: string | null = definition.start): string[] {
  const seen = new Set<string>();
  const todo = [from];
  while (todo.length) {
    const id = todo.pop();
    const step = id ? definition.nodes[id] : undefined;
    if (!id || !step || seen.has(id)) continue;
    seen.add(id);
    todo.push(...waysOf(step).map((way) => way.to).reverse());
  }
  return [...seen];
}

const reachable = (definition: Definition) => new Set([definition.start, ...Object.values(definition.redirects ?? {})].flatMap((from) => reached(definition, from)));

/** Without the steps to which ways led before and lead no more. */
function pruned(before: Definition, after: Definition): Definition {
  const [was, is] = [reachable(before), reachable(after)];
  return { ...after, nodes: Object.fromEntries(Object.entries(after.nodes).filter(([id]) => is.has(id) || (id in before.nodes && !was.has(id)))) };
}

/** Put a step into a way; what the way led to comes after it, by its first way. */
export function insert(definition: Definition, place: Place, id: string, step: Step): Definition {
  const [first] = waysOf(step);
  const made = first ? leading(step, first.slot, target(definition, place)) : step;
  return pruned(definition, lead({ ...definition, nodes: { ...definition.nodes, [id]: made } }, place, id));
}

/** Let a way lead to a step that is there already, or (null) to the end. What nothing leads to any more goes. */
export const join = (definition: Definition, place: Place, to: string | null): Definition => pruned(definition, lead(definition, place, to));

/** The steps that go when a way leads elsewhere. */
export const lostBy = (before: Definition, after: Definition): string[] => Object.keys(before.nodes).filter((id) => !(id in after.nodes));

/** Take a step out: what led to it leads on to where its way `keep` led (null: to the end). Friends who wait at it go
 * there too when `redirect`. */
export function remove(definition: Definition, id: string, keep: string | null, redirect = false): Definition {
  const step = definition.nodes[id];
  if (!step) return definition;
  const found = (keep && waysOf(step).find((way) => way.slot === keep)?.to) || null;
  const to = found === id ? null : found;
  const nodes: Record<string, Step> = {};
  for (const [name, one] of Object.entries(definition.nodes)) {
    if (name === id) continue;
    nodes[name] = waysOf(one).reduce((made, way) => (way.to === id ? led(made, way.slot, to) : made), one);
  }
  const redirects = Object.fromEntries(Object.entries(definition.redirects ?? {}).map(([old, now]) => [old, now === id ? to : now]));
  if (redirect) redirects[id] = to;
  const start = definition.start === id ? to : definition.start;
  return pruned(definition, tidy({ ...definition, start, nodes, redirects }));
}

/** `on_past` that leads nowhere is none: friends then go the ordinary way. */
function led(step: Step, slot: string, to: string | null): Step {
  if (slot !== "on_past" || to !== null) return leading(step, slot, to);
  const { on_past: _gone, ...rest } = step;
  return rest;
}

function tidy(definition: Definition): Definition {
  const { redirects, ...rest } = definition;
  return redirects && Object.keys(redirects).length ? definition : rest;
}

/** A step with other fields; ways that it no longer has lead nowhere, and what only they led to goes. */
export const update = (definition: Definition, id: string, step: Step): Definition => pruned(definition, { ...definition, nodes: { ...definition.nodes, [id]: step } });

export function begin(kind: Kind): Step {
  if (kind === "message") return { type: kind, message: "" };
  if (kind === "wait") return { type: kind, after: "1d" };
  if (kind === "wait_for") return { type: kind, event: "messaged", timeout: "3d" };
  if (kind === "branch") return { type: kind, cases: [{ if: { all: [] } }] };
  if (kind === "split") return { type: kind, arms: [{ weight: 50 }, { weight: 50 }] };
  if (kind === "action") return { type: kind, then: [] };
  return { type: kind };
}

export type Row =
  | { is: "step"; id: string; depth: number; n: number }
  | { is: "way"; place: Place; depth: number }
  | { is: "add"; place: Place; depth: number }
  | { is: "goto"; place: Place; to: string; depth: number }
  | { is: "end"; place: Place; depth: number };

/** The graph as an indented list: a step is shown where one first meets it, later ways to it name it. Steps to which no
 * way leads come last. */
export function outline(definition: Definition): Row[] {
  const rows: Row[] = [];
  const numbers = new Set<string>();
  const walk = (place: Place, depth: number) => {
    rows.push({ is: "add", place, depth });
    const to = target(definition, place);
    if (to === null || !(to in definition.nodes)) rows.push({ is: "end", place, depth });
    else if (numbers.has(to)) rows.push({ is: "goto", place, to, depth });
    else meet(to, depth);
  };
  const meet = (id: string, depth: number) => {
    numbers.add(id);
    rows.push({ is: "step", id, depth, n: numbers.size });
    const ways = waysOf(definition.nodes[id] as Step);
    for (const { slot } of ways) {
      if (ways.length > 1) rows.push({ is: "way", place: { from: id, slot }, depth: depth + 1 });
      walk({ from: id, slot }, ways.length > 1 ? depth + 1 : depth);
    }
  };
  walk(START, 0);
  for (const id of Object.keys(definition.nodes)) if (!numbers.has(id)) meet(id, 0);
  return rows;
}

/** Each step's number: its place in the outline. */
export const numbersOf = (definition: Definition): Map<string, number> => new Map(outline(definition).flatMap((row) => (row.is === "step" ? [[row.id, row.n] as [string, number]] : [])));

export interface Difference {
  added: string[];
  changed: string[];
  removed: string[];
  /** Name, entry, goals and the like. */
  frame: boolean;
}

const same = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);

/** Text that two values share when they mean the same: the order of fields, nulls and what is empty mean nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    one && typeof one === "object" && !Array.isArray(one) ? Object.fromEntries(Object.entries(one).filter(([, held]) => !isNothing(held)).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  );
}

const isNothing = (held: unknown) => held === null || held === undefined || (typeof held === "object" && Object.keys(held).length === 0);

export const equal = (one: Definition, other: Definition): boolean => same(one, other);

export function difference(before: Definition | null, after: Definition): Difference {
  const old = before?.nodes ?? {};
  const frame = ({ nodes: _nodes, ...rest }: Definition) => rest;
  return {
    added: Object.keys(after.nodes).filter((id) => !(id in old)),
    changed: Object.keys(after.nodes).filter((id) => id in old && !same(old[id], after.nodes[id])),
    removed: Object.keys(old).filter((id) => !(id in after.nodes)),
    frame: before !== null && !same(frame(before), frame(after)),
  };
}

/** What is still missing in a step, by the word that says so. */
export function lacking(step: Step): "message" | "action" | "condition" | "date" | null {
  if (step.type === "message" && !step.message) return "message";
  if (step.type === "action" && !step.then?.length) return "action";
  if (step.type === "branch" && step.cases?.some((one) => same(one.if, { all: [] }))) return "condition";
  if (step.type === "wait" && step.until && !step.until.attribute && !step.until.event) return "date";
  return null;
}

export interface History {
  past: Definition[];
  now: Definition;
  future: Definition[];
  /** What was being typed: the next letter of the same field is no edit of its own. */
  tag?: string;
}

export const opened = (now: Definition): History => ({ past: [], now, future: [] });

export function edited(history: History, next: Definition, tag?: string): History {
  if (next === history.now) return history;
  const past = tag !== undefined && tag === history.tag ? history.past : [...history.past.slice(-99), history.now];
  return { past, now: next, future: [], tag };
}

export function undone(history: History): History {
  const now = history.past.at(-1);
  return now ? { past: history.past.slice(0, -1), now, future: [history.now, ...history.future] } : history;
}

export function redone(history: History): History {
  const [now, ...future] = history.future;
  return now ? { past: [...history.past, history.now], now, future } : history;
}
