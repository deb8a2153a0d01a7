import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get, post } from "../api/client";
import { pace, timed } from "../api/pace";
import { type Broadcast, type Quota, useMay, usePlace } from "../data";
import { Link } from "../router";
import type { Need } from "../api/schema";
import { NeedLine } from "../ui/Stops";
import { Button, Timestamp, Problem, Screen, Section, stateOf, Status, Words } from "../ui/kit";
import { number, t, zoneName, date, yen } from "../words";

interface Day {
  date: string;
  followed: number;
  blocked: number;
}

interface Summary {
  as_of: string;
  friends: { following: number; blocked: number; exact: boolean; days: Day[] };
  quota: Quota;
  sending: Broadcast[];
  coming: Broadcast[];
  needs: Need[];
}

export function Home() {
  const { base, account } = usePlace();
  // Of many friends a part is counted first; when that was not everybody, all of them.
  const soon = useQuery({ queryKey: [base, "summary", "quick"], queryFn: () => get<Summary>(`${base}/summary?quick=true`), staleTime: 30_000 });
  const [late, setLate] = useState(false);
  const isPart = soon.data?.friends.exact === false;
  const isWhole = soon.isError || late;
  useEffect(() => {
    // Not at once: whoever only passes by shall not wait for it on the next screen.
    const timer = setTimeout(() => setLate(true), isPart ? 4_000 : 30_000);
    return () => clearTimeout(timer);
  }, [isPart]);
  const asked = useQuery({ queryKey: [base, "summary"], queryFn: () => timed("summary", () => get<Summary>(`${base}/summary`)), enabled: isWhole, refetchInterval: () => pace("summary", 30_000) });
  const found = asked.data ?? soon.data;
  const isNew = found !== undefined && found.friends.following + found.friends.blocked === 0;
  return (
    <Screen title={t("nav.home")} state={stateOf(found ? { ...asked, data: found, isError: asked.isError && !found } : asked, isNew)} error={asked.error} retry={() => void asked.refetch()} lead={`${account.name.slice(0, 60)} · ${t("zone", { zone: zoneName() })}`}
      actions={<Link className="button main" parts={[account.id, "broadcasts", "new"]}>{t("broadcast.new")}</Link>}
      empty={<><h2>{t("home.empty")}</h2><p>{t("home.empty.more")}</p><Link className="button main" parts={[account.id, "friends", "import"]}>{t("friends.import")}</Link></>}>
      {found ? <Ready found={found} /> : null}
    </Screen>
  );
}

function Ready({ found }: { found: Summary }) {
  const { account } = usePlace();
  const { friends, quota } = found;
  const came = friends.days.reduce((sum, day) => sum + day.followed, 0);
  const left = friends.days.reduce((sum, day) => sum + day.blocked, 0);
  return (
    <>
      <Needs needs={found.needs} />
      <div className="figures">
        <div className="figure"><p className="label">{t("home.following")}</p><div className="value">{friends.exact ? "" : t("about")}{number(friends.following)}</div><div className="figure-note">{t("home.days.came", { n: came })}</div></div>
        <div className="figure"><p className="label">{t("home.blocked")}</p><div className="value">{number(friends.blocked)}</div><div className="figure-note">{t("home.days.left", { n: left })}</div></div>
        <div className="figure"><p className="label">{t("home.quota")}</p><div className="value">{quota.left === null ? "—" : number(quota.left)}</div><div className="figure-note">{quota.limit === null ? t(quota.used === null ? "shell.quota.unknown" : "shell.quota.none") : t("home.quota.of", { limit: quota.limit, used: quota.used ?? 0, reserved: quota.reserved })}</div></div>
        <div className="figure"><p className="label">{t("home.cost")}</p><div className="value">{yen(quota.yen_per_message)}</div><div className="figure-note">{t("home.cost.more")}</div></div>
      </div>
      <div className="columns">
        <div>
          <Section title={t("home.sending")}>
            {found.sending.length === 0 ? <p className="soft">{t("home.sending.none")}</p> : found.sending.map((one) => <Sending key={one.id} broadcast={one} />)}
          </Section>
          <Section title={t("home.trend")}><Trend days={friends.days} /></Section>
        </div>
        <Section title={t("home.coming")}>
          {found.coming.length === 0 ? <p className="soft">{t("home.coming.none")}</p> : null}
          <ul className="plain-list">
            {found.coming.map((one) => (
              <li key={one.id}><Timestamp at={one.at} /> <Link parts={[account.id, "broadcasts", one.id]}><Words text={one.name} most={60} /></Link></li>
            ))}
          </ul>
        </Section>
      </div>
    </>
  );
}

function Needs({ needs }: { needs: Need[] }) {
  if (needs.length === 0) return <p className="notice">✓ {t("home.needs.none")}</p>;
  return (
    <Section title={t("home.needs")}>
      <ul className="plain-list">{needs.map((need) => <NeedLine key={`${need.kind}-${need.document}-${need.id}`} need={need} />)}</ul>
    </Section>
  );
}

function Sending({ broadcast: given }: { broadcast: Broadcast }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "broadcasts", given.id], queryFn: () => get<Broadcast>(`${base}/broadcasts/${given.id}`), initialData: given, refetchInterval: 3000 });
  const broadcast = asked.data;
  const may = useMay("publisher");
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: (action: string) => post(`${base}/broadcasts/${broadcast.id}/${action}`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: [base, "broadcasts", given.id] }),
  });
  const { planned, pending } = broadcast.progress;
  return (
    <div className="panel">
      <div className="panel-head"><Link parts={[account.id, "broadcasts", broadcast.id]}><Words text={broadcast.name} most={60} /></Link><Status of={broadcast.status} group="status" /></div>
      <progress className="bar" max={planned || 1} value={planned - pending} aria-label={t("progress")} />
      <p className="soft">{t("progress.of", { done: planned - pending, planned })}</p>
      <Problem error={act.error} />
      {may && broadcast.status === "paused" ? <Button onClick={() => act.mutate("resume")} busy={act.isPending}>{t("broadcast.resume")}</Button> : null}
      {may && broadcast.status !== "paused" && broadcast.status !== "awaiting_approval" ? <Button onClick={() => act.mutate("pause")} busy={act.isPending}>{t("broadcast.pause")}</Button> : null}
    </div>
  );
}

function Trend({ days }: { days: Day[] }) {
  const most = Math.max(1, ...days.flatMap((day) => [day.followed, day.blocked]));
  const wide = 100 / Math.max(1, days.length);
  return (
    <>
      <svg className="chart" viewBox="0 0 100 50" preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" y1="32" x2="100" y2="32" stroke="#dfe5e3" strokeWidth="0.3" />
        {days.map((day, at) => (
          <g key={day.date}>
            <rect className="came" x={at * wide + wide * 0.15} width={wide * 0.7} y={32 - (30 * day.followed) / most} height={(30 * day.followed) / most} />
            <rect className="left" x={at * wide + wide * 0.15} width={wide * 0.7} y={32} height={(17 * day.blocked) / most} />
          </g>
        ))}
      </svg>
      <p className="soft">{t("home.trend.legend")}</p>
      <details>
        <summary>{t("table.show")}</summary>
        <div className="scroll"><table>
          <thead><tr><th scope="col">{t("date")}</th><th scope="col" className="number">{t("home.came")}</th><th scope="col" className="number">{t("home.left")}</th></tr></thead>
          <tbody>{days.map((day) => <tr key={day.date}><th scope="row">{date(`${day.date}T12:00:00Z`)}</th><td className="number">{number(day.followed)}</td><td className="number">{number(day.blocked)}</td></tr>)}</tbody>
        </table></div>
      </details>
    </>
  );
}
