// Forms in the chat: questions one after the other, what each answer does, and what is done at the end.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { all, ApiError, get, newId, put, remove } from "../api/client";
import { Builder } from "../conditions/Builder";
import { audienceOf, toTree, type Condition } from "../conditions/model";
import { rootSentence } from "../conditions/sentence";
import { type LineMessage, type Names, useMay, useNames, usePlace } from "../data";
import { Preview } from "../phone/Preview";
import { go, Link, useRoute } from "../router";
import { type Action, Actions } from "../ui/Actions";
import { Stale } from "../ui/Stale";
import { Uses } from "../ui/Uses";
import { Area, Button, Check, Field, Icon, Problem, Screen, Section, Select, stateOf, useDraft, Words } from "../ui/kit";
import { named, t } from "../words";

interface Choice {
  value: string;
  label?: string | null;
  then?: Action[];
}

interface Question {
  id: string;
  text: string;
  type: string;
  required?: boolean;
  choices?: (Choice | string)[] | null;
  attribute?: string | null;
  if?: Condition | null;
}

interface Form {
  id: string;
  name: string;
  questions: Question[];
  then: Action[];
  revision: number;
}

type Draft = Omit<Form, "id" | "revision"> & Record<string, unknown>;

const TYPES = ["choice", "multi_choice", "text", "number", "date", "boolean"] as const;
const ADDED = new Set(["id", "revision", "updated_at", "warnings"]);
const isChoice = (type: string) => type.endsWith("choice");
const choiceOf = (one: Choice | string): Choice => (typeof one === "string" ? { value: one } : one);
const question = (): Question => ({ id: newId("q"), text: "", type: "choice", choices: [{ value: "" }, { value: "" }] });

export default function Forms() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing key={id} id={id} />;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "forms"], queryFn: () => all<Form>(`${base}/forms`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "forms", "new"]}>{t("form.new")}</Link> : null;
  return (
    <Screen title={t("nav.forms")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("forms.lead")} back={<Link className="back" parts={[account.id, "rules"]}>← {t("nav.rules")}</Link>} actions={fresh} empty={<><h2>{t("forms.empty")}</h2><p>{t("forms.empty.more")}</p>{fresh}</>}>
      {items.map((one) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<Link className="button" parts={[account.id, "forms", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link>}>
          <p className="soft">{t("form.questions", { n: one.questions.length })} <Words text={one.questions.map((asks) => asks.text).join(" → ")} most={200} /></p>
        </Section>
      ))}
    </Screen>
  );
}

function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "forms", id], queryFn: () => get<Form>(`${base}/forms/${id}`) });
  if (!asked.data) return <Screen title={t("nav.forms")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Editor key={asked.data.revision} form={asked.data} />;
}

/** The document without what was left open. */
function bodyOf(draft: Draft): Draft {
  const questions = draft.questions.map((one) => {
    const { choices, if: only, attribute, ...rest } = one;
    const named_ = (choices ?? []).map(choiceOf).filter((choice) => choice.value.trim());
    return { ...rest, ...(isChoice(one.type) ? { choices: named_ } : {}), ...(only ? { if: only } : {}), ...(attribute ? { attribute } : {}) };
  });
  return { ...draft, questions };
}

/** How the chat asks it: a text with its answers below. */
function asked(one: Question): LineMessage[] {
  const labels = isChoice(one.type) ? (one.choices ?? []).map(choiceOf).map((choice) => choice.label || choice.value) : one.type === "boolean" ? [t("say.yes"), t("say.no")] : [];
  const items = labels.filter((label) => label.trim()).slice(0, 13).map((label) => ({ type: "action", action: { type: "message", label: label.slice(0, 20), text: label } }));
  return [{ type: "text", text: one.text, ...(items.length ? { quickReply: { items } } : {}) }];
}

function Editor({ form }: { form?: Form }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const first = useMemo<Draft>(() => (form ? (Object.fromEntries(Object.entries(form).filter(([name]) => !ADDED.has(name))) as Draft) : { name: "", questions: [question()], then: [] }), [form]);
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`form.${account.id}.${form?.id ?? "new"}`, first);
  const [shown, setShown] = useState(0);
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }) as Draft);
  const kept = new Set(first.questions.flatMap((one) => (form ? (one.choices ?? []).map((choice) => `${one.id}/${choiceOf(choice).value}`) : [])));
  const done = async () => {
    forget();
    await client.invalidateQueries({ queryKey: [base] });
    go(account.id, "forms");
  };
  const save = useMutation({
    mutationFn: (overwrite: boolean) => put(`${base}/forms/${form?.id ?? newId("form")}`, bodyOf(draft), form && !overwrite ? { "If-Match": String(form.revision) } : {}),
    onSuccess: done,
  });
  const away = useMutation({ mutationFn: () => remove(`${base}/forms/${form?.id}`), onSuccess: done });
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  const setQuestion = (at: number, next: Question | null) => edit({ questions: draft.questions.flatMap((one, place) => (place === at ? (next ? [next] : []) : [one])) });
  const move = (at: number, by: number) => {
    const next = [...draft.questions];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at + by, 0, moved);
    edit({ questions: next });
  };
  const seen = draft.questions[Math.min(shown, draft.questions.length - 1)];
  return (
    <Screen title={form ? form.name.slice(0, 100) : t("form.new")} state="ready" wide back={<Link className="back" parts={[account.id, "forms"]}>← {t("nav.forms")}</Link>}
      actions={may ? <><Button onClick={() => { forget(); setDraft(first); }}>{t("draft.forget")}</Button>{form ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}<Button kind="main" busy={save.isPending} disabled={!draft.name.trim() || draft.questions.length === 0} onClick={() => save.mutate(false)}>{t("action.save")}</Button></> : null}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {stale ? null : <Problem error={error ?? away.error} />}
      <div className="columns">
        <div>
          <Section title={t("form.name")}><Field label={t("form.name")} hideLabel value={draft.name} maxLength={200} error={about("name")} onChange={(event) => edit({ name: event.target.value })} /></Section>
          <Section title={t("form.asks")} lead={t("form.asks.lead")}>
            <ol className="plain-list">
              {draft.questions.map((one, at) => (
                <li key={one.id} onFocus={() => setShown(at)}>
                  <QuestionForm one={one} n={at + 1} kept={kept} error={about(`questions[${at}]`)} set={(next) => setQuestion(at, next)}
                    moves={<>
                      <Button kind="quiet" aria-label={t("form.question.up", { n: at + 1 })} disabled={at === 0} onClick={() => move(at, -1)}><Icon name="up" /></Button>
                      <Button kind="quiet" aria-label={t("form.question.down", { n: at + 1 })} disabled={at === draft.questions.length - 1} onClick={() => move(at, 1)}><Icon name="down" /></Button>
                      <Button kind="quiet" aria-label={t("form.question.remove", { n: at + 1 })} onClick={() => setQuestion(at, null)}><Icon name="remove" /></Button>
                    </>} />
                </li>
              ))}
            </ol>
            <Button disabled={draft.questions.length >= 100} onClick={() => { edit({ questions: [...draft.questions, question()] }); setShown(draft.questions.length); }}>+ {t("form.question.add")}</Button>
          </Section>
          <Section title={t("form.then")} lead={t("form.then.lead")}><Actions then={draft.then} set={(then) => edit({ then })} /></Section>
        </div>
        <div className="stick">{seen ? <Preview messages={asked(seen)} /> : null}{form ? <Uses kind="forms" id={form.id} /> : null}</div>
      </div>
      {stale && form ? <Stale path={`${base}/forms/${form.id}`} mine={draft} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}

/** Attributes that can keep the answer of this type. */
const fitting = (names: Names, type: string) => (names.attributes ?? []).filter((one) => one.more.type === type || (one.more.type === "text" && type !== "multi_choice" && type !== "boolean"));

function QuestionForm({ one, n, kept, error, set, moves }: { one: Question; n: number; kept: Set<string>; error?: string; set: (next: Question) => void; moves: React.ReactNode }) {
  const names = useNames();
  const of = { n };
  const root = useMemo(() => toTree(one.if), [one.if]);
  return (
    <fieldset aria-label={t("form.question", of)}>
      <legend>{t("form.question", of)}</legend>
      <Area label={t("form.question.text", of)} rows={2} value={one.text} maxLength={1000} error={error} onChange={(event) => set({ ...one, text: event.target.value })} />
      <div className="fields">
        <Select label={t("form.question.type", of)} value={one.type} onChange={(event) => set({ ...one, type: event.target.value, attribute: null, choices: isChoice(event.target.value) ? (one.choices ?? question().choices) : null })} options={TYPES.map((type) => ({ value: type, label: named("attribute.type", type) }))} />
        <Select label={t("form.question.attribute", of)} value={one.attribute ?? ""} onChange={(event) => set({ ...one, attribute: event.target.value || null })} options={[{ value: "", label: t("form.question.attribute.none") }, ...fitting(names, one.type).map((found) => ({ value: found.id, label: found.name }))]} />
      </div>
      {isChoice(one.type) ? <Choices one={one} n={n} kept={kept} set={set} /> : null}
      <Check label={t("form.question.required", of)} checked={one.required ?? false} onChange={(event) => set({ ...one, required: event.target.checked })} />
      <details open={Boolean(one.if)}>
        <summary>{one.if ? t("form.question.if.of", { text: rootSentence(root, names) }) : t("form.question.if")}</summary>
        <Builder root={root} onChange={(next) => set({ ...one, if: next.children.length ? audienceOf(next) : null })} compact />
      </details>
      <div className="actions">{moves}</div>
    </fieldset>
  );
}

function Choices({ one, n, kept, set }: { one: Question; n: number; kept: Set<string>; set: (next: Question) => void }) {
  const names = useNames();
  const choices = (one.choices ?? []).map(choiceOf);
  const write = (at: number, next: Choice) => set({ ...one, choices: choices.map((choice, place) => (place === at ? next : choice)) });
  // What friends have answered is kept by its value: an answer that was saved before is renamed, not replaced.
  const rename = (choice: Choice, text: string): Choice => (kept.has(`${one.id}/${choice.value}`) ? { ...choice, label: text } : { ...choice, value: text, label: null });
  const tags = (names.tags ?? []).map((tag) => ({ value: tag.id, label: tag.name }));
  return (
    <>
      {choices.map((choice, at) => {
        const then = choice.then ?? [];
        const tag = then.length === 1 && typeof then[0]?.add_tag === "string" ? then[0].add_tag : "";
        const isPlain = then.length === 0 || tag !== "";
        return (
          <div className="pair" key={at}>
            <Field label={t("form.choice", { n, choice: at + 1 })} value={choice.label ?? choice.value} maxLength={100} onChange={(event) => write(at, rename(choice, event.target.value))} />
            {isPlain ? <Select label={t("form.choice.tag", { n, choice: at + 1 })} value={tag} onChange={(event) => write(at, { ...choice, then: event.target.value ? [{ add_tag: event.target.value }] : [] })} options={[{ value: "", label: t("form.choice.no_tag") }, ...tags]} /> : <span className="soft">{t("form.choice.actions", { n: then.length })}</span>}
            <Button kind="quiet" aria-label={t("form.choice.remove", { n, choice: at + 1 })} disabled={choices.length < 2} onClick={() => set({ ...one, choices: choices.filter((_, place) => place !== at) })}><Icon name="remove" /></Button>
          </div>
        );
      })}
      <Button kind="quiet" disabled={choices.length >= 100} onClick={() => set({ ...one, choices: [...choices, { value: "" }] })}>+ {t("form.choice.add")}</Button>
    </>
  );
}
