// What came of a broadcast beside the ledger: clicks on tracked links, and the numbers that LINE counts.
import { useQuery } from "@tanstack/react-query";
import { enc, get } from "../api/client";
import { type Broadcast, nameOf, useNames, usePlace } from "../data";
import { Link } from "../router";
import { Problem, Section, Words } from "../ui/kit";
import { dayBefore, number, percent, t, toLocal, type Word } from "../words";

const LONGEST_DAYS = 799;
const DAY_MS = 86_400_000;

/** The local day on which the newest run began, as far back as a report goes. */
function sinceOf({ started_at }: Broadcast): string {
  const [first, earliest] = [started_at ? toLocal(started_at).slice(0, 10) : dayBefore(0), dayBefore(LONGEST_DAYS)];
  return first < earliest ? earliest : first;
}

interface Clicks {
  row: string;
  name: string | null;
  clicks: number;
  clickers: number;
}

export function LinkClicks({ broadcast }: { broadcast: Broadcast }) {
  const { base, account } = usePlace();
  const { id, progress } = broadcast;
  const asked = useQuery({
    queryKey: [base, "reports", "links", "of", id],
    queryFn: () => get<{ items: Clicks[] }>(`${base}/reports/links?delivery=${enc(id)}&from=${sinceOf(broadcast)}`),
    refetchInterval: 15_000,
  });
  const items = asked.data?.items ?? [];
  return (
    <Section title={t("monitor.links")}>
      <Problem error={asked.error} />
      {asked.isSuccess && items.length === 0 ? <p className="soft">{t("monitor.links.none")}</p> : null}
      {items.length ? (
        <div className="scroll"><table aria-label={t("monitor.links")}>
          <thead><tr><th scope="col">{t("link.name")}</th><th scope="col" className="number">{t("link.clicks")}</th><th scope="col" className="number">{t("link.clickers")}</th><th scope="col" className="number">{t("monitor.rate")}</th></tr></thead>
          <tbody>{items.map((one) => <tr key={one.row}><th scope="row"><Link parts={[account.id, "links", one.row]}><Words text={one.name ?? one.row} most={60} /></Link></th><td className="number">{number(one.clicks)}</td><td className="number">{number(one.clickers)}</td><td className="number">{progress.accepted ? percent(one.clickers / progress.accepted) : "—"}</td></tr>)}</tbody>
        </table></div>
      ) : null}
    </Section>
  );
}

const COUNTED = ["impressions", "media_plays", "clicks"] as const;
type Counted = Record<(typeof COUNTED)[number], number | null>;

interface Row {
  row: string;
  variant?: string | null;
  accepted: number | null;
  line: Counted;
}

/** What LINE counts of each message; it reports no numbers below 20, and nothing before the next day. */
export function LineNumbers({ broadcast }: { broadcast: Broadcast }) {
  const { base } = usePlace();
  const names = useNames();
  const { id, variants, finished_at } = broadcast;
  const asked = useQuery({
    queryKey: [base, "reports", "line", id],
    queryFn: () => get<{ items: Row[]; total: Row | null }>(`${base}/reports/deliveries?kind=broadcast&group_by=${variants.length ? "variant" : "delivery"}&delivery=${enc(id)}&from=${sinceOf(broadcast)}`),
    staleTime: 60_000,
  });
  const rows = asked.data?.items ?? [];
  const isReported = finished_at !== null && Date.now() - new Date(finished_at).getTime() > DAY_MS;
  const shown = COUNTED.filter((name) => name !== "media_plays" || rows.some((one) => one.line.media_plays !== null));
  const cell = (n: number | null) => (n === null ? t(isReported ? "monitor.line.few" : "monitor.line.later") : number(n));
  const title = (one: Row) => {
    const found = variants.find((variant) => variant.id === one.variant);
    return found ? `${t("compose.arm", { arm: found.id.toUpperCase().slice(0, 20) })} ${nameOf(names, "messages", found.message).slice(0, 40)}` : t("monitor.line.all");
  };
  return (
    <Section title={t("monitor.line")} lead={t("monitor.line.lead")}>
      <Problem error={asked.error} />
      {rows.length ? (
        <div className="scroll"><table aria-label={t("monitor.line")}>
          <thead><tr><th scope="col">{t("monitor.line.of")}</th>{shown.map((name) => <th scope="col" className="number" key={name}>{t(`monitor.line.${name}` as Word)}</th>)}</tr></thead>
          <tbody>{rows.map((one) => <tr key={one.row}><th scope="row"><Words text={title(one)} most={80} /></th>{shown.map((name) => <td className="number" key={name}>{cell(one.line[name])}</td>)}</tr>)}</tbody>
        </table></div>
      ) : null}
    </Section>
  );
}
