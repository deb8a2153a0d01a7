// A condition of the API as a tree that can be edited, and back. Nothing is lost on the way.

export type Condition = Record<string, unknown>;

export interface Leaf {
  kind: "leaf";
  key: string;
  condition: Condition;
  negated: boolean;
}

export type Op = "all" | "any" | "none";

export interface Group {
  kind: "group";
  key: string;
  op: Op;
  children: Node[];
}

export type Node = Leaf | Group;

let last = 0;
export const fresh = () => `n${Date.now().toString(36)}${(last += 1)}`;
export const leaf = (condition: Condition, negated = false): Leaf => ({ kind: "leaf", key: fresh(), condition, negated });
export const group = (op: Op, children: Node[] = []): Group => ({ kind: "group", key: fresh(), op, children });

/** The tree as a condition. An empty tree is everyone. */
export function toCondition(node: Node): Condition {
  if (node.kind === "leaf") return node.negated ? { not: node.condition } : node.condition;
  const children = node.children.map(toCondition);
  if (node.op === "none") return { not: { any: children } };
  return { [node.op]: children };
}

export function audienceOf(root: Group): Condition {
  return root.children.length === 0 && root.op !== "none" ? { everyone: true } : toCondition(root);
}

/** A condition as a tree whose root is a group. */
export function toTree(condition: Condition | null | undefined): Group {
  if (!condition || "everyone" in condition) return group("all");
  const node = read(condition);
  return node.kind === "group" ? node : group("all", [node]);
}

function read(condition: Condition): Node {
  const [key] = Object.keys(condition);
  const value = key === undefined ? undefined : condition[key];
  if ((key === "all" || key === "any") && Array.isArray(value)) return group(key, value.map((one) => read(one as Condition)));
  if (key === "not" && value && typeof value === "object") {
    const inner = value as Condition;
    if (Array.isArray(inner.any)) return group("none", inner.any.map((one) => read(one as Condition)));
    if (Array.isArray(inner.all) || "not" in inner) return group("none", [read(inner)]);
    return leaf(inner, true);
  }
  return leaf(condition);
}

/** The tree with one node replaced; null takes it away. */
export function replace(root: Group, key: string, make: (node: Node) => Node | null): Group {
  const children = root.children.flatMap((child): Node[] => {
    if (child.key === key) {
      const made = make(child);
      return made ? [made] : [];
    }
    return [child.kind === "group" ? replace(child, key, make) : child];
  });
  return { ...root, children };
}

export function change(root: Group, key: string, make: (node: Node) => Node | null): Group {
  if (root.key === key) return (make(root) as Group | null) ?? group("all");
  return replace(root, key, make);
}

export function find(node: Node, key: string): Node | null {
  if (node.key === key) return node;
  if (node.kind === "leaf") return null;
  for (const child of node.children) {
    const found = find(child, key);
    if (found) return found;
  }
  return null;
}

export function parentOf(root: Group, key: string): Group | null {
  for (const child of root.children) {
    if (child.key === key) return root;
    const found = child.kind === "group" ? parentOf(child, key) : null;
    if (found) return found;
  }
  return null;
}

export const add = (root: Group, to: string, node: Node) =>
  change(root, to, (found) => (found.kind === "group" ? { ...found, children: [...found.children, node] } : found));

/** One place up or down among its siblings; past the end it leaves its group. */
export function move(root: Group, key: string, by: -1 | 1): Group {
  const parent = parentOf(root, key);
  const node = find(root, key);
  if (!parent || !node) return root;
  const at = parent.children.findIndex((child) => child.key === key);
  const next = at + by;
  if (next >= 0 && next < parent.children.length) {
    const neighbour = parent.children[next];
    if (neighbour?.kind === "group") return place(root, node, neighbour.key, by === 1 ? 0 : neighbour.children.length);
    const children = [...parent.children];
    children.splice(at, 1);
    children.splice(next, 0, node);
    return change(root, parent.key, (found) => ({ ...(found as Group), children }));
  }
  const above = parentOf(root, parent.key);
  if (!above) return root;
  const place_ = above.children.findIndex((child) => child.key === parent.key);
  return place(root, node, above.key, by === 1 ? place_ + 1 : place_);
}

/** Take a node out and put it into a group at a place; never into itself. */
export function place(root: Group, node: Node, into: string, at: number): Group {
  if (find(node, into)) return root;
  const target = find(root, into) as Group | null;
  const before = target ? target.children.findIndex((child) => child.key === node.key) : -1;
  const index = before >= 0 && before < at ? at - 1 : at;
  const without = replace(root, node.key, () => null);
  return change(without, into, (found) => {
    const children = [...(found as Group).children];
    children.splice(index, 0, node);
    return { ...(found as Group), children };
  });
}

/** A copy with keys of its own. */
export function copy(node: Node): Node {
  return node.kind === "leaf" ? { ...node, key: fresh() } : { ...node, key: fresh(), children: node.children.map(copy) };
}

export const count = (node: Node): number => (node.kind === "leaf" ? 1 : node.children.reduce((sum, child) => sum + count(child), 0));
