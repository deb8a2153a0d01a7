// Who waits at a step until when, who is stuck; what the arms of a split came to.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { get, post, type Page } from "../api/client";
import type { EnrollAnswer, FunnelAnswer, WaitingFriend } from "../api/schema";
import { type Friend, useMay, usePlace } from "../data";
import { Link } from "../router";
import { FriendPicker } from "../ui/FriendPicker";
import { Button, Chip, Timestamp, Problem, Words } from "../ui/kit";
import { number, percent, t } from "../words";
import type { Came } from "./board";
import { arm } from "./say";

export function useFunnel(scenario: string | null) {
  const { base } = usePlace();
  return useQuery({ queryKey: [base, "scenarios", scenario, "funnel"], enabled: scenario !== null, queryFn: () => get<FunnelAnswer>(`${base}/scenarios/${scenario}/funnel?nodes=true`), refetchInterval: (query) => (query.state.data?.exact === false ? 60_000 : 10_000) });
}

/** What came of each step in the last thirty days. */
export function useCame(scenario: string | null) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "report", "scenarios", scenario, "came"], enabled: scenario !== null, queryFn: () => get<{ items: Came[] }>(`${base}/reports/scenarios/${scenario}`) });
  return new Map((asked.data?.items ?? []).map((one) => [one.node, one]));
}

export function WaitingList({ scenario, node, n }: { scenario: string; node: string; n: number }) {
  const { base, account } = usePlace();
  const may = useMay("publisher");
  const client = useQueryClient();
  const asked = useQuery({ queryKey: [base, "scenarios", scenario, "waiting", node, n], queryFn: () => get<Page<WaitingFriend>>(`${base}/scenarios/${scenario}/waiting?node=${encodeURIComponent(node)}&limit=50`) });
  const retry = useMutation({
    mutationFn: async (friends: WaitingFriend[]) => {
      let accepted = 0;
      for (const value of new Set(friends.map((one) => one.value))) {
        const user_ids = [...new Set(friends.filter((one) => one.value === value).map((one) => one.user_id))];
        accepted += (await post<EnrollAnswer>(`${base}/scenarios/${scenario}/retry`, { user_ids, ...(value === null ? {} : { value }) })).accepted;
      }
      return { accepted };
    },
    onSuccess: () => client.invalidateQueries({ queryKey: [base, "scenarios", scenario] }),
  });
  const items = asked.data?.items ?? [];
  const stuck = items.filter((one) => one.stuck);
  return (
    <section className="waiting">
      <h3>{t("scn.waiting")}</h3>
      <Problem error={asked.error ?? retry.error} />
      {asked.isSuccess && items.length === 0 ? <p className="soft">{t(asked.data.next_cursor ? "scn.waiting.more" : "scn.waiting.none")}</p> : null}
      {items.length ? (
        <ul className="plain-list" aria-label={t("scn.waiting")}>
          {items.map((one) => (
            <li key={`${one.user_id} ${one.value ?? ""} ${one.run}`}>
              <Link parts={[account.id, "friends", one.user_id]}><Words text={one.display_name} most={30} /></Link>{one.value ? <span className="soft"> <bdi>{one.value.slice(0, 30)}</bdi></span> : null}
              <span className="soft"> → {one.due_at ? <Timestamp at={one.due_at} /> : t("scn.waiting.event")}</span>
              {one.stuck ? <> <Chip tone="bad">{t("scn.stuck")}</Chip></> : null}
            </li>
          ))}
        </ul>
      ) : null}
      {asked.data?.next_cursor && items.length ? <p className="soft">{t("scn.waiting.first", { n: items.length })}</p> : null}
      {stuck.length ? <div className="notice warn"><p>{t("scn.stuck.lead")}</p>{may ? <Button busy={retry.isPending} onClick={() => retry.mutate(stuck)}>{t("scn.stuck.retry", { n: stuck.length })}</Button> : null}</div> : null}
      {retry.data ? <p role="status" className="verdict yes">{t("scn.stuck.done", { n: retry.data.accepted })}</p> : null}
    </section>
  );
}

/** A split is an A/B test: each arm beside the first. */
export function Arms({ scenario, node }: { scenario: string; node: string }) {
  const funnel = useFunnel(scenario || null);
  const found = funnel.data?.splits?.[node] ?? [];
  if (found.length === 0) return null;
  const most = Math.max(...found.map((one) => one.high), 0.01);
  const x = (rate: number) => (rate / most) * 196 + 2;
  return (
    <table className="arms-compared">
      <caption>{t("scn.arms")}</caption>
      <thead><tr><th scope="col">{t("scn.arm")}</th><th scope="col" className="number">{t("scn.arm.runs")}</th><th scope="col" className="number">{t("scn.arm.rate")}</th></tr></thead>
      <tbody>
        {found.map((one, at) => (
          <tr key={one.arm}>
            <th scope="row">{arm(at)} {one.significant ? <Chip tone="brand">{t((one.lift ?? 0) > 0 ? "scn.arm.better" : "scn.arm.worse")}</Chip> : null}</th>
            <td className="number">{number(one.runs)}</td>
            <td className="number">{percent(one.rate)}<svg viewBox="0 0 200 10" aria-hidden="true"><line x1={x(one.low)} x2={x(one.high)} y1="5" y2="5" /><circle cx={x(one.rate)} cy="5" r="4" /></svg><span className="hidden">{t("scn.arm.interval", { low: percent(one.low), high: percent(one.high) })}</span></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Put friends in by hand, one after another. */
export function Enroll({ scenario, per }: { scenario: string; per: string | null }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const may = useMay("publisher");
  const [friend, setFriend] = useState<Friend | null>(null);
  const act = useMutation({
    mutationFn: (user: string) => post<EnrollAnswer>(`${base}/scenarios/${scenario}/enroll`, { user_ids: [user] }),
    onSuccess: () => client.invalidateQueries({ queryKey: [base, "scenarios", scenario] }),
  });
  if (per || !may) return null;
  const refused = act.data?.rejected[0];
  return (
    <fieldset>
      <legend>{t("scn.enroll")}</legend>
      <FriendPicker label={t("scn.enroll.friend")} onPick={(found) => { setFriend(found); act.reset(); }} />
      <Button disabled={friend === null} busy={act.isPending} onClick={() => friend && act.mutate(friend.user_id)}>{t("scn.enroll.do")}</Button>
      <Problem error={act.error} />
      {refused ? <p className="problem" role="alert">{refused.why}</p> : act.data ? <p role="status" className="verdict yes">✓ {t("scn.enroll.done")}</p> : null}
    </fieldset>
  );
}
