import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { all, ApiError, newId, put, remove } from "../api/client";
import { useMay, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Area, Button, Dialog, Field, Problem, Screen, Select, stateOf, Words } from "../ui/kit";
import { UseList } from "../ui/Uses";
import { named, t, type Word } from "../words";
import { Stages } from "./customers/Stages";

const KINDS = ["tags", "attributes", "scores", "topics"] as const;
const TABS = [...KINDS, "stages"] as const;
type Kind = (typeof KINDS)[number];

interface Label {
  id: string;
  name: string;
  folder?: string;
  type?: string;
  choices?: string[];
  half_life?: string;
  min?: number;
  max?: number;
  default?: string;
  revision: number;
}

export default function Labels() {
  const { account } = usePlace();
  const [, , given] = useRoute();
  const part = TABS.find((one) => one === given) ?? "tags";
  const tabs = <nav className="tabs" aria-label={t("nav.labels")}>{TABS.map((one) => <Link key={one} parts={[account.id, "labels", one]} aria-current={one === part ? "page" : undefined}>{t(`labels.${one}` as Word)}</Link>)}</nav>;
  return part === "stages" ? <Screen title={t("nav.labels")} state="ready" back={tabs}><Stages /></Screen> : <List key={part} kind={part} tabs={tabs} />;
}

function List({ kind, tabs }: { kind: Kind; tabs: ReactNode }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, kind], queryFn: () => all<Label>(`${base}/${kind}`) });
  const [editing, setEditing] = useState<Label | "new" | null>(null);
  const items = asked.data ?? [];
  const fresh = may ? <Button kind="main" onClick={() => setEditing("new")}>{t(`labels.${kind}.new` as Word)}</Button> : null;
  const dialog = editing ? <Edit key={editing === "new" ? "new" : editing.id} kind={kind} label={editing === "new" ? null : editing} onClose={() => setEditing(null)} /> : null;
  return (
    <Screen title={t("nav.labels")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={fresh} back={tabs} empty={<><h2>{t(`labels.${kind}.empty` as Word)}</h2><p>{t(`labels.${kind}.empty.more` as Word)}</p>{dialog}</>}>
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("label.name")}</th><th scope="col">{t(DETAILS[kind])}</th><th scope="col"><span className="hidden">{t("label.actions")}</span></th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Words text={one.name} most={80} /></th>
            <td className="soft"><Words text={detail(kind, one) || "—"} most={120} /></td>
            <td className="number">{may ? <Button kind="quiet" aria-label={t("label.edit", { name: one.name.slice(0, 60) })} onClick={() => setEditing(one)}>{t("action.edit")}</Button> : null}</td>
          </tr>
        ))}</tbody>
      </table></div>
      {dialog}
    </Screen>
  );
}

const DETAILS: Record<Kind, Word> = { tags: "label.folder", attributes: "label.type", scores: "label.half_life", topics: "label.default" };

function detail(kind: Kind, one: Label): string {
  if (kind === "tags") return one.folder ?? "";
  if (kind === "scores") return one.half_life ?? "";
  if (kind === "topics") return named("label.default", one.default ?? "in");
  return `${named("attribute.type", one.type ?? "text")}${one.choices ? ` (${one.choices.join(", ")})` : ""}`;
}

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);
const TYPES = ["text", "number", "boolean", "date", "choice", "multi_choice"];

function Edit({ kind, label, onClose }: { kind: Kind; label: Label | null; onClose: () => void }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const [body, setBody] = useState<Record<string, unknown>>(() => (label ? Object.fromEntries(Object.entries(label).filter(([name]) => !ADDED.has(name))) : kind === "attributes" ? { name: "", type: "text" } : { name: "" }));
  const set = (name: string, value: unknown) => setBody((was) => {
    const next = { ...was, [name]: value };
    if (value === "" || value === undefined) delete next[name];
    return name === "name" ? { ...next, name: value } : next;
  });
  const done = async () => {
    await client.invalidateQueries({ queryKey: [base] });
    onClose();
  };
  const save = useMutation({ mutationFn: () => put(`${base}/${kind}/${label?.id ?? newId(kind.slice(0, -1))}`, body, label ? { "If-Match": String(label.revision) } : {}), onSuccess: done });
  const away = useMutation({ mutationFn: () => remove(`${base}/${kind}/${label?.id}`), onSuccess: done });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const isChoice = String(body.type ?? "").endsWith("choice");
  return (
    <Dialog title={label ? t("label.edit", { name: label.name.slice(0, 60) }) : t(`labels.${kind}.new` as Word)} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        <Field label={t("label.name")} autoFocus required maxLength={100} value={String(body.name ?? "")} error={about("name")} onChange={(event) => set("name", event.target.value)} />
        {kind === "tags" ? <Field label={t("label.folder")} maxLength={100} value={String(body.folder ?? "")} error={about("folder")} onChange={(event) => set("folder", event.target.value)} /> : null}
        {kind === "attributes" ? <Select label={t("label.type")} value={String(body.type)} onChange={(event) => setBody(({ choices: _gone, ...was }) => ({ ...was, type: event.target.value, ...(event.target.value.endsWith("choice") ? { choices: (_gone as string[] | undefined) ?? [] } : {}) }))} options={TYPES.map((one) => ({ value: one, label: named("attribute.type", one) }))} /> : null}
        {kind === "topics" ? <Select label={t("label.default")} hint={t("label.default.hint")} value={String(body.default ?? "in")} error={about("default")} onChange={(event) => set("default", event.target.value)} options={["in", "out"].map((one) => ({ value: one, label: named("label.default", one) }))} /> : null}
        {isChoice ? <Area label={t("label.choices")} hint={t("label.choices.hint")} rows={5} error={about("choices")} value={((body.choices as string[] | undefined) ?? []).join("\n")} onChange={(event) => setBody((was) => ({ ...was, choices: event.target.value.split("\n").filter((one, at, every) => one.trim() || at === every.length - 1) }))} /> : null}
        {kind === "scores" ? (
          <div className="fields">
            <Field label={t("label.half_life")} hint={t("label.half_life.hint")} value={String(body.half_life ?? "")} error={about("half_life")} onChange={(event) => set("half_life", event.target.value)} />
            <Field label={t("label.min")} type="number" value={String(body.min ?? "")} error={about("min")} onChange={(event) => set("min", event.target.value === "" ? "" : Number(event.target.value))} />
            <Field label={t("label.max")} type="number" value={String(body.max ?? "")} error={about("max")} onChange={(event) => set("max", event.target.value === "" ? "" : Number(event.target.value))} />
          </div>
        ) : null}
        {label ? <details><summary>{t("uses")}</summary><UseList kind={kind} id={label.id} /></details> : null}
        <Problem error={save.error ?? away.error} />
        <div className="dialog-foot">
          {label ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="main" type="submit" busy={save.isPending} disabled={!String(body.name ?? "").trim()}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
