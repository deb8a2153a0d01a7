// The next seven days of the account: hours and days on which nothing is sent, and how much at most.
import { dayBefore, named, number, t, weekday } from "../../words";
import type { Policy } from "./Policies";

const HOURS = [0, 3, 6, 9, 12, 15, 18, 21, 24];
const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
const share = (minute: number) => `${(100 * minute) / 1440}%`;

/** From and to of each part of a day on which nothing is sent. */
function closed(policy: Policy, day: string): [number, number][] {
  if (policy.blackout_dates?.includes(day)) return [[0, 1440]];
  if (!policy.quiet_hours?.from || !policy.quiet_hours.to) return [];
  const [from, to] = [minutes(policy.quiet_hours.from), minutes(policy.quiet_hours.to)];
  return from < to ? [[from, to]] : [[0, to], [from, 1440]];
}

export function Week({ policy }: { policy: Policy }) {
  const days = Array.from({ length: 7 }, (_, at) => dayBefore(-at));
  const off = days.filter((day) => policy.blackout_dates?.includes(day));
  const hours = [policy.quiet_hours ? t("policy.week", policy.quiet_hours) : t("policy.week.always"), ...(off.length ? [t("policy.week.off", { days: off.join(t("say.comma")) })] : [])];
  const caps = policy.caps ?? [];
  return (
    <>
      <div className="week" role="img" aria-label={hours.join(t("say.comma"))}>
        <div className="week-row"><span />
          <div className="week-hours">{HOURS.map((hour) => <small key={hour} style={{ left: share(hour * 60) }}>{hour}</small>)}</div>
        </div>
        {days.map((day) => (
          <div className="week-row" key={day}>
            <small>{day.slice(5).replace("-", "/")} ({weekday(day)})</small>
            <div className="week-bar">{closed(policy, day).map(([from, to]) => <i key={from} style={{ left: share(from), width: share(to - from) }} />)}</div>
          </div>
        ))}
      </div>
      <p className="soft"><span className="week-key open" aria-hidden="true" /> {t("policy.week.open")} <span className="week-key" aria-hidden="true" /> {t("policy.week.closed")}</p>
      <ul className="plain-list">{caps.map((cap, at) => <li key={at}>{t("policy.week.cap", { category: named("category.of", cap.category), per: named("per", cap.per), n: number(cap.max) })}</li>)}{caps.length ? null : <li className="soft">{t("policy.week.no_cap")}</li>}</ul>
    </>
  );
}
