// The month of broadcasts: what was sent when, and what will be. A grid where there is room, else a list of days.
import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { get } from "../api/client";
import { usePlace } from "../data";
import { goWith, Link, useQueryOf } from "../router";
import { Button, Screen, Section, stateOf, Status, Words } from "../ui/kit";
import { clock, date, fromLocal, language, named, t, toLocal, weekday } from "../words";
import { plusDays, today } from "./reports/span";

interface Line {
  at: string;
  broadcast: string;
  name: string;
  kind: "run" | "scheduled" | "recurring";
  status: string;
}

const NARROW = matchMedia("(max-width: 760px)");
const useNarrow = () => useSyncExternalStore((changed) => {
  NARROW.addEventListener("change", changed);
  return () => NARROW.removeEventListener("change", changed);
}, () => NARROW.matches);

/** Japanese weeks begin on Sunday, English ones on Monday. */
const FIRST = language === "ja" ? 0 : 1;
const MONTH = /^20\d\d-(0[1-9]|1[0-2])$/;

function shifted(month: string, by: number): string {
  const [year = 2026, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
}

/** The days of the weeks that hold a month. */
function daysOf(month: string): string[] {
  const first = `${month}-01`;
  const before = (new Date(`${first}T00:00:00Z`).getUTCDay() - FIRST + 7) % 7;
  const last = plusDays(`${shifted(month, 1)}-01`, -1);
  const days: string[] = [];
  for (let day = plusDays(first, -before); day <= last || days.length % 7 !== 0; day = plusDays(day, 1)) days.push(day);
  return days;
}

export function Calendar() {
  const { base, account } = usePlace();
  const given = useQueryOf().get("month") ?? "";
  const month = MONTH.test(given) ? given : today().slice(0, 7);
  const narrow = useNarrow();
  const query = new URLSearchParams({ from: fromLocal(`${month}-01T00:00`), to: fromLocal(`${shifted(month, 1)}-01T00:00`) });
  const asked = useQuery({ queryKey: [base, "broadcasts", "calendar", month], queryFn: () => get<{ items: Line[]; cut: boolean }>(`${base}/broadcasts/calendar?${query}`), placeholderData: (before) => before, refetchInterval: 30_000 });
  const byDay = new Map<string, Line[]>();
  for (const line of asked.data?.items ?? []) {
    const day = toLocal(line.at).slice(0, 10);
    byDay.set(day, [...(byDay.get(day) ?? []), line]);
  }
  const turn = (by: number) => goWith([account.id, "broadcasts", "calendar"], { month: by === 0 ? today().slice(0, 7) : shifted(month, by) });
  const title = new Intl.DateTimeFormat(language === "ja" ? "ja-JP" : "en-GB", { timeZone: "UTC", year: "numeric", month: "long" }).format(new Date(`${month}-01T00:00:00Z`));
  return (
    <Screen title={t("calendar.title")} wide state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} back={<Link className="back" parts={[account.id, "broadcasts"]}>← {t("nav.broadcasts")}</Link>}
      actions={<Link className="button main" parts={[account.id, "broadcasts", "new"]}>{t("broadcast.new")}</Link>}>
      <div className="toolbar calendar-bar">
        <Button aria-label={t("calendar.before")} onClick={() => turn(-1)}>‹</Button>
        <h2 aria-live="polite">{title}</h2>
        <Button aria-label={t("calendar.after")} onClick={() => turn(1)}>›</Button>
        <Button kind="quiet" onClick={() => turn(0)}>{t("calendar.now")}</Button>
      </div>
      {asked.data?.cut ? <p className="notice warn">{t("calendar.cut")}</p> : null}
      {byDay.size === 0 ? <p className="notice">{t("calendar.empty")}</p> : null}
      {narrow ? [...byDay].map(([day, lines]) => <Section key={day} title={`${date(`${day}T12:00:00Z`)} (${weekday(day)})`}><Day lines={lines} /></Section>) : <Grid month={month} byDay={byDay} />}
    </Screen>
  );
}

function Grid({ month, byDay }: { month: string; byDay: Map<string, Line[]> }) {
  const days = daysOf(month);
  const weeks = Array.from({ length: days.length / 7 }, (_, at) => days.slice(at * 7, at * 7 + 7));
  const now = today();
  return (
    <div className="panel scroll bare">
      <table className="calendar" aria-label={t("calendar.title")}>
        <thead><tr>{days.slice(0, 7).map((day) => <th key={day} scope="col">{weekday(day)}</th>)}</tr></thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]}>
              {week.map((day) => (
                <td key={day} className={`${day.startsWith(month) ? "" : "other"} ${day === now ? "now" : ""}`} aria-current={day === now ? "date" : undefined}>
                  <time dateTime={day}>{Number(day.slice(8))}</time>
                  <Day lines={day.startsWith(month) ? (byDay.get(day) ?? []) : []} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const SHOWN = 4;

function Day({ lines }: { lines: Line[] }) {
  if (lines.length === 0) return null;
  const rest = lines.slice(SHOWN);
  return (
    <>
      <ul className="plain-list">{lines.slice(0, SHOWN).map((line) => <Entry key={`${line.broadcast}-${line.at}`} line={line} />)}</ul>
      {rest.length ? <details><summary>{t("calendar.more", { n: rest.length })}</summary><ul className="plain-list">{rest.map((line) => <Entry key={`${line.broadcast}-${line.at}`} line={line} />)}</ul></details> : null}
    </>
  );
}

function Entry({ line }: { line: Line }) {
  const { account } = usePlace();
  return (
    <li className="calendar-entry">
      <span className="soft">{clock(line.at)}{line.kind === "recurring" ? <span title={named("calendar.kind", line.kind)}> ↻<span className="hidden">{named("calendar.kind", line.kind)}</span></span> : null}</span>{" "}
      <Link parts={[account.id, "broadcasts", line.broadcast]}><Words text={line.name} most={30} /></Link> <Status of={line.status} group="status" />
    </li>
  );
}
