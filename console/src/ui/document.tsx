// Editing one document: a draft that survives a reload, saved against its revision, compared when somebody was faster.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { ApiError, enc, get, newId, put, remove } from "../api/client";
import { useMay, usePlace } from "../data";
import { go } from "../router";
import { t, type Word } from "../words";
import { Button, Dialog, Problem, Screen, stateOf, useDraft, writeDraft } from "./kit";
import { Stale } from "./Stale";

const ADDED = ["id", "revision", "updated_at", "warnings", "warning_details"];

export interface Stored {
  id: string;
  name: string;
  revision: number;
}

/** One stored document, then what edits it; begun anew when another revision is read. */
export function Existing<S extends Stored>({ kind, id, title, children }: { kind: string; id: string; title: Word; children: (stored: S) => ReactNode }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, kind, id], queryFn: () => get<S>(`${base}/${kind}/${enc(id)}`) });
  if (!asked.data) return <Screen title={t(title)} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <div key={asked.data.revision} className="contents">{children(asked.data)}</div>;
}

/** What was saved last, until its page is drawn anew with the revision that this made. */
let saved = "";

interface Of<D> {
  kind: string;
  stored?: Stored & Partial<D>;
  empty: D;
  /** What answers show besides the document. */
  state?: string[];
  /** What is edited of a stored document; without it all that an author writes. */
  read?: (stored: Stored & Partial<D>) => D;
  bodyOf?: (draft: D) => unknown;
  /** What is lost with it. */
  gone: string;
  canSave?: (draft: D) => boolean;
  /** Under which name the draft of something new is kept. */
  draftName?: string;
}

/** A draft, and the revision that its author saw: what somebody else saved since then is not written over unseen. */
interface Kept<D> {
  revision: number | null;
  draft: D;
}

const keyOf = (kind: string, account: string, id: string) => `doc.${kind}.${account}.${id}`;

/** Have the editor of something new begin with this. */
export function beginDraft(kind: string, account: string, draft: object): void {
  writeDraft(keyOf(kind, account, "new"), { revision: null, draft });
}

export function useDocument<D extends { name: string }>({ kind, stored, empty, state = [], read, bodyOf, gone, canSave = () => true, draftName = "new" }: Of<D>) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const first = useMemo<D>(() => (stored ? read?.(stored) ?? (Object.fromEntries(Object.entries(stored).filter(([name]) => !ADDED.includes(name) && !state.includes(name))) as unknown as D) : empty), [stored]);
  const seen = stored?.revision ?? null;
  const [{ draft, revision }, setKept, forget, wasKept] = useDraft<Kept<D>>(keyOf(kind, account.id, stored?.id ?? draftName), { revision: seen, draft: first });
  const setDraft = (next: D | ((was: D) => D)) => setKept((was) => ({ ...was, draft: typeof next === "function" ? next(was.draft) : next }));
  const [id] = useState(() => stored?.id ?? newId(kind.replace(/s$/, "")));
  const path = `${base}/${kind}/${enc(id)}`;
  const [isSaved] = useState(() => saved === path);
  useEffect(() => {
    saved = "";
  }, []);
  const from = useRef("");
  const save = useMutation({
    onMutate: () => {
      from.current = location.hash;
    },
    mutationFn: (overwrite: boolean) => put(path, bodyOf ? bodyOf(draft) : draft, stored && !overwrite ? { "If-Match": String(revision ?? stored.revision) } : {}),
    onSuccess: async () => {
      forget();
      saved = path;
      await client.invalidateQueries({ queryKey: [base] });
      // Whoever has gone somewhere else meanwhile stays there.
      if (location.hash === from.current) go(account.id, kind, ...(stored ? [] : [id]));
    },
  });
  const away = useMutation({
    mutationFn: () => remove(path),
    onSuccess: async () => {
      forget();
      go(account.id, kind);
      // What is asked about it has no answer any more.
      await client.invalidateQueries({ queryKey: [base], predicate: (query) => !query.queryKey.includes(id) });
    },
  });
  const error = save.error;
  const isStale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const isChanged = JSON.stringify(draft) !== JSON.stringify(first);
  const [round, setRound] = useState(0);
  const reset = () => {
    setKept({ revision: seen, draft: first });
    forget();
    setRound((was) => was + 1);
  };
  return {
    id,
    draft,
    setDraft,
    /** How often the draft was thrown away. */
    round,
    edit: (more: Partial<D>) => setDraft((was) => ({ ...was, ...more })),
    about: (field: string) => (error instanceof ApiError ? error.about(field) : undefined),
    actions: may ? (
      <>
        {isChanged ? <Button onClick={reset}>{t("draft.forget")}</Button> : null}
        {stored ? <Remove name={stored.name} gone={gone} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /> : null}
        <Button kind="main" busy={save.isPending} disabled={!draft.name.trim() || !canSave(draft)} onClick={() => save.mutate(false)}>{t("action.save")}</Button>
      </>
    ) : null,
    above: (
      <>
        {wasKept && isChanged ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
        {isSaved && !isChanged ? <p className="notice" role="status">✓ {t("saved")}</p> : null}
        {isStale ? null : <Problem error={error} />}
      </>
    ),
    below: isStale ? <Stale path={path} mine={(bodyOf?.(draft) ?? draft) as object} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : null,
  };
}

/** A button that says what is lost before it takes something away. */
export function Remove({ name, gone, busy, error, onRemove, quiet }: { name: string; gone: string; busy: boolean; error: unknown; onRemove: () => void; quiet?: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const title = t("remove.title", { name: name.slice(0, 60) });
  return (
    <>
      <Button kind={quiet ? "quiet" : "danger"} aria-label={quiet ? title : undefined} onClick={() => setOpen(true)}>{t("action.delete")}</Button>
      {isOpen ? (
        <Dialog title={title} onClose={() => setOpen(false)}>
          <p>{gone}</p>
          <Problem error={error} />
          <div className="dialog-foot"><Button onClick={() => setOpen(false)}>{t("action.cancel")}</Button><Button kind="danger" busy={busy} onClick={onRemove}>{t("remove.do")}</Button></div>
        </Dialog>
      ) : null}
    </>
  );
}
