import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { all, ApiError, get, newId, put, remove } from "../api/client";
import { type LineMessage, type Message, useMay, usePlace } from "../data";
import { Preview } from "../phone/Preview";
import { go, Link, useRoute } from "../router";
import { Stale } from "../ui/Stale";
import { Button, Chip, Field, Problem, Screen, Section, Select, stateOf, useDraft, Words } from "../ui/kit";
import { MessageEditor } from "../ui/MessageEditor";
import { Uses } from "../ui/Uses";
import { named, t } from "../words";

export default function Messages() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing key={id} id={id} />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [text, setText] = useState("");
  const asked = useQuery({ queryKey: [base, "messages"], queryFn: () => all<Message>(`${base}/messages`) });
  const items = (asked.data ?? []).filter((one) => one.name.toLowerCase().includes(text.toLowerCase()));
  const fresh = may ? <Link className="button main" parts={[account.id, "messages", "new"]}>{t("message.new")}</Link> : null;
  return (
    <Screen title={t("nav.messages")} state={stateOf(asked, asked.data?.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={fresh} empty={<><h2>{t("messages.empty")}</h2><p>{t("messages.empty.more")}</p>{fresh}</>}>
      <div className="toolbar"><div className="grow"><Field label={t("messages.search")} type="search" value={text} onChange={(event) => setText(event.target.value)} /></div></div>
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("message.name")}</th><th scope="col">{t("compose.category")}</th><th scope="col">{t("message.begins")}</th></tr></thead>
        <tbody>{items.map((one) => <tr key={one.id}><th scope="row"><Link parts={[account.id, "messages", one.id]}><Words text={one.name} most={80} /></Link></th><td><Chip>{named("category.of", one.category)}</Chip></td><td className="soft"><Words text={beginning(one.messages)} most={60} /></td></tr>)}</tbody>
      </table></div>
    </Screen>
  );
}

function beginning(messages: LineMessage[]): string {
  const [first] = messages;
  return first ? String(first.text ?? first.altText ?? named("message.kind", first.type)) : "";
}

function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "messages", id], queryFn: () => get<Message>(`${base}/messages/${id}`) });
  if (!asked.data) return <Screen title={t("nav.messages")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Editor key={asked.data.revision} message={asked.data} />;
}

interface Draft {
  name: string;
  category: string;
  messages: LineMessage[];
}

function Editor({ message }: { message?: Message }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const first = useMemo<Draft>(() => (message ? { name: message.name, category: message.category, messages: message.messages } : { name: "", category: "marketing", messages: [{ type: "text", text: "" }] }), [message]);
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`message.${account.id}.${message?.id ?? "new"}`, first);
  const done = async () => {
    forget();
    await client.invalidateQueries({ queryKey: [base] });
    go(account.id, "messages");
  };
  const save = useMutation({
    mutationFn: (overwrite: boolean) => put(`${base}/messages/${message?.id ?? newId("message")}`, draft, message && !overwrite ? { "If-Match": String(message.revision) } : {}),
    onSuccess: done,
  });
  const away = useMutation({ mutationFn: () => remove(`${base}/messages/${message?.id}`), onSuccess: done });
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  return (
    <Screen title={message ? message.name.slice(0, 100) : t("message.new")} state="ready" wide back={<Link className="back" parts={[account.id, "messages"]}>← {t("nav.messages")}</Link>}
      actions={may ? <><Button onClick={() => { forget(); setDraft(first); }}>{t("draft.forget")}</Button>{message ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}<Button kind="main" busy={save.isPending} disabled={!draft.name.trim()} onClick={() => save.mutate(false)}>{t("action.save")}</Button></> : null}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {stale ? null : <Problem error={error ?? away.error} />}
      <div className="columns">
        <Section title={t("compose.what")}>
          <Field label={t("message.name")} value={draft.name} maxLength={200} error={about("name")} onChange={(event) => setDraft((was) => ({ ...was, name: event.target.value }))} />
          <Select label={t("compose.category")} value={draft.category} onChange={(event) => setDraft((was) => ({ ...was, category: event.target.value }))} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} />
          <MessageEditor messages={draft.messages} about={about} onChange={(messages) => setDraft((was) => ({ ...was, messages }))} />
        </Section>
        <div className="stick"><Preview messages={draft.messages} />{message ? <Uses kind="messages" id={message.id} /> : null}</div>
      </div>
      {stale && message ? <Stale path={`${base}/messages/${message.id}`} mine={draft} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}
