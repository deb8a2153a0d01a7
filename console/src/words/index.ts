// Words and forms of numbers and times. Japanese unless somebody chose English.
import { en } from "./en";
import { ja, type Word } from "./ja";

export type { Word };
export type Language = "ja" | "en";
const TABLES: Record<Language, Record<Word, string>> = { ja, en };
const KEPT = "todoku.language";

export const language: Language = read();
document.documentElement.lang = language;

function read(): Language {
  try {
    return localStorage.getItem(KEPT) === "en" ? "en" : "ja";
  } catch {
    return "ja";
  }
}

/** Show everything in the other language; what is on the page is drawn anew. */
export function choose(next: Language): void {
  localStorage.setItem(KEPT, next);
  location.reload();
}

/** A word, with its places filled. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  return TABLES[language][word].replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? (typeof values[name] === "number" ? number(values[name]) : String(values[name])) : whole,
  );
}

export const isWord = (text: string): text is Word => Object.hasOwn(TABLES.ja, text);

/** The word of a code (`status.sending`), or the code itself when none is known. */
export function named(group: string, code: string): string {
  const word = `${group}.${code}`;
  return isWord(word) ? t(word) : code;
}

const LOCALE = language === "ja" ? "ja-JP" : "en-GB";
const numbers = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
export const number = (value: number) => numbers.format(value);
export const yen = (value: number) => `¥${numbers.format(value)}`;
export const percent = (share: number) => `${numbers.format(Math.round(share * 1000) / 10)}%`;

let zone = "Asia/Tokyo";
export const useZone = (name: string) => {
  zone = name;
};
export const zoneName = () => zone;

function format(options: Intl.DateTimeFormatOptions, at: string): string {
  const instant = new Date(at);
  return Number.isNaN(instant.getTime()) ? at : new Intl.DateTimeFormat(LOCALE, { timeZone: zone, ...options }).format(instant);
}

/** A time in the account's zone. */
export const time = (at: string | null | undefined) =>
  at ? format({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }, at) : "—";
export const date = (at: string | null | undefined) => (at ? format({ year: "numeric", month: "2-digit", day: "2-digit" }, at) : "—");
/** The name of a local date's day of the week. */
export const weekday = (day: string) => new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", weekday: "short" }).format(new Date(`${day}T00:00:00Z`));
export const clock = (at: string) => format({ hour: "2-digit", minute: "2-digit" }, at);

/** The account's date so many days ago ("2026-12-01"). */
export const dayBefore = (days: number) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(new Date(Date.now() - days * 86_400_000));

/** A local date and time of the account's zone ("2026-12-01T18:00") as a moment in UTC. */
export function fromLocal(local: string): string {
  const guess = new Date(`${local}:00Z`).getTime();
  const shown = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(new Date(guess));
  const offset = new Date(`${shown.replace(" ", "T")}Z`).getTime() - guess;
  return new Date(guess - offset).toISOString();
}

export function toLocal(at: string): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(new Date(at)).replace(" ", "T");
}

/** So many seconds in the largest unit that fits: "3日", "45分". */
export function durationOf(seconds: number): string {
  const [unit, length] = ([["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]] as const).find(([, one]) => seconds >= one) ?? ["s", 1];
  return t(`duration.${unit}`, { n: Math.round(seconds / length) });
}
