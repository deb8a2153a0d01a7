import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { all, ApiError, get, newId, post, put, remove } from "../api/client";
import { Builder } from "../conditions/Builder";
import { audienceOf, toTree, type Condition, type Group } from "../conditions/model";
import { rootSentence } from "../conditions/sentence";
import { nameOf, type Names, useMay, useNames, usePlace } from "../data";
import { go, Link, useQueryOf, useRoute } from "../router";
import { type Action, Actions, actionText } from "../ui/Actions";
import { FriendPicker } from "../ui/FriendPicker";
import { Stale } from "../ui/Stale";
import { Button, Check, Chip, Field, Problem, Screen, Section, Select, stateOf, useDraft, Words } from "../ui/kit";
import { isWord, named, t, type Word } from "../words";

interface Rule {
  id: string;
  name: string;
  enabled: boolean;
  when: { event: string; match?: Record<string, unknown> };
  if?: Condition | null;
  then: Action[];
  revision: number;
}

export default function Rules() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing key={id} id={id} />;
}

export function ruleText(rule: Pick<Rule, "when" | "if" | "then">, names: Names): string {
  const condition = rule.if ? t("rule.if", { text: rootSentence(toTree(rule.if), names) }) : "";
  return `${whenText(rule.when, names)}${condition}${rule.then.map((action) => actionText(action, names)).join(t("say.comma"))}`;
}

const OPERATORS: Record<string, Word> = { contains: "rule.when.contains", prefix: "rule.when.prefix", regex: "rule.when.regex", in: "rule.when.keyword" };

/** What wakes a rule, in words: all that it looks for in the event. */
function whenText({ event, match = {} }: Rule["when"], names: Names): string {
  const [[path, wanted] = ["", undefined], ...more] = Object.entries(match);
  const [operator, value] = wanted && typeof wanted === "object" ? (Object.entries(wanted)[0] ?? ["", ""]) : ["in", wanted];
  const word = Array.isArray(value) ? value.join(t("say.or")) : String(value);
  const phrase = OPERATORS[operator];
  if (more.length === 0) {
    if (path === "text" && word === "") return t("rule.when", { event: named("event", event) });
    if (path === "text" && phrase) return t(phrase, { word });
    if (path === "message_type" && isWord(`message.kind.${word}`)) return t("rule.when.kind", { kind: named("message.kind", word) });
    if (path === "link" && operator === "in") return t("rule.when.link", { name: nameOf(names, "links", word) });
    if (path === "data" && operator === "in") return t("rule.when.button", { word });
    if (!path) return t("rule.when", { event: named("event", event) });
  }
  const all = Object.entries(match).map(([name, one]) => `${name} = ${typeof one === "object" ? JSON.stringify(one) : String(one)}`);
  return t("rule.when.match", { event: named("event", event), match: all.join(t("say.comma")) });
}

/** The keyword of a rule that looks for nothing but one in the text, as the field edits it; else null. */
function keywordOf(match: Record<string, unknown> | undefined): string | null {
  const text = match?.text;
  if (Object.keys(match ?? {}).length > 1) return null;
  if (typeof text === "string") return text;
  const found = text && typeof text === "object" ? (text as Record<string, unknown>) : {};
  return Object.keys(found).length === 1 && typeof found.contains === "string" ? found.contains : null;
}

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "rules"], queryFn: () => all<Rule>(`${base}/rules`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "rules", "new"]}>{t("rule.new")}</Link> : null;
  return (
    <Screen title={t("nav.rules")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={<><Link className="button" parts={[account.id, "forms"]}>{t("nav.forms")}</Link>{fresh}</>} lead={t("rules.lead")} empty={<><h2>{t("rules.empty")}</h2><p>{t("rules.empty.more")}</p>{fresh}</>}>
      {items.map((one) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<><Chip tone={one.enabled ? "brand" : "plain"}>{t(one.enabled ? "rule.on" : "rule.off")}</Chip><Link className="button" parts={[account.id, "rules", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link></>}>
          <p><Words text={ruleText(one, names)} most={600} /></p>
        </Section>
      ))}
    </Screen>
  );
}

function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "rules", id], queryFn: () => get<Rule>(`${base}/rules/${id}`) });
  if (!asked.data) return <Screen title={t("nav.rules")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Editor key={asked.data.revision} rule={asked.data} />;
}

const EVENTS = ["messaged", "followed", "postback", "link_clicked", "purchased", "reserved", "form_answered", "tag_added", "tag_removed", "score_crossed", "attribute_set", "scenario_entered", "scenario_finished"];

type Draft = Omit<Rule, "id" | "revision"> & Record<string, unknown>;
const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);

function Editor({ rule }: { rule?: Rule }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const names = useNames();
  const client = useQueryClient();
  const query = useQueryOf();
  const [link, enters] = [query.get("link"), query.get("enters")];
  const first = useMemo<Draft>(() => (rule ? (Object.fromEntries(Object.entries(rule).filter(([name]) => !ADDED.has(name))) as Draft) : { name: "", enabled: false, when: link ? { event: "link_clicked", match: { link } } : { event: "messaged", match: { text: { contains: "" } } }, then: enters ? [{ enter_scenario: enters }] : [] }), [rule, link, enters]);
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`rule.${account.id}.${rule?.id ?? (link ? `new.${link}` : "new")}`, first);
  const [root, setRoot] = useState<Group>(() => toTree(draft.if));
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }) as Draft);
  const done = async () => {
    forget();
    await client.invalidateQueries({ queryKey: [base] });
    go(account.id, "rules");
  };
  const save = useMutation({
    mutationFn: (overwrite: boolean) => put(`${base}/rules/${rule?.id ?? newId("rule")}`, bodyOf(draft), rule && !overwrite ? { "If-Match": String(rule.revision) } : {}),
    onSuccess: done,
  });
  const away = useMutation({ mutationFn: () => remove(`${base}/rules/${rule?.id}`), onSuccess: done });
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const keyword = keywordOf(draft.when.match);
  const isKeyword = draft.when.event === "messaged" && (keyword !== null || !draft.when.match);
  return (
    <Screen title={rule ? rule.name.slice(0, 100) : t("rule.new")} state="ready" back={<Link className="back" parts={[account.id, "rules"]}>← {t("nav.rules")}</Link>}
      actions={may ? <>{rule ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}<Button kind="main" busy={save.isPending} disabled={!draft.name.trim() || draft.then.length === 0} onClick={() => save.mutate(false)}>{t("action.save")}</Button></> : null}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")} <Button kind="quiet" onClick={() => { forget(); setDraft(first); setRoot(toTree(first.if)); }}>{t("draft.forget")}</Button></p> : null}
      {stale ? null : <Problem error={error ?? away.error} />}
      <p className="sentence"><Words text={ruleText(draft, names)} most={1000} /></p>
      <br />
      <Section title={t("rule.name")}>
        <Field label={t("rule.name")} hideLabel value={draft.name} maxLength={200} onChange={(event) => edit({ name: event.target.value })} />
        <Check label={t("rule.enabled")} checked={draft.enabled} onChange={(event) => edit({ enabled: event.target.checked })} />
      </Section>
      <Section title={t("rule.part.when")}>
        <Select label={t("rule.event")} value={draft.when.event} onChange={(event) => edit({ when: event.target.value === "messaged" ? { event: "messaged", match: { text: { contains: "" } } } : { event: event.target.value } })} options={[...new Set([...EVENTS, draft.when.event])].map((one) => ({ value: one, label: named("event", one) }))} />
        {isKeyword ? (
          <>
            <Field label={t("rule.keyword")} hint={t("rule.keyword.hint")} value={keyword ?? ""} onChange={(event) => edit({ when: { event: "messaged", match: { text: exact(draft.when.match) ? event.target.value : { contains: event.target.value } } } })} />
            <Check label={t("rule.exact")} checked={exact(draft.when.match)} onChange={(event) => edit({ when: { event: "messaged", match: { text: event.target.checked ? (keyword ?? "") : { contains: keyword ?? "" } } } })} />
          </>
        ) : draft.when.event === "link_clicked" && (!draft.when.match || typeof draft.when.match.link === "string") ? (
          <Select label={t("rule.link")} value={String(draft.when.match?.link ?? "")} onChange={(event) => edit({ when: { event: "link_clicked", ...(event.target.value ? { match: { ...draft.when.match, link: event.target.value } } : {}) } })} options={[{ value: "", label: t("rule.link.any") }, ...(names.links ?? []).map((one) => ({ value: one.id, label: one.name }))]} />
        ) : draft.when.match ? <pre>{JSON.stringify(draft.when.match, null, 1)}</pre> : null}
      </Section>
      <Section title={t("rule.part.if")} lead={t("rule.part.if.lead")}>
        <Builder root={root} onChange={(next) => { setRoot(next); edit({ if: next.children.length ? audienceOf(next) : null }); }} compact />
      </Section>
      <Section title={t("rule.part.then")}>
        <Actions then={draft.then} set={(then) => edit({ then })} />
      </Section>
      <Try id={rule?.id ?? "draft"} draft={draft} />
      {rule ? <Health id={rule.id} /> : null}
      {stale && rule ? <Stale path={`${base}/rules/${rule.id}`} mine={draft} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}

const exact = (match: Record<string, unknown> | undefined) => typeof match?.text === "string";

function bodyOf(draft: Draft): Record<string, unknown> {
  const body: Record<string, unknown> = { ...draft };
  if (body.if === null || body.if === undefined) delete body.if;
  if (keywordOf(draft.when.match) === "") body.when = { event: draft.when.event };
  return body;
}

interface Tried {
  rules: { rule: string; matched: boolean; why?: unknown }[];
  changes: unknown[];
  effects: { action: string; status?: string }[];
}

function Try({ id, draft }: { id: string; draft: Draft }) {
  const { base } = usePlace();
  const [user, setUser] = useState<string | null>(null);
  const [text, setText] = useState("");
  const act = useMutation({
    mutationFn: () => post<Tried>(`${base}/rules/test`, { user_id: user, event: { type: draft.when.event, props: draft.when.event === "messaged" ? { message_type: "text", text, message_id: "1" } : {} }, rules: { [id]: { ...bodyOf(draft), name: draft.name || "draft", enabled: true } }, only: true }),
  });
  const found = act.data?.rules[0];
  return (
    <Section title={t("rule.try")} lead={t("rule.try.lead")}>
      <FriendPicker label={t("why.friend")} onPick={(friend) => setUser(friend?.user_id ?? null)} />
      {draft.when.event === "messaged" ? <Field label={t("rule.try.text")} value={text} onChange={(event) => setText(event.target.value)} /> : null}
      <Button disabled={user === null} busy={act.isPending} onClick={() => act.mutate()}>{t("rule.try.do")}</Button>
      <Problem error={act.error} />
      {found ? <p role="status" className={found.matched ? "verdict yes" : "verdict no"}>{found.matched ? `✓ ${t("rule.try.yes")}: ${act.data?.effects.map((effect) => named("action", effect.action)).join(", ") || t("rule.try.changes")}` : `✗ ${t("rule.try.no")}${typeof found.why === "string" ? ` — ${found.why}` : ""}`}</p> : null}
    </Section>
  );
}

function Health({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "health", id], queryFn: () => get<{ trouble: { hour: string; status: string; n: number; why: string }[]; warnings: string[] }>(`${base}/rules/${id}/health`) });
  return (
    <Section title={t("rule.health")}>
      <Problem error={asked.error} />
      {asked.data && asked.data.trouble.length === 0 && asked.data.warnings.length === 0 ? <p>✓ {t("rule.healthy")}</p> : null}
      <ul>{asked.data?.trouble.map((one, at) => <li key={at}>{one.hour} · {named("effect", one.status)} × {one.n} <span className="soft">{one.why}</span></li>)}{asked.data?.warnings.map((one) => <li key={one}>{one}</li>)}</ul>
    </Section>
  );
}
