import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { get, newId, post, remove, type Page } from "../api/client";
import { toTree } from "../conditions/model";
import { rootSentence } from "../conditions/sentence";
import { type Broadcast, type Message, type Progress, nameOf, useMay, useNames, usePlace } from "../data";
import { Preview } from "../phone/Preview";
import { go, Link } from "../router";
import { FriendName } from "../ui/FriendName";
import { FriendPicker } from "../ui/FriendPicker";
import { Button, Dialog, Timestamp, Problem, Screen, Section, Select, stateOf, Status, Words } from "../ui/kit";
import { named, number, percent, t, type Word } from "../words";
import { Branch } from "./FriendCard";
import { NarrowcastOf } from "./targeting/NarrowcastOf";
import { LineNumbers, LinkClicks } from "./Numbers";
import { Winner } from "./Winner";

const MOVING = new Set(["planning", "sending", "settling", "paused", "awaiting_approval"]);

/** The list in which a broadcast is. */
const listOf = (broadcast: Broadcast | undefined) => (broadcast?.narrowcast ? "narrowcasts" : "broadcasts");

export function Monitor({ id }: { id: string }) {
  const { base, account } = usePlace();
  const asked = useQuery({
    queryKey: [base, "broadcasts", id],
    queryFn: () => get<Broadcast>(`${base}/broadcasts/${id}`),
    refetchInterval: (query) => (query.state.data && MOVING.has(query.state.data.status) ? 1500 : 15_000),
  });
  const found = asked.data;
  return (
    <Screen title={found?.name.slice(0, 100) ?? t("nav.broadcasts")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()}
      back={<Link className="back" parts={[account.id, listOf(found)]}>← {t(`nav.${listOf(found)}`)}</Link>} actions={found ? <Actions broadcast={found} /> : null}>
      {found ? <Ready found={found} /> : null}
    </Screen>
  );
}

function Actions({ broadcast }: { broadcast: Broadcast }) {
  const { base, account } = usePlace();
  const publisher = useMay("publisher");
  const editor = useMay("editor");
  const client = useQueryClient();
  const [confirming, setConfirming] = useState<string | null>(null);
  const act = useMutation({
    mutationFn: async (action: string) => {
      if (action === "delete") return remove(`${base}/broadcasts/${broadcast.id}`);
      if (action === "clone") return post<Broadcast>(`${base}/broadcasts/${broadcast.id}/clone`, { id: newId("broadcast") });
      return post(`${base}/broadcasts/${broadcast.id}/${action}`, {});
    },
    onSuccess: async (answer, action) => {
      setConfirming(null);
      await client.invalidateQueries({ queryKey: [base] });
      if (action === "delete") go(account.id, listOf(broadcast));
      if (action === "clone") go(account.id, listOf(broadcast), (answer as Broadcast).id, "edit");
    },
  });
  const { status } = broadcast;
  const can: string[] = [];
  if (publisher && ["sending", "planning", "settling"].includes(status)) can.push("pause");
  if (publisher && (status === "paused" || status === "missed")) can.push("resume");
  if (publisher && status === "awaiting_approval") can.push("approve");
  if (publisher && status === "scheduled") can.push("unschedule");
  if (publisher && (MOVING.has(status) || status === "scheduled")) can.push("cancel");
  if (editor) can.push("clone");
  if (editor && ["draft", "done", "cancelled", "failed"].includes(status)) can.push("delete");
  const risky = new Set(["cancel", "delete"]);
  return (
    <>
      {editor && ["draft", "missed", "failed"].includes(status) ? <Link className="button" parts={[account.id, listOf(broadcast), broadcast.id, "edit"]}>{t("action.edit")}</Link> : null}
      {can.map((one) => <Button key={one} kind={risky.has(one) ? "danger" : "plain"} busy={act.isPending && act.variables === one} onClick={() => (risky.has(one) ? setConfirming(one) : act.mutate(one))}>{t(`broadcast.${one}` as Word)}</Button>)}
      <Problem error={confirming ? null : act.error} />
      {confirming ? (
        <Dialog title={t(`broadcast.${confirming}` as Word)} onClose={() => setConfirming(null)}>
          <p>{t(confirming === "cancel" ? "broadcast.cancel.more" : "broadcast.delete.more")}</p>
          <Problem error={act.error} />
          <div className="dialog-foot"><Button onClick={() => setConfirming(null)}>{t("action.back")}</Button><Button kind="danger" busy={act.isPending} onClick={() => act.mutate(confirming)}>{t("action.really", { what: t(`broadcast.${confirming}` as Word) })}</Button></div>
        </Dialog>
      ) : null}
    </>
  );
}

const sum = (table: Record<string, number>) => Object.values(table).reduce((all, n) => all + n, 0);

function Ready({ found }: { found: Broadcast }) {
  const { base } = usePlace();
  const names = useNames();
  const message = useQuery({ queryKey: [base, "messages", found.message], enabled: Boolean(found.message), queryFn: () => get<Message>(`${base}/messages/${found.message}`) });
  const messages = found.messages ?? message.data?.messages;
  return (
    <div className="columns">
      <div>
        <Section title={t("monitor.status")}>
          <p className="chips"><Status of={found.status} group="status" />{found.why && !found.line?.why ? <span className="soft">{found.why}</span> : null}</p>
          {found.every ? <p>{t("monitor.every", { time: found.every.time, days: found.every.weekdays.length ? found.every.weekdays.map((day) => t(`day.${day}` as Word)).join(" ") : t("monitor.daily") })}</p> : null}
          {found.at && found.status === "scheduled" ? <p>{t("monitor.at")} <Timestamp at={found.at} /></p> : null}
          {found.run ? <Balance progress={found.progress} /> : <p className="soft">{t("monitor.unsent")}</p>}
        </Section>
        {found.run && found.variants.length ? <Arms variants={found.variants} /> : null}
        {found.run ? <Winner broadcast={found} /> : null}
        {found.run && found.progress.accepted > 0 ? <><LinkClicks broadcast={found} /><LineNumbers broadcast={found} /></> : null}
        {found.run && found.audience ? <Recipients id={found.id} moving={MOVING.has(found.status)} /> : null}
        {found.run && found.audience ? <Why id={found.id} /> : null}
      </div>
      <div>
        <Section title={t("monitor.who")}>
          {found.audience ? <p className="sentence"><Words text={rootSentence(toTree(found.audience), names)} most={1000} /></p> : <NarrowcastOf broadcast={found} />}
          {found.exclude ? <p className="soft">{t("compose.exclude")}: {rootSentence(toTree(found.exclude), names)}</p> : null}
          <dl className="kv">
            <dt>{t("monitor.started")}</dt><dd><Timestamp at={found.started_at} /></dd>
            <dt>{t("monitor.finished")}</dt><dd><Timestamp at={found.finished_at} /></dd>
          </dl>
        </Section>
        {messages ? <Preview messages={messages} /> : null}
      </div>
    </div>
  );
}

function Balance({ progress }: { progress: Progress }) {
  const parts: [Word, number][] = [["progress.accepted", progress.accepted], ["progress.skipped", sum(progress.skipped)], ["progress.failed", sum(progress.failed)], ["progress.unknown", progress.unknown], ["progress.held_out", progress.held_out], ["progress.pending", progress.pending]];
  const total = parts.reduce((all, [, n]) => all + n, 0);
  const reasons = [...Object.entries(progress.skipped).map(([why, n]) => [named("skip", why), n] as const), ...Object.entries(progress.failed).map(([why, n]) => [`${t("progress.failed")}: ${why}`, n] as const)];
  return (
    <>
      <progress className="bar" max={progress.planned || 1} value={progress.planned - progress.pending} aria-label={t("progress")} />
      <p className="balance-line" role="status">
        <strong>{t("progress.planned")} {number(progress.planned)}</strong> = {parts.map(([word, n]) => `${t(word)} ${number(n)}`).join(" + ")} {total === progress.planned ? <span className="mark yes">✓ {t("progress.balanced")}</span> : <span className="mark no">✗</span>}
      </p>
      <table className="balance">
        <caption>{t("progress.ledger")}</caption>
        <tbody>
          {parts.map(([word, n]) => <tr key={word}><th scope="row">{t(word)}</th><td className="number">{number(n)}</td></tr>)}
          <tr><th scope="row"><strong>{t("progress.planned")}</strong></th><td className="number"><strong>{number(total)}</strong></td></tr>
        </tbody>
      </table>
      {reasons.length ? <ul>{reasons.map(([why, n]) => <li key={why}>{why}: {number(n)}</li>)}</ul> : null}
    </>
  );
}

/** The messages that are compared, side by side: how many got each, and how many of these tapped. */
function Arms({ variants }: { variants: Broadcast["variants"] }) {
  const names = useNames();
  const rates = variants.map((one) => (one.accepted ? (one.clicks ?? 0) / one.accepted : 0));
  const most = Math.max(...rates, 0.0001);
  return (
    <Section title={t("compose.arms")}>
      <div className="scroll"><table>
        <thead><tr><th scope="col">{t("monitor.arm")}</th><th scope="col" className="number">{t("progress.planned")}</th><th scope="col" className="number">{t("progress.accepted")}</th><th scope="col" className="number">{t("monitor.clicks")}</th><th scope="col">{t("monitor.rate")}</th></tr></thead>
        <tbody>{variants.map((one, at) => (
          <tr key={one.id}>
            <th scope="row">{t("compose.arm", { arm: one.id.toUpperCase().slice(0, 20) })} <small className="soft"><Words text={nameOf(names, "messages", one.message)} most={40} /></small></th>
            <td className="number">{number(one.planned ?? 0)}</td><td className="number">{number(one.accepted ?? 0)}</td><td className="number">{number(one.clicks ?? 0)}</td>
            <td><meter min={0} max={most} value={rates[at]} aria-hidden="true" /> {percent(rates[at] ?? 0)}</td>
          </tr>
        ))}</tbody>
      </table></div>
    </Section>
  );
}

interface Recipient {
  user_id: string;
  status: string;
  reason?: string;
  at?: string;
}

function Recipients({ id, moving }: { id: string; moving: boolean }) {
  const { base } = usePlace();
  const [status, setStatus] = useState("");
  const asked = useInfiniteQuery({
    queryKey: [base, "recipients", id, status],
    queryFn: ({ pageParam }) => get<Page<Recipient>>(`${base}/broadcasts/${id}/recipients?limit=25${status ? `&status=${status}` : ""}${pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: moving ? 3000 : 20_000,
  });
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title={t("recipients")} actions={<Button kind="quiet" onClick={() => void asked.refetch()}>{t("action.refresh")}</Button>}>
      <Select label={t("recipients.status")} value={status} onChange={(event) => setStatus(event.target.value)} options={[{ value: "", label: t("recipients.all") }, ...["pending", "accepted", "skipped", "failed", "unknown", "held_out"].map((one) => ({ value: one, label: named("recipient", one) }))]} />
      <Problem error={asked.error} />
      <div className="scroll"><table>
        <thead><tr><th scope="col">{t("friend")}</th><th scope="col">{t("broadcast.status")}</th><th scope="col">{t("date")}</th></tr></thead>
        <tbody>{items.map((one) => <tr key={one.user_id}><th scope="row"><FriendName user={one.user_id} /></th><td>{named("recipient", one.status)}{one.reason ? <span className="soft"> ({named("skip", one.reason)})</span> : null}</td><td><Timestamp at={one.at} /></td></tr>)}</tbody>
      </table></div>
      {items.length === 0 && !asked.isFetching ? <p className="soft">{t("recipients.none")}</p> : null}
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("timeline.more")}</Button> : null}
    </Section>
  );
}

function Why({ id }: { id: string }) {
  const { base } = usePlace();
  const names = useNames();
  const [user, setUser] = useState<string | null>(null);
  const asked = useQuery({
    queryKey: [base, "why.broadcast", id, user],
    enabled: user !== null,
    queryFn: () => get<{ in_audience: boolean; audience: Parameters<typeof Branch>[0]["tree"]; outcome: { status: string; reason?: string } | null }>(`${base}/broadcasts/${id}/why/${encodeURIComponent(user ?? "")}`),
  });
  return (
    <Section title={t("why.broadcast")}>
      <FriendPicker label={t("why.friend")} onPick={(friend) => setUser(friend?.user_id ?? null)} />
      <Problem error={asked.error} />
      {asked.data ? (
        <>
          <p role="status" className={asked.data.outcome?.status === "accepted" ? "verdict yes" : "verdict no"}>{asked.data.outcome ? `${named("recipient", asked.data.outcome.status)}${asked.data.outcome.reason ? ` — ${named("skip", asked.data.outcome.reason)}` : ""}` : t("why.not_meant")}</p>
          <ul className="plain-list"><Branch tree={asked.data.audience} names={names} /></ul>
        </>
      ) : null}
    </Section>
  );
}
