import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { get, patch, post, PREFIX, type Page } from "../api/client";
import { pace, timed } from "../api/pace";
import { type Friend, type LineMessage, nameOf, useMay, useNames, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Area, Avatar, Button, Check, Chip, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Status, useDraft, Words } from "../ui/kit";
import { MediaField } from "../ui/MediaField";
import { named, t } from "../words";

interface Conversation {
  user_id: string;
  display_name: string | null;
  status: string;
  last_at: string | null;
  unread: boolean;
  read_at: string | null;
  mark: "open" | "waiting" | "done" | null;
  assignee: string | null;
  note: string | null;
}

interface Line {
  direction: "in" | "out";
  event_id: string;
  at: string;
  type: string;
  message_id?: string;
  text?: string | null;
  content?: { status: string; content_type?: string } | null;
  unsent_at?: string | null;
  by?: string | null;
  messages?: LineMessage[] | null;
  status?: string | null;
  why?: unknown;
}

const MARKS = ["open", "waiting", "done"] as const;

export default function Chat() {
  const { base } = usePlace();
  const [, , user] = useRoute();
  const [unread, setUnread] = useState(false);
  const [mark, setMark] = useState("");
  const asked = useInfiniteQuery({
    queryKey: [base, "conversations", unread, mark],
    queryFn: ({ pageParam }) => timed("conversations", () => get<Page<Conversation>>(`${base}/conversations?limit=50${unread ? "&unread=true" : ""}${mark ? `&mark=${mark}` : ""}${pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""}`)),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: () => pace("conversations", 4000),
    placeholderData: (before) => before,
  });
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const isEmpty = items.length === 0 && !unread && !mark && !user;
  return (
    <Screen title={t("nav.chat")} wide state={stateOf(asked, isEmpty)} error={asked.error} retry={() => void asked.refetch()} empty={<><h2>{t("chat.empty")}</h2><p>{t("chat.empty.more")}</p></>}>
      <div className={user ? "chat with-talk" : "chat"}>
        <div className="chat-list">
          <div className="chat-filter">
            <Check label={t("chat.unread.only")} checked={unread} onChange={(event) => setUnread(event.target.checked)} />
            <Select label={t("chat.mark.filter")} value={mark} onChange={(event) => setMark(event.target.value)} options={[{ value: "", label: t("chat.mark.any") }, ...MARKS.map((one) => ({ value: one, label: named("mark", one) }))]} />
          </div>
          <nav aria-label={t("chat.list")}>
            {items.map((one) => <Entry key={one.user_id} one={one} current={one.user_id === user} />)}
            {items.length === 0 ? <p className="soft" style={{ padding: 14 }}>{t("chat.none")}</p> : null}
            {asked.hasNextPage ? <Button kind="quiet" onClick={() => void asked.fetchNextPage()}>{t("timeline.more")}</Button> : null}
          </nav>
        </div>
        {user ? <Talk key={user} user={user} one={items.find((found) => found.user_id === user)} /> : <div className="talk"><p className="soft" style={{ margin: "auto" }}>{t("chat.choose")}</p></div>}
      </div>
    </Screen>
  );
}

function Entry({ one, current }: { one: Conversation; current: boolean }) {
  const { account } = usePlace();
  return (
    <Link parts={[account.id, "chat", one.user_id]} aria-current={current ? "true" : undefined}>
      <Avatar name={one.display_name} />
      <span className="who">
        <span className={one.unread ? "unread" : ""}><Words text={one.display_name} most={30} /></span>
        <small><Timestamp at={one.last_at} />{one.assignee ? <> · <Words text={one.assignee} most={20} /></> : null}</small>
      </span>
      {one.unread ? <Chip tone="brand">{t("chat.unread")}</Chip> : one.mark ? <Chip>{named("mark", one.mark)}</Chip> : null}
    </Link>
  );
}

function Talk({ user, one }: { user: string; one?: Conversation }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const publisher = useMay("publisher");
  const editor = useMay("editor");
  const path = `${base}/friends/${encodeURIComponent(user)}`;
  const friend = useQuery({ queryKey: [base, "friend", user], queryFn: () => get<Friend>(path) });
  const asked = useInfiniteQuery({
    queryKey: [base, "talk", user],
    queryFn: ({ pageParam }) => get<Page<Line>>(`${path}/messages?limit=60${pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    // What is older does not change: with it on the page, it is asked less often.
    refetchInterval: (query) => 2500 * (query.state.data?.pages.length ?? 1),
  });
  const every = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const lines = [...every].reverse();
  const newest = every.find((line) => line.direction === "in")?.at;
  const unread = one?.unread ?? false;
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => {
    void end.current?.scrollIntoView({ block: "end" });
  }, [every[0]?.event_id]);
  useEffect(() => {
    if (!newest || !editor || !unread) return;
    void patch(`${base}/conversations/${encodeURIComponent(user)}`, { read_at: newest }).then(() => client.invalidateQueries({ queryKey: [base, "conversations"] }));
  }, [newest, unread, base, user, editor, client]);
  return (
    <>
      <section className="talk" aria-label={t("chat.with", { name: friend.data?.display_name?.slice(0, 60) ?? t("friend.unnamed") })}>
        <div className="talk-head"><Link className="back" parts={[account.id, "chat"]} aria-label={t("chat.back")}>←</Link><Avatar name={friend.data?.display_name ?? null} /><h2><Words text={friend.data?.display_name} most={40} /></h2>{friend.data ? <Status of={friend.data.status} group="friend.status" /> : null}</div>
        {asked.isError ? <Problem error={asked.error} /> : null}
        <ol className="talk-lines" aria-label={t("chat.lines")} tabIndex={0}>
          {asked.hasNextPage ? <li><Button kind="quiet" busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("chat.older")}</Button></li> : null}
          {lines.map((line) => <Bubble key={line.event_id + line.direction + line.at} line={line} path={path} />)}
          {asked.isSuccess && lines.length === 0 ? <li className="soft">{t("chat.lines.none")}</li> : null}
          <li ref={end} aria-hidden="true" />
        </ol>
        {publisher ? <Write user={user} path={path} /> : <p className="talk-write soft">{t("state.forbidden.more", { role: named("role", "publisher") })}</p>}
      </section>
      <aside className="chat-side" aria-label={t("chat.side")}>{friend.data ? <Side friend={friend.data} one={one} /> : null}</aside>
    </>
  );
}

function textOf(message: LineMessage): string {
  if (typeof message.text === "string") return message.text;
  if (typeof message.altText === "string") return message.altText;
  return `[${named("message.kind", message.type)}]`;
}

/** A picture of a message: what staff sent by its small one, what a friend sent by its content. */
function pictureOf(line: Line, content: string): string | null {
  if (line.unsent_at) return null;
  const shown = line.messages?.find((one) => one.type === "image" || one.type === "video")?.previewImageUrl;
  if (typeof shown === "string") return shown;
  return line.type === "image" && line.content?.status === "stored" ? content : null;
}

function Bubble({ line, path }: { line: Line; path: string }) {
  const shown = line.unsent_at ? t("chat.unsent") : line.messages ? line.messages.map(textOf).join("\n") : (line.text ?? `[${named("message.kind", line.type)}]`);
  const isThere = line.content?.status === "stored" && line.message_id;
  const content = `${PREFIX}/v1${path}/messages/${encodeURIComponent(line.message_id ?? "")}/content`;
  const picture = pictureOf(line, content);
  return (
    <li className={`say ${line.direction}`}>
      {picture ? <img src={picture} alt={t("chat.picture")} loading="lazy" /> : null}
      <bdi>{shown.slice(0, 5000)}</bdi>
      {isThere ? <a href={content} target="_blank" rel="noreferrer">{t("chat.media")}</a> : null}
      <small><Timestamp at={line.at} />{line.direction === "out" ? ` · ${named("sent", line.status ?? "accepted")}${line.by ? ` · ${named("by", line.by.split(":")[0] ?? "")}` : ""}` : ""}</small>
    </li>
  );
}

function Write({ user, path }: { user: string; path: string }) {
  const { base, account } = usePlace();
  const names = useNames();
  const client = useQueryClient();
  const [text, setText, forget] = useDraft<string>(`chat.${account.id}.${user}`, "");
  const [template, setTemplate] = useState("");
  const [attached, setAttached] = useState<LineMessage | null>(null);
  const [attaching, setAttaching] = useState(false);
  const key = useRef(crypto.randomUUID());
  const send = useMutation({
    mutationFn: (body: object) => post(`${path}/messages`, body, { "Idempotency-Key": key.current }),
    onSuccess: async (_answer, body) => {
      key.current = crypto.randomUUID();
      if ("messages" in body) {
        setText("");
        setAttached(null);
        setAttaching(false);
        forget();
      } else setTemplate("");
      await client.invalidateQueries({ queryKey: [base, "talk", user] });
    },
  });
  const say = () => {
    const messages = [...(attached ? [attached] : []), ...(text.trim() ? [{ type: "text", text: text.trim() }] : [])];
    if (messages.length && !send.isPending) send.mutate({ messages });
  };
  return (
    <form className="talk-write" onSubmit={(event) => { event.preventDefault(); say(); }}>
      <Area label={t("chat.write")} rows={2} value={text} maxLength={5000} hint={t("chat.keys")} onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && !event.nativeEvent.isComposing && event.keyCode !== 229) {
            event.preventDefault();
            say();
          }
        }} />
      {attaching ? <MediaField label={t("chat.attach.label")} kind="image" url={String(attached?.originalContentUrl ?? "")} thumbnail={String(attached?.previewImageUrl ?? "")} onMade={(made) => setAttached({ type: "image", originalContentUrl: made.url, previewImageUrl: made.preview_url ?? made.url })} /> : null}
      <div className="toolbar">
        <Button kind="main" type="submit" disabled={!text.trim() && !attached} busy={send.isPending}>{t("chat.send")}</Button>
        <Button onClick={() => { setAttaching(!attaching); setAttached(null); }}>{t(attaching ? "chat.attach.not" : "chat.attach")}</Button>
        {names.messages?.length ? <Select label={t("chat.template")} value={template} onChange={(event) => setTemplate(event.target.value)} options={[{ value: "", label: "—" }, ...names.messages.map((one) => ({ value: one.id, label: one.name }))]} /> : null}
        {template ? <Button busy={send.isPending} onClick={() => send.mutate({ message: template })}>{t("chat.template.send")}</Button> : null}
      </div>
      <Problem error={send.error} />
    </form>
  );
}

function Side({ friend, one }: { friend: Friend; one?: Conversation }) {
  const { base, account } = usePlace();
  const names = useNames();
  const editor = useMay("editor");
  const client = useQueryClient();
  const kept = { note: one?.note ?? "", assignee: one?.assignee ?? "" };
  // What is being written stays over a reload and over what others save; null: nothing is.
  const [written, setWritten, forget] = useDraft<typeof kept | null>(`care.${account.id}.${friend.user_id}`, null);
  const { note, assignee } = written ?? kept;
  const write = (more: Partial<typeof kept>) => setWritten({ note, assignee, ...more });
  const save = useMutation({
    mutationFn: (body: object) => patch(`${base}/conversations/${encodeURIComponent(friend.user_id)}`, body),
    onSuccess: async (_answer, body) => {
      await client.invalidateQueries({ queryKey: [base, "conversations"] });
      if (!("note" in body)) return;
      setWritten(null);
      forget();
    },
  });
  return (
    <>
      <Section title={t("chat.care")}>
        <Select label={t("chat.mark")} value={one?.mark ?? ""} disabled={!editor} onChange={(event) => save.mutate({ mark: event.target.value || null })} options={[{ value: "", label: t("chat.mark.none") }, ...MARKS.map((mark) => ({ value: mark, label: named("mark", mark) }))]} />
        <Field label={t("chat.assignee")} value={assignee} disabled={!editor} maxLength={100} onChange={(event) => write({ assignee: event.target.value })} />
        <Area label={t("chat.note")} rows={3} value={note} disabled={!editor} maxLength={2000} onChange={(event) => write({ note: event.target.value })} />
        {editor ? <Button busy={save.isPending} onClick={() => save.mutate({ note: note || null, assignee: assignee.trim() || null })}>{t("chat.care.save")}</Button> : null}
        <Problem error={save.error} />
        {save.isSuccess ? <p role="status" className="soft">{t("saved")}</p> : null}
      </Section>
      <Section title={t("friend.tags")}>
        <div className="chips">{Object.keys(friend.tags).map((tag) => <Chip key={tag} tone="brand"><Words text={nameOf(names, "tags", tag)} most={30} /></Chip>)}</div>
        <p><Link parts={[account.id, "friends", friend.user_id]}>{t("chat.card")}</Link></p>
      </Section>
    </>
  );
}
