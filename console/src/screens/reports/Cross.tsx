// Two questions about friends against each other: each cell opens its friends.
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { nameOf, type Named, type Names, useNames, usePlace } from "../../data";
import { Screen, Select, stateOf, Words } from "../../ui/kit";
import { named, number, t } from "../../words";
import { heat } from "./charts";
import { csvOf, FriendsLink, Tabs } from "./Reports";
import { useAsked } from "./span";

interface CrossAnswer {
  items: { row: string; total: number | null; cells: Record<string, number | null> }[];
  total: Record<string, unknown> | null;
  exact: boolean;
  conditions: { rows: Record<string, object>; cols: Record<string, object> };
}

const ASKED = new Set(["choice", "multi_choice", "boolean"]);

function questions(names: Names): Named[] {
  const folders = [...new Set((names.tags ?? []).map((tag) => tag.more.folder ?? ""))].sort();
  const of = (id: string, name: string): Named => ({ id, name, more: {} });
  return [
    of("stage", t("leaf.stage")),
    ...((names.routes ?? []).length ? [of("source", t("leaf.source.latest"))] : []),
    ...(names.attributes ?? []).filter((one) => ASKED.has(one.more.type ?? "")).map((one) => of(`attribute:${one.id}`, one.name)),
    ...folders.map((one) => of(`folder:${one}`, t("cross.folder", { name: one || t("cross.no_folder") }))),
    ...((names.segments ?? []).length ? [of(`segments:${(names.segments ?? []).slice(0, 20).map((one) => one.id).join(",")}`, t("nav.segments"))] : []),
  ];
}

function answerName(question: string, answer: string, names: Names): string {
  if (answer === "-") return t("cross.none");
  if (question === "stage") return named("stage", answer);
  if (question === "source") return nameOf(names, "routes", answer);
  if (question.startsWith("folder:")) return nameOf(names, "tags", answer);
  if (question.startsWith("segments:")) return nameOf(names, "segments", answer);
  return answer === "true" ? t("say.yes") : answer === "false" ? t("say.no") : answer;
}

export function Cross() {
  const { base } = usePlace();
  const names = useNames();
  const asked = useAsked(false);
  const known = questions(names);
  const rows = asked.query.get("rows") ?? known[0]?.id ?? "stage";
  const cols = asked.query.get("cols") ?? known.find((one) => one.id !== rows)?.id ?? "stage";
  const value = asked.query.get("value") ?? "count";
  const path = `/reports/cross?${new URLSearchParams({ rows, cols, value })}`;
  const report = useQuery({ queryKey: [base, "report", path], queryFn: () => get<CrossAnswer>(`${base}${path}`), enabled: names.tags !== undefined, placeholderData: (before) => before });
  const found = report.data;
  const answers = Object.keys(found?.conditions.cols ?? {});
  const most = Math.max(0, ...(found?.items ?? []).flatMap((row) => Object.values(row.cells).map((one) => one ?? 0)));
  const values: Named[] = [
    { id: "count", name: t("cross.count"), more: {} },
    ...(names.attributes ?? []).filter((one) => one.more.type === "number").map((one) => ({ ...one, id: `mean:attribute:${one.id}`, name: t("cross.mean", { name: one.name }) })),
    ...(names.scores ?? []).map((one) => ({ ...one, id: `mean:score:${one.id}`, name: t("cross.mean", { name: one.name }) })),
    ...["total", "count"].map((one) => ({ id: `mean:purchases.${one}`, name: t("cross.mean", { name: named("friends.column", `purchases.${one}`) }), more: {} })),
  ];
  const choice = (list: Named[]) => list.map((one) => ({ value: one.id, label: one.name }));
  return (
    <Screen title={t("nav.reports")} state={stateOf(report)} error={report.error} retry={() => void report.refetch()} back={<Tabs name="cross" />} wide lead={t("report.cross.lead")} actions={<a className="button" href={csvOf(base, path)} download>{t("report.csv")}</a>}>
      <div className="toolbar">
        <Select label={t("cross.rows")} value={rows} onChange={(event) => asked.ask({ rows: event.target.value })} options={choice(known)} />
        <Select label={t("cross.cols")} value={cols} onChange={(event) => asked.ask({ cols: event.target.value })} options={choice(known)} />
        <Select label={t("cross.value")} value={value} onChange={(event) => asked.ask({ value: event.target.value })} options={choice(values)} />
      </div>
      {found && !found.exact ? <p className="notice">{t("report.counting", { columns: t("cross.count") })}</p> : null}
      <div className="panel scroll" style={{ padding: 0 }} tabIndex={0} role="region" aria-label={t("report.table")}>
        <table className="heat">
          <thead><tr><th scope="col">{known.find((one) => one.id === rows)?.name}</th>{answers.map((one) => <th key={one} scope="col" className="number"><Words text={answerName(cols, one, names)} most={20} /></th>)}<th scope="col" className="number">{t("report.total")}</th></tr></thead>
          <tbody>
            {(found?.items ?? []).map((row) => (
              <tr key={row.row}>
                <th scope="row"><Words text={answerName(rows, row.row, names)} most={40} /></th>
                {answers.map((one) => {
                  const cell = row.cells[one] ?? null;
                  return <td key={one} className={`number ${heat(cell, most)}`}>{cell ? <FriendsLink condition={{ all: [found?.conditions.rows[row.row], found?.conditions.cols[one]] }}>{number(cell)}</FriendsLink> : cell === null ? "—" : "0"}</td>;
                })}
                <td className="number">{row.total ? <FriendsLink condition={(found?.conditions.rows[row.row] ?? {}) as Record<string, unknown>}>{number(row.total)}</FriendsLink> : "—"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Screen>
  );
}
