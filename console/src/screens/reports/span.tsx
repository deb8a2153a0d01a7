// Which days a report is about: kept behind the address, so that a report can be passed on and gone back to.
import { useMemo } from "react";
import { goWith, useQueryOf, useRoute } from "../../router";
import { Field, Select } from "../../ui/kit";
import { t, toLocal, type Word } from "../../words";

export const today = () => toLocal(new Date().toISOString()).slice(0, 10);

export function plusDays(day: string, by: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? day : new Date(date.getTime() + by * 86_400_000).toISOString().slice(0, 10);
}

const PRESETS = ["7", "30", "90", "365", "this_month", "last_month"] as const;

export function spanOf(preset: string): { from: string; to: string } {
  const now = today();
  if (preset === "this_month") return { from: `${now.slice(0, 7)}-01`, to: now };
  if (preset === "last_month") {
    const last = plusDays(`${now.slice(0, 7)}-01`, -1);
    return { from: `${last.slice(0, 7)}-01`, to: last };
  }
  return { from: plusDays(now, 1 - Number(preset)), to: now };
}

export interface Asked {
  query: URLSearchParams;
  /** Change some of what is asked; what is empty leaves the address. */
  ask: (next: Record<string, string>) => void;
  from: string;
  to: string;
}

/** What the address asks for; ``always``: without days the last thirty, else of all time. */
export function useAsked(always = true): Asked {
  const route = useRoute();
  const query = useQueryOf();
  return useMemo(() => {
    const usual = always ? spanOf("30") : { from: "", to: "" };
    const ask = (next: Record<string, string>) => {
      const made = new URLSearchParams(query);
      for (const [name, value] of Object.entries(next)) if (value) made.set(name, value);
      else made.delete(name);
      goWith(route, made);
    };
    const from = query.get("from") ?? "";
    return { query, ask, from: from || usual.from, to: query.get("to") || (from ? today() : usual.to) };
  }, [route.join("/"), query.toString(), always]);
}

export function SpanPicker({ asked, always }: { asked: Asked; always: boolean }) {
  const { from, to, ask } = asked;
  const found = !from && !to ? "all" : (PRESETS.find((one) => spanOf(one).from === from && spanOf(one).to === to) ?? "own");
  const presets = [...(always ? [] : ["all"]), ...PRESETS, ...(found === "own" ? ["own"] : [])];
  return (
    <>
      <Select label={t("report.span")} value={found} onChange={(event) => ask(event.target.value === "all" ? { from: "", to: "" } : spanOf(event.target.value))} options={presets.map((one) => ({ value: one, label: t(`report.span.${one}` as Word) }))} />
      <Field label={t("report.from")} type="date" value={from} max={to || undefined} onChange={(event) => ask({ from: event.target.value, to })} />
      <Field label={t("report.to")} type="date" value={to} min={from || undefined} onChange={(event) => ask({ from, to: event.target.value })} />
    </>
  );
}
