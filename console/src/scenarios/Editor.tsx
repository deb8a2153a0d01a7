// One scenario: its graph as a canvas or an outline with a panel beside it, its rehearsal, and what puts it in force.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { ApiError, newId, post, put } from "../api/client";
import type { Starter } from "../api/schema";
import { useMay, useNames, usePlace } from "../data";
import { go, Link, useQueryOf, to } from "../router";
import { Stale } from "../ui/Stale";
import { Button, Chip, Dialog, Field, Problem, Screen, useDraft } from "../ui/kit";
import { t, type Word } from "../words";
import { BoardContext, type Board, type Selection } from "./board";
import { definitionOf, gapsOf, type Stored, unfinished, usePublished } from "./document";
import { type Definition, difference, edited, empty, equal, type History, lostBy, numbersOf, opened, redone, undone } from "./model";
import Outline from "./Outline";
import { AddPanel, panelTitle, StepPanel, type Tools } from "./Panel";
import { nodeOf, PublishDialog } from "./Publish";
import { Rehearsal } from "./Rehearsal";
import { StartPanel } from "./Start";
import { TestDialog } from "./TestRun";
import { useNarrow } from "./narrow";
import { useCame, useFunnel } from "./Waiting";

const Canvas = lazy(() => import("./Canvas"));

interface Kept {
  definition: Definition;
  /** The revision that it changes; 0 for a new one. */
  revision: number;
}

export default function Editor({ stored }: { stored: Stored | null }) {
  const { base, account } = usePlace();
  const [id] = useState(() => stored?.id ?? newId("scenario"));
  const model = useModel(stored, `scenario.${account.id}.${stored?.id ?? "new"}`);
  const { now, saved } = model;
  const client = useQueryClient();
  const [faults, setFaults] = useState<Map<string, string[]>>(new Map());
  const [open, setOpen] = useState<"publish" | "test" | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const [chosen, choose] = useState<Selection | null>(null);
  const tab = useQueryOf().get("tab") === "rehearse" ? "rehearse" : "design";
  const isDirty = !equal(now, saved.definition) || saved.revision === 0;
  const published = usePublished(stored);
  const blame = (error: unknown) => {
    const found = new Map<string, string[]>();
    for (const { path, message } of error instanceof ApiError ? error.details : []) {
      const node = nodeOf(path);
      if (node) found.set(node, [...(found.get(node) ?? []), message]);
    }
    setFaults(found);
  };
  const save = useMutation({
    mutationFn: async (overwrite: boolean) => {
      const gaps = gapsOf(now);
      setFaults(gaps);
      if (gaps.size) throw unfinished(gaps);
      const answer = await put<Stored>(`${base}/scenarios/${id}`, now, overwrite ? {} : saved.revision ? { "If-Match": String(saved.revision) } : {});
      model.keep(now, { definition: definitionOf(answer), revision: answer.revision });
      await client.invalidateQueries({ queryKey: [base] });
      if (!stored) go(account.id, "scenarios", id);
    },
    onError: (error) => error instanceof ApiError && error.details.length > 0 && blame(error),
  });
  const prepare = async () => {
    if (isDirty) await save.mutateAsync(false);
  };
  const publish = useMutation({ mutationFn: async (what: "publish" | "test") => { await prepare(); setOpen(what); } });
  const pause = useMutation({ mutationFn: (verb: string) => post(`${base}/scenarios/${id}/${verb}`), onSuccess: () => client.invalidateQueries({ queryKey: [base] }) });
  const [may, mayPublish] = [useMay("editor"), useMay("publisher")];
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const tools: Tools = { id: stored ? id : "", edit: (next, tag) => { setFaults(new Map()); setDone(null); save.reset(); model.edit(next, tag); }, fresh: (kind) => newId(kind.replace("_", "-")), published: published.data?.definition ?? null, mayEdit: may };
  const title = stored ? now.name.slice(0, 100) || t("scn.unnamed") : t("scn.new");
  const actions = (
    <>
      {mayPublish && stored?.published_version ? <Button busy={pause.isPending} onClick={() => pause.mutate(stored.paused ? "resume" : "pause")}>{t(stored.paused ? "scn.resume" : "scn.pause")}</Button> : null}
      {mayPublish && stored ? <Button busy={publish.isPending && publish.variables === "test"} onClick={() => publish.mutate("test")}>{t("scn.test")}</Button> : null}
      {may ? <Button kind={mayPublish ? "plain" : "main"} busy={save.isPending} disabled={!isDirty} onClick={() => save.mutate(false)}>{t("action.save")}</Button> : null}
      {mayPublish && stored ? <Button kind="main" busy={publish.isPending && publish.variables === "publish"} onClick={() => publish.mutate("publish")}>{t("scn.publish")}</Button> : null}
    </>
  );
  return (
    <Screen title={title} state="ready" wide back={<Link className="back" parts={[account.id, "scenarios"]}>← {t("nav.scenarios")}</Link>} actions={actions} lead={<Standing stored={stored} isDirty={isDirty} />}>
      {model.isKept && isDirty ? <p className="notice" role="status">{t("draft.kept")} <Button kind="quiet" onClick={model.forget}>{t("draft.forget")}</Button></p> : null}
      {done ? <p className="notice" role="status">✓ {done}</p> : null}
      {stale ? null : <Problem error={error ?? pause.error ?? published.error} />}
      {stored ? <nav className="tabs" aria-label={t("scn.tabs")}>{(["design", "rehearse"] as const).map((one) => <a key={one} href={`${to(account.id, "scenarios", id)}${one === "design" ? "" : "?tab=rehearse"}`} aria-current={tab === one ? "page" : undefined}>{t(`scn.tab.${one}`)}</a>)}</nav> : null}
      <Graph model={model} tools={tools} faults={faults} chosen={chosen} choose={choose} stored={stored} starters={stored?.started_by ?? []} isRehearsal={tab === "rehearse"} prepare={prepare} />
      {open === "test" ? <TestDialog id={id} onClose={() => setOpen(null)} /> : null}
      {open === "publish" && stored && (stored.published_version === null || published.data) ? <PublishDialog id={id} draft={now} published={published.data?.definition ?? null} isStarted={stored.started_by.length > 0} onClose={() => setOpen(null)} onFaults={blame} jump={(node) => { setOpen(null); choose({ is: "step", id: node }); }} onDone={(n) => { setOpen(null); setDone(t("scn.publish.done", { version: n })); }} /> : null}
      {stale ? <Stale path={`${base}/scenarios/${id}`} mine={now} onOverwrite={() => save.mutate(true)} onTake={() => { model.clear(); location.reload(); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}

/** The definition with its undo, kept in this browser until it is saved. */
function useModel(stored: Stored | null, name: string) {
  const first: Kept = useMemo(() => ({ definition: stored ? definitionOf(stored) : empty(), revision: stored?.revision ?? 0 }), [stored]);
  const [kept, setKept, clear, wasKept] = useDraft<Kept>(name, first);
  const [history, setHistory] = useState<History>(() => opened(kept.definition));
  const [saved, setSaved] = useState<Kept>(() => (kept.revision === first.revision ? first : { ...first, revision: kept.revision }));
  const [isKept, setIsKept] = useState(wasKept);
  const { now } = history;
  const isDirty = !equal(now, saved.definition);
  useEffect(() => {
    if (isDirty) setKept({ definition: now, revision: saved.revision });
    else clear();
  }, [now, isDirty, saved.revision]);
  useEffect(() => {
    // Somebody else saved, and here nothing was changed: theirs is shown. Else saving will ask.
    if (first.revision <= saved.revision || isDirty) return;
    setSaved(first);
    setHistory(opened(first.definition));
  }, [first]);
  return {
    now,
    saved,
    history,
    isKept,
    clear,
    edit: (next: Definition, tag?: string) => setHistory((was) => edited(was, next, tag)),
    undo: () => setHistory(undone),
    redo: () => setHistory(redone),
    /** Saved: as the API keeps it, unless it was edited meanwhile. */
    keep: (sent: Definition, next: Kept) => {
      setSaved(next);
      setIsKept(false);
      setHistory((was) => (was.now === sent ? { ...was, now: next.definition } : was));
    },
    forget: () => {
      clear();
      setSaved(first);
      setHistory((was) => edited(was, first.definition));
    },
  };
}

function Standing({ stored, isDirty }: { stored: Stored | null; isDirty: boolean }) {
  const version = stored?.published_version ?? null;
  return (
    <span className="chips">
      {version === null ? <Chip>{t("scn.state.draft")}</Chip> : <Chip tone="brand">{t("scn.state.published", { version })}</Chip>}
      {stored?.paused ? <Chip tone="warn">{t(stored.status_reason === "runaway" ? "scn.state.runaway" : "scn.state.paused")}</Chip> : null}
      {isDirty ? <Chip tone="warn">{t("scn.state.unsaved")}</Chip> : version !== null && stored?.unpublished_changes ? <Chip tone="warn">{t("scn.state.changes")}</Chip> : null}
    </span>
  );
}

interface GraphProps {
  model: ReturnType<typeof useModel>;
  tools: Tools;
  faults: Map<string, string[]>;
  chosen: Selection | null;
  choose: (next: Selection | null) => void;
  stored: Stored | null;
  starters: Starter[];
  isRehearsal: boolean;
  prepare: () => Promise<void>;
}

function Graph({ model, tools, faults, chosen, choose, stored, starters, isRehearsal, prepare }: GraphProps) {
  const { now } = model;
  const names = useNames();
  const narrow = useNarrow();
  const [view, setView] = useState<"canvas" | "outline" | null>(null);
  const [counting, setCounting] = useState(false);
  const shown = view ?? (narrow ? "outline" : "canvas");
  const isPublished = stored?.published_version != null;
  const funnel = useFunnel(isPublished ? tools.id : null);
  const came = useCame(isPublished && counting ? tools.id : null);
  const numbers = useMemo(() => numbersOf(now), [now]);
  const marks = useMemo(() => {
    const found = tools.published ? difference(tools.published, now) : null;
    return new Map<string, "added" | "changed">([...(found?.added ?? []).map((one) => [one, "added"] as const), ...(found?.changed ?? []).map((one) => [one, "changed"] as const)]);
  }, [tools.published, now]);
  useKeys(model);
  const lost = model.history.past.length ? lostBy(model.history.past.at(-1) as Definition, now).length : 0;
  const board: Board = { definition: now, names, numbers, chosen, choose, fixed: !tools.mayEdit, waiting: funnel.data?.active ?? {}, faults, marks, funnel: counting && funnel.data?.nodes ? new Map(funnel.data.nodes.map((one) => [one.node, one])) : null, came, isStarted: starters.length > 0 };
  if (isRehearsal && stored) return <Rehearsal id={tools.id} board={board} narrow={narrow} prepare={prepare} mayPrepare={tools.mayEdit} />;
  const label = t("scn.graph");
  return (
    <>
      <div className="toolbar">
        <div className="grow"><Field label={t("scn.name")} hideLabel placeholder={t("scn.name")} value={now.name} maxLength={200} disabled={!tools.mayEdit} onChange={(event) => tools.edit({ ...now, name: event.target.value }, "name")} /></div>
        <div className="actions" role="group" aria-label={t("scn.view")}>{(["canvas", "outline"] as const).map((one) => <Button key={one} aria-pressed={shown === one} onClick={() => setView(one)}>{t(`scn.view.${one}` as Word)}</Button>)}</div>
        {tools.mayEdit ? <div className="actions"><Button disabled={model.history.past.length === 0} onClick={model.undo}>↶ {t("builder.undo")}</Button><Button disabled={model.history.future.length === 0} onClick={model.redo}>↷ {t("builder.redo")}</Button></div> : null}
        {isPublished ? <Button aria-pressed={counting} onClick={() => setCounting(!counting)}>{t("scn.funnel")}</Button> : null}
      </div>
      {counting ? <Problem error={funnel.error} /> : null}
      {counting && funnel.data?.exact === false ? <p className="notice">{t("scn.funnel.estimate")}</p> : null}
      <p role="status" className="hidden">{lost > 0 ? t("scn.lost", { n: lost }) : ""}</p>
      <div className={chosen && !narrow ? "designer with-panel" : "designer"}>
        {shown === "canvas" ? <Suspense fallback={<div className="canvas" role="status">{t("state.loading")}</div>}><Canvas board={board} label={label} /></Suspense> : <Outline board={board} label={label} />}
        {chosen ? <Side narrow={narrow} board={board} tools={tools} starters={starters} isPublished={isPublished} /> : null}
      </div>
    </>
  );
}

/** Undo and redo by keyboard, except while a field is typed into: there they are the field's own. */
function useKeys(model: ReturnType<typeof useModel>) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || (event.target as HTMLElement).closest("input, textarea, select, [role=dialog]")) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) model.redo();
      else model.undo();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

function Side({ narrow, board, tools, starters, isPublished }: { narrow: boolean; board: Board; tools: Tools; starters: Starter[]; isPublished: boolean }) {
  const { chosen, choose, definition } = board;
  const key = chosen?.is === "step" ? `step|${chosen.id}` : chosen?.is === "add" ? `add|${chosen.place.from}|${chosen.place.slot}` : "start";
  const [heading, setHeading] = useState<HTMLElement | null>(null);
  useEffect(() => heading?.focus({ preventScroll: true }), [heading, key]);
  const close = () => {
    choose(null);
    (document.querySelector(`[data-choice="${CSS.escape(key)}"]`) as HTMLElement | null)?.focus();
  };
  const step = chosen?.is === "step" ? definition.nodes[chosen.id] : undefined;
  useEffect(() => {
    if (chosen?.is === "step" && !step) choose(null);
  });
  if (!chosen || (chosen.is === "step" && !step)) return null;
  const title = panelTitle(chosen, definition);
  const inside = (
    <PanelBody key={key}>
      {chosen.is === "start" ? <StartPanel starters={starters} isPublished={isPublished} tools={tools} /> : chosen.is === "add" ? <AddPanel place={chosen.place} tools={tools} /> : step ? <StepPanel id={chosen.id} step={step} tools={tools} /> : null}
    </PanelBody>
  );
  if (narrow) return <Dialog title={title} onClose={close}><Around board={board}>{inside}</Around><div className="dialog-foot"><Button kind="main" onClick={close}>{t("builder.done")}</Button></div></Dialog>;
  return (
    <aside className="panel side" aria-label={title} onKeyDown={(event) => event.key === "Escape" && !event.defaultPrevented && close()}>
      <div className="panel-head"><h2 tabIndex={-1} ref={setHeading}><bdi>{title}</bdi></h2><Button kind="quiet" aria-label={t("scn.panel.close")} onClick={close}>✕</Button></div>
      <Around board={board}>{inside}</Around>
    </aside>
  );
}

const PanelBody = ({ children }: { children: React.ReactNode }) => <>{children}</>;
const Around = ({ board, children }: { board: Board; children: React.ReactNode }) => <BoardContext.Provider value={board}>{children}</BoardContext.Provider>;
