// Who comes when: reservations of all friends by day, and the status of each.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { newId, post } from "../../api/client";
import { searchFriends } from "../../api/friends";
import type { ReservationView } from "../../api/schema";
import type { Condition } from "../../conditions/model";
import { type Friend, useMay, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { FriendPicker } from "../../ui/FriendPicker";
import { Avatar, Button, Dialog, Field, Problem, Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { clock, date, fromLocal, named, t, toLocal, weekday } from "../../words";
import { Import } from "../Import";
import { plusDays, today } from "../reports/span";

const STATUSES = ["booked", "moved", "done", "cancelled", "no_show"];
const SPANS = ["today", "next_7", "next_30", "past_7", "past_30"] as const;
const PAGES = 10;

interface Line {
  id: string;
  friend: Friend;
  of: ReservationView;
  day: string;
}

/** The days of a span, the first and the last included. */
function daysOf(span: string): [string, string] {
  const now = today();
  const [, way, n] = /^(next|past)_(\d+)$/.exec(span) ?? [];
  if (!way) return [now, now];
  return way === "next" ? [now, plusDays(now, Number(n) - 1)] : [plusDays(now, 1 - Number(n)), now];
}

/** Friends who may have a reservation on these days; which of theirs it is, is looked at afterwards. */
function conditionOf(span: string): Condition {
  const days = Number(/\d+/.exec(span)?.[0] ?? 1);
  const past = STATUSES.map((status): Condition => ({ reservation: { status, within: span.startsWith("past") ? `${days}d` : "today" } }));
  const ahead: Condition[] = span.startsWith("past") ? [] : [{ reservation: { upcoming: true, in_next: `${days}d` } }, { reservation: { status: "cancelled" } }];
  return { all: [{ any: [...past, ...ahead] }, { any: [{ friend: { status: "following" } }, { not: { friend: { status: "following" } } }] }] };
}

async function read(base: string, span: string): Promise<{ lines: Line[]; cut: boolean }> {
  const [from, to] = daysOf(span);
  const lines: Line[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page += 1) {
    const found: Awaited<ReturnType<typeof searchFriends>> = await searchFriends(base, { condition: conditionOf(span), limit: 100, cursor });
    for (const friend of found.items) {
      for (const [id, of] of Object.entries(friend.reservations)) {
        const day = toLocal(of.at).slice(0, 10);
        if (from <= day && day <= to) lines.push({ id, friend, of, day });
      }
    }
    cursor = found.next_cursor;
    if (!cursor) break;
  }
  return { lines: lines.sort((one, other) => one.of.at.localeCompare(other.of.at)), cut: cursor !== null };
}

export default function Reservations() {
  const [, , part] = useRoute();
  return part === "import" ? <Import of="reservations" /> : <List />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [span, setSpan] = useState<string>("next_7");
  const [making, setMaking] = useState(false);
  const asked = useQuery({ queryKey: [base, "reservations", span], queryFn: () => read(base, span), placeholderData: (before) => before });
  const lines = asked.data?.lines ?? [];
  const days = [...new Set(lines.map((line) => line.day))];
  if (span.startsWith("past")) days.reverse();
  return (
    <Screen title={t("nav.reservations")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} lead={t("reservations.lead")}
      actions={may ? <><Link className="button" parts={[account.id, "reservations", "import"]}>{t("friends.import")}</Link><Button kind="main" onClick={() => setMaking(true)}>{t("reservation.new")}</Button></> : null}>
      <div className="toolbar"><Select label={t("report.span")} value={span} onChange={(event) => setSpan(event.target.value)} options={SPANS.map((one) => ({ value: one, label: named("reservations.span", one) }))} /></div>
      {asked.data?.cut ? <p className="notice warn">{t("reservations.cut")}</p> : null}
      {lines.length === 0 ? <div className="empty"><h2>{t("reservations.empty")}</h2><p>{t("reservations.empty.more")}</p></div> : null}
      {days.map((day) => (
        <Section key={day} title={`${date(`${day}T12:00:00Z`)} (${weekday(day)})`}>
          <div className="scroll"><table className="stacked" aria-label={date(`${day}T12:00:00Z`)}>
            <thead><tr><th scope="col">{t("reservation.time")}</th><th scope="col">{t("reservation.who")}</th><th scope="col">{t("reservation.what")}</th><th scope="col">{t("leaf.reservation.status")}</th></tr></thead>
            <tbody>{lines.filter((line) => line.day === day).map((line) => <Row key={`${line.friend.user_id}-${line.id}`} line={line} />)}</tbody>
          </table></div>
        </Section>
      ))}
      {making ? <New onClose={() => setMaking(false)} /> : null}
    </Screen>
  );
}

interface Reported {
  results: { status: string; error?: { message?: string } | string | null }[];
}

/** Report a reservation as a booking system would, and look again once the friend's sheet knows it. */
function useReport() {
  const { base } = usePlace();
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (event: { user_id: string; at?: string; props: Record<string, string> }) => {
      const reported = await post<Reported>(`${base}/events`, { event_id: newId("console"), type: "reserved", ...event });
      const wrong = reported.results[0];
      if (wrong?.status === "rejected") throw new Error(typeof wrong.error === "string" ? wrong.error : (wrong.error?.message ?? t("state.error")));
      // The inbox applies it within a moment.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      await client.invalidateQueries({ queryKey: [base, "reservations"] });
    },
  });
}

function Row({ line }: { line: Line }) {
  const { account } = usePlace();
  const may = useMay("editor");
  const report = useReport();
  const name = line.friend.display_name?.slice(0, 40) ?? t("friend.unnamed");
  const status = report.isPending ? (report.variables?.props.status ?? line.of.status) : line.of.status;
  return (
    <tr>
      <th scope="row">{clock(line.of.at)}</th>
      <td><span className="who"><Avatar name={line.friend.display_name} /><Link parts={[account.id, "friends", line.friend.user_id]}><Words text={line.friend.display_name} most={40} /></Link></span></td>
      <td><Words text={Object.values(line.of.props).map(String).join(" · ") || "—"} most={100} /></td>
      <td>
        <Select label={t("reservation.status.of", { name, at: clock(line.of.at) })} hideLabel disabled={!may || report.isPending} value={status} onChange={(event) => report.mutate({ user_id: line.friend.user_id, props: { reservation_id: line.id, status: event.target.value } })} options={STATUSES.map((one) => ({ value: one, label: named("reservation.status", one) }))} />
        <Problem error={report.error} />
      </td>
    </tr>
  );
}

function New({ onClose }: { onClose: () => void }) {
  const [user, setUser] = useState<string | null>(null);
  const [at, setAt] = useState("");
  const [what, setWhat] = useState("");
  const report = useReport();
  const save = () => report.mutate({ user_id: user ?? "", at: fromLocal(at), props: { reservation_id: newId("reservation"), status: "booked", ...(what ? { menu: what } : {}) } }, { onSuccess: onClose });
  return (
    <Dialog title={t("reservation.new")} onClose={onClose}>
      <p className="soft">{t("reservation.new.lead")}</p>
      <FriendPicker label={t("reservation.who")} onPick={(friend) => setUser(friend?.user_id ?? null)} />
      <Field label={t("reservation.at")} type="datetime-local" value={at} onChange={(event) => setAt(event.target.value)} />
      <Field label={t("reservation.what")} maxLength={100} value={what} onChange={(event) => setWhat(event.target.value)} />
      <Problem error={report.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" disabled={!user || !at} busy={report.isPending} onClick={save}>{t("action.save")}</Button></div>
    </Dialog>
  );
}
