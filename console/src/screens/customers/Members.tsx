// The company's own customers: who of them is which friend, and what the company knows of them.
import { useInfiniteQuery, useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, ask, enc, get, type Page, post, put, remove } from "../../api/client";
import type { MemberOut } from "../../api/schema";
import { type Friend, type Named, useMay, useNames, usePlace } from "../../data";
import { go, Link, useRoute } from "../../router";
import { Remove } from "../../ui/document";
import { FriendPicker } from "../../ui/FriendPicker";
import { Avatar, Button, Dialog, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { number, t } from "../../words";
import { Import } from "../Import";

export default function Members() {
  const [, , id] = useRoute();
  if (id === "import") return <Import of="members" />;
  return id ? <Card key={id} id={id} /> : <List />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [wanted, setWanted] = useState("");
  const [making, setMaking] = useState(false);
  const asked = useInfiniteQuery({
    queryKey: [base, "members"],
    queryFn: ({ pageParam }) => get<Page<MemberOut>>(`${base}/members?limit=100${pageParam ? `&cursor=${enc(pageParam)}` : ""}`),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<MemberOut>) => page.next_cursor,
  });
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const actions = may ? <><Link className="button" parts={[account.id, "members", "import"]}>{t("friends.import")}</Link><Button kind="main" onClick={() => setMaking(true)}>{t("member.new")}</Button></> : null;
  const dialog = making ? <New onClose={() => setMaking(false)} /> : null;
  return (
    <Screen title={t("nav.members")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("members.lead")} actions={actions} empty={<><h2>{t("members.empty")}</h2><p>{t("members.empty.more")}</p>{dialog}</>}>
      <form className="toolbar" onSubmit={(event) => { event.preventDefault(); if (wanted.trim()) go(account.id, "members", wanted.trim()); }}>
        <div className="grow"><Field label={t("members.open")} type="search" maxLength={128} value={wanted} onChange={(event) => setWanted(event.target.value)} /></div>
        <Button type="submit" disabled={!wanted.trim()}>{t("action.open")}</Button>
      </form>
      <div className="panel scroll bare"><table aria-label={t("nav.members")}>
        <thead><tr><th scope="col">{t("friends.column.member_id")}</th><th scope="col">{t("member.rank")}</th><th scope="col" className="number">{t("member.friends")}</th><th scope="col">{t("member.since")}</th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.member_id}>
            <th scope="row"><Link parts={[account.id, "members", one.member_id]}><Words text={one.member_id} most={60} /></Link></th>
            <td>{one.rank ? <Words text={one.rank} most={40} /> : "—"}</td>
            <td className="number">{number(one.user_ids.length)}</td>
            <td><Timestamp at={one.linked_at} /></td>
          </tr>
        ))}</tbody>
      </table></div>
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("action.more")}</Button> : null}
      {dialog}
    </Screen>
  );
}

function New({ onClose }: { onClose: () => void }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const [id, setId] = useState("");
  const [rank, setRank] = useState("");
  const save = useMutation({
    mutationFn: async () => {
      const found = await get<MemberOut>(`${base}/members/${enc(id.trim())}`).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      });
      if (found) throw new ApiError(409, "conflict", t("member.known"), [{ path: "member_id", message: t("member.known") }], null);
      return put(`${base}/members/${enc(id.trim())}`, { rank: rank || null });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base, "members"] });
      go(account.id, "members", id.trim());
    },
  });
  const known = save.error instanceof ApiError ? save.error.about("member_id") : undefined;
  return (
    <Dialog title={t("member.new")} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        <Field label={t("friends.column.member_id")} hint={t("member.id.hint")} autoFocus required maxLength={128} value={id} error={known} onChange={(event) => setId(event.target.value)} />
        <Field label={t("member.rank")} maxLength={100} value={rank} onChange={(event) => setRank(event.target.value)} />
        {known ? null : <Problem error={save.error} />}
        <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" type="submit" busy={save.isPending} disabled={!id.trim()}>{t("action.save")}</Button></div>
      </form>
    </Dialog>
  );
}

function Card({ id }: { id: string }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "members", id], queryFn: () => get<MemberOut>(`${base}/members/${enc(id)}`), retry: false });
  return (
    <Screen title={id.slice(0, 60)} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} back={<Link className="back" parts={[account.id, "members"]}>← {t("nav.members")}</Link>} actions={asked.data ? <Away id={id} /> : null}>
      {asked.data ? <div className="columns"><About key={JSON.stringify(asked.data)} member={asked.data} /><Friends member={asked.data} /></div> : null}
    </Screen>
  );
}

function Away({ id }: { id: string }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const away = useMutation({
    mutationFn: () => remove(`${base}/members/${enc(id)}`),
    onSuccess: () => {
      go(account.id, "members");
      return client.invalidateQueries({ queryKey: [base, "members"] });
    },
  });
  return may ? <Remove name={id} gone={t("member.gone")} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /> : null;
}

function About({ member }: { member: MemberOut }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const names = useNames();
  const client = useQueryClient();
  const [rank, setRank] = useState(member.rank ?? "");
  const [values, setValues] = useState(member.attributes);
  const save = useMutation({
    mutationFn: () => put(`${base}/members/${enc(member.member_id)}`, { rank: rank || null, attributes: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined)) }),
    onSuccess: () => client.invalidateQueries({ queryKey: [base, "members"] }),
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  return (
    <Section title={t("member.about")} lead={t("member.about.lead")}>
      <Field label={t("member.rank")} maxLength={100} disabled={!may} value={rank} error={about("rank")} onChange={(event) => setRank(event.target.value)} />
      <div className="fields">{(names.attributes ?? []).map((one) => <Value key={one.id} of={one} value={values[one.id]} disabled={!may} error={about(`attributes.${one.id}`)} set={(value) => setValues((was) => ({ ...was, [one.id]: value }))} />)}</div>
      <Problem error={save.error} />
      {save.isSuccess ? <p role="status">{t("saved")}</p> : null}
      {may ? <Button kind="main" busy={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button> : null}
    </Section>
  );
}

/** A value of an attribute, by its type; empty: none. */
function Value({ of, value, set, disabled, error }: { of: Named; value: unknown; set: (value: unknown) => void; disabled: boolean; error?: string }) {
  const { type = "text", choices = [] } = of.more;
  const label = of.name.slice(0, 60);
  const none = { value: "", label: "—" };
  if (type === "boolean") return <Select label={label} error={error} disabled={disabled} value={value === undefined ? "" : String(value)} onChange={(event) => set(event.target.value === "" ? undefined : event.target.value === "true")} options={[none, { value: "true", label: t("say.yes") }, { value: "false", label: t("say.no") }]} />;
  if (type === "choice") return <Select label={label} error={error} disabled={disabled} value={String(value ?? "")} onChange={(event) => set(event.target.value || undefined)} options={[none, ...choices.map((one) => ({ value: one, label: one }))]} />;
  if (type === "multi_choice") {
    const chosen = Array.isArray(value) ? value.map(String) : [];
    return <fieldset className="choices" disabled={disabled}><legend>{label}</legend>{choices.map((one) => <label key={one} className="check"><input type="checkbox" checked={chosen.includes(one)} onChange={(event) => { const next = event.target.checked ? [...chosen, one] : chosen.filter((other) => other !== one); set(next.length ? next : undefined); }} /><span>{one}</span></label>)}</fieldset>;
  }
  return <Field label={label} error={error} disabled={disabled} type={type === "number" ? "number" : type === "date" ? "date" : "text"} step={type === "number" ? "any" : undefined} value={String(value ?? "")} onChange={(event) => set(event.target.value === "" ? undefined : type === "number" ? Number(event.target.value) : event.target.value)} />;
}

function Friends({ member }: { member: MemberOut }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const [user, setUser] = useState<string | null>(null);
  const path = `${base}/members/${enc(member.member_id)}/link`;
  const friends = useQueries({ queries: member.user_ids.map((one) => ({ queryKey: [base, "friends", "one", one], queryFn: () => get<Friend>(`${base}/friends/${enc(one)}`) })) });
  const done = () => client.invalidateQueries({ queryKey: [base, "members"] });
  const link = useMutation({ mutationFn: (replace: boolean) => post(`${path}${replace ? "?replace=true" : ""}`, { user_id: user }), onSuccess: () => { setUser(null); return done(); } });
  const unlink = useMutation({ mutationFn: (one: string) => ask("DELETE", path, { body: { user_id: one } }), onSuccess: done });
  const isTaken = link.error instanceof ApiError && link.error.status === 409;
  return (
    <Section title={t("member.friends")} lead={t("member.friends.lead")}>
      {member.user_ids.length === 0 ? <p className="soft">{t("member.friends.none")}</p> : null}
      <ul className="plain-list" aria-label={t("member.friends")}>
        {member.user_ids.map((one, at) => {
          const name = friends[at]?.data?.display_name ?? null;
          return <li key={one} className="who"><Avatar name={name} /><Link parts={[account.id, "friends", one]}><Words text={name} most={60} /></Link>{may ? <Button kind="quiet" busy={unlink.isPending} aria-label={t("member.unlink.of", { name: name?.slice(0, 40) ?? t("friend.unnamed") })} onClick={() => unlink.mutate(one)}>{t("member.unlink")}</Button> : null}</li>;
        })}
      </ul>
      {may ? (
        <>
          <FriendPicker key={member.user_ids.join()} label={t("member.link")} onPick={(friend) => { link.reset(); setUser(friend?.user_id ?? null); }} />
          <Button disabled={user === null} busy={link.isPending} onClick={() => link.mutate(false)}>{t("member.link.do")}</Button>
          {isTaken ? <p className="problem" role="alert">{link.error?.message} <Button onClick={() => link.mutate(true)}>{t("member.link.replace")}</Button></p> : <Problem error={link.error ?? unlink.error} />}
        </>
      ) : null}
    </Section>
  );
}
