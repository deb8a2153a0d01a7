// A local time that comes round: in words, and when next.
import { t, toLocal, weekday, type Word } from "../../words";

export interface Every {
  time: string;
  weekdays?: string[] | null;
  days_of_month?: (number | "last")[] | null;
}

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

export function everyText(every: Every): string {
  const at = every.time;
  if (every.weekdays?.length && every.weekdays.length < 7) return t("every.week", { days: DAYS.filter((day) => every.weekdays?.includes(day)).map((day) => t(`day.${day}` as Word)).join(t("every.joint")), at });
  if (every.days_of_month?.length) return t("every.month", { days: every.days_of_month.map((day) => (day === "last" ? t("every.last") : t("every.date", { n: day }))).join(t("every.joint")), at });
  return t("every.day", { at });
}

/** The local dates and times at which it comes round next, as they are shown. */
export function nextOf(every: Every, most: number, from: string = toLocal(new Date().toISOString())): string[] {
  const found: string[] = [];
  const [today = "", now = ""] = from.split("T");
  for (let ahead = 0; ahead < 400 && found.length < most; ahead += 1) {
    const date = new Date(new Date(`${today}T00:00:00Z`).getTime() + ahead * 86_400_000);
    const day = date.toISOString().slice(0, 10);
    if (ahead === 0 && every.time <= now.slice(0, 5)) continue;
    if (isMeant(every, date)) found.push(`${day.replaceAll("-", "/")} (${weekday(day)}) ${every.time}`);
  }
  return found;
}

function isMeant(every: Every, day: Date): boolean {
  const numbers = every.days_of_month ?? [];
  const isLast = new Date(day.getTime() + 86_400_000).getUTCDate() === 1;
  if (numbers.length) return numbers.includes(day.getUTCDate()) || (isLast && numbers.includes("last"));
  const name = DAYS[(day.getUTCDay() + 6) % 7] ?? "mon";
  return !every.weekdays?.length || every.weekdays.includes(name);
}
