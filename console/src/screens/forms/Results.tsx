// What a form comes to: the kinds of people, or spans of points; each with its words, picture and actions.
import { useMemo } from "react";
import { Builder } from "../../conditions/Builder";
import { audienceOf, toTree } from "../../conditions/model";
import { Actions } from "../../ui/Actions";
import { MediaField } from "../../ui/MediaField";
import { Area, Button, Check, Field, Icon, Section } from "../../ui/kit";
import { t } from "../../words";
import { type Draft, MOST_RESULTS, type Result, result, type Scoring, SCORING } from "./model";

export function Results({ draft, edit, about }: { draft: Draft; edit: (more: Partial<Draft>) => void; about: (path: string) => string | undefined }) {
  const results = draft.results ?? [];
  const choose = (scoring: Scoring) => edit({ scoring, ...(scoring !== "none" && results.length < 2 ? { results: [...results, result(), result()].slice(0, 2) } : {}) });
  const write = (at: number, next: Result | null) => edit({ results: results.flatMap((one, place) => (place === at ? (next ? [next] : []) : [one])) });
  const move = (at: number, by: number) => {
    const next = [...results];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at + by, 0, moved);
    edit({ results: next });
  };
  return (
    <Section title={t("form.results")} lead={t("form.results.lead")}>
      <fieldset>
        <legend className="hidden">{t("form.results")}</legend>
        {SCORING.map((one) => <label key={one} className="check"><input type="radio" name="scoring" checked={draft.scoring === one} onChange={() => choose(one)} /><span>{t(`form.scoring.${one}`)}</span></label>)}
      </fieldset>
      {draft.scoring === "none" ? null : (
        <>
          <p className="soft">{t(draft.scoring === "types" ? "form.results.tie" : "form.results.span")}</p>
          <ol className="plain-list">
            {results.map((one, at) => (
              <li key={one.id}>
                <ResultForm one={one} n={at + 1} scoring={draft.scoring} error={about(`results[${at}]`)} set={(next) => write(at, next)} moves={<>
                  <Button kind="quiet" aria-label={t("form.result.up", { n: at + 1 })} disabled={at === 0} onClick={() => move(at, -1)}><Icon name="up" /></Button>
                  <Button kind="quiet" aria-label={t("form.result.down", { n: at + 1 })} disabled={at === results.length - 1} onClick={() => move(at, 1)}><Icon name="down" /></Button>
                  <Button kind="quiet" aria-label={t("form.result.remove", { n: at + 1 })} disabled={results.length <= 2} onClick={() => write(at, null)}><Icon name="remove" /></Button>
                </>} />
              </li>
            ))}
          </ol>
          {draft.web ? <Check label={t("form.results.say")} checked={draft.say_results ?? true} onChange={(event) => edit({ say_results: event.target.checked })} /> : null}
          <Button disabled={results.length >= MOST_RESULTS} onClick={() => edit({ results: [...results, result()] })}>+ {t("form.result.add")}</Button>
        </>
      )}
    </Section>
  );
}

function ResultForm({ one, n, scoring, error, set, moves }: { one: Result; n: number; scoring: Scoring; error?: string; set: (next: Result) => void; moves: React.ReactNode }) {
  const of = { n };
  const root = useMemo(() => toTree(one.if), [one.if]);
  const edge = (name: "from" | "to") => <Field label={t(`form.result.${name}`, of)} type="number" step="any" value={String(one[name] ?? "")} onChange={(event) => set({ ...one, [name]: event.target.value === "" ? null : Number(event.target.value) })} />;
  return (
    <fieldset aria-label={t("form.result", of)}>
      <legend>{t("form.result", of)}</legend>
      <Field label={t("form.result.title", of)} value={one.title} maxLength={100} error={error} onChange={(event) => set({ ...one, title: event.target.value })} />
      {scoring === "sum" ? <div className="fields">{edge("from")}{edge("to")}</div> : null}
      <Area label={t("form.result.text", of)} rows={3} maxLength={1000} value={one.text} onChange={(event) => set({ ...one, text: event.target.value })} />
      <MediaField label={t("form.result.picture", of)} kind="image" url={one.image ?? ""} thumbnail={one.image ?? undefined} onMade={(made) => set({ ...one, image: made.url })} />
      <details open={Boolean(one.if)}>
        <summary>{t("form.result.if")}</summary>
        <Builder root={root} onChange={(next) => set({ ...one, if: next.children.length ? audienceOf(next) : null })} compact />
      </details>
      <details open={Boolean(one.then?.length)}>
        <summary>{t("form.result.then")}</summary>
        <Actions then={one.then ?? []} set={(then) => set({ ...one, then })} />
      </details>
      <div className="actions">{moves}</div>
    </fieldset>
  );
}
