import { useQuery } from "@tanstack/react-query";
import { enc, get } from "../../api/client";
import { nameOf, type Names, useNames, usePlace } from "../../data";
import { Link } from "../../router";
import { Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { durationOf, named, number, percent, t, type Word } from "../../words";
import { Bars } from "./charts";
import { csvOf, shown, Tabs } from "./Reports";
import { SpanPicker, useAsked } from "./span";

type Reasons = Record<string, number> | null;

interface Node {
  node: string;
  type: string;
  entered: number | null;
  waiting: number | null;
  sent: number | null;
  skipped: Reasons;
  failed: Reasons;
  exited: Reasons;
  row: string;
  clickers: number;
  click_rate: number | null;
  conversions: number;
  revenue: number;
}

const CAME = ["clickers", "click_rate", "conversions", "revenue"] as const;

interface Report {
  items: Node[];
  total: { entered: number; clickers: number; conversions: number; revenue: number; finished: number; exited: Reasons; goal_rate: number | null; median_s: number | null };
  job_id: string | null;
}

interface Scenario {
  nodes: Record<string, { type: string; message?: string }>;
}

const sum = (reasons: Reasons) => Object.values(reasons ?? {}).reduce((all, one) => all + one, 0);

function labelOf(node: Node, scenario: Scenario | undefined, names: Names): string {
  const message = scenario?.nodes[node.node]?.message;
  return message ? nameOf(names, "messages", message) : `${named("report.node", node.type)} (${node.node})`;
}

function ReasonCell({ reasons }: { reasons: Reasons }) {
  if (!sum(reasons)) return <>—</>;
  return <>{number(sum(reasons))}<small className="soft block">{Object.entries(reasons ?? {}).map(([why, n]) => `${named("skip", why)} ${number(n)}`).join(t("say.comma"))}</small></>;
}

export function ScenarioReport() {
  const { base, account } = usePlace();
  const names = useNames();
  const asked = useAsked();
  const scenarios = names.scenarios ?? [];
  const id = asked.query.get("of") ?? scenarios[0]?.id ?? "";
  const path = `/reports/scenarios/${enc(id)}?from=${asked.from}&to=${asked.to}`;
  const report = useQuery({ queryKey: [base, "report", path], queryFn: () => get<Report>(`${base}${path}`), enabled: id !== "", placeholderData: (before) => before });
  const scenario = useQuery({ queryKey: [base, "scenarios", id], queryFn: () => get<Scenario>(`${base}/scenarios/${enc(id)}`), enabled: id !== "" });
  const nodes = report.data?.items ?? [];
  const labels = nodes.map((node) => labelOf(node, scenario.data, names));
  const total = report.data?.total;
  const people = (column: string, text: string) => <Link parts={[account.id, "reports", "people"]} query={{ report: "scenarios", row: id, number: column, from: asked.from, to: asked.to }}>{text}</Link>;
  const behind = (node: Node, column: string, value: React.ReactNode) => <Link parts={[account.id, "reports", "people"]} query={{ report: "deliveries", group_by: "step", kind: "scenario", row: node.row, number: column, from: asked.from, to: asked.to }}>{value}</Link>;
  const came = (node: Node, column: (typeof CAME)[number]) => (node[column] && column !== "click_rate" ? behind(node, column, shown(column, node[column])) : shown(column, node[column]));
  const messages = nodes.flatMap((node, at) => (node.entered === null && !node.sent ? [] : [{ label: labels[at] ?? "", entered: node.entered ?? 0, sent: node.sent ?? 0, clickers: node.clickers }]));
  const nothing = names.scenarios !== undefined && scenarios.length === 0;
  return (
    <Screen title={t("nav.reports")} state={nothing ? "empty" : stateOf(report)} error={report.error} retry={() => void report.refetch()} back={<Tabs name="scenarios" />} wide lead={t("report.scenarios.lead")}
      empty={<><h2>{t("report.empty")}</h2><p>{t("report.scenarios.empty")}</p></>} actions={id ? <a className="button" href={csvOf(base, path)} download>{t("report.csv")}</a> : null}>
      <div className="toolbar">
        <Select label={t("leaf.scenario")} value={id} onChange={(event) => asked.ask({ of: event.target.value })} options={scenarios.map((one) => ({ value: one.id, label: one.name }))} />
        <SpanPicker asked={asked} always />
      </div>
      {total ? (
        <div className="figures">
          {(["entered", "finished"] as const).map((one) => <div key={one} className="figure"><p className="label">{t(`report.scenario.${one}` as Word)}</p><div className="value">{total[one] ? people(one, number(total[one])) : "0"}</div></div>)}
          <div className="figure"><p className="label">{t("report.scenario.exited")}</p><div className="value">{sum(total.exited) ? people("exited", number(sum(total.exited))) : "0"}</div></div>
          <div className="figure"><p className="label">{t("report.scenario.goal_rate")}</p><div className="value">{total.goal_rate === null ? "—" : total.exited?.goal ? people("goal", percent(total.goal_rate)) : percent(total.goal_rate)}</div></div>
          {(["clickers", "conversions", "revenue"] as const).map((one) => <div key={one} className="figure"><p className="label">{t(`report.column.${one}` as Word)}</p><div className="value">{total[one] ? <Link parts={[account.id, "reports", "people"]} query={{ report: "deliveries", group_by: "step", kind: "scenario", delivery: id, number: one, from: asked.from, to: asked.to }}>{shown(one, total[one])}</Link> : shown(one, total[one])}</div></div>)}
          <div className="figure"><p className="label">{t("report.scenario.median")}</p><div className="value">{total.median_s === null ? "—" : durationOf(total.median_s)}</div></div>
        </div>
      ) : null}
      <Section title={t("report.funnel")}><Bars labels={messages.map((one) => one.label)} series={[{ name: t("report.scenario.reached"), values: messages.map((one) => one.entered) }, { name: t("report.scenario.sent"), values: messages.map((one) => one.sent) }, { name: t("report.column.clickers"), values: messages.map((one) => one.clickers) }]} /></Section>
      <div className="panel scroll" style={{ padding: 0 }} tabIndex={0} role="region" aria-label={t("report.table")}>
        <table>
          <thead><tr><th scope="col">{t("report.step")}</th>{["reached", "waiting", "sent", "skipped", "failed", "exited"].map((one) => <th key={one} scope="col" className="number">{t(`report.scenario.${one}` as Word)}</th>)}{CAME.map((one) => <th key={one} scope="col" className="number">{t(`report.column.${one}` as Word)}</th>)}</tr></thead>
          <tbody>
            {nodes.map((node, at) => (
              <tr key={node.node}>
                <th scope="row"><Words text={labels[at]} most={60} /></th>
                {([node.entered, node.waiting, node.sent] as const).map((value, n) => <td key={n} className="number">{value === null || value === undefined ? "—" : n === 1 && value ? <Link parts={[account.id, "friends"]} query={{ condition: JSON.stringify({ scenario: { id, state: "active", node: node.node } }) }}>{number(value)}</Link> : n === 2 && value ? behind(node, "accepted", number(value)) : number(value)}</td>)}
                {([node.skipped, node.failed, node.exited] as const).map((reasons, n) => <td key={n} className="number"><ReasonCell reasons={reasons} /></td>)}
                {CAME.map((one) => <td key={one} className="number">{came(node, one)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Screen>
  );
}
