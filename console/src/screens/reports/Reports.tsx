import { useMutation, useQuery } from "@tanstack/react-query";
import { all, enc, get, post, PREFIX } from "../../api/client";
import { nameOf, type Named, type Names, useMay, useNames, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { Button, Problem, Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { date, named, number, percent, t, type Word, yen } from "../../words";
import { Bars, Lines } from "./charts";
import { Cross } from "./Cross";
import { Monthly } from "./Monthly";
import { People } from "./People";
import { ScenarioReport } from "./ScenarioReport";
import { SegmentHistory } from "./SegmentHistory";
import { type Asked, SpanPicker, useAsked } from "./span";
import { type Answer, GROUPED_BY, REPORTS, type Row, TABLES, TIMES } from "./specs";

const OTHERS: Record<string, () => React.ReactNode> = { scenarios: () => <ScenarioReport />, cross: () => <Cross />, segments: () => <SegmentHistory />, monthly: () => <Monthly />, people: () => <People /> };

export default function Reports() {
  const [, , given] = useRoute();
  const name = given ?? "deliveries";
  if (Object.hasOwn(OTHERS, name)) return OTHERS[name]?.();
  return Object.hasOwn(TABLES, name) ? <TableReport key={name} name={name} /> : <Screen title={t("state.lost")} state="empty" empty={<p>{t("state.lost.more")}</p>} />;
}

/** The days of what friends are by now say when they came, of the others what happened: only those go along. */
const hasDays = (name: string) => TABLES[name]?.always ?? (name === "scenarios" || name === "segments");

/** The reports side by side. */
export function Tabs({ name }: { name: string }) {
  const { account } = usePlace();
  const { query } = useAsked();
  const kept = Object.fromEntries(["from", "to"].flatMap((one) => (query.get(one) ? [[one, query.get(one) as string]] : [])));
  return <nav className="tabs many" aria-label={t("nav.reports")}>{REPORTS.map((one) => <Link key={one} parts={[account.id, "reports", one]} query={hasDays(name) && hasDays(one) ? kept : {}} aria-current={one === name ? "page" : undefined}>{t(`report.${one}` as Word)}</Link>)}</nav>;
}

const MONEY = new Set(["revenue", "cost_yen", "ltv"]);

export function shown(column: string, value: unknown): string {
  if (typeof value !== "number") return "—";
  return MONEY.has(column) ? yen(value) : column.endsWith("_rate") ? percent(value) : number(value);
}

const SENDERS: Record<string, string> = { rule: "rules", schedule: "schedules", form: "forms", scenario: "scenarios" };

/** Who sends besides broadcasts, of a row like `rule:hello`. */
function senderOf(text: string, names: Names): string | null {
  const at = text.indexOf(":");
  if (at < 0) return null;
  const [kind, id] = [text.slice(0, at), text.slice(at + 1)];
  return SENDERS[kind] ? nameOf(names, SENDERS[kind], id) : named("report.kind", kind);
}

/** What a row is called. */
function labelOf(name: string, by: string, row: Row, names: Names): string {
  const text = String(row.row ?? row.stage ?? row.month ?? row.route ?? "-");
  if (name === "stages") return named("stage", text);
  if (TIMES.has(by) || name === "cohorts") return text.length === 10 ? date(`${text}T12:00:00Z`) : text;
  if (text === "-" || text === "") return t(`report.nothing.${by}` as Word);
  const kind = { segment: "segments", route: "routes", first: "routes", latest: "routes", link: "links", delivery: "broadcasts" }[by];
  const known = row.name ?? senderOf(text, names) ?? (kind && nameOf(names, kind, text));
  const part = row.variant ?? row.step ?? row.node;
  return `${String(known ?? text)}${part ? ` — ${String(part)}` : ""}`;
}

export const csvOf = (base: string, path: string) => `${PREFIX}/v1${base}${path}${path.includes("?") ? "&" : "?"}format=csv&bom=true`;

function pathOf(name: string, by: string, asked: Asked): string {
  const query = new URLSearchParams();
  if (asked.from) query.set("from", asked.from);
  if (asked.to) query.set("to", asked.to);
  if (by) query.set(GROUPED_BY[name] ?? "group_by", by);
  const kind = asked.query.get("kind");
  if (kind) query.set("kind", kind);
  return `/reports/${name}?${query}`;
}

function TableReport({ name }: { name: string }) {
  const { base } = usePlace();
  const spec = TABLES[name] as (typeof TABLES)[string];
  const names = useNames();
  const asked = useAsked(spec.always);
  const by = spec.groups?.find((one) => one === asked.query.get("by")) ?? spec.groups?.[0] ?? "";
  const path = pathOf(name, by, asked);
  const report = useQuery({
    queryKey: [base, "report", path],
    queryFn: () => get<Answer>(`${base}${path}`),
    placeholderData: (before) => before,
    refetchInterval: (query) => (query.state.data?.job_id ? 5000 : false),
  });
  const sent = useQuery({ queryKey: [base, "broadcasts", "named"], queryFn: () => all<Named>(`${base}/broadcasts`, 1000), enabled: by === "delivery" });
  const rows = report.data?.items ?? [];
  const known: Names = { ...names, broadcasts: [...(sent.data ?? []), ...(names.scenarios ?? [])] };
  const labels = rows.map((row) => labelOf(name, by, row, known));
  const series = spec.drawn.map((column) => ({ name: t(`report.column.${column}` as Word), values: rows.map((row) => Number(row[column] ?? 0)) }));
  const isEmpty = rows.length === 0;
  return (
    <Screen title={t("nav.reports")} state={stateOf(report)} error={report.error} retry={() => void report.refetch()} back={<Tabs name={name} />} wide lead={t(`report.${name}.lead` as Word)}
      actions={<><a className="button" href={csvOf(base, path)} download>{t("report.csv")}</a><Rebuild /></>}>
      <div className="toolbar">
        <SpanPicker asked={asked} always={spec.always} />
        {spec.groups ? <Select label={t("report.by")} value={by} onChange={(event) => asked.ask({ by: event.target.value })} options={spec.groups.map((one) => ({ value: one, label: named("report.by", one) }))} /> : null}
        {spec.kinds ? <Select label={t("report.kind")} value={asked.query.get("kind") ?? "all"} onChange={(event) => asked.ask({ kind: event.target.value })} options={spec.kinds.map((one) => ({ value: one, label: named("report.kind", one) }))} /> : null}
      </div>
      {report.data && !report.data.exact ? <p className="notice">{t(report.data.job_id ? "report.counting" : "report.inexact", { columns: report.data.inexact.map((one) => named("report.column", one)).join(t("say.comma")) })}</p> : null}
      {isEmpty ? <div className="empty"><h2>{t("report.empty")}</h2><p>{t(`report.${name}.empty` as Word)}</p></div> : (
        <>
          <Section title={t("report.picture")}>{TIMES.has(by) || name === "cohorts" ? <Lines labels={labels} series={series} /> : <Bars labels={labels} series={series} />}</Section>
          <div className="panel scroll" style={{ padding: 0 }} tabIndex={0} role="region" aria-label={t("report.table")}>
            <table>
              <thead><tr><th scope="col">{by ? named("report.by", by) : t(`report.${name}` as Word)}</th>{spec.columns.map((one) => <th key={one} scope="col" className="number">{t(`report.column.${one}` as Word)}</th>)}</tr></thead>
              <tbody>{rows.map((row, at) => <tr key={labels[at] + String(at)}><th scope="row"><Words text={labels[at]} most={60} /></th>{spec.columns.map((one) => <td key={one} className="number"><Figure name={name} by={by} column={one} row={row} asked={asked} /></td>)}</tr>)}</tbody>
              {report.data?.total ? <tfoot><tr><th scope="row">{t("report.total")}</th>{spec.columns.map((one) => <td key={one} className="number"><Figure name={name} by={by} column={one} row={report.data?.total as Row} asked={asked} isTotal /></td>)}</tr></tfoot> : null}
            </table>
          </div>
        </>
      )}
    </Screen>
  );
}

/** A number; where the API knows who is behind it, a link to them. */
function Figure({ name, by, column, row, asked, isTotal }: { name: string; by: string; column: string; row: Row; asked: Asked; isTotal?: boolean }) {
  const { account } = usePlace();
  const value = row[column];
  const text = shown(column, value);
  if (!value) return <>{text}</>;
  if (TABLES[name]?.people?.includes(column)) {
    const query = { report: name, number: column, group_by: by, from: asked.from, to: asked.to, ...(asked.query.get("kind") ? { kind: asked.query.get("kind") as string } : {}), ...(isTotal ? {} : { row: String(row.row) }) };
    return <Link parts={[account.id, "reports", "people"]} query={query}>{text}</Link>;
  }
  if (row.condition) {
    const more = column === "following" ? [{ friend: { status: "following" } }] : column === "friends" ? [] : [{ purchase: { count: { gte: 1 } } }];
    return <FriendsLink condition={more.length ? { all: [row.condition, ...more] } : row.condition}>{text}</FriendsLink>;
  }
  const broadcast = by === "delivery" && row.kind === "broadcast" ? String(row.delivery) : null;
  return broadcast ? <Link parts={[account.id, "broadcasts", broadcast]}>{text}</Link> : <>{text}</>;
}

export function FriendsLink({ condition, children }: { condition: Record<string, unknown>; children: React.ReactNode }) {
  const { account } = usePlace();
  return <Link parts={[account.id, "friends"]} query={{ condition: JSON.stringify(condition) }}>{children}</Link>;
}

function Rebuild() {
  const { base } = usePlace();
  const admin = useMay("admin");
  const start = useMutation({ mutationFn: () => post<{ job_id: string }>(`${base}/reports/rebuild`) });
  const job = useQuery({
    queryKey: [base, "job", start.data?.job_id],
    enabled: Boolean(start.data),
    queryFn: () => get<{ state: string }>(`${base}/jobs/${enc(start.data?.job_id ?? "")}`),
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 700),
  });
  if (!admin) return null;
  const isDone = job.data && job.data.state !== "running";
  return (
    <>
      <Button kind="quiet" title={t("report.rebuild.more")} busy={start.isPending || (Boolean(start.data) && !isDone)} onClick={() => start.mutate()}>{t("report.rebuild")}</Button>
      {isDone ? <span role="status">{t("report.rebuilt")}</span> : null}
      <Problem error={start.error} />
    </>
  );
}
