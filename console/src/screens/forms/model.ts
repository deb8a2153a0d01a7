// A form as its editor holds it: questions, what their answers count, and the results they come to.
import { newId } from "../../api/client";
import type { Condition } from "../../conditions/model";
import type { Action } from "../../ui/Actions";
import type { Stored } from "../../ui/document";

export interface Choice {
  value: string;
  label?: string | null;
  then?: Action[];
  points?: number | Record<string, number> | null;
  image?: string | null;
}

export interface Question {
  id: string;
  text: string;
  type: string;
  scale?: number | null;
  required?: boolean;
  choices?: (Choice | string)[] | null;
  accept?: string[] | null;
  attribute?: string | null;
  if?: Condition | null;
}

export interface Result {
  id: string;
  title: string;
  text: string;
  image?: string | null;
  if?: Condition | null;
  from?: number | null;
  to?: number | null;
  then?: Action[];
}

export const SCORING = ["none", "types", "sum"] as const;
export type Scoring = (typeof SCORING)[number];

interface Body {
  name: string;
  questions: Question[];
  then: Action[];
  results?: Result[] | null;
  web?: boolean;
  answers?: string;
  say_results?: boolean;
  category?: string;
  words?: Record<string, string>;
}

/** `scoring`: how results come about; the editor's own, not the document's. */
export type Draft = Body & { scoring: Scoring };
export type Form = Stored & Body & { url: string | null };

export const TYPES = ["choice", "multi_choice", "text", "number", "date", "boolean", "rating", "consent", "file"] as const;
/** What a file may be. */
export const FILES = ["image", "video", "audio", "file"] as const;
export const MOST_RESULTS = 8;
export const isChoice = (type: string) => type.endsWith("choice");
export const choiceOf = (one: Choice | string): Choice => (typeof one === "string" ? { value: one } : one);
export const choicesOf = (one: Question) => (one.choices ?? []).map(choiceOf);
export const question = (): Question => ({ id: newId("q"), text: "", type: "choice", choices: [{ value: "" }, { value: "" }] });
export const result = (): Result => ({ id: newId("result"), title: "", text: "" });
export const EMPTY: Draft = { name: "", questions: [question()], then: [], scoring: "none" };

const STATE = new Set(["id", "revision", "updated_at", "warnings", "warning_details", "url"]);

/** What is edited of a stored form. */
export function read(form: Form): Draft {
  const body = Object.fromEntries(Object.entries(form).filter(([name]) => !STATE.has(name))) as unknown as Draft;
  const byType = form.questions.some((one) => choicesOf(one).some((choice) => choice.points && typeof choice.points === "object"));
  return { ...body, scoring: form.results?.length ? (byType ? "types" : "sum") : "none" };
}

/** The document without what was left open; points and spans only where results go by them. */
export function bodyOf({ scoring, results, ...draft }: Draft): Record<string, unknown> {
  const known = new Set((results ?? []).map((one) => one.id));
  const questions = draft.questions.map(({ choices, if: only, attribute, scale, accept, ...rest }) => ({
    ...rest,
    ...(isChoice(rest.type) ? { choices: (choices ?? []).map(choiceOf).filter((one) => one.value.trim()).map((one) => written(one, scoring, known)) } : {}),
    ...(rest.type === "rating" && scale ? { scale } : {}),
    ...(rest.type === "file" && accept?.length ? { accept } : {}),
    ...(only ? { if: only } : {}),
    ...(attribute ? { attribute } : {}),
  }));
  const ends = (results ?? []).map(({ from, to, if: only, image, ...rest }) => ({
    ...rest,
    ...(image ? { image } : {}),
    ...(only ? { if: only } : {}),
    ...(scoring === "sum" && typeof from === "number" ? { from } : {}),
    ...(scoring === "sum" && typeof to === "number" ? { to } : {}),
  }));
  return { ...draft, questions, ...(scoring === "none" ? {} : { results: ends }) };
}

function written({ points, image, label, ...rest }: Choice, scoring: Scoring, known: Set<string>): Choice {
  const kept = scoring === "types" && points && typeof points === "object" ? Object.fromEntries(Object.entries(points).filter(([id, n]) => known.has(id) && n)) : scoring === "sum" && typeof points === "number" ? points : null;
  const counts = typeof kept === "number" || (kept && Object.keys(kept).length);
  return { ...rest, ...(label ? { label } : {}), ...(image ? { image } : {}), ...(counts ? { points: kept } : {}) };
}

/** The same, with something in the place of what is not written yet, so that it can be looked at. */
export function lookable(draft: Draft): Record<string, unknown> {
  const questions = draft.questions.map((one) => ({ ...one, text: one.text.trim() || "…", ...(isChoice(one.type) && !choicesOf(one).some((choice) => choice.value.trim()) ? { choices: [{ value: "…" }] } : {}) }));
  const results = (draft.results ?? []).map((one) => ({ ...one, title: one.title.trim() || "…", text: one.text.trim() || "…" }));
  const scoring = results.length < 2 ? "none" : draft.scoring;
  return bodyOf({ ...draft, name: draft.name.trim() || "…", questions, results, scoring });
}
