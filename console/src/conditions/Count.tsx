// How many a condition means, while it is being written: exact, or an interval until the job has counted.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, ApiError, get, post } from "../api/client";
import { searchFriends } from "../api/friends";
import { useNames, usePlace } from "../data";
import { Failure, messageOf, useLater, Words } from "../ui/kit";
import { Link } from "../router";
import { FriendPicker } from "../ui/FriendPicker";
import { number, t, time, yen } from "../words";
import { toTree, type Condition, type Group, type Node } from "./model";
import { sentence } from "./sentence";

interface Left {
  path: string;
  condition: Condition;
  left: number;
}

interface Counted {
  count?: number;
  estimate?: { low: number; high: number };
  job_id?: string;
  waterfall?: Left[];
}

interface Job {
  state: string;
  result?: { count: number } | null;
}

/** The count of a condition: asked 400 ms after the last change. */
export function useCount(condition: Condition) {
  const { base } = usePlace();
  const late = useLater(JSON.stringify(condition), 400);
  const asked = useQuery({
    queryKey: [base, "count", late],
    queryFn: async ({ signal }) => (await ask<Counted>("POST", `${base}/segments/count`, { body: { condition: JSON.parse(late) as Condition, waterfall: true }, signal })).body,
    placeholderData: (before) => before,
    retry: false,
    staleTime: 10_000,
  });
  const job = useQuery({
    queryKey: [base, "job", asked.data?.job_id],
    enabled: Boolean(asked.data?.job_id),
    queryFn: () => get<Job>(`${base}/jobs/${asked.data?.job_id}`),
    refetchInterval: (query) => (query.state.data?.state === "done" ? false : 1000),
  });
  const exact = asked.data?.count ?? job.data?.result?.count;
  return { ...asked, exact, estimate: asked.data?.estimate, fresh: late === JSON.stringify(condition) && !asked.isFetching };
}

export function countText(found: { exact?: number; estimate?: { low: number; high: number } }): string {
  if (found.exact !== undefined) return t("count.exact", { n: found.exact });
  if (found.estimate) return t("count.about", { low: found.estimate.low, high: found.estimate.high });
  return t("count.wait");
}

export function CountPanel({ condition }: { condition: Condition }) {
  const found = useCount(condition);
  const names = useNames();
  const most = Math.max(1, ...(found.data?.waterfall ?? []).map((line) => line.left));
  return (
    <div className="count">
      <output aria-label={t("count.label")} aria-busy={!found.fresh} aria-live="polite" className={found.fresh ? "count-number" : "count-number stale"}>
        {found.isError ? "—" : countText(found)}
      </output>
      {found.isError ? <p className="problem" role="alert">{messageOf(found.error)}</p> : null}
      {found.data?.waterfall && found.data.waterfall.length > 1 && !("everyone" in condition) && !found.isError ? (
        <table className="waterfall">
          <caption>{t("count.waterfall")}</caption>
          <thead><tr><th scope="col">{t("count.part")}</th><th scope="col">{t("count.left")}</th></tr></thead>
          <tbody>
            {found.data.waterfall.map((line) => (
              <tr key={line.path}>
                <th scope="row">{line.path === "" ? t("count.following") : partText(line.condition, names)}</th>
                <td><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width={(100 * line.left) / most} height="6" rx="1" /></svg>{number(line.left)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
    </div>
  );
}

export const partText = (condition: Condition, names: ReturnType<typeof useNames>) => sentence(toTree(condition), names);

/** Five friends whom the condition means. */
export function Samples({ condition }: { condition: Condition }) {
  const { base, account } = usePlace();
  const late = useLater(JSON.stringify(condition), 800);
  const asked = useQuery({
    queryKey: [base, "samples", late],
    queryFn: () => searchFriends(base, { condition: JSON.parse(late) as Condition, limit: 5 }),
    retry: false,
    staleTime: 10_000,
  });
  if (asked.error instanceof ApiError && asked.error.status !== 400 && asked.error.status !== 422) return <Failure error={asked.error} />;
  const items = asked.data?.items.slice(0, 5) ?? [];
  return (
    <div>
      <h3>{t("count.samples")}</h3>
      {items.length === 0 ? <p className="soft">{asked.isPending ? t("state.loading") : t("count.nobody")}</p> : null}
      <ul className="plain-list">
        {items.map((friend) => (
          <li key={friend.user_id}><Link parts={[account.id, "friends", friend.user_id]}><Words text={friend.display_name} most={40} /></Link></li>
        ))}
      </ul>
    </div>
  );
}

interface Tree {
  kind: string;
  value: boolean;
  seen: unknown;
  children: Tree[];
}

interface Explained {
  matches: boolean;
  looked_at: boolean;
  tree: Tree;
}

/** For a chosen friend ✓ or ✗ at every line, with the value seen. */
export function useWhy(root: Group, condition: Condition, user: string | null) {
  const { base } = usePlace();
  const text = useLater(JSON.stringify(condition), 300);
  const asked = useQuery({
    queryKey: [base, "why", text, user],
    enabled: user !== null,
    retry: false,
    queryFn: () => post<Explained>(`${base}/segments/explain`, { condition: JSON.parse(text) as Condition, user_id: user }),
  });
  const marks = new Map<string, boolean>();
  const values = new Map<string, string>();
  if (asked.data && user !== null && text === JSON.stringify(condition)) note(root, asked.data.tree, marks, values);
  return { ...asked, marks: user === null ? undefined : marks, values: user === null ? undefined : values };
}

function note(node: Node, tree: Tree | undefined, marks: Map<string, boolean>, values: Map<string, string>): void {
  if (!tree) return;
  if (node.kind === "leaf") {
    const asked = node.negated ? tree.children[0] : tree;
    marks.set(node.key, tree.value);
    values.set(node.key, seenText(asked?.seen));
    return;
  }
  marks.set(node.key, tree.value);
  const inner = node.op === "none" ? tree.children[0] : tree;
  node.children.forEach((child, at) => note(child, inner?.children[at], marks, values));
}

/** A value of a friend as people read it. */
export function seenText(seen: unknown): string {
  if (seen === null || seen === undefined) return t("why.nothing");
  if (typeof seen === "number") return number(seen);
  if (typeof seen === "boolean") return t(seen ? "say.yes" : "say.no");
  if (typeof seen === "string") return /^\d{4}-\d\d-\d\dT/.test(seen) ? time(seen) : seen;
  if (Array.isArray(seen)) return seen.map(seenText).join(", ") || t("why.nothing");
  const { count, total, last_at, ...rest } = seen as Record<string, unknown>;
  const parts: string[] = [];
  if (typeof count === "number" && typeof total === "number") parts.push(t("friend.purchases.of", { n: count, yen: yen(total) }));
  else if (count !== undefined) parts.push(t("seen.count", { n: seenText(count) }));
  if (last_at) parts.push(t("seen.last", { at: seenText(last_at) }));
  for (const [name, value] of Object.entries(rest)) if (value !== null && name !== "first_at") parts.push(`${name}: ${seenText(value)}`);
  return parts.join(" · ") || t("why.nothing");
}

export function WhyPanel({ user, onChoose, why }: { user: string | null; onChoose: (user: string | null) => void; why: ReturnType<typeof useWhy> }) {
  const [name, setName] = useState<string | null>(null);
  return (
    <div>
      <h3>{t("why.title")}</h3>
      <FriendPicker label={t("why.friend")} onPick={(friend) => { setName(friend?.display_name ?? null); onChoose(friend?.user_id ?? null); }} />
      {user !== null && why.isError ? <p className="problem" role="alert">{messageOf(why.error)}</p> : null}
      {user !== null && why.data ? (
        <p className={why.data.matches ? "verdict yes" : "verdict no"} role="status">
          {why.data.matches ? "✓ " : "✗ "}<Words text={name ?? user} most={40} /> — {why.data.matches ? t("why.in") : why.data.looked_at ? t("why.out") : t("why.not_following")}
        </p>
      ) : null}
    </div>
  );
}
