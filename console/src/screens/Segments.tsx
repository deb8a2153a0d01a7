import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { all, ApiError, get, newId, put, remove } from "../api/client";
import { Builder } from "../conditions/Builder";
import { CountPanel, Samples, useWhy, WhyPanel } from "../conditions/Count";
import { audienceOf, group, toTree, type Condition, type Group } from "../conditions/model";
import { rootSentence } from "../conditions/sentence";
import { useMay, useNames, usePlace } from "../data";
import { go, Link, useRoute } from "../router";
import { Stale } from "../ui/Stale";
import { Uses } from "../ui/Uses";
import { Button, Field, Problem, Screen, Section, stateOf, useDraft, Words } from "../ui/kit";
import { t } from "../words";

interface Segment {
  id: string;
  name: string;
  condition: Condition;
  revision: number;
  updated_at: string;
}

export default function Segments() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing key={id} id={id} />;
}

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "segments"], queryFn: () => all<Segment>(`${base}/segments`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "segments", "new"]}>{t("segment.new")}</Link> : null;
  return (
    <Screen title={t("nav.segments")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("segments.lead")} actions={fresh} empty={<><h2>{t("segments.empty")}</h2><p>{t("segments.empty.more")}</p>{fresh}</>}>
      {items.map((one) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<Link className="button" parts={[account.id, "segments", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link>}>
          <p className="soft">{rootSentence(toTree(one.condition), names)}</p>
        </Section>
      ))}
    </Screen>
  );
}

function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "segments", id], queryFn: () => get<Segment>(`${base}/segments/${id}`) });
  if (!asked.data) return <Screen title={t("nav.segments")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Editor key={asked.data.revision} segment={asked.data} />;
}

interface Draft {
  name: string;
  root: Group;
  revision?: number;
}

function Editor({ segment }: { segment?: Segment }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const names = useNames();
  const client = useQueryClient();
  const first = useMemo<Draft>(() => (segment ? { name: segment.name, root: toTree(segment.condition), revision: segment.revision } : { name: "", root: group("all") }), [segment]);
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`segment.${account.id}.${segment?.id ?? "new"}`, first);
  const [user, setUser] = useState<string | null>(null);
  const condition = audienceOf(draft.root);
  const why = useWhy(draft.root, condition, user);
  const save = useMutation({
    mutationFn: async (overwrite: boolean) => {
      const id = segment?.id ?? newId("segment");
      const headers: Record<string, string> = segment && !overwrite ? { "If-Match": String(draft.revision ?? segment.revision) } : {};
      await put<Segment>(`${base}/segments/${id}`, { name: draft.name, condition }, headers);
      return id;
    },
    onSuccess: async () => {
      forget();
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "segments");
    },
  });
  const away = useMutation({
    mutationFn: () => remove(`${base}/segments/${segment?.id}`),
    onSuccess: async () => {
      forget();
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "segments");
    },
  });
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  return (
    <Screen title={segment ? segment.name.slice(0, 100) : t("segment.new")} state="ready" wide back={<Link className="back" parts={[account.id, "segments"]}>← {t("nav.segments")}</Link>}
      actions={may ? <><Button onClick={() => { forget(); setDraft(first); }}>{t("draft.forget")}</Button>{segment ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}<Button kind="main" busy={save.isPending} disabled={!draft.name.trim()} onClick={() => save.mutate(false)}>{t("action.save")}</Button></> : null}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {stale ? null : <Problem error={error ?? away.error} />}
      <div className="columns">
        <div>
          <Section title={t("segment.condition")}>
            <Field label={t("segment.name")} value={draft.name} maxLength={200} required error={error instanceof ApiError ? error.about("name") : undefined} onChange={(event) => setDraft((was) => ({ ...was, name: event.target.value }))} />
            <Builder root={draft.root} onChange={(root) => setDraft((was) => ({ ...was, root }))} marks={why.marks} values={why.values} />
          </Section>
        </div>
        <div className="stick">
          <Section title={t("segment.sentence")}>
            <p className="sentence" data-testid="sentence"><Words text={rootSentence(draft.root, names)} most={2000} /></p>
          </Section>
          <Section title={t("count.label")}><CountPanel condition={condition} /></Section>
          <Section title={t("segment.who")}><WhyPanel user={user} onChoose={setUser} why={why} /><Samples condition={condition} /></Section>
          {segment ? <Uses kind="segments" id={segment.id} /> : null}
        </div>
      </div>
      {stale && segment ? <Stale path={`${base}/segments/${segment.id}`} mine={{ name: draft.name, condition }} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); save.reset(); void client.invalidateQueries({ queryKey: [base, "segments", segment.id] }).then(() => location.reload()); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}
