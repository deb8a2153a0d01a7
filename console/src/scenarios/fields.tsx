// The fields of a step that are more than a text: a condition, a message, a stretch of time.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError, get, newId, put } from "../api/client";
import { Builder } from "../conditions/Builder";
import { toCondition, toTree, type Condition, type Group } from "../conditions/model";
import { type LineMessage, type Message, useMay, useNames, usePlace } from "../data";
import { Phone } from "../phone/Phone";
import { Button, Dialog, Field, Problem, Select } from "../ui/kit";
import { MessageEditor } from "../ui/MessageEditor";
import { t, type Word } from "../words";

const UNITS = ["m", "h", "d", "w"];

export function Length({ label, value, set, least = 0 }: { label: string; value: string; set: (text: string) => void; least?: number }) {
  const found = /^(\d+)([smhdw])$/.exec(value);
  const [amount, unit] = [found?.[1] ?? "1", found?.[2] ?? "d"];
  return (
    <span className="pair">
      <Field label={label} type="number" inputMode="numeric" min={least} max={9999} value={amount} onChange={(event) => set(`${Math.max(least, Math.min(9999, Math.trunc(Number(event.target.value) || 0)))}${unit}`)} />
      <Select label={t("leaf.unit")} hideLabel value={unit} onChange={(event) => set(`${amount}${event.target.value}`)} options={[...new Set([...UNITS, unit])].map((one) => ({ value: one, label: t(`unit.${one}` as Word) }))} />
    </span>
  );
}

/** A condition; while nothing is asked for yet it is `{all: []}`. */
export function ConditionField({ condition, set }: { condition: Condition; set: (next: Condition) => void }) {
  const [root, setRoot] = useState<Group>(() => toTree(condition));
  const text = JSON.stringify(condition);
  useEffect(() => {
    setRoot((was) => (JSON.stringify(toCondition(was)) === text ? was : toTree(JSON.parse(text) as Condition)));
  }, [text]);
  return <Builder root={root} compact onChange={(next) => { setRoot(next); set(toCondition(next)); }} />;
}

/** Which message is sent: chosen by name and seen as it looks, or written here. */
export function MessageField({ id, set }: { id: string; set: (id: string) => void }) {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const [writing, setWriting] = useState<Message | "new" | null>(null);
  const asked = useQuery({ queryKey: [base, "messages", id], enabled: id !== "", queryFn: () => get<Message>(`${base}/messages/${encodeURIComponent(id)}`) });
  const known = names.messages ?? [];
  const options = [{ value: "", label: t("scn.message.choose") }, ...known.map((one) => ({ value: one.id, label: one.name.slice(0, 60) }))];
  if (id && !known.some((one) => one.id === id)) options.push({ value: id, label: asked.data?.name ?? id });
  return (
    <>
      <Select label={t("scn.message")} value={id} onChange={(event) => set(event.target.value)} options={options} />
      {may ? (
        <div className="toolbar">
          <Button onClick={() => setWriting("new")}>+ {t("scn.message.write")}</Button>
          {asked.data ? <Button onClick={() => setWriting(asked.data)}>{t("scn.message.edit")}</Button> : null}
        </div>
      ) : null}
      {id ? <Problem error={asked.error} /> : null}
      {asked.data && id ? <Phone name={account.name} messages={asked.data.messages} /> : null}
      {writing ? <MessageDialog message={writing === "new" ? null : writing} onClose={() => setWriting(null)} onKept={(kept) => { setWriting(null); set(kept); }} /> : null}
    </>
  );
}

function MessageDialog({ message, onClose, onKept }: { message: Message | null; onClose: () => void; onKept: (id: string) => void }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const [id] = useState(() => message?.id ?? newId("message"));
  const [name, setName] = useState(message?.name ?? "");
  const [messages, setMessages] = useState<LineMessage[]>(message?.messages ?? [{ type: "text", text: "" }]);
  const save = useMutation({
    mutationFn: () => put(`${base}/messages/${id}`, { category: "marketing", ...kept(message), name: name.trim() || beginning(messages), messages }, message ? { "If-Match": String(message.revision) } : {}),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base, "names"] });
      await client.invalidateQueries({ queryKey: [base, "messages"] });
      onKept(id);
    },
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  return (
    <Dialog title={t(message ? "scn.message.edit" : "scn.message.write")} onClose={onClose} wide>
      {message ? <p className="notice warn">{t("scn.message.everywhere")}</p> : null}
      <div className="columns">
        <div>
          <Field label={t("message.name")} value={name} maxLength={200} placeholder={beginning(messages)} error={about("name")} onChange={(event) => setName(event.target.value)} />
          <MessageEditor messages={messages} about={about} onChange={setMessages} />
        </div>
        <div className="stick"><Phone name={account.name} messages={messages} /></div>
      </div>
      <Problem error={save.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" busy={save.isPending} disabled={messages.length === 0} onClick={() => save.mutate()}>{t("scn.message.use")}</Button></div>
    </Dialog>
  );
}

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);
const kept = (message: Message | null) => Object.fromEntries(Object.entries(message ?? {}).filter(([field]) => !ADDED.has(field)));

/** A name for who gives none: how the message begins. */
function beginning(messages: LineMessage[]): string {
  const text = String(messages[0]?.text ?? messages[0]?.altText ?? "").split("\n")[0]?.trim() ?? "";
  return [...text].slice(0, 20).join("") || t("scn.message.unnamed");
}
