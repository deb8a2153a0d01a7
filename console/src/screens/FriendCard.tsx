import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { get, patch, post, remove, type Page } from "../api/client";
import { seenText } from "../conditions/Count";
import { leafText } from "../conditions/sentence";
import { type Broadcast, type Friend, type LineMessage, nameOf, type Names, useMay, useNames, usePlace } from "../data";
import { go, Link } from "../router";
import { Avatar, Button, Chip, Dialog, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Status, useDraft, Words } from "../ui/kit";
import { named, number, t, yen } from "../words";
import { FriendForms } from "./FriendForms";

export function Card({ user }: { user: string }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "friend", user], queryFn: () => get<Friend>(`${base}/friends/${encodeURIComponent(user)}`) });
  const friend = asked.data;
  return (
    <Screen title={friend?.display_name?.slice(0, 80) || t("friend.unnamed")} state={stateOf(asked, friend?.status === "erased")} error={asked.error} retry={() => void asked.refetch()}
      back={<Link className="back" parts={[account.id, "friends"]}>← {t("nav.friends")}</Link>}
      empty={<p>{t("friend.erased")}</p>}
      actions={<><Link className="button" parts={[account.id, "chat", user]}>{t("friend.chat")}</Link></>}>
      {friend ? <Ready friend={friend} /> : null}
    </Screen>
  );
}

const MOST = 10;

/** The runs of a scenario that runs for each value of something, those under way first. */
function Runs({ runs }: { runs: Record<string, { state: string }> }) {
  const shown = Object.entries(runs).sort(([, a], [, b]) => Number(b.state === "active") - Number(a.state === "active"));
  return <span className="chips">{shown.slice(0, MOST).map(([value, run]) => <Chip key={value}><Words text={value} most={30} /> {named("scenario.state", run.state)}</Chip>)}</span>;
}

function Reservations({ of }: { of: Friend["reservations"] }) {
  const latest = Object.entries(of).sort(([, a], [, b]) => b.at.localeCompare(a.at)).slice(0, MOST);
  if (!latest.length) return null;
  return (
    <Section title={t("friend.reservations")}>
      <ul className="plain-list">{latest.map(([id, one]) => <li key={id} className="chips"><Timestamp at={one.at} /> <Words text={id} most={30} /> <Chip>{named("reservation.status", one.status)}</Chip></li>)}</ul>
    </Section>
  );
}

function Ready({ friend }: { friend: Friend }) {
  const names = useNames();
  const may = useMay("editor");
  const [editing, setEditing] = useState(false);
  const [erasing, setErasing] = useState(false);
  return (
    <div className="columns">
      <div>
        <Section title={t("friend.tags")} actions={may ? <Button onClick={() => setEditing(true)}>{t("friend.edit")}</Button> : null}>
          {Object.keys(friend.tags).length === 0 ? <p className="soft">{t("friend.tags.none")}</p> : null}
          <ul className="plain-list">
            {Object.entries(friend.tags).map(([tag, { since, by }]) => (
              <li key={tag} className="chips"><Chip tone="brand"><Words text={nameOf(names, "tags", tag)} most={60} /></Chip><span className="soft"><Timestamp at={since} /> · {byText(by, names)}</span></li>
            ))}
          </ul>
        </Section>
        <Timeline user={friend.user_id} />
      </div>
      <div>
        <Section title={t("friend.profile")}>
          <p className="chips"><Avatar name={friend.display_name} /><Status of={friend.status} group="friend.status" /></p>
          <dl className="kv">
            <dt>{t("friends.column.followed_at")}</dt><dd><Timestamp at={friend.followed_at} /></dd>
            {friend.blocked_at ? <><dt>{t("friend.blocked_at")}</dt><dd><Timestamp at={friend.blocked_at} /></dd></> : null}
            <dt>{t("friends.column.last_active")}</dt><dd><Timestamp at={friend.last_active_at} /></dd>
            <dt>{t("leaf.stage")}</dt><dd>{named("stage", friend.stage)}</dd>
            <dt>{t("friend.purchases")}</dt><dd>{t("friend.purchases.of", { n: friend.purchases.count, yen: yen(friend.purchases.total) })}</dd>
            {friend.source.first ? <><dt>{t("leaf.source.first")}</dt><dd><Words text={nameOf(names, "routes", friend.source.first)} /></dd></> : null}
            {friend.member_id ? <><dt>{t("friend.member")}</dt><dd><Words text={friend.member_id} /></dd></> : null}
          </dl>
        </Section>
        <Section title={t("friend.attributes")}>
          <dl className="kv">
            {Object.entries(friend.attributes).map(([id, value]) => <div key={id} style={{ display: "contents" }}><dt><Words text={nameOf(names, "attributes", id)} most={40} /></dt><dd><Words text={seenText(value)} /></dd></div>)}
          </dl>
          {Object.keys(friend.attributes).length ? null : <p className="soft">{t("friend.attributes.none")}</p>}
        </Section>
        <Section title={t("friend.scores")}>
          <dl className="kv">{Object.entries(friend.scores).map(([id, score]) => <div key={id} style={{ display: "contents" }}><dt><Words text={nameOf(names, "scores", id)} most={40} /></dt><dd>{number(score.value)}</dd></div>)}</dl>
          {Object.keys(friend.scores).length ? null : <p className="soft">{t("friend.scores.none")}</p>}
        </Section>
        <Section title={t("friend.scenarios")}>
          <ul className="plain-list">{Object.entries(friend.scenarios).map(([id, at]) => <li key={id}><Words text={nameOf(names, "scenarios", id)} most={60} /> {at.runs && Object.keys(at.runs).length ? <Runs runs={at.runs} /> : <Chip>{named("scenario.state", at.state)}</Chip>}</li>)}</ul>
          {Object.keys(friend.scenarios).length ? null : <p className="soft">{t("friend.scenarios.none")}</p>}
        </Section>
        <FriendForms friend={friend} />
        <Reservations of={friend.reservations} />
        <Why friend={friend} />
        {may ? <Button kind="danger" onClick={() => setErasing(true)}>{t("friend.erase")}</Button> : null}
      </div>
      {editing ? <Edit friend={friend} onClose={() => setEditing(false)} /> : null}
      {erasing ? <Erase friend={friend} onClose={() => setErasing(false)} /> : null}
    </div>
  );
}

export function byText(by: string, names: Names): string {
  const [kind = "", id = ""] = by.split(":");
  const found: Record<string, string> = { rule: "rules", scenario: "scenarios", form: "forms" };
  return `${named("by", kind)}${found[kind] ? ` ${nameOf(names, found[kind] ?? "", id)}` : ""}`;
}

interface Edited {
  tags: string[];
  attributes: Record<string, unknown>;
  scores: Record<string, string>;
}

function Edit({ friend, onClose }: { friend: Friend; onClose: () => void }) {
  const { base, account } = usePlace();
  const names = useNames();
  const client = useQueryClient();
  const [first] = useState<Edited>(() => ({ tags: Object.keys(friend.tags), attributes: friend.attributes, scores: Object.fromEntries(Object.entries(friend.scores).map(([id, score]) => [id, String(score.value)])) }));
  const [edited, setEdited, forget, wasKept] = useDraft<Edited>(`friend.${account.id}.${friend.user_id}`, first);
  const { attributes, scores } = edited;
  const tags = new Set(edited.tags);
  const setTags = (next: Set<string>) => setEdited((was) => ({ ...was, tags: [...next] }));
  const setAttributes = (next: Record<string, unknown>) => setEdited((was) => ({ ...was, attributes: next }));
  const setScores = (next: Record<string, string>) => setEdited((was) => ({ ...was, scores: next }));
  const leave = () => {
    forget();
    onClose();
  };
  const save = useMutation({
    mutationFn: () => {
      const changed = Object.fromEntries([...new Set([...Object.keys(attributes), ...Object.keys(friend.attributes)])].filter((id) => JSON.stringify(attributes[id]) !== JSON.stringify(friend.attributes[id])).map((id) => [id, attributes[id] === "" || attributes[id] === undefined ? null : attributes[id]]));
      const set = Object.fromEntries(Object.entries(scores).filter(([id, text]) => text !== "" && Number(text) !== friend.scores[id]?.value).map(([id, text]) => [id, Number(text)]));
      return patch(`${base}/friends/${encodeURIComponent(friend.user_id)}?wait=true`, {
        tags: { add: [...tags].filter((tag) => !(tag in friend.tags)), remove: Object.keys(friend.tags).filter((tag) => !tags.has(tag)) },
        attributes: changed,
        scores: { add: {}, set },
      });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base] });
      leave();
    },
  });
  return (
    <Dialog title={t("friend.edit.title")} onClose={onClose} wide>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        {wasKept && JSON.stringify(edited) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
        <fieldset>
          <legend>{t("friend.tags")}</legend>
          <div className="chips">{(names.tags ?? []).map((tag) => <label key={tag.id} className="check"><input type="checkbox" checked={tags.has(tag.id)} onChange={(event) => { const next = new Set(tags); if (event.target.checked) next.add(tag.id); else next.delete(tag.id); setTags(next); }} /><span>{tag.name.slice(0, 60)}</span></label>)}</div>
          {names.tags?.length ? null : <p className="soft">{t("labels.tags.empty")}</p>}
        </fieldset>
        <div className="fields">
          {(names.attributes ?? []).map((one) => <Value key={one.id} name={one.name} type={one.more.type ?? "text"} choices={one.more.choices ?? []} value={attributes[one.id]} set={(value) => setAttributes({ ...attributes, [one.id]: value })} />)}
          {(names.scores ?? []).map((one) => <Field key={one.id} label={one.name} type="number" step="any" value={scores[one.id] ?? ""} onChange={(event) => setScores({ ...scores, [one.id]: event.target.value })} />)}
        </div>
        <Problem error={save.error} />
        <div className="dialog-foot"><Button onClick={leave}>{t("action.cancel")}</Button><Button kind="main" type="submit" busy={save.isPending}>{t("action.save")}</Button></div>
      </form>
    </Dialog>
  );
}

function Value({ name, type, choices, value, set }: { name: string; type: string; choices: string[]; value: unknown; set: (value: unknown) => void }) {
  const none = { value: "", label: "—" };
  if (type === "choice") return <Select label={name} value={String(value ?? "")} onChange={(event) => set(event.target.value)} options={[none, ...choices.map((one) => ({ value: one, label: one }))]} />;
  if (type === "boolean") return <Select label={name} value={value === undefined || value === "" ? "" : String(value)} onChange={(event) => set(event.target.value === "" ? "" : event.target.value === "true")} options={[none, { value: "true", label: t("say.yes") }, { value: "false", label: t("say.no") }]} />;
  if (type === "multi_choice") {
    const chosen = Array.isArray(value) ? value.map(String) : [];
    return <fieldset><legend>{name}</legend>{choices.map((one) => <label key={one} className="check"><input type="checkbox" checked={chosen.includes(one)} onChange={(event) => { const next = event.target.checked ? [...chosen, one] : chosen.filter((other) => other !== one); set(next.length ? next : ""); }} /><span>{one}</span></label>)}</fieldset>;
  }
  return <Field label={name} type={type === "number" ? "number" : type === "date" ? "date" : "text"} step="any" value={String(value ?? "")} onChange={(event) => set(event.target.value === "" ? "" : type === "number" ? Number(event.target.value) : event.target.value)} />;
}

function Erase({ friend, onClose }: { friend: Friend; onClose: () => void }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const name = (friend.display_name ?? "").trim() || t("friend.unnamed");
  const erase = useMutation({
    mutationFn: () => remove(`${base}/friends/${encodeURIComponent(friend.user_id)}?erase=true`),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "friends");
    },
  });
  return (
    <Dialog title={t("friend.erase")} onClose={onClose}>
      <p>{t("friend.erase.more")}</p>
      <Field label={t("friend.erase.type", { name: name.slice(0, 60) })} value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
      <Problem error={erase.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="danger" disabled={typed.trim() !== name.slice(0, 60)} busy={erase.isPending} onClick={() => erase.mutate()}>{t("friend.erase.do")}</Button></div>
    </Dialog>
  );
}

interface Activity {
  event_id: string;
  type: string;
  at: string;
  key: string | null;
  source: string;
  props: Record<string, unknown>;
  rules: { rule: string; matched: boolean; why?: unknown }[];
  changes: unknown[];
  effects: { action: string; status: string; why?: unknown; message?: string; messages?: LineMessage[] }[];
}

function Timeline({ user }: { user: string }) {
  const { base } = usePlace();
  const asked = useInfiniteQuery({
    queryKey: [base, "friend", user, "activities"],
    queryFn: ({ pageParam }) => get<Page<Activity>>(`${base}/friends/${encodeURIComponent(user)}/activities?limit=30${pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 10_000,
  });
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title={t("timeline")} lead={t("timeline.lead")}>
      {asked.isError ? <Problem error={asked.error} /> : null}
      {asked.isSuccess && items.length === 0 ? <p className="soft">{t("timeline.none")}</p> : null}
      <ol className="timeline">{items.map((one) => <Event key={one.event_id} activity={one} />)}</ol>
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("timeline.more")}</Button> : null}
    </Section>
  );
}

const whyText = (why: unknown) => (why === undefined || why === null ? "" : typeof why === "string" ? why : JSON.stringify(why));

const KEYS: Record<string, string> = { link_clicked: "links", form_answered: "forms", tag_added: "tags", tag_removed: "tags", score_changed: "scores", score_crossed: "scores", attribute_set: "attributes", route_joined: "routes", route_entered: "routes", page_viewed: "pages", scheduled: "schedules", opted_out: "topics", opted_in: "topics" };
const knownName = (names: Names, kind: string, id: string) => names[kind]?.find((one) => one.id === id)?.name;

/** What an event is about, by its name: which broadcast, which link, what kind of message. */
function aboutOf({ type, key, props }: Activity, names: Names): string | null {
  if (type === "sent") {
    const name = knownName(names, "broadcasts", String(props.broadcast ?? "")) ?? knownName(names, "scenarios", String(props.scenario ?? ""));
    return name ? `${name}${props.test ? ` (${t("timeline.test")})` : ""}` : null;
  }
  if (type === "messaged") return key === "text" || !key ? null : named("message.kind", key);
  const kind = KEYS[type] ?? (type.startsWith("scenario_") ? "scenarios" : "");
  return key && kind ? nameOf(names, kind, key) : key;
}

function textOf(message: LineMessage): string {
  if (typeof message.text === "string") return message.text;
  return typeof message.altText === "string" ? message.altText : `[${named("message.kind", message.type)}]`;
}

function Event({ activity }: { activity: Activity }) {
  const names = useNames();
  const text = activity.props.text ?? activity.props.data ?? activity.props.order_id;
  const done = activity.rules.filter((rule) => rule.matched);
  const about = aboutOf(activity, names);
  return (
    <li>
      <strong>{named("event", activity.type)}</strong>{about ? <> <Chip><Words text={about} most={40} /></Chip></> : null}<time dateTime={activity.at}><Timestamp at={activity.at} /></time>
      {typeof text === "string" ? <p className="quote"><Words text={text} most={300} /></p> : null}
      {activity.changes.length ? <ul aria-label={t("timeline.changes")}>{activity.changes.map((change, at) => <li key={at}>{changeText(change, names)}</li>)}</ul> : null}
      {activity.effects.length ? <ul aria-label={t("timeline.effects")}>{activity.effects.map((effect, at) => <li key={at}>{named("action", effect.action)}{effect.message && knownName(names, "messages", effect.message) ? ` ${t("say.quoted", { name: knownName(names, "messages", effect.message) ?? "" })}` : ""} — {named("effect", effect.status)}{effect.why ? <span className="soft"> ({whyText(effect.why)})</span> : null}{effect.messages?.length ? <p className="quote"><Words text={effect.messages.map(textOf).join(" / ")} most={300} /></p> : null}</li>)}</ul> : null}
      {activity.rules.length ? (
        <details>
          <summary>{t("timeline.why", { n: activity.rules.length, matched: done.length })}</summary>
          <ul>{activity.rules.map((rule, at) => <li key={at}><span className={rule.matched ? "mark yes" : "mark no"}>{rule.matched ? "✓" : "✗"}<span className="hidden">{t(rule.matched ? "why.yes" : "why.no")}</span></span> <Words text={nameOf(names, "rules", rule.rule)} most={80} /> <span className="soft">{whyText(rule.why)}</span></li>)}</ul>
        </details>
      ) : null}
    </li>
  );
}

function changeText(change: unknown, names: Names): string {
  if (!change || typeof change !== "object") return String(change);
  const one = change as Record<string, unknown>;
  if (typeof one.tag === "string") return `${named("change", String(one.kind ?? one.type ?? "tag"))} ${nameOf(names, "tags", one.tag)}`;
  if (typeof one.attribute === "string") return `${nameOf(names, "attributes", one.attribute)}: ${seenText(one.before)} → ${seenText(one.after ?? one.value)}`;
  if (typeof one.score === "string") return `${nameOf(names, "scores", one.score)}: ${seenText(one.before)} → ${seenText(one.after ?? one.value)}`;
  return Object.entries(one).map(([name, value]) => `${name}: ${seenText(value)}`).join(", ");
}

interface Tree {
  kind: string;
  value: boolean;
  seen: unknown;
  children: Tree[];
  [key: string]: unknown;
}

function Why({ friend }: { friend: Friend }) {
  const { base } = usePlace();
  const names = useNames();
  const [chosen, setChosen] = useState("");
  const broadcasts = useQuery({ queryKey: [base, "broadcasts", "all"], queryFn: () => get<Page<Broadcast>>(`${base}/broadcasts?limit=100`) });
  const [kind, id] = chosen.split("/") as [string, string | undefined];
  const asked = useQuery({
    queryKey: [base, "why.card", friend.user_id, chosen],
    enabled: Boolean(id),
    queryFn: async (): Promise<{ matches: boolean; tree: Tree; more?: string }> => {
      if (kind === "segments") return post(`${base}/segments/explain`, { condition: { segment: id }, user_id: friend.user_id });
      const found = await get<{ in_audience: boolean; audience: Tree; outcome: { status: string; reason?: string } | null }>(`${base}/broadcasts/${id}/why/${encodeURIComponent(friend.user_id)}`);
      return { matches: found.in_audience, tree: found.audience, more: found.outcome ? `${named("recipient", found.outcome.status)}${found.outcome.reason ? ` (${named("skip", found.outcome.reason)})` : ""}` : undefined };
    },
  });
  return (
    <Section title={t("why.title")}>
      <Select label={t("why.of")} value={chosen} onChange={(event) => setChosen(event.target.value)} options={[{ value: "", label: t("why.choose") }, ...(names.segments ?? []).map((one) => ({ value: `segments/${one.id}`, label: `${t("nav.segments")}: ${one.name}` })), ...(broadcasts.data?.items ?? []).map((one) => ({ value: `broadcasts/${one.id}`, label: `${t("nav.broadcasts")}: ${one.name}` }))]} />
      <Problem error={asked.error} />
      {asked.data ? (
        <>
          <p role="status" className={asked.data.matches ? "verdict yes" : "verdict no"}>{asked.data.matches ? `✓ ${t("why.in")}` : `✗ ${t("why.out")}`}{asked.data.more ? ` — ${asked.data.more}` : ""}</p>
          <ul className="plain-list"><Branch tree={asked.data.tree} names={names} /></ul>
        </>
      ) : null}
    </Section>
  );
}

export function Branch({ tree, names }: { tree: Tree; names: Names }) {
  const { kind, value, seen, children, ...rest } = tree;
  const isGroup = kind === "all" || kind === "any" || kind === "not";
  const text = isGroup ? t(kind === "all" ? "builder.all" : kind === "any" ? "builder.any" : "builder.none") : leafText({ [kind]: rest.condition }, names);
  return (
    <li>
      <span className={value ? "mark yes" : "mark no"}>{value ? "✓" : "✗"}<span className="hidden">{t(value ? "why.yes" : "why.no")}</span></span> {text} {isGroup ? null : <span className="seen">{t("why.seen", { value: seenText(seen) })}</span>}
      {children.length ? <ul>{children.map((child, at) => <Branch key={at} tree={child} names={names} />)}</ul> : null}
    </li>
  );
}
