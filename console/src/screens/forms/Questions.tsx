// The questions of a form: their words, kinds, choices, who is asked.
import { type ReactNode, useMemo, useState } from "react";
import { Builder } from "../../conditions/Builder";
import { audienceOf, toTree } from "../../conditions/model";
import { rootSentence } from "../../conditions/sentence";
import { type Names, useNames } from "../../data";
import { Actions } from "../../ui/Actions";
import { MediaField } from "../../ui/MediaField";
import { Area, Button, Check, Field, Icon, Select } from "../../ui/kit";
import { isWord, named, t } from "../../words";
import { type Choice, choicesOf, FILES, isChoice, question, type Question, type Result, type Scoring, TYPES } from "./model";

/** Attributes that can keep the answer of this type. */
const KEPT_AS: Record<string, string> = { rating: "number", consent: "boolean" };
const fitting = (names: Names, type: string) => (names.attributes ?? []).filter((one) => one.more.type === (KEPT_AS[type] ?? type) || (one.more.type === "text" && !["multi_choice", "boolean", "consent"].includes(type)));
export const typeName = (type: string) => (isWord(`form.type.${type}`) ? named("form.type", type) : named("attribute.type", type));

interface Of {
  one: Question;
  n: number;
  kept: Set<string>;
  error?: string;
  scoring: Scoring;
  results: Result[];
  set: (next: Question) => void;
}

export function QuestionForm({ moves, ...all }: Of & { moves: ReactNode }) {
  const { one, n, error, set } = all;
  const names = useNames();
  const of = { n };
  const root = useMemo(() => toTree(one.if), [one.if]);
  const types = [...new Set<string>([...TYPES, one.type])];
  return (
    <fieldset aria-label={t("form.question", of)}>
      <legend>{t("form.question", of)}</legend>
      <Area label={t("form.question.text", of)} rows={2} value={one.text} maxLength={1000} error={error} onChange={(event) => set({ ...one, text: event.target.value })} />
      <div className="fields">
        <Select label={t("form.question.type", of)} value={one.type} onChange={(event) => set({ ...one, type: event.target.value, attribute: null, scale: null, accept: null, choices: isChoice(event.target.value) ? (one.choices ?? question().choices) : null })} options={types.map((type) => ({ value: type, label: typeName(type) }))} />
        <Select label={t("form.question.attribute", of)} value={one.attribute ?? ""} onChange={(event) => set({ ...one, attribute: event.target.value || null })} options={[{ value: "", label: t("form.question.attribute.none") }, ...fitting(names, one.type).map((found) => ({ value: found.id, label: found.name }))]} />
        {one.type === "rating" ? <Field label={t("form.question.scale", of)} type="number" min={2} max={10} value={String(one.scale ?? 5)} onChange={(event) => set({ ...one, scale: Number(event.target.value) || null })} /> : null}
      </div>
      {isChoice(one.type) ? <Choices {...all} /> : null}
      {one.type === "file" ? <Accepted one={one} n={n} set={set} /> : null}
      <Check label={t("form.question.required", of)} checked={one.required ?? false} onChange={(event) => set({ ...one, required: event.target.checked })} />
      <details open={Boolean(one.if)}>
        <summary>{one.if ? t("form.question.if.of", { text: rootSentence(root, names) }) : t("form.question.if")}</summary>
        <Builder root={root} onChange={(next) => set({ ...one, if: next.children.length ? audienceOf(next) : null })} compact />
      </details>
      <div className="actions">{moves}</div>
    </fieldset>
  );
}

/** What a file may be; all of it where nothing is set. */
function Accepted({ one, n, set }: Pick<Of, "one" | "n" | "set">) {
  const taken = one.accept?.length ? one.accept : [...FILES];
  const tick = (kind: string, on: boolean) => {
    const next = FILES.filter((other) => (other === kind ? on : taken.includes(other)));
    if (next.length) set({ ...one, accept: next.length === FILES.length ? null : next });
  };
  return (
    <fieldset aria-label={t("form.accept", { n })}>
      <legend>{t("form.accept", { n })}</legend>
      <div className="pair">{FILES.map((kind) => <Check key={kind} label={t(`form.accept.${kind}`)} checked={taken.includes(kind)} onChange={(event) => tick(kind, event.target.checked)} />)}</div>
      <p className="soft">{t("form.accept.hint")}</p>
    </fieldset>
  );
}

function Choices({ one, n, kept, scoring, results, set }: Of) {
  const names = useNames();
  const choices = choicesOf(one);
  const [hasPictures, setPictures] = useState(choices.some((choice) => choice.image));
  const write = (at: number, next: Choice) => set({ ...one, choices: choices.map((choice, place) => (place === at ? next : choice)) });
  // What friends have answered is kept by its value: an answer that was saved before is renamed, not replaced.
  const rename = (choice: Choice, text: string): Choice => (kept.has(`${one.id}/${choice.value}`) ? { ...choice, label: text } : { ...choice, value: text, label: null });
  const tags = (names.tags ?? []).map((tag) => ({ value: tag.id, label: tag.name }));
  return (
    <>
      <Check label={t("form.choice.pictures", { n })} checked={hasPictures} onChange={(event) => {
        setPictures(event.target.checked);
        if (!event.target.checked) set({ ...one, choices: choices.map((choice) => ({ ...choice, image: null })) });
      }} />
      {choices.map((choice, at) => {
        const place = { n, choice: at + 1 };
        const then = choice.then ?? [];
        const tag = then.length === 1 && typeof then[0]?.add_tag === "string" ? then[0].add_tag : "";
        const isPlain = then.length === 0 || tag !== "";
        return (
          <div key={at} className="choice-row">
            <div className="pair">
              <Field label={t("form.choice", place)} value={choice.label ?? choice.value} maxLength={100} onChange={(event) => write(at, rename(choice, event.target.value))} />
              {isPlain ? <Select label={t("form.choice.tag", place)} value={tag} onChange={(event) => write(at, { ...choice, then: event.target.value ? [{ add_tag: event.target.value }] : [] })} options={[{ value: "", label: t("form.choice.no_tag") }, ...tags]} /> : null}
              <Button kind="quiet" aria-label={t("form.choice.remove", place)} disabled={choices.length < 2} onClick={() => set({ ...one, choices: choices.filter((_, other) => other !== at) })}><Icon name="remove" /></Button>
            </div>
            {hasPictures ? <MediaField label={t("form.choice.picture", place)} kind="image" url={choice.image ?? ""} thumbnail={choice.image ?? undefined} onMade={(made) => write(at, { ...choice, image: made.url })} /> : null}
            {scoring === "none" ? null : <Points choice={choice} place={place} scoring={scoring} results={results} set={(points) => write(at, { ...choice, points })} />}
            <details>
              <summary>{then.length && !isPlain ? t("form.choice.actions", { n: then.length }) : t("form.choice.more")}</summary>
              <Actions then={then} set={(next) => write(at, { ...choice, then: next })} />
            </details>
          </div>
        );
      })}
      <Button kind="quiet" disabled={choices.length >= 100} onClick={() => set({ ...one, choices: [...choices, { value: "" }] })}>+ {t("form.choice.add")}</Button>
    </>
  );
}

/** What an answer counts: for each result, or in all. */
function Points({ choice, place, scoring, results, set }: { choice: Choice; place: { n: number; choice: number }; scoring: Scoring; results: Result[]; set: (points: Choice["points"]) => void }) {
  const value = (text: string) => (text === "" ? null : Number(text));
  if (scoring === "sum") return <Field label={t("form.points", place)} type="number" step="any" value={typeof choice.points === "number" ? String(choice.points) : ""} onChange={(event) => set(value(event.target.value))} />;
  const given = choice.points && typeof choice.points === "object" ? choice.points : {};
  return (
    <div className="fields points">
      {results.map((one, at) => (
        <Field key={one.id} label={t("form.points.of", { ...place, result: one.title || t("form.result", { n: at + 1 }) })} type="number" step="any" value={String(given[one.id] ?? "")} onChange={(event) => {
          const next = value(event.target.value);
          const { [one.id]: _gone, ...others } = given;
          set(next === null ? others : { ...others, [one.id]: next });
        }} />
      ))}
    </div>
  );
}
