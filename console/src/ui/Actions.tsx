// What is done for a friend: a list of actions, each with what it is about. Rules and forms have one.
import { useState } from "react";
import { type Named, nameOf, type Names, useNames } from "../data";
import { isWord, named, t } from "../words";
import { Area, Button, Field, Select } from "./kit";

export type Action = Record<string, unknown>;

const FIND: Record<string, string> = { add_tag: "tags", remove_tag: "tags", reply: "messages", send: "messages", enter_scenario: "scenarios", exit_scenario: "scenarios", start_form: "forms", add_score: "scores", set_score: "scores", set_attribute: "attributes" };

function targetOf(action: Action): string {
  const [key = ""] = Object.keys(action);
  const value = action[key];
  if (typeof value === "string") return value;
  const inner = value as Record<string, unknown> | null;
  return String(inner?.message ?? inner?.score ?? inner?.attribute ?? inner?.name ?? "");
}

export function actionText(action: Action, names: Names): string {
  const [key = ""] = Object.keys(action);
  const target = targetOf(action);
  const kind = FIND[key];
  const name = kind ? nameOf(names, kind, target) : target;
  const inner = action[key] && typeof action[key] === "object" ? (action[key] as Record<string, unknown>) : {};
  const words = { name, points: Number(inner.points ?? 0), value: String(inner.value ?? "") };
  const phrase = `do.${key}`;
  return target && isWord(phrase) ? t(phrase, words) : `${named("action", key)}${target ? ` ${t("say.quoted", { name })}` : ""}`;
}

const ACTIONS = ["add_tag", "remove_tag", "reply", "send", "enter_scenario", "exit_scenario", "start_form", "add_score", "set_attribute", "notify"];

function begin(kind: string, names: Names): Action | null {
  const first = (names[FIND[kind] ?? ""] ?? [])[0]?.id;
  if (kind === "notify") return { notify: { to: "", text: "" } };
  if (!first) return null;
  if (kind === "reply" || kind === "send") return { [kind]: { message: first } };
  if (kind === "add_score") return { add_score: { score: first, points: 1 } };
  if (kind === "set_attribute") return { set_attribute: { attribute: first, value: "" } };
  return { [kind]: first };
}

export function Actions({ then, set, without = [] }: { then: Action[]; set: (next: Action[]) => void; without?: string[] }) {
  const names = useNames();
  const [kind, setKind] = useState("add_tag");
  const made = begin(kind, names);
  return (
    <>
      <ol className="plain-list">{then.map((action, at) => <li key={at}><ActionForm action={action} n={at + 1} set={(next) => set(then.flatMap((one, place) => (place === at ? (next ? [next] : []) : [one])))} /></li>)}</ol>
      <div className="toolbar">
        <Select label={t("rule.action")} value={kind} onChange={(event) => setKind(event.target.value)} options={ACTIONS.filter((one) => !without.includes(one)).map((one) => ({ value: one, label: named("action", one) }))} />
        <Button disabled={made === null} onClick={() => made && set([...then, made])}>+ {t("rule.action.add")}</Button>
      </div>
    </>
  );
}

function ActionForm({ action, set, n }: { action: Action; set: (next: Action | null) => void; n: number }) {
  const names = useNames();
  const [key = ""] = Object.keys(action);
  const value = action[key];
  const options = (names[FIND[key] ?? ""] ?? ([] as Named[])).map((one) => ({ value: one.id, label: one.name }));
  const inner = value && typeof value === "object" ? (value as Record<string, unknown>) : null;
  const choose = (id: string) => set({ [key]: inner ? { ...inner, ...("message" in inner ? { message: id } : "score" in inner ? { score: id } : { attribute: id }) } : id });
  return (
    <div className="fields">
      {FIND[key] ? <Select label={`${n}. ${named("action", key)}`} value={targetOf(action)} onChange={(event) => choose(event.target.value)} options={options} /> : <p>{n}. {named("action", key)}</p>}
      {inner && "points" in inner ? <Field label={t("rule.points")} type="number" value={String(inner.points)} onChange={(event) => set({ [key]: { ...inner, points: Number(event.target.value) } })} /> : null}
      {inner && "value" in inner ? <Field label={t("leaf.value")} value={String(inner.value)} onChange={(event) => set({ [key]: { ...inner, value: event.target.value } })} /> : null}
      {key === "notify" && inner ? <><Field label={t("rule.notify.to")} value={String(inner.to)} onChange={(event) => set({ notify: { ...inner, to: event.target.value } })} /><Area label={t("rule.notify.text")} rows={2} value={String(inner.text)} onChange={(event) => set({ notify: { ...inner, text: event.target.value } })} /></> : null}
      <div><Button kind="quiet" aria-label={t("rule.action.remove", { n })} onClick={() => set(null)}>✕ {t("action.remove")}</Button></div>
    </div>
  );
}
