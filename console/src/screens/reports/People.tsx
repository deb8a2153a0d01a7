// Who is behind a number of a report.
import { useInfiniteQuery } from "@tanstack/react-query";
import { get, type Page } from "../../api/client";
import { usePlace } from "../../data";
import { Link, useQueryOf } from "../../router";
import { Avatar, Button, Screen, stateOf, Words } from "../../ui/kit";
import { named, t } from "../../words";
import { shown } from "./Reports";

interface Person {
  user_id: string;
  display_name: string | null;
  amount: number;
}

export function People() {
  const { base, account } = usePlace();
  const query = useQueryOf();
  const [report, column] = [query.get("report") ?? "deliveries", query.get("number") ?? ""];
  const asked = useInfiniteQuery({
    queryKey: [base, "report", "people", query.toString()],
    queryFn: ({ pageParam }) => {
      const more = new URLSearchParams(query);
      more.set("limit", "100");
      if (pageParam) more.set("cursor", pageParam);
      return get<Page<Person>>(`${base}/reports/people?${more}`);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Person>) => page.next_cursor,
  });
  const people = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const kept: Record<string, string> = {};
  for (const [from, to] of [["from", "from"], ["to", "to"], ["group_by", "by"], ["kind", "kind"]] as const) {
    const value = query.get(from);
    if (value) kept[to] = value;
  }
  return (
    <Screen title={t("report.people", { number: named("report.column", column) })} state={stateOf(asked, people.length === 0 && !asked.hasNextPage)} error={asked.error} retry={() => void asked.refetch()}
      back={<Link className="back" parts={[account.id, "reports", report]} query={kept}>← {named("report", report)}</Link>} lead={`${query.get("from") ?? ""} – ${query.get("to") ?? ""}`}
      empty={<><h2>{t("report.people.none")}</h2><p>{t("report.people.none.more")}</p></>}>
      <div className="panel scroll" style={{ padding: 0 }}>
        <table>
          <thead><tr><th scope="col">{t("friends.column.name")}</th><th scope="col" className="number">{named("report.column", column)}</th></tr></thead>
          <tbody>
            {people.map((one) => (
              <tr key={one.user_id}><th scope="row"><span className="who"><Avatar name={one.display_name} /> <Link parts={[account.id, "friends", one.user_id]}><Words text={one.display_name} most={60} /></Link></span></th><td className="number">{shown(column, one.amount)}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("action.more")}</Button> : null}
    </Screen>
  );
}
