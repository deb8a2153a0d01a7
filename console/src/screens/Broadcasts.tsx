import { useQuery } from "@tanstack/react-query";
import { all } from "../api/client";
import { type Broadcast, useMay, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Chip, Timestamp, Screen, stateOf, Status, Words } from "../ui/kit";
import { number, t } from "../words";
import { Calendar } from "./Calendar";
import { Compose } from "./Compose";
import { Monitor } from "./Monitor";

export default function Broadcasts() {
  const [, , id, part] = useRoute();
  if (!id) return <List />;
  if (id === "calendar") return <Calendar />;
  if (id === "new") return <Compose key="new" />;
  return part === "edit" ? <Compose key={`${id}/edit`} id={id} /> : <Monitor key={id} id={id} />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "broadcasts"], queryFn: () => all<Broadcast>(`${base}/broadcasts`, 400), refetchInterval: 10_000 });
  const items = [...(asked.data ?? [])].sort((one, other) => latest(other).localeCompare(latest(one)));
  const fresh = may ? <Link className="button main" parts={[account.id, "broadcasts", "new"]}>{t("broadcast.new")}</Link> : null;
  return (
    <Screen title={t("nav.broadcasts")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={<><Link className="button" parts={[account.id, "broadcasts", "calendar"]}>{t("calendar.title")}</Link>{fresh}</>} empty={<><h2>{t("broadcasts.empty")}</h2><p>{t("broadcasts.empty.more")}</p>{fresh}</>}>
      <div className="panel scroll" style={{ padding: 0 }}>
        <table>
          <thead><tr><th scope="col">{t("broadcast.name")}</th><th scope="col">{t("broadcast.status")}</th><th scope="col">{t("broadcast.at")}</th><th scope="col" className="number">{t("progress.planned")}</th><th scope="col" className="number">{t("progress.accepted")}</th></tr></thead>
          <tbody>
            {items.map((one) => (
              <tr key={one.id}>
                <th scope="row"><Link parts={[account.id, one.narrowcast ? "narrowcasts" : "broadcasts", one.id, ...(one.status === "draft" && may ? ["edit"] : [])]}><Words text={one.name} most={80} /></Link>{one.narrowcast ? <> <Chip>{t("narrow.chip")}</Chip></> : null}</th>
                <td><Status of={one.status} group="status" /></td>
                <td><Timestamp at={one.status === "draft" ? one.created_at : (one.started_at ?? one.at)} /></td>
                <td className="number">{number(one.progress.planned)}</td>
                <td className="number">{number(one.progress.accepted)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Screen>
  );
}

const latest = (one: Broadcast) => one.started_at ?? one.at ?? one.created_at ?? "";
