import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { all, ApiError, enc, newId, put, remove } from "../api/client";
import { useMay, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Remove } from "../ui/document";
import { FolderField, Folders, useFolders } from "../ui/Folders";
import { Area, Button, Dialog, Field, Problem, Screen, Select, stateOf, useDraft, Words } from "../ui/kit";
import { Stale } from "../ui/Stale";
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
  const folders = useFolders(asked.data ?? []);
  const { items } = folders;
  const fresh = may ? <Button kind="main" onClick={() => setEditing("new")}>{t(`labels.${kind}.new` as Word)}</Button> : null;
  const dialog = editing ? <Edit key={editing === "new" ? "new" : editing.id} kind={kind} label={editing === "new" ? null : editing} onClose={() => setEditing(null)} /> : null;
  return (
    <Screen title={t("nav.labels")} state={stateOf(asked, asked.data?.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={fresh} back={tabs} empty={<><h2>{t(`labels.${kind}.empty` as Word)}</h2><p>{t(`labels.${kind}.empty.more` as Word)}</p>{dialog}</>}>
      {folders.names.length ? <div className="toolbar"><Folders of={folders} /></div> : null}
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("label.name")}</th>{kind === "topics" ? null : <th scope="col">{t("label.folder")}</th>}{DETAILS[kind] ? <th scope="col">{t(DETAILS[kind])}</th> : null}<th scope="col"><span className="hidden">{t("label.actions")}</span></th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Words text={one.name} most={80} /></th>
            {kind === "topics" ? null : <td className="soft"><Words text={one.folder || "—"} most={40} /></td>}
            {DETAILS[kind] ? <td className="soft"><Words text={detail(kind, one) || "—"} most={120} /></td> : null}
            <td className="number">{may ? <Button kind="quiet" aria-label={t("label.edit", { name: one.name.slice(0, 60) })} onClick={() => setEditing(one)}>{t("action.edit")}</Button> : null}</td>
          </tr>
        ))}</tbody>
      </table></div>
      {dialog}
    </Screen>
  );
}

const DETAILS: Partial<Record<Kind, Word>> = { attributes: "label.type", scores: "label.half_life", topics: "label.default" };

function detail(kind: Kind, one: Label): string {
  if (kind === "scores") return one.half_life ?? "";
  if (kind === "topics") return named("label.default", one.default ?? "in");
  return `${named("attribute.type", one.type ?? "text")}${one.choices ? ` (${one.choices.join(", ")})` : ""}`;
}

type Body = Record<string, unknown>;
const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);
const TYPES = ["text", "number", "boolean", "date", "choice", "multi_choice"];

function Edit({ kind, label, onClose }: { kind: Kind; label: Label | null; onClose: () => void }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const first = useMemo<Body>(() => (label ? Object.fromEntries(Object.entries(label).filter(([name]) => !ADDED.has(name))) : kind === "attributes" ? { name: "", type: "text" } : { name: "" }), [label, kind]);
  const [{ body, revision }, setKept, forget, wasKept] = useDraft(`label.${kind}.${account.id}.${label?.id ?? "new"}`, { revision: label?.revision ?? null, body: first });
  const setBody = (next: (was: Body) => Body) => setKept((was) => ({ ...was, body: next(was.body) }));
  const set = (name: string, value: unknown) => setBody((was) => {
    const next = { ...was, [name]: value };
    if (value === "" || value === undefined) delete next[name];
    return name === "name" ? { ...next, name: value } : next;
  });
  const leave = () => {
    forget();
    onClose();
  };
  const done = async () => {
    await client.invalidateQueries({ queryKey: [base] });
    leave();
  };
  const [id] = useState(() => label?.id ?? newId(kind.slice(0, -1)));
  const path = `${base}/${kind}/${enc(id)}`;
  const save = useMutation({ mutationFn: (overwrite: boolean) => put(path, body, label && !overwrite ? { "If-Match": String(revision ?? label.revision) } : {}), onSuccess: done });
  const isStale = save.error instanceof ApiError && save.error.status === 409 && save.error.currentRevision !== null;
  const away = useMutation({ mutationFn: () => remove(path), onSuccess: done });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const isChoice = String(body.type ?? "").endsWith("choice");
  if (isStale) return <Stale path={path} mine={body} onOverwrite={() => save.mutate(true)} onTake={() => void done()} onClose={() => save.reset()} />;
  return (
    <Dialog title={label ? t("label.edit", { name: label.name.slice(0, 60) }) : t(`labels.${kind}.new` as Word)} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(false); }}>
        {wasKept && JSON.stringify(body) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
        <Field label={t("label.name")} autoFocus required maxLength={100} value={String(body.name ?? "")} error={about("name")} onChange={(event) => set("name", event.target.value)} />
        {kind === "topics" ? null : <FolderField kind={kind} value={String(body.folder ?? "")} error={about("folder")} set={(folder) => set("folder", folder)} />}
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
        <Problem error={save.error} />
        <div className="dialog-foot">
          {label ? <Remove name={label.name} gone={t(`label.gone.${kind}` as Word)} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /> : null}
          <Button onClick={leave}>{t("action.cancel")}</Button>
          <Button kind="main" type="submit" busy={save.isPending} disabled={!String(body.name ?? "").trim()}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
