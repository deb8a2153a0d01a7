import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, get, newId, post, put, remove } from "../api/client";
import type { CountsAnswer } from "../api/schema";
import { useMay, usePlace } from "../data";
import { go, Link, useRoute } from "../router";
import { definitionOf, type Stored } from "../scenarios/document";
import Editor from "../scenarios/Editor";
import { aboutTemplate, bundleOf, nameOfTemplate, TEMPLATES } from "../scenarios/templates";
import { Button, Chip, Dialog, Field, Problem, Screen, Select, stateOf, Words } from "../ui/kit";
import { number, t } from "../words";

export default function Scenarios() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" stored={null} /> : <Existing key={id} id={id} />;
}

function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "scenarios", id], queryFn: () => get<Stored>(`${base}/scenarios/${encodeURIComponent(id)}`) });
  if (!asked.data) return <Screen title={t("nav.scenarios")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Editor stored={asked.data} />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [text, setText] = useState("");
  const [making, setMaking] = useState(false);
  const asked = useQuery({ queryKey: [base, "scenarios"], queryFn: () => all<Stored>(`${base}/scenarios?counts=false`) });
  const counts = useQuery({ queryKey: [base, "scenario-counts"], queryFn: () => get<CountsAnswer>(`${base}/scenario-counts`) });
  const items = (asked.data ?? []).filter((one) => `${one.name} ${one.folder ?? ""}`.toLowerCase().includes(text.trim().toLowerCase()));
  const folders = [...new Set(items.map((one) => one.folder ?? ""))].sort();
  const fresh = may ? <Button kind="main" onClick={() => setMaking(true)}>{t("scn.new")}</Button> : null;
  return (
    <Screen title={t("nav.scenarios")} state={stateOf(asked, asked.data?.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={fresh} lead={t("scn.lead")} empty={<><h2>{t("scn.empty")}</h2><p>{t("scn.empty.more")}</p></>}>
      <div className="toolbar"><div className="grow"><Field label={t("scn.search")} type="search" value={text} onChange={(event) => setText(event.target.value)} /></div></div>
      <Problem error={counts.error} />
      {items.length === 0 ? <p className="soft">{t("scn.search.none")}</p> : null}
      {folders.map((folder) => (
        <section className="panel scroll" key={folder} aria-label={folder || t("scn.folder.none")}>
          {folders.length > 1 || folder ? <h2 className="folder"><Words text={folder || t("scn.folder.none")} most={60} /></h2> : null}
          <table className="stacked">
            <thead><tr><th scope="col">{t("scn.name")}</th><th scope="col">{t("scn.state")}</th><th scope="col" className="number">{t("scn.active")}</th><th scope="col" className="number">{t("scn.finished")}</th><th scope="col" className="number">{t("scn.exited")}</th><th scope="col"><span className="hidden">{t("scn.list.actions")}</span></th></tr></thead>
            <tbody>{items.filter((one) => (one.folder ?? "") === folder).map((one) => <Entry key={one.id} one={one} counts={counts.data} accountId={account.id} />)}</tbody>
          </table>
        </section>
      ))}
      {making ? <NewDialog onClose={() => setMaking(false)} /> : null}
    </Screen>
  );
}

function Entry({ one, counts, accountId }: { one: Stored; counts: CountsAnswer | undefined; accountId: string }) {
  const may = useMay("editor");
  const [dialog, setDialog] = useState<"copy" | "delete" | null>(null);
  const found = counts?.scenarios[one.id];
  const shown = (n: number | undefined) => (n === undefined ? "—" : `${counts?.exact === false ? "≈ " : ""}${number(n)}`);
  const name = one.name.slice(0, 60);
  return (
    <tr>
      <th scope="row"><Link parts={[accountId, "scenarios", one.id]}><Words text={one.name} most={80} /></Link></th>
      <td><span className="chips">
        {one.published_version === null ? <Chip>{t("scn.state.draft")}</Chip> : <Chip tone="brand">{t("scn.state.published", { version: one.published_version })}</Chip>}
        {one.paused ? <Chip tone="warn">{t("scn.state.paused")}</Chip> : null}
        {one.published_version !== null && one.unpublished_changes ? <Chip tone="warn">{t("scn.state.changes")}</Chip> : null}
        {one.published_version !== null && one.started_by.length === 0 ? <Chip tone="warn">{t("scn.state.lonely")}</Chip> : null}
      </span></td>
      <td className="number" data-label={t("scn.active")}>{shown(found?.active)}</td>
      <td className="number" data-label={t("scn.finished")}>{shown(found?.finished)}</td>
      <td className="number" data-label={t("scn.exited")}>{shown(found?.exited)}</td>
      <td>{may ? <span className="actions"><Button kind="quiet" aria-label={t("scn.copy.named", { name })} onClick={() => setDialog("copy")}>{t("scn.copy")}</Button><Button kind="quiet" aria-label={t("scn.delete.named", { name })} onClick={() => setDialog("delete")}>{t("action.delete")}</Button></span> : null}
        {dialog === "copy" ? <CopyDialog one={one} onClose={() => setDialog(null)} /> : null}
        {dialog === "delete" ? <DeleteDialog one={one} active={found?.active ?? 0} onClose={() => setDialog(null)} /> : null}
      </td>
    </tr>
  );
}

function NewDialog({ onClose }: { onClose: () => void }) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: async (template: (typeof TEMPLATES)[number]) => {
      const id = newId("scenario");
      await post(`${base}/catalog/apply`, bundleOf(template, id));
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "scenarios", id);
    },
  });
  return (
    <Dialog title={t("scn.new")} onClose={onClose} wide>
      <p>{t("scn.new.lead")}</p>
      <div className="kinds">
        <button type="button" className="kind" onClick={() => go(account.id, "scenarios", "new")}><span><b>{t("scn.new.empty")}</b><small>{t("scn.new.empty.more")}</small></span></button>
        {TEMPLATES.map((one) => <button key={one.id} type="button" className="kind" disabled={make.isPending} onClick={() => make.mutate(one)}><span><b>{nameOfTemplate(one)}</b><small>{aboutTemplate(one)}</small></span></button>)}
      </div>
      <Problem error={make.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button></div>
    </Dialog>
  );
}

type Bundle = Record<string, Record<string, unknown>>;

interface Planned {
  created: number;
  updated: number;
  unchanged: number;
}

/** A copy beside it, or in another account with all that it needs. */
function CopyDialog({ one, onClose }: { one: Stored; onClose: () => void }) {
  const { base, account, accounts } = usePlace();
  const client = useQueryClient();
  const [into, setInto] = useState(account.id);
  const other = `/accounts/${encodeURIComponent(into)}`;
  const isHere = into === account.id;
  const plan = useQuery({
    queryKey: [base, "copy", one.id, into],
    enabled: !isHere,
    retry: false,
    gcTime: 0,
    queryFn: async () => {
      const bundle = await get<Bundle>(`${base}/catalog/export?of=scenarios/${one.id}`);
      return { bundle, answer: await post<Planned>(`${other}/catalog/plan`, bundle) };
    },
  });
  const copy = useMutation({
    mutationFn: async () => {
      const id = isHere ? newId("scenario") : one.id;
      if (isHere) await put(`${base}/scenarios/${id}`, { ...definitionOf(one), name: t("scn.copy.name", { name: one.name.slice(0, 180) }) });
      else await post(`${other}/catalog/apply`, plan.data?.bundle);
      await client.invalidateQueries();
      go(into, "scenarios", id);
    },
  });
  return (
    <Dialog title={t("scn.copy.named", { name: one.name.slice(0, 60) })} onClose={onClose}>
      <Select label={t("scn.copy.into")} value={into} onChange={(event) => setInto(event.target.value)} options={accounts.map((place) => ({ value: place.id, label: place.id === account.id ? t("scn.copy.here") : place.name.slice(0, 60) }))} />
      {isHere ? <p className="soft">{t("scn.copy.lead")}</p> : plan.data ? <p className={plan.data.answer.updated ? "notice warn" : "notice"}>{t("scn.copy.plan", { created: plan.data.answer.created, updated: plan.data.answer.updated })}</p> : null}
      <Problem error={plan.error ?? copy.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" busy={copy.isPending} disabled={!isHere && !plan.data} onClick={() => copy.mutate()}>{t("scn.copy.do")}</Button></div>
    </Dialog>
  );
}

function DeleteDialog({ one, active, onClose }: { one: Stored; active: number; onClose: () => void }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: () => remove(`${base}/scenarios/${one.id}`),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base] });
      onClose();
    },
  });
  return (
    <Dialog title={t("scn.delete.named", { name: one.name.slice(0, 60) })} onClose={onClose}>
      <p>{active > 0 ? t("scn.delete.active", { n: active }) : t("scn.delete.lead")}</p>
      <Problem error={act.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="danger" busy={act.isPending} onClick={() => act.mutate()}>{t("action.delete")}</Button></div>
    </Dialog>
  );
}
