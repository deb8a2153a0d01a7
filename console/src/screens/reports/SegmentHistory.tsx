import { useQuery } from "@tanstack/react-query";
import { enc, get } from "../../api/client";
import { useNames, usePlace } from "../../data";
import { Screen, Section, Select, stateOf } from "../../ui/kit";
import { date, number, t } from "../../words";
import { Lines } from "./charts";
import { csvOf, FriendsLink, Tabs } from "./Reports";
import { SpanPicker, useAsked } from "./span";

interface History {
  items: { day: string; friends: number }[];
}

/** How large a saved segment was, night by night. */
export function SegmentHistory() {
  const { base } = usePlace();
  const names = useNames();
  const asked = useAsked();
  const segments = names.segments ?? [];
  const id = asked.query.get("of") ?? segments[0]?.id ?? "";
  const path = `/reports/segments/${enc(id)}?from=${asked.from}&to=${asked.to}`;
  const history = useQuery({ queryKey: [base, "report", path], queryFn: () => get<History>(`${base}${path}`), enabled: id !== "", placeholderData: (before) => before });
  const days = history.data?.items ?? [];
  const name = segments.find((one) => one.id === id)?.name ?? id;
  const nothing = names.segments !== undefined && segments.length === 0;
  return (
    <Screen title={t("nav.reports")} state={nothing ? "empty" : stateOf(history)} error={history.error} retry={() => void history.refetch()} back={<Tabs name="segments" />} wide lead={t("report.segments.lead")}
      empty={<><h2>{t("report.empty")}</h2><p>{t("report.segments.none")}</p></>} actions={id ? <a className="button" href={csvOf(base, path)} download>{t("report.csv")}</a> : null}>
      <div className="toolbar">
        <Select label={t("leaf.segment")} value={id} onChange={(event) => asked.ask({ of: event.target.value })} options={segments.map((one) => ({ value: one.id, label: one.name }))} />
        <SpanPicker asked={asked} always />
      </div>
      <p><FriendsLink condition={{ segment: id }}>{t("report.segments.now")}</FriendsLink></p>
      {days.length === 0 ? <div className="empty"><h2>{t("report.empty")}</h2><p>{t("report.segments.empty")}</p></div> : (
        <>
          <Section title={t("report.picture")}><Lines labels={days.map((day) => date(`${day.day}T12:00:00Z`))} series={[{ name: name.slice(0, 60), values: days.map((day) => day.friends) }]} /></Section>
          <div className="panel scroll" style={{ padding: 0 }} tabIndex={0} role="region" aria-label={t("report.table")}><table>
            <thead><tr><th scope="col">{t("date")}</th><th scope="col" className="number">{t("report.column.friends")}</th></tr></thead>
            <tbody>{[...days].reverse().map((day) => <tr key={day.day}><th scope="row">{date(`${day.day}T12:00:00Z`)}</th><td className="number">{number(day.friends)}</td></tr>)}</tbody>
          </table></div>
        </>
      )}
    </Screen>
  );
}
