// One rule: when, if, then; tried on a friend; how it has been lately.
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { Builder } from "../../conditions/Builder";
import { audienceOf, group, toTree, type Condition, type Group } from "../../conditions/model";
import { useNames, usePlace } from "../../data";
import { Link, useQueryOf } from "../../router";
import { type Action, Actions } from "../../ui/Actions";
import { type Stored, useDocument } from "../../ui/document";
import { Check, Field, Problem, Screen, Section, Select, Words } from "../../ui/kit";
import { Uses } from "../../ui/Uses";
import { named, t } from "../../words";
import { ruleText } from "./sentence";
import { EVENTS, MessageFields, TriggerFields, type When, whenOf } from "./triggers";
import { Try } from "./Try";

export interface Rule extends Stored {
  enabled: boolean;
  when: When;
  if?: Condition | null;
  then: Action[];
  limit?: unknown;
  status?: string;
}

interface Draft {
  name: string;
  enabled: boolean;
  when: When;
  root: Group;
  then: Action[];
  limit?: unknown;
}

const NOT_WRITTEN = new Set(["id", "revision", "updated_at", "warnings", "warning_details", "if", "status", "status_reason"]);

function read(stored: Stored & Partial<Draft>): Draft {
  const rule = stored as unknown as Rule;
  return { ...(Object.fromEntries(Object.entries(rule).filter(([name]) => !NOT_WRITTEN.has(name))) as unknown as Draft), root: toTree(rule.if) };
}

function bodyOf({ root, when, ...rest }: Draft): Record<string, unknown> {
  return { ...rest, when: whenOf(when.event, when.match ?? {}), ...(root.children.length ? { if: audienceOf(root) } : {}) };
}

const begun = (link: string | null, enters: string | null): Draft => ({
  name: "",
  enabled: false,
  when: link ? { event: "link_clicked", match: { link } } : { event: "messaged", match: { text: { contains: "" } } },
  root: group("all"),
  then: enters ? [{ enter_scenario: enters }] : [],
});

export function Editor({ rule }: { rule?: Rule }) {
  const { account } = usePlace();
  const names = useNames();
  const query = useQueryOf();
  const [link, enters] = [query.get("link"), query.get("enters")];
  const draftName = ["new", link ?? enters ?? ""].filter(Boolean).join(".");
  const { id, draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "rules", stored: rule, empty: begun(link, enters), read, bodyOf, gone: t("rule.gone"), canSave: (one) => one.then.length > 0, draftName });
  const body = bodyOf(draft);
  const set = (when: When) => edit({ when });
  const begin = (event: string) => edit({ when: event === "messaged" ? { event, match: { text: { contains: "" } } } : { event } });
  const event = draft.when.event;
  return (
    <Screen title={rule ? rule.name.slice(0, 100) : t("rule.new")} state="ready" back={<Link className="back" parts={[account.id, "rules"]}>← {t("nav.rules")}</Link>} actions={actions}>
      {above}
      <p className="sentence"><Words text={ruleText({ when: draft.when, if: body.if as Condition | undefined, then: draft.then }, names)} most={1000} /></p>
      <br />
      <Section title={t("rule.name")}>
        <Field label={t("rule.name")} hideLabel value={draft.name} maxLength={200} error={about("name")} onChange={(one) => edit({ name: one.target.value })} />
        <Check label={t("rule.enabled")} checked={draft.enabled} onChange={(one) => edit({ enabled: one.target.checked })} />
      </Section>
      <Section title={t("rule.part.when")}>
        <Select label={t("rule.event")} value={event} error={about("when")} onChange={(one) => begin(one.target.value)} options={[...new Set([...EVENTS, event])].map((one) => ({ value: one, label: named("event", one) }))} />
        {event === "messaged" ? <MessageFields when={draft.when} set={set} /> : <TriggerFields when={draft.when} set={set} />}
        <Often limit={draft.limit} set={(limit) => edit({ limit })} />
      </Section>
      <Section title={t("rule.part.if")} lead={t("rule.part.if.lead")}>
        <Builder root={draft.root} onChange={(root) => edit({ root })} compact />
      </Section>
      <Section title={t("rule.part.then")}>
        <Actions then={draft.then} set={(then) => edit({ then })} />
        {about("then") ? <p className="problem" role="alert">{about("then")}</p> : null}
      </Section>
      <Try id={id} body={body} when={whenOf(event, draft.when.match ?? {})} />
      {rule ? <Health id={rule.id} /> : null}
      {rule ? <Uses kind="rules" id={rule.id} /> : null}
      {below}
    </Screen>
  );
}

const OFTEN: Record<string, unknown> = { always: undefined, once: "once", "1h": { cooldown: "1h" }, "1d": { cooldown: "1d" }, "7d": { cooldown: "7d" }, "30d": { cooldown: "30d" } };

/** How often the same friend may set it off. */
function Often({ limit, set }: { limit: unknown; set: (limit: unknown) => void }) {
  const known = Object.entries(OFTEN).find(([, one]) => JSON.stringify(one ?? null) === JSON.stringify(limit ?? null))?.[0] ?? "other";
  const options = Object.keys(OFTEN).map((one) => ({ value: one, label: named("rule.often", one) }));
  return <Select label={t("rule.often")} value={known} onChange={(event) => event.target.value !== "other" && set(OFTEN[event.target.value])} options={known === "other" ? [...options, { value: "other", label: JSON.stringify(limit) }] : options} />;
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
