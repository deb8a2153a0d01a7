import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, get, newId, post, put } from "../../api/client";
import type { Finding } from "../../api/schema";
import { type Broadcast, type LineMessage, type Message, type Quota, useMay, useNames, usePlace } from "../../data";
import { Preview } from "../../phone/Preview";
import { go, Link } from "../../router";
import { Area, Button, Check, Chip, Field, Forbidden, Problem, Screen, Section, Select, stateOf, useDraft, Words } from "../../ui/kit";
import { MessageEditor } from "../../ui/MessageEditor";
import { Stale } from "../../ui/Stale";
import { isWord, named, number, t, yen, zoneName, type Word } from "../../words";
import { Send, type Timing, When } from "../Sending";
import { useAudiences } from "./Audiences";
import { AGES, AREAS, demographicOf, type Filter, filterOf, type List, type Lists, listsOf, NO_FILTER, NO_LISTS, type Node, PERIODS, recipientOf } from "./recipient";
import { countOf, filterText, listOfAudience, listTitle, titleOf } from "./words";

interface Draft extends Timing {
  id: string;
  name: string;
  lists: Lists;
  filter: Filter;
  /** Written by hand where the fields cannot say it. */
  recipient: Node | null;
  demographic: Node | null;
  max: string;
  message: string;
  messages: LineMessage[];
  category: string;
  extra: Record<string, unknown>;
}

/** What this page does not show and must not lose. */
const UNSHOWN = new Set(["topic", "links", "max_lateness"]);
const blank = (): Draft => ({ id: newId("narrowcast"), name: "", lists: NO_LISTS, filter: NO_FILTER, recipient: null, demographic: null, max: "", message: "", messages: [{ type: "text", text: "" }], category: "marketing", when: "now", at: "", weekdays: [], time: "10:00", extra: {} });

function draftOf(one: Broadcast): Draft {
  const narrowcast = (one.narrowcast ?? {}) as { recipient?: Node | null; demographic?: Node | null; max?: number | null };
  const [lists, filter] = [listsOf(narrowcast.recipient), filterOf(narrowcast.demographic)];
  return {
    ...blank(), id: one.id, name: one.name, lists: lists ?? NO_LISTS, filter: filter ?? NO_FILTER,
    recipient: lists ? null : (narrowcast.recipient ?? null), demographic: filter ? null : (narrowcast.demographic ?? null), max: String(narrowcast.max ?? ""),
    message: one.message ?? "", messages: one.messages ?? blank().messages, category: one.category ?? "marketing",
    extra: Object.fromEntries(Object.entries(one).filter(([name, value]) => UNSHOWN.has(name) && value !== null)),
  };
}

function bodyOf(draft: Draft): Record<string, unknown> {
  const { topic, ...extra } = draft.extra;
  const [recipient, demographic] = [draft.recipient ?? recipientOf(draft.lists), draft.demographic ?? demographicOf(draft.filter)];
  const narrowcast = { ...(recipient ? { recipient } : {}), ...(demographic ? { demographic } : {}), ...(draft.max.trim() ? { max: Number(draft.max) } : {}) };
  return { ...extra, name: draft.name, narrowcast, ...(draft.message ? { message: draft.message } : { messages: draft.messages, category: draft.category, ...(topic ? { topic } : {}) }) };
}

export function NarrowcastEditor({ id }: { id?: string }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "narrowcast", id], enabled: Boolean(id) && may, gcTime: 0, queryFn: () => get<Broadcast>(`${base}/broadcasts/${id}`) });
  if (!may) return <Screen title={t("narrow.new")} state="forbidden" error={new ApiError(403, "forbidden", "editor", [], null)} />;
  if (!id) return <Page first={blank()} name="new" />;
  if (!asked.data) return <Screen title={t("broadcast.edit")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Page first={draftOf(asked.data)} name={id} revision={asked.data.revision} />;
}

interface Sheet {
  count: number;
  quota: Quota & { needed: number };
  yen: number;
  findings: Finding[];
}

function Page({ first, name, revision }: { first: Draft; name: string; revision?: number }) {
  const { base, account } = usePlace();
  const names = useNames();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`narrowcast.${account.id}.${name}`, first);
  const [known, setKnown] = useState(revision);
  const [sheet, setSheet] = useState<{ of: string; sheet: Sheet } | null>(null);
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }));
  const now = JSON.stringify(bodyOf(draft));
  const save = useMutation({
    mutationFn: async (overwrite: boolean) => {
      const saved = await put<Broadcast>(`${base}/broadcasts/${draft.id}`, bodyOf(draft), known !== undefined && !overwrite ? { "If-Match": String(known) } : {});
      setKnown(saved.revision);
      void client.invalidateQueries({ queryKey: [base, "broadcasts"] });
      return saved;
    },
  });
  const check = useMutation({
    mutationFn: async () => {
      await save.mutateAsync(false);
      return post<Sheet>(`${base}/broadcasts/${draft.id}/preview`, {});
    },
    onSuccess: (found) => setSheet({ of: now, sheet: found }),
  });
  const error = save.error ?? check.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  const current = sheet?.of === now ? sheet.sheet : null;
  const kept = useQuery({ queryKey: [base, "messages", draft.message], enabled: Boolean(draft.message), queryFn: () => get<Message>(`${base}/messages/${draft.message}`) });
  const leave = async () => {
    forget();
    await client.invalidateQueries({ queryKey: [base] });
    go(account.id, "narrowcasts", draft.id);
  };
  const isWritten = draft.name.trim() !== "";
  return (
    <Screen title={name === "new" ? t("narrow.new") : draft.name.slice(0, 100) || t("broadcast.edit")} state="ready" wide back={<Link className="back" parts={[account.id, "narrowcasts"]}>← {t("nav.narrowcasts")}</Link>}
      actions={<><Button onClick={() => { forget(); setDraft(name === "new" ? blank() : first); setSheet(null); }}>{t("draft.forget")}</Button><Button busy={save.isPending} disabled={!isWritten} onClick={() => save.mutate(false)}>{t("broadcast.save")}</Button></>}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {save.isSuccess && !check.isPending && !current ? <p className="notice" role="status">{t("broadcast.saved")}</p> : null}
      <div className="columns">
        <div className="steps">
          <Section title={t("broadcast.name")}><Field label={t("broadcast.name")} hideLabel value={draft.name} maxLength={200} error={about("name")} onChange={(event) => edit({ name: event.target.value })} /></Section>
          <Recipients draft={draft} edit={edit} error={about("narrowcast.recipient")} />
          <Demographic draft={draft} edit={edit} error={about("narrowcast.demographic")} />
          <Section title={t("narrow.max")} lead={t("narrow.max.lead")}><Field label={t("narrow.max.label")} type="number" min={1} value={draft.max} error={about("narrowcast.max")} onChange={(event) => edit({ max: event.target.value })} /></Section>
          <Section title={t("narrow.what")} lead={t("narrow.message.lead")}>
            <Select label={t("narrow.message")} value={draft.message} error={about("message") ?? about("messages")} onChange={(event) => edit({ message: event.target.value })} options={[{ value: "", label: t("narrow.message.own") }, ...(names.messages ?? []).map((one) => ({ value: one.id, label: one.name }))]} />
            {draft.message ? null : <><MessageEditor messages={draft.messages} onChange={(messages) => edit({ messages })} about={about} /><Select label={t("compose.category")} value={draft.category} onChange={(event) => edit({ category: event.target.value })} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} /></>}
          </Section>
          <Section title={t("narrow.when")} lead={t("zone", { zone: zoneName() })}><When draft={draft} edit={edit} /></Section>
          <Section title={t("narrow.check")} lead={t("narrow.check.lead")} actions={<Button kind="main" busy={check.isPending} disabled={!isWritten} onClick={() => check.mutate()}>{t("compose.check.do")}</Button>}>
            {stale ? null : <Problem error={error} />}
            {current ? <Checked sheet={current} draft={draft} /> : <p className="soft">{t("compose.check.first")}</p>}
            {current && publisher ? <Send draft={draft} sheet={current} leave={leave} /> : null}
            {current && !publisher ? <Forbidden error={new ApiError(403, "forbidden", "this needs the role publisher", [], null)} /> : null}
          </Section>
        </div>
        <div className="stick"><Preview messages={draft.message ? (kept.data?.messages ?? []) : draft.messages} /></div>
      </div>
      {stale ? <Stale path={`${base}/broadcasts/${draft.id}`} mine={bodyOf(draft)} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => { save.reset(); check.reset(); }} /> : null}
    </Screen>
  );
}

interface Part {
  draft: Draft;
  edit: (more: Partial<Draft>) => void;
  error?: string;
}

function Recipients({ draft, edit, error }: Part) {
  const names = useNames();
  const audiences = useAudiences();
  const { lists } = draft;
  const known = audiences.data ?? [];
  const options = [
    ...known.filter((one) => one.status === "READY").map((one) => ({ value: listOfAudience(one), label: `${titleOf(one)} (${countOf(one)})` })),
    ...(names.segments ?? []).map((one) => ({ value: `segment:${one.id}`, label: t("narrow.list.segment", { name: one.name }) })),
  ];
  const write = (more: Partial<Lists>) => edit({ lists: { ...lists, ...more } });
  if (draft.recipient) return <Section title={t("narrow.lists")}><Raw label={t("narrow.recipient.raw")} value={draft.recipient} error={error} set={(recipient) => edit({ recipient })} /></Section>;
  return (
    <Section title={t("narrow.lists")} lead={t("narrow.lists.lead")}>
      <Problem error={audiences.error} />
      <Chosen label={t("narrow.include")} empty={t("narrow.everybody")} lists={lists.include} title={(one) => listTitle(one, known, names)} options={options} set={(include) => write({ include })} />
      {lists.include.length > 1 ? <Select label={t("narrow.mode")} value={lists.mode} onChange={(event) => write({ mode: event.target.value as Lists["mode"] })} options={(["or", "and"] as const).map((one) => ({ value: one, label: t(`narrow.mode.${one}`) }))} /> : null}
      <Chosen label={t("narrow.exclude")} empty={t("narrow.exclude.none")} lists={lists.exclude} title={(one) => listTitle(one, known, names)} options={options} set={(exclude) => write({ exclude })} />
      {error ? <p className="problem" role="alert">{error}</p> : null}
    </Section>
  );
}

function Chosen({ label, empty, lists, title, options, set }: { label: string; empty: string; lists: List[]; title: (list: List) => string; options: { value: string; label: string }[]; set: (lists: List[]) => void }) {
  return (
    <>
      <Select label={label} value="" onChange={(event) => event.target.value && set([...lists, event.target.value])} options={[{ value: "", label: lists.length ? t("narrow.add") : empty }, ...options.filter((one) => !lists.includes(one.value))]} />
      <div className="chips">{lists.map((one) => <Chip key={one} tone="brand"><Words text={title(one)} most={50} /><button type="button" aria-label={t("narrow.remove", { name: title(one).slice(0, 50) })} onClick={() => set(lists.filter((other) => other !== one))}>✕</button></Chip>)}</div>
    </>
  );
}

function Demographic({ draft, edit, error }: Part) {
  const { filter } = draft;
  const write = (more: Partial<Filter>) => edit({ filter: { ...filter, ...more } });
  const any = { value: "", label: t("narrow.any") };
  if (draft.demographic) return <Section title={t("narrow.filter")}><Raw label={t("narrow.demographic.raw")} value={draft.demographic} error={error} set={(demographic) => edit({ demographic })} /></Section>;
  const isFiltered = demographicOf(filter) !== null;
  return (
    <Section title={t("narrow.filter")} lead={t("narrow.filter.lead")}>
      {isFiltered ? <p className="notice warn">{t("narrow.filter.least")}</p> : null}
      <div className="fields">
        <Select label={t("narrow.gender")} value={filter.gender} onChange={(event) => write({ gender: event.target.value })} options={[any, ...["female", "male"].map((one) => ({ value: one, label: named("narrow.gender", one) }))]} />
        <Select label={t("narrow.app")} value={filter.app} onChange={(event) => write({ app: event.target.value })} options={[any, ...["ios", "android"].map((one) => ({ value: one, label: named("narrow.app", one) }))]} />
        <Select label={t("narrow.age.least")} value={filter.ageFrom} onChange={(event) => write({ ageFrom: event.target.value })} options={[any, ...AGES.map((one) => ({ value: one, label: t("narrow.age.from", { age: one.slice(4) }) }))]} />
        <Select label={t("narrow.age.below")} value={filter.ageTo} onChange={(event) => write({ ageTo: event.target.value })} options={[any, ...AGES.map((one) => ({ value: one, label: t("narrow.age.to", { age: one.slice(4) }) }))]} />
        <Select label={t("narrow.days.least")} value={filter.daysFrom} onChange={(event) => write({ daysFrom: event.target.value })} options={[any, ...PERIODS.map((one) => ({ value: one, label: t("narrow.days.from", { days: one.slice(4) }) }))]} />
        <Select label={t("narrow.days.below")} value={filter.daysTo} onChange={(event) => write({ daysTo: event.target.value })} options={[any, ...PERIODS.map((one) => ({ value: one, label: t("narrow.days.to", { days: one.slice(4) }) }))]} />
      </div>
      <details>
        <summary>{filter.areas.length ? t("narrow.areas.of", { n: filter.areas.length }) : t("narrow.areas")}</summary>
        <div className="areas">{[...new Set([...AREAS, ...filter.areas])].map((code) => <Check key={code} label={isWord(`area.${code}`) ? t(`area.${code}` as Word) : code} checked={filter.areas.includes(code)} onChange={(event) => write({ areas: event.target.checked ? [...filter.areas, code].sort() : filter.areas.filter((one) => one !== code) })} />)}</div>
      </details>
      {isFiltered ? <p className="sentence">{filterText(filter)}</p> : null}
      {error ? <p className="problem" role="alert">{error}</p> : null}
    </Section>
  );
}

function Raw({ label, value, error, set }: { label: string; value: Node; error?: string; set: (next: Node) => void }) {
  const [text, setText] = useState(JSON.stringify(value, null, 1));
  const [wrong, setWrong] = useState<string>();
  return (
    <Area label={label} rows={8} value={text} error={wrong ?? error} onChange={(event) => {
      setText(event.target.value);
      try {
        set(JSON.parse(event.target.value) as Node);
        setWrong(undefined);
      } catch {
        setWrong(t("error.json"));
      }
    }} />
  );
}

const LEAST_FILTERED = 100;
const LEAST = 50;

/** What LINE asks of the number of friends, shown before anything is sent. */
function Checked({ sheet, draft }: { sheet: Sheet; draft: Draft }) {
  const isFiltered = (draft.demographic ?? demographicOf(draft.filter)) !== null;
  const isOthers = draft.lists.include.some((one) => !one.startsWith("segment:"));
  const least = isFiltered ? LEAST_FILTERED : isOthers ? LEAST : 0;
  return (
    <>
      <dl className="figures">
        <div className="figure"><dt>{t("narrow.at_most")}</dt><dd className="value">{t("people", { n: sheet.count })}</dd></div>
        <div className="figure"><dt>{t("sheet.yen")}</dt><dd className="value">{yen(sheet.yen)}</dd></div>
        <div className="figure"><dt>{t("sheet.quota")}</dt><dd className="value">{sheet.quota.left === null ? "—" : number(sheet.quota.left)}</dd></div>
      </dl>
      {sheet.count < least ? <p className="notice warn" role="alert">{t(isFiltered ? "narrow.too_few.filter" : "narrow.too_few", { n: sheet.count, least })}</p> : null}
      {sheet.quota.left !== null && sheet.quota.needed > sheet.quota.left ? <p className="notice warn" role="alert">{t("sheet.over")}</p> : null}
      {sheet.findings.length ? <ul aria-label={t("narrow.findings")}>{sheet.findings.map((one) => <li key={`${one.path} ${one.message}`}>{one.message}</li>)}</ul> : null}
    </>
  );
}
