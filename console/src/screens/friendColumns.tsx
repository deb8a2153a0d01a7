// What the list of friends shows of each: whoever works here chooses, and this browser remembers.
import { useState, type ReactNode } from "react";
import { type Friend, nameOf, type Names, useNames, usePlace } from "../data";
import { Button, Check, Chip, Dialog, Timestamp, Status, Words } from "../ui/kit";
import { named, number, t, yen } from "../words";

export interface Column {
  id: string;
  label: string;
  wide?: boolean;
  cell: (friend: Friend) => ReactNode;
}

const FIRST = ["status", "tags", "last_active", "followed_at"];
const MOST = 8;

const shown = (value: unknown): string =>
  value === undefined || value === null ? "—" : Array.isArray(value) ? value.join(", ") : typeof value === "boolean" ? t(value ? "say.yes" : "say.no") : typeof value === "number" ? number(value) : String(value);

function Tags({ friend, names }: { friend: Friend; names: Names }) {
  const tags = Object.keys(friend.tags);
  return <>{tags.slice(0, 3).map((tag) => <Chip key={tag}>{nameOf(names, "tags", tag).slice(0, 20)}</Chip>)}{tags.length > 3 ? <span className="soft">+{tags.length - 3}</span> : null}</>;
}

function columnsOf(names: Names): Column[] {
  const word = (id: string) => named("friends.column", id);
  const plain: Column[] = [
    { id: "status", label: word("status"), cell: (friend) => <Status of={friend.status} group="friend.status" /> },
    { id: "tags", label: word("tags"), wide: true, cell: (friend) => <Tags friend={friend} names={names} /> },
    { id: "last_active", label: word("last_active"), cell: (friend) => <Timestamp at={friend.last_active_at} /> },
    { id: "followed_at", label: word("followed_at"), cell: (friend) => <Timestamp at={friend.followed_at} /> },
    { id: "stage", label: word("stage"), cell: (friend) => named("stage", String(friend.stage)) },
    { id: "purchases.total", label: word("purchases.total"), cell: (friend) => yen(Number(friend.purchases.total ?? 0)) },
    { id: "purchases.count", label: word("purchases.count"), cell: (friend) => number(Number(friend.purchases.count ?? 0)) },
    { id: "source", label: word("source"), cell: (friend) => (friend.source.first ? <Words text={nameOf(names, "routes", friend.source.first)} most={30} /> : "—") },
    { id: "language", label: word("language"), cell: (friend) => friend.language ?? "—" },
    { id: "member_id", label: word("member_id"), cell: (friend) => (friend.member_id ? <Words text={friend.member_id} most={30} /> : "—") },
  ];
  const scores = (names.scores ?? []).map((one): Column => ({ id: `score:${one.id}`, label: one.name.slice(0, 30), cell: (friend) => shown((friend.scores[one.id] as { value?: number } | undefined)?.value) }));
  const attributes = (names.attributes ?? []).map((one): Column => ({ id: `attribute:${one.id}`, label: one.name.slice(0, 30), cell: (friend) => <Words text={shown(friend.attributes[one.id])} most={40} /> }));
  return [...plain, ...scores, ...attributes];
}

export function useColumns(): [Column[], ReactNode] {
  const { account } = usePlace();
  const names = useNames();
  const key = `todoku.columns.${account.id}`;
  const [chosen, setChosen] = useState(() => read(key));
  const [choosing, setChoosing] = useState(false);
  const every = columnsOf(names);
  const set = (next: string[]) => {
    setChosen(next);
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // A full or forbidden storage: they last as long as the page.
    }
  };
  const control = (
    <>
      <Button onClick={() => setChoosing(true)}>{t("friends.columns")}</Button>
      {choosing ? (
        <Dialog title={t("friends.columns")} onClose={() => setChoosing(false)}>
          <p className="soft">{t("friends.columns.most", { n: MOST })}</p>
          <div className="fields">{every.map((one) => <Check key={one.id} label={one.label} checked={chosen.includes(one.id)} disabled={!chosen.includes(one.id) && chosen.length >= MOST} onChange={(event) => set(event.target.checked ? [...chosen, one.id] : chosen.filter((id) => id !== one.id))} />)}</div>
          <div className="dialog-foot"><Button onClick={() => set(FIRST)}>{t("friends.columns.first")}</Button><Button kind="main" onClick={() => setChoosing(false)}>{t("action.close")}</Button></div>
        </Dialog>
      ) : null}
    </>
  );
  return [every.filter((one) => chosen.includes(one.id)), control];
}

function read(key: string): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return Array.isArray(found) && found.every((one) => typeof one === "string") ? found.slice(0, MOST) : FIRST;
  } catch {
    return FIRST;
  }
}
