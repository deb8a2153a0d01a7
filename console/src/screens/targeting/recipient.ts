// Whom LINE chooses, as the page holds it: lists to include, lists to leave out, and what LINE knows of people.
// What somebody wrote in another shape is kept as it is.

export type Node = Record<string, unknown>;

/** `audience:<id>`, `segment:<id>`, `group:<LINE's number>` or `request:<LINE's id of a narrowcast>`. */
export type List = string;

export interface Lists {
  mode: "or" | "and";
  include: List[];
  exclude: List[];
}

export interface Filter {
  gender: string;
  app: string;
  ageFrom: string;
  ageTo: string;
  areas: string[];
  daysFrom: string;
  daysTo: string;
}

export const NO_LISTS: Lists = { mode: "or", include: [], exclude: [] };
export const NO_FILTER: Filter = { gender: "", app: "", ageFrom: "", ageTo: "", areas: [], daysFrom: "", daysTo: "" };

const leafOf = (list: List): Node => {
  const [kind, id] = [list.slice(0, list.indexOf(":")), list.slice(list.indexOf(":") + 1)];
  if (kind === "group") return { type: "audience", audienceGroupId: Number(id) };
  return kind === "request" ? { type: "redelivery", requestId: id } : { [kind]: id };
};

function listOf(node: Node): List | null {
  if (typeof node.audience === "string") return `audience:${node.audience}`;
  if (typeof node.segment === "string") return `segment:${node.segment}`;
  if (node.type === "audience") return `group:${String(node.audienceGroupId)}`;
  return node.type === "redelivery" ? `request:${String(node.requestId)}` : null;
}

const joined = (mode: "or" | "and", nodes: Node[]): Node | null => (nodes.length > 1 ? { type: "operator", [mode]: nodes } : (nodes[0] ?? null));

export function recipientOf({ mode, include, exclude }: Lists): Node | null {
  const out = joined("or", exclude.map(leafOf));
  return joined("and", [joined(mode, include.map(leafOf)), out ? { type: "operator", not: out } : null].filter((one) => one !== null));
}

/** Leaves joined by one operator; null where there is more to it. */
function flat(node: Node): { mode: "or" | "and"; lists: List[] } | null {
  const own = listOf(node);
  if (own) return { mode: "or", lists: [own] };
  const mode = Array.isArray(node.or) ? "or" : Array.isArray(node.and) ? "and" : null;
  const lists = mode ? (node[mode] as Node[]).map(listOf) : [];
  return mode && lists.every((one) => one !== null) ? { mode, lists: lists as List[] } : null;
}

/** A recipient as lists; null: it has another shape. */
export function listsOf(recipient: Node | null | undefined): Lists | null {
  if (!recipient) return NO_LISTS;
  const left = (node: Node) => {
    const found = node.not ? flat(node.not as Node) : null;
    return found && (found.mode === "or" || found.lists.length === 1) ? found.lists : null;
  };
  const simple = flat(recipient);
  if (simple) return { mode: simple.mode, include: simple.lists, exclude: [] };
  const alone = left(recipient);
  if (alone) return { ...NO_LISTS, exclude: alone };
  const [first, second, ...more] = Array.isArray(recipient.and) ? (recipient.and as Node[]) : [];
  const [include, exclude] = [first ? flat(first) : null, second ? left(second) : null];
  return include && exclude && more.length === 0 ? { mode: include.mode, include: include.lists, exclude } : null;
}

const range = (type: string, gte: string, lt: string): Node[] => (gte || lt ? [{ type, ...(gte ? { gte } : {}), ...(lt ? { lt } : {}) }] : []);

export function demographicOf({ gender, app, ageFrom, ageTo, areas, daysFrom, daysTo }: Filter): Node | null {
  return joined("and", [
    ...(gender ? [{ type: "gender", oneOf: [gender] }] : []),
    ...(app ? [{ type: "appType", oneOf: [app] }] : []),
    ...range("age", ageFrom, ageTo),
    ...(areas.length ? [{ type: "area", oneOf: areas }] : []),
    ...range("subscriptionPeriod", daysFrom, daysTo),
  ]);
}

/** A demographic filter as fields; null: it has another shape. */
export function filterOf(demographic: Node | null | undefined): Filter | null {
  const nodes = !demographic ? [] : Array.isArray(demographic.and) ? (demographic.and as Node[]) : [demographic];
  const types = nodes.map((node) => node.type);
  if (new Set(types).size !== types.length) return null;
  const found = { ...NO_FILTER };
  for (const node of nodes) {
    const oneOf = (node.oneOf ?? []) as string[];
    if (node.type === "gender" && oneOf.length === 1) found.gender = oneOf[0] as string;
    else if (node.type === "appType" && oneOf.length === 1) found.app = oneOf[0] as string;
    else if (node.type === "area") found.areas = oneOf;
    else if (node.type === "age") [found.ageFrom, found.ageTo] = [String(node.gte ?? ""), String(node.lt ?? "")];
    else if (node.type === "subscriptionPeriod") [found.daysFrom, found.daysTo] = [String(node.gte ?? ""), String(node.lt ?? "")];
    else return null;
  }
  return found;
}

export const AGES = Array.from({ length: 12 }, (_, at) => `age_${15 + 5 * at}`);
export const PERIODS = [7, 30, 90, 180, 365].map((days) => `day_${days}`);
export const AREAS = Array.from({ length: 47 }, (_, at) => `jp_${String(at + 1).padStart(2, "0")}`);
