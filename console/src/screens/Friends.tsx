import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import { searchFriends, type Found } from "../api/friends";
import { Builder } from "../conditions/Builder";
import { audienceOf, group, toTree, type Condition, type Group } from "../conditions/model";
import { leafText, sentence } from "../conditions/sentence";
import { type Friend, useNames, usePlace } from "../data";
import { Link, useQueryOf, useRoute } from "../router";
import { beginDraft } from "../ui/document";
import { Avatar, Button, Chip, Dialog, Field, Screen, Select, stateOf, useLater, Words } from "../ui/kit";
import { named, t } from "../words";
import { Bulk } from "./Bulk";
import { Card } from "./FriendCard";
import { Export } from "./Export";
import { Import } from "./Import";
import { type Column, useColumns } from "./friendColumns";

export default function Friends() {
  const [, , user] = useRoute();
  if (user === "import") return <Import />;
  return user ? <Card key={user} user={user} /> : <List />;
}

/** The filter with which another screen opens this one; what is none filters nothing. */
function filterOf(text: string | null): Group {
  try {
    return toTree(JSON.parse(text ?? "null") as Condition | null);
  } catch {
    return group("all");
  }
}

const SORTS = ["last_active", "followed_at", "display_name", "purchases.total"] as const;
const ROW = 56;

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const route = useQueryOf();
  const query = route.get("q") ?? "";
  const given = route.get("condition");
  const [text, setText] = useState(query);
  const [sort, setSort] = useState<string>("last_active");
  const [filter, setFilter] = useState<Group>(() => filterOf(given));
  const [isQuick, setQuick] = useState(true);
  const [filtering, setFiltering] = useState(false);
  const [ticked, setTicked] = useState<Set<string>>(new Set());
  useEffect(() => setText(query), [query]);
  useEffect(() => setFilter(filterOf(given)), [given]);
  const q = useLater(text, 300);
  const condition = filter.children.length ? audienceOf(filter) : undefined;
  const wanted = JSON.stringify([q, sort, condition]);
  useEffect(() => setQuick(true), [wanted]);
  const asked = useInfiniteQuery({
    queryKey: [base, "friends", q, sort, JSON.stringify(condition), isQuick],
    queryFn: ({ pageParam }) => searchFriends(base, { q, sort, order: sort === "display_name" ? "asc" : "desc", condition, limit: 100, cursor: pageParam, quick: isQuick || undefined }),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Found) => page.next_cursor,
    placeholderData: (before) => before,
  });
  // Where there are too many to be read at once some are shown first, and everybody as soon as they are read.
  const isPart = asked.data?.pages[0] !== undefined && typeof asked.data.pages[0].total.count !== "number";
  useEffect(() => {
    if (isQuick && isPart && !asked.isPlaceholderData) setQuick(false);
  }, [isQuick, isPart, asked.isPlaceholderData]);
  const rows = useMemo(() => asked.data?.pages.flatMap((page) => page.items) ?? [], [asked.data]);
  const isEmpty = asked.isSuccess && rows.length === 0 && !q && !condition && !asked.hasNextPage;
  useEffect(() => {
    if (asked.isSuccess && rows.length === 0 && asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage();
  }, [asked, rows.length]);
  const [columns, chooseColumns] = useColumns();
  const total = asked.data?.pages[0]?.total;
  return (
    <Screen title={t("nav.friends")} state={stateOf(asked, isEmpty)} error={asked.error} retry={() => void asked.refetch()}
      lead={total ? (typeof total.count === "number" ? t("count.exact", { n: total.count }) : total.low === total.high ? `${t("about")}${t("people", { n: total.low ?? 0 })}` : t("count.about", { low: total.low ?? 0, high: total.high ?? 0 })) : undefined}
      actions={<><Export key={JSON.stringify(condition)} asked={condition ? { condition } : {}} /><Link className="button" parts={[account.id, "friends", "import"]}>{t("friends.import")}</Link></>}
      empty={<><h2>{t("friends.empty")}</h2><p>{t("friends.empty.more")}</p><Link className="button main" parts={[account.id, "friends", "import"]}>{t("friends.import")}</Link></>}>
      <div className="toolbar">
        <div className="grow"><Field label={t("friends.search")} type="search" value={text} maxLength={100} onChange={(event) => setText(event.target.value)} /></div>
        <Select label={t("friends.sort")} value={sort} onChange={(event) => setSort(event.target.value)} options={[...SORTS.map((one) => ({ value: one as string, label: named("sort", one) })), ...(names.scores ?? []).map((one) => ({ value: `score:${one.id}`, label: t("sort.score", { name: one.name.slice(0, 40) }) }))]} />
        <Button onClick={() => setFiltering(true)}>{t("friends.filter")}</Button>
        {chooseColumns}
      </div>
      {filter.children.length ? (
        <div className="chips toolbar" aria-label={t("friends.filters")} role="group">
          {filter.children.map((child) => {
            const name = child.kind === "leaf" ? leafText(child.condition, names, child.negated) : sentence(child, names, true);
            return <Chip key={child.key} tone="brand">{name}<button type="button" aria-label={t("friends.filter.remove", { name })} onClick={() => setFilter({ ...filter, children: filter.children.filter((one) => one.key !== child.key) })}>✕</button></Chip>;
          })}
          <Link parts={[account.id, "segments", "new"]} onClick={() => beginDraft("segments", account.id, { name: "", root: filter })}>{t("friends.filter.save")}</Link>
        </div>
      ) : null}
      {ticked.size ? <Bulk ticked={ticked} all={!q && typeof total?.count === "number" ? { count: total.count, condition: condition ?? { everyone: true } } : null} clear={() => setTicked(new Set())} /> : null}
      {ticked.size ? <p><Export key={[...ticked].join()} asked={{ user_ids: [...ticked] }} label={t("friends.export.ticked", { n: ticked.size })} /></p> : null}
      <div className="panel" style={{ padding: 0 }}>
        <Rows rows={rows} columns={columns} more={() => { if (asked.hasNextPage && !asked.isFetchingNextPage) void asked.fetchNextPage(); }} ticked={ticked} setTicked={setTicked} />
        {rows.length === 0 ? <p className="soft" style={{ padding: 20 }}>{asked.isFetching ? t("state.loading") : t("friends.none")}</p> : null}
      </div>
      {filtering ? (
        <Dialog title={t("friends.filter")} onClose={() => setFiltering(false)} wide>
          <Builder root={filter} onChange={setFilter} compact />
          <div className="dialog-foot"><Button kind="main" onClick={() => setFiltering(false)}>{t("friends.filter.show")}</Button></div>
        </Dialog>
      ) : null}
    </Screen>
  );
}

function Rows({ rows, columns, more, ticked, setTicked }: { rows: Friend[]; columns: Column[]; more: () => void; ticked: Set<string>; setTicked: (next: Set<string>) => void }) {
  const { account } = usePlace();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 8, initialRect: { width: 800, height: 600 } });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length && last >= rows.length - 20) more();
  }, [last, rows.length, more]);
  const tick = (user: string, on: boolean) => {
    const next = new Set(ticked);
    if (on) next.add(user);
    else next.delete(user);
    setTicked(next);
  };
  const all = rows.length > 0 && rows.every((friend) => ticked.has(friend.user_id));
  return (
    <div role="table" aria-label={t("nav.friends")} aria-rowcount={rows.length + 1} style={{ "--columns": columns.map((one) => (one.wide ? "minmax(120px, 2fr)" : "minmax(90px, 1fr)")).join(" ") } as CSSProperties}>
      <div role="row" className="grid-head" aria-rowindex={1}>
        <span role="columnheader"><label className="pick-cell"><input type="checkbox" aria-label={t("friends.tick.all")} checked={all} onChange={() => setTicked(all ? new Set() : new Set([...ticked, ...rows.map((friend) => friend.user_id)]))} /></label></span>
        <span role="columnheader">{t("friends.column.name")}</span>
        {columns.map((one) => <span role="columnheader" key={one.id}>{one.label}</span>)}
      </div>
      <div className="grid-body" ref={box} tabIndex={0} role="rowgroup" aria-label={t("nav.friends")}>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {items.map((item) => {
            const friend = rows[item.index];
            if (!friend) return null;
            const name = friend.display_name?.slice(0, 60) || t("friend.unnamed");
            return (
              <div role="row" className="grid-row" key={friend.user_id} aria-rowindex={item.index + 2} style={{ transform: `translateY(${item.start}px)` }}>
                <span role="cell"><label className="pick-cell"><input type="checkbox" aria-label={t("friends.tick.one", { name })} checked={ticked.has(friend.user_id)} onChange={(event) => tick(friend.user_id, event.target.checked)} /></label></span>
                <span role="cell" className="who"><Avatar name={friend.display_name} /><Link parts={[account.id, "friends", friend.user_id]}><Words text={friend.display_name} most={60} /></Link></span>
                {columns.map((one) => <span role="cell" key={one.id} className={one.wide ? "chips" : "cut"}>{one.cell(friend)}</span>)}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
