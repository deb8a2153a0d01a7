import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { all } from "../api/client";
import { type LineMessage, type Message, useMay, usePlace } from "../data";
import { Preview } from "../phone/Preview";
import { Link, useRoute } from "../router";
import { Existing, type Stored, useDocument } from "../ui/document";
import { FolderField, Folders, useFolders } from "../ui/Folders";
import { Chip, Field, Screen, Section, Select, stateOf, Words } from "../ui/kit";
import { MessageEditor } from "../ui/MessageEditor";
import { TopicField } from "../ui/TopicField";
import { Uses } from "../ui/Uses";
import { named, t } from "../words";

export default function Messages() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing<Stored & Message> key={id} kind="messages" id={id} title="nav.messages">{(message) => <Editor message={message} />}</Existing>;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [text, setText] = useState("");
  const asked = useQuery({ queryKey: [base, "messages"], queryFn: () => all<Message>(`${base}/messages`) });
  const folders = useFolders(asked.data ?? []);
  const items = folders.items.filter((one) => one.name.toLowerCase().includes(text.trim().toLowerCase()));
  const fresh = may ? <Link className="button main" parts={[account.id, "messages", "new"]}>{t("message.new")}</Link> : null;
  return (
    <Screen title={t("nav.messages")} state={stateOf(asked, asked.data?.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={fresh} empty={<><h2>{t("messages.empty")}</h2><p>{t("messages.empty.more")}</p>{fresh}</>}>
      <div className="toolbar"><div className="grow"><Field label={t("messages.search")} type="search" value={text} onChange={(event) => setText(event.target.value)} /></div><Folders of={folders} /></div>
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("message.name")}</th><th scope="col">{t("label.folder")}</th><th scope="col">{t("compose.category")}</th><th scope="col">{t("message.begins")}</th></tr></thead>
        <tbody>{items.map((one) => <tr key={one.id}><th scope="row"><Link parts={[account.id, "messages", one.id]}><Words text={one.name} most={80} /></Link></th><td className="soft">{one.folder ? <Words text={one.folder} most={40} /> : "—"}</td><td><Chip>{named("category.of", one.category)}</Chip></td><td className="soft"><Words text={beginning(one.messages)} most={60} /></td></tr>)}</tbody>
      </table></div>
    </Screen>
  );
}

function beginning(messages: LineMessage[]): string {
  const [first] = messages;
  return first ? String(first.text ?? first.altText ?? named("message.kind", first.type)) : "";
}

interface Draft {
  name: string;
  category: string;
  folder?: string | null;
  topic?: string | null;
  messages: LineMessage[];
}

const EMPTY: Draft = { name: "", category: "marketing", messages: [{ type: "text", text: "" }] };

function bodyOf({ folder, topic, ...rest }: Draft) {
  return { ...rest, ...(folder?.trim() ? { folder: folder.trim() } : {}), ...(topic ? { topic } : {}) };
}

function Editor({ message }: { message?: Stored & Message }) {
  const { account } = usePlace();
  const { draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "messages", stored: message, empty: EMPTY, bodyOf, gone: t("message.gone") });
  return (
    <Screen title={message ? message.name.slice(0, 100) : t("message.new")} state="ready" wide back={<Link className="back" parts={[account.id, "messages"]}>← {t("nav.messages")}</Link>} actions={actions}>
      {above}
      <div className="columns">
        <Section title={t("compose.what")}>
          <div className="fields">
            <Field label={t("message.name")} value={draft.name} maxLength={200} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <FolderField kind="messages" value={draft.folder} error={about("folder")} set={(folder) => edit({ folder })} />
          </div>
          <div className="fields">
            <Select label={t("compose.category")} value={draft.category} onChange={(event) => edit({ category: event.target.value })} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} />
            <TopicField value={draft.topic} error={about("topic")} set={(topic) => edit({ topic })} />
          </div>
          <MessageEditor messages={draft.messages} about={about} onChange={(messages) => edit({ messages })} />
        </Section>
        <div className="stick"><Preview messages={draft.messages} />{message ? <Uses kind="messages" id={message.id} /> : null}</div>
      </div>
      {below}
    </Screen>
  );
}
