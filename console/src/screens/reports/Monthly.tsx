// A month for whoever pays: its figures here, and the page that prints.
import { useQuery } from "@tanstack/react-query";
import { get, PREFIX } from "../../api/client";
import { usePlace } from "../../data";
import { Screen, Section, Select, stateOf } from "../../ui/kit";
import { language, number, percent, t, type Word, yen } from "../../words";
import { Tabs } from "./Reports";
import { today, useAsked } from "./span";

interface Month {
  month: string;
  is_over: boolean;
  friends: Record<string, number | null>;
  deliveries: Record<string, number | null>;
  line: Record<string, number | null>;
  yen: { spent: number; saved: Record<string, number | null>; saved_total: number };
  before: { month: string; friends: Record<string, number | null>; deliveries: Record<string, number | null> };
}

const MONTHS = 24;

function months(): string[] {
  const [year = 2026, month = 1] = today().split("-").map(Number);
  return Array.from({ length: MONTHS }, (_, back) => new Date(Date.UTC(year, month - 1 - back, 1)).toISOString().slice(0, 7));
}

const LINES: [keyof Month & ("friends" | "deliveries"), string][] = [["friends", "following"], ["friends", "followed"], ["friends", "unfollowed"], ["friends", "block_rate"], ["deliveries", "accepted"], ["deliveries", "clickers"], ["deliveries", "click_rate"], ["deliveries", "conversions"], ["deliveries", "revenue"]];

const shown = (column: string, value: number | null | undefined) => (value === null || value === undefined ? "—" : column === "revenue" ? yen(value) : column.endsWith("_rate") ? percent(value) : number(value));

export function Monthly() {
  const { base } = usePlace();
  const asked = useAsked();
  const known = months();
  const month = asked.query.get("month") ?? known[1] ?? "";
  const report = useQuery({ queryKey: [base, "report", "monthly", month], queryFn: () => get<Month>(`${base}/reports/monthly?month=${month}`), placeholderData: (before) => before });
  const found = report.data;
  const page = `${PREFIX}/v1${base}/reports/monthly?month=${month}&format=html&lang=${language}`;
  return (
    <Screen title={t("nav.reports")} state={stateOf(report)} error={report.error} retry={() => void report.refetch()} back={<Tabs name="monthly" />} lead={t("report.monthly.lead")}
      actions={<><a className="button" href={page.replace("format=html", "format=pdf")} download>{t("monthly.pdf")}</a><a className="button main" href={page} target="_blank" rel="noreferrer">{t("monthly.open")}</a></>}>
      <div className="toolbar"><Select label={t("monthly.month")} value={month} onChange={(event) => asked.ask({ month: event.target.value })} options={known.map((one) => ({ value: one, label: one.replace("-", " / ") }))} /></div>
      {found ? (
        <>
          {found.is_over ? null : <p className="notice">{t("monthly.running")}</p>}
          <div className="figures">
            <div className="figure"><p className="label">{t("monthly.spent")}</p><div className="value">{yen(found.yen.spent)}</div></div>
            <div className="figure"><p className="label">{t("monthly.saved")}</p><div className="value">{yen(found.yen.saved_total)}</div><div className="figure-note">{t("monthly.saved.more")}</div></div>
          </div>
          <Section title={t("monthly.compared", { month: found.before.month })}>
            <div className="scroll"><table>
              <thead><tr><th scope="col">{t("monthly.number")}</th><th scope="col" className="number">{found.month}</th><th scope="col" className="number">{found.before.month}</th></tr></thead>
              <tbody>{LINES.map(([part, column]) => <tr key={column}><th scope="row">{t(`report.column.${column}` as Word)}</th><td className="number">{shown(column, found[part][column])}</td><td className="number">{shown(column, found.before[part][column])}</td></tr>)}</tbody>
            </table></div>
          </Section>
          <Section title={t("monthly.yen")}>
            <div className="scroll"><table>
              <thead><tr><th scope="col">{t("monthly.way")}</th><th scope="col" className="number">{t("monthly.saved")}</th></tr></thead>
              <tbody>{Object.entries(found.yen.saved).map(([way, value]) => <tr key={way}><th scope="row">{t(`monthly.saved.${way}` as Word)}</th><td className="number">{value === null ? "—" : yen(value)}</td></tr>)}</tbody>
            </table></div>
          </Section>
        </>
      ) : null}
    </Screen>
  );
}
