// Narrowcasts: broadcasts whose friends LINE chooses, by its audiences and by what it knows of people.
import { useQuery } from "@tanstack/react-query";
import { all } from "../../api/client";
import { type Broadcast, useMay, useNames, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { Timestamp, Screen, stateOf, Status, Words } from "../../ui/kit";
import { number, t } from "../../words";
import { Monitor } from "../Monitor";
import { useAudiences } from "./Audiences";
import { NarrowcastEditor } from "./NarrowcastEditor";
import { narrowcastText } from "./words";

export default function Narrowcasts() {
  const [, , id, part] = useRoute();
  if (!id) return <List />;
  if (id === "new") return <NarrowcastEditor key="new" />;
  return part === "edit" ? <NarrowcastEditor key={`${id}/edit`} id={id} /> : <Monitor key={id} id={id} />;
}

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "broadcasts"], queryFn: () => all<Broadcast>(`${base}/broadcasts`, 400), refetchInterval: 10_000 });
  const items = (asked.data ?? []).filter((one) => one.narrowcast);
  const audiences = useAudiences();
  const fresh = may ? <Link className="button main" parts={[account.id, "narrowcasts", "new"]}>{t("narrow.new")}</Link> : null;
  return (
    <Screen title={t("nav.narrowcasts")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("narrows.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("narrows.empty")}</h2><p>{t("narrows.empty.more")}</p>{fresh}</>}>
      <div className="panel scroll bare"><table aria-label={t("nav.narrowcasts")}>
        <thead><tr><th scope="col">{t("broadcast.name")}</th><th scope="col">{t("narrow.who")}</th><th scope="col">{t("broadcast.status")}</th><th scope="col">{t("broadcast.at")}</th><th scope="col" className="number">{t("progress.accepted")}</th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Link parts={one.status === "draft" && may ? [account.id, "narrowcasts", one.id, "edit"] : [account.id, "narrowcasts", one.id]}><Words text={one.name} most={80} /></Link></th>
            <td className="soft broad"><Words text={narrowcastText(one.narrowcast ?? {}, audiences.data ?? [], names)} most={120} /></td>
            <td><Status of={one.status} group="status" /></td>
            <td><Timestamp at={one.status === "draft" ? one.created_at : (one.started_at ?? one.at)} /></td>
            <td className="number">{number(one.progress.accepted)}</td>
          </tr>
        ))}</tbody>
      </table></div>
    </Screen>
  );
}
