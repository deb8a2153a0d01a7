import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, all, ask, get, post, put, remove, type Page } from "../api/client";
import type { AuditLine, Need } from "../api/schema";
import { type Account, type Names, ROLES, useMay, useNames, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Area, Button, Check, Chip, Dialog, Failure, Field, Forbidden, Moment, Problem, Screen, Section, Select, Words } from "../ui/kit";
import { NeedLine } from "../ui/Stops";
import { isWord, named, t, type Word } from "../words";

const PARTS = ["account", "policies", "stops", "keys", "audit", "yaml"] as const;
type Part = (typeof PARTS)[number];

export default function Settings() {
  const { account } = usePlace();
  const [, , given] = useRoute();
  const part: Part = (PARTS as readonly string[]).includes(given ?? "") ? (given as Part) : "account";
  const admin = useMay("admin");
  const needsAdmin = part === "keys" || part === "audit";
  const tabs = <nav className="tabs" aria-label={t("nav.settings")}>{PARTS.map((one) => <Link key={one} parts={[account.id, "settings", one]} aria-current={one === part ? "page" : undefined}>{t(`settings.${one}` as Word)}</Link>)}</nav>;
  return (
    <Screen title={t("nav.settings")} back={tabs} state={needsAdmin && !admin ? "forbidden" : "ready"} error={new ApiError(403, "forbidden", "admin", [], null)}>
      {part === "account" ? <AccountPart /> : part === "policies" ? <Policies /> : part === "stops" ? <Stops /> : part === "keys" ? <Keys /> : part === "audit" ? <Audit /> : <Yaml />}
    </Screen>
  );
}

/** What is written back as it was read: all but what the server alone says, whatever later versions add. */
const READ_ONLY = new Set(["id", "shards", "policies", "created_at"]);
const SECRETS = ["channel_secret", "channel_access_token", "login_channel_secret"] as const;
const PLAIN = ["name", "time_zone", "liff_id", "login_channel_id", "member_site_url"] as const;

function AccountPart() {
  const { account } = usePlace();
  const asked = useQuery({ queryKey: ["account", account.id], queryFn: () => get<Account & Record<string, unknown>>(`/accounts/${account.id}`) });
  if (asked.isError) return <Failure error={asked.error} />;
  return asked.data ? <AccountForm key={asked.dataUpdatedAt} found={asked.data} /> : null;
}

function AccountForm({ found }: { found: Account & Record<string, unknown> }) {
  const admin = useMay("admin");
  const client = useQueryClient();
  const [changed, setChanged] = useState<Record<string, string>>({});
  const [saved, setSaved] = useState(false);
  const save = useMutation({
    mutationFn: () => {
      const kept = Object.fromEntries(Object.entries(found).filter(([name]) => !READ_ONLY.has(name)));
      const given = Object.entries(changed).filter(([name, value]) => value !== "" || !(SECRETS as readonly string[]).includes(name));
      return put(`/accounts/${found.id}`, { ...kept, ...Object.fromEntries(given.map(([name, value]) => [name, value === "" ? null : value])) });
    },
    onSuccess: () => {
      setChanged({});
      setSaved(true);
      return client.invalidateQueries({ queryKey: ["accounts"] });
    },
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const field = (name: string, more: { hint?: string; type?: string; autoComplete?: string }) => (
    <Field key={name} label={t(`account.${name}` as Word)} {...more} value={changed[name] ?? (more.type ? "" : String(found[name] ?? ""))} disabled={!admin} error={about(name)} onChange={(event) => setChanged((was) => ({ ...was, [name]: event.target.value }))} />
  );
  return (
    <Section title={t("settings.account")} lead={admin ? undefined : t("state.forbidden.more", { role: named("role", "admin") })}>
      {PLAIN.map((name) => field(name, {}))}
      {SECRETS.map((name) => field(name, { hint: t("account.secret.hint"), type: "password", autoComplete: "off" }))}
      <Problem error={save.error} />
      {saved ? <p role="status">{t("saved")}</p> : null}
      {admin ? <Button kind="main" busy={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button> : null}
    </Section>
  );
}

interface Policy {
  quiet_hours?: { from: string; to: string; then?: string };
  caps?: { category: string; max: number; per: string }[];
  blackout_dates?: string[];
  approval_above?: number;
  [other: string]: unknown;
}

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);

function Policies() {
  const { base } = usePlace();
  const [saved, setSaved] = useState(false);
  const asked = useQuery({
    queryKey: [base, "policies"],
    queryFn: async () => (await all<Policy & { revision: number }>(`${base}/policies`))[0] ?? ({ revision: 0 } as Policy & { revision: number }),
  });
  if (asked.isError) return <Failure error={asked.error} />;
  return (
    <>
      {asked.data ? <PolicyForm key={asked.data.revision} found={asked.data} onSaved={() => setSaved(true)} /> : null}
      {saved ? <p role="status">{t("saved")}</p> : null}
    </>
  );
}

function PolicyForm({ found, onSaved }: { found: Policy & { revision: number }; onSaved: () => void }) {
  const { base } = usePlace();
  const publisher = useMay("publisher");
  const admin = useMay("admin");
  const client = useQueryClient();
  const [policy, setPolicy] = useState<Policy>(() => Object.fromEntries(Object.entries(found).filter(([name]) => !ADDED.has(name))));
  const save = useMutation({
    mutationFn: () => put(`${base}/policies/default`, policy, found.revision ? { "If-Match": String(found.revision) } : {}),
    onSuccess: () => {
      onSaved();
      return client.invalidateQueries({ queryKey: [base, "policies"] });
    },
  });
  const quiet = policy.quiet_hours;
  const caps = policy.caps ?? [];
  const set = (name: string, value: unknown) => setPolicy((was) => {
    const next = { ...was, [name]: value };
    if (value === undefined) delete next[name];
    return next;
  });
  return (
    <>
      <Section title={t("policy.quiet")} lead={t("policy.quiet.lead")}>
        <Check label={t("policy.quiet.on")} disabled={!publisher} checked={quiet !== undefined} onChange={(event) => set("quiet_hours", event.target.checked ? { from: "21:00", to: "09:00", then: "defer" } : undefined)} />
        {quiet ? (
          <>
            <div className="fields">
              <Field label={t("policy.from")} type="time" value={quiet.from} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, from: event.target.value })} />
              <Field label={t("policy.to")} type="time" value={quiet.to} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, to: event.target.value })} />
              <Select label={t("policy.then")} value={quiet.then ?? "defer"} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, then: event.target.value })} options={["defer", "skip"].map((one) => ({ value: one, label: named("policy.then", one) }))} />
            </div>
            <Week quiet={quiet} />
          </>
        ) : null}
      </Section>
      <Section title={t("policy.caps")} lead={t("policy.caps.lead")}>
        {caps.map((cap, at) => (
          <div className="fields" key={at}>
            <Select label={t("compose.category")} value={cap.category} disabled={!publisher} onChange={(event) => set("caps", caps.map((one, place) => (place === at ? { ...one, category: event.target.value } : one)))} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} />
            <Field label={t("policy.max")} type="number" min={1} value={cap.max} disabled={!publisher} onChange={(event) => set("caps", caps.map((one, place) => (place === at ? { ...one, max: Number(event.target.value) } : one)))} />
            <Select label={t("policy.per")} value={cap.per} disabled={!publisher} onChange={(event) => set("caps", caps.map((one, place) => (place === at ? { ...one, per: event.target.value } : one)))} options={["day", "week", "month"].map((one) => ({ value: one, label: named("per", one) }))} />
            <Button kind="quiet" disabled={!publisher} onClick={() => set("caps", caps.length > 1 ? caps.filter((_, place) => place !== at) : undefined)}>✕ {t("action.remove")}</Button>
          </div>
        ))}
        <Button disabled={!publisher} onClick={() => set("caps", [...caps, { category: "marketing", max: 1, per: "day" }])}>+ {t("policy.caps.add")}</Button>
      </Section>
      <Section title={t("policy.more")}>
        <Area label={t("policy.blackout")} hint={t("policy.blackout.hint")} rows={3} disabled={!publisher} value={(policy.blackout_dates ?? []).join("\n")} onChange={(event) => set("blackout_dates", event.target.value ? event.target.value.split("\n") : undefined)} />
        <Field label={t("policy.approval")} hint={t("policy.approval.hint")} type="number" min={0} disabled={!admin} value={policy.approval_above ?? ""} onChange={(event) => set("approval_above", event.target.value === "" ? undefined : Number(event.target.value))} />
      </Section>
      <Problem error={save.error} />
      {publisher ? <Button kind="main" busy={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button> : <Forbidden error={new ApiError(403, "forbidden", "publisher", [], null)} />}
    </>
  );
}

/** The hours in which nothing is sent, as a week. */
function Week({ quiet }: { quiet: { from: string; to: string } }) {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
  const [from, to] = [minutes(quiet.from), minutes(quiet.to)];
  const parts = from < to ? [[from, to]] : [[from, 1440], [0, to]];
  return (
    <svg viewBox="0 0 1440 70" className="chart" role="img" aria-label={t("policy.week", quiet)} preserveAspectRatio="none">
      {Array.from({ length: 7 }, (_, day) => <rect key={day} x="0" y={day * 10} width="1440" height="9" fill="#d9ede6" />)}
      {Array.from({ length: 7 }, (_, day) => parts.map(([a = 0, b = 0]) => <rect key={`${day}-${a}`} x={a} y={day * 10} width={b - a} height="9" fill="#8a9a96" />))}
    </svg>
  );
}

interface Key {
  id: string;
  name: string;
  role: string;
  account: string | null;
  created_at: string;
  last_used_at: string | null;
}

function Keys() {
  const { account, me } = usePlace();
  const client = useQueryClient();
  const asked = useQuery({ queryKey: ["keys"], queryFn: () => all<Key>("/keys") });
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [gone, setGone] = useState<Key | null>(null);
  const make = useMutation({
    mutationFn: () => post<{ id: string; key: string }>("/keys", { name, role, account: account.id }),
    onSuccess: () => {
      setName("");
      return client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const away = useMutation({
    mutationFn: (key: Key) => remove(`/keys/${key.id}`),
    onSuccess: () => {
      setGone(null);
      return client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  if (asked.isError) return <Failure error={asked.error} />;
  return (
    <>
      <Section title={t("keys.new")}>
        <form className="toolbar" onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
          <div className="grow"><Field label={t("keys.name")} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} /></div>
          <Select label={t("keys.role")} value={role} onChange={(event) => setRole(event.target.value)} options={ROLES.map((one) => ({ value: one, label: named("role", one) }))} />
          <Button kind="main" type="submit" busy={make.isPending} disabled={!name.trim()}>{t("keys.make")}</Button>
        </form>
        <Problem error={make.error} />
        {make.data ? <p className="notice" role="status">{t("keys.once")} <code>{make.data.key}</code></p> : null}
      </Section>
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("keys.name")}</th><th scope="col">{t("keys.role")}</th><th scope="col">{t("shell.account")}</th><th scope="col">{t("keys.used")}</th><th scope="col"><span className="hidden">{t("label.actions")}</span></th></tr></thead>
        <tbody>{(asked.data ?? []).map((key) => <tr key={`${key.id}${key.created_at}`}><th scope="row"><Words text={key.name} most={60} /></th><td><Chip>{named("role", key.role)}</Chip></td><td>{key.account ?? t("keys.every")}</td><td><Moment at={key.last_used_at} /></td><td className="number">{key.id === me.key_id ? <span className="soft">{t("keys.mine")}</span> : <Button kind="danger" aria-label={t("keys.delete.of", { name: key.name.slice(0, 40) })} onClick={() => setGone(key)}>{t("action.delete")}</Button>}</td></tr>)}</tbody>
      </table></div>
      {gone ? <Dialog title={t("keys.delete.of", { name: gone.name.slice(0, 40) })} onClose={() => setGone(null)}><p>{t("keys.delete.more")}</p><Problem error={away.error} /><div className="dialog-foot"><Button onClick={() => setGone(null)}>{t("action.cancel")}</Button><Button kind="danger" busy={away.isPending} onClick={() => away.mutate(gone)}>{t("action.really", { what: t("action.delete") })}</Button></div></Dialog> : null}
    </>
  );
}

/** What the brake has paused. */
function Stops() {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "summary"], queryFn: () => get<{ needs: Need[] }>(`${base}/summary`) });
  const stops = (asked.data?.needs ?? []).filter((need) => need.kind === "runaway");
  if (asked.isError) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  return (
    <Section title={t("settings.stops")} lead={t("stops.lead")}>
      {asked.isSuccess && stops.length === 0 ? <p>✓ {t("stops.none")}</p> : null}
      <ul className="plain-list">{stops.map((need) => <NeedLine key={`${need.document}-${need.id}`} need={need} />)}</ul>
    </Section>
  );
}

const audited = (code: string) => (isWord(code) ? t(code) : null);

/** "rules.put" as "ルールを保存"; a code without words of its own stays what it is. */
export function auditText(action: string): string {
  const [code = "", more] = action.split(":");
  const whole = audited(`audit.do.${code}`);
  const [what = "", did = ""] = code.split(".");
  const noun = audited(`document.${what}`) ?? audited(`document.${what}s`) ?? audited(`audit.of.${what}`);
  const verb = audited(`audit.did.${did}`);
  const said = whole ?? (noun && verb ? t("audit.says", { what: noun, did: verb }) : code);
  return more ? `${said} (${named("role", more)})` : said;
}

/** What a line is about, by its name where it has one; where the action has said it already, nothing. */
function targetOf(target: string, names: Names): string {
  const [kind = "", id = ""] = target.split("/");
  if (!id) return names.broadcasts?.find((one) => one.id === target)?.name ?? (isWord(`document.${target}`) || isWord(`audit.of.${target}`) ? "" : target);
  const [known = ""] = id.split("@");
  return kind === "jobs" ? "" : (names[kind]?.find((one) => one.id === known)?.name ?? known);
}

function Audit() {
  const { base } = usePlace();
  const names = useNames();
  const asked = useQuery({ queryKey: [base, "audit"], queryFn: () => get<Page<AuditLine>>(`${base}/audit?limit=100`) });
  if (asked.isError) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  return (
    <div className="panel scroll" style={{ padding: 0 }}><table>
      <thead><tr><th scope="col">{t("date")}</th><th scope="col">{t("audit.who")}</th><th scope="col">{t("audit.what")}</th><th scope="col">{t("audit.target")}</th><th scope="col">{t("audit.outcome")}</th></tr></thead>
      <tbody>{(asked.data?.items ?? []).map((line, at) => <tr key={at}><th scope="row"><Moment at={line.at} /></th><td><Words text={line.who_name ?? line.who} most={40} /></td><td><span title={line.action}>{auditText(line.action)}</span></td><td><Words text={targetOf(line.target, names) || "—"} most={60} /></td><td>{line.outcome ? named("outcome", line.outcome) : "—"}</td></tr>)}</tbody>
    </table></div>
  );
}

interface Plan {
  [name: string]: unknown;
}

function Yaml() {
  const { base } = usePlace();
  const editor = useMay("editor");
  const client = useQueryClient();
  const [text, setText] = useState("");
  const load = useMutation({ mutationFn: () => get<unknown>(`${base}/catalog/export`), onSuccess: (found) => setText(typeof found === "string" ? found : JSON.stringify(found, null, 2)) });
  const send = (verb: string) => ask<Plan>("POST", `${base}/catalog/${verb}`, { text, type: "application/yaml" });
  const plan = useMutation({ mutationFn: async () => (await send("plan")).body });
  const apply = useMutation({ mutationFn: async () => (await send("apply")).body, onSuccess: () => client.invalidateQueries({ queryKey: [base] }) });
  return (
    <Section title={t("settings.yaml")} lead={t("yaml.lead")} actions={<Button busy={load.isPending} onClick={() => load.mutate()}>{t("yaml.load")}</Button>}>
      <Area label={t("yaml.text")} rows={20} spellCheck={false} value={text} onChange={(event) => { setText(event.target.value); plan.reset(); }} />
      <div className="actions"><Button disabled={!text.trim()} busy={plan.isPending} onClick={() => plan.mutate()}>{t("yaml.plan")}</Button>{editor ? <Button kind="main" disabled={!plan.data} busy={apply.isPending} onClick={() => apply.mutate()}>{t("yaml.apply")}</Button> : null}</div>
      <Problem error={load.error ?? plan.error ?? apply.error} />
      {plan.data ? <pre tabIndex={0} aria-label={t("yaml.plan")}>{JSON.stringify(plan.data, null, 2)}</pre> : null}
      {apply.isSuccess ? <p role="status">{t("saved")}</p> : null}
    </Section>
  );
}
