// The company's own sites: the lines for their pages, which pages count, what they have to publish, and what comes in.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, ApiError, enc, get, newId, put, remove } from "../api/client";
import type { SiteEvents, SiteOut } from "../api/schema";
import { type Account, useMay, usePlace } from "../data";
import { Copy } from "../ui/Copy";
import { Remove, type Stored } from "../ui/document";
import { Area, Button, Check, Dialog, Field, Timestamp, Problem, Screen, Section, stateOf, Status, Words } from "../ui/kit";
import { language, named, number, t, yen } from "../words";

type Page = Stored & { pattern: string };

export default function Site() {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "site"], queryFn: () => get<SiteOut>(`${base}/site`) });
  return (
    <Screen title={t("nav.site")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} lead={t("site.lead")}>
      {asked.data ? (
        <>
          <Origins site={asked.data} />
          <Section title={`2. ${t("site.snippet")}`} lead={t("site.snippet.lead")}><Copy label={t("site.snippet")} text={asked.data.snippet} rows={4} /></Section>
          <Pages />
          <Live hasOrigins={asked.data.origins.length > 0} />
          <Conversions />
          <Notice site={asked.data} />
        </>
      ) : null}
    </Screen>
  );
}

const READ_ONLY = new Set(["id", "shards", "policies", "created_at"]);
const lines = (text: string) => text.split(/[\s,、]+/).map((one) => one.trim().replace(/\/+$/, "")).filter(Boolean);

/** Where the sites are, and what browsers may say: a part of the account, an admin's. */
function Origins({ site }: { site: SiteOut }) {
  const { account, base } = usePlace();
  const admin = useMay("admin");
  const client = useQueryClient();
  const [draft, setDraft] = useState({ origins: site.origins.join("\n"), events: (site.rules.events ?? []).join("\n"), consent: site.rules.consent, purchases: site.rules.purchases });
  const save = useMutation({
    mutationFn: async () => {
      const found = await get<Account & Record<string, unknown>>(`/accounts/${enc(account.id)}`);
      const kept = Object.fromEntries(Object.entries(found).filter(([name]) => !READ_ONLY.has(name)));
      const rules = { consent: draft.consent, events: lines(draft.events), purchases: draft.purchases };
      return put(`/accounts/${enc(account.id)}`, { ...kept, site_origins: lines(draft.origins), site: rules });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: [base, "site"] }),
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const edit = (more: Partial<typeof draft>) => setDraft((was) => ({ ...was, ...more }));
  return (
    <Section title={`1. ${t("site.origins")}`} lead={admin ? t("site.origins.lead") : t("state.forbidden.more", { role: named("role", "admin") })}>
      <Area label={t("site.origins")} hint={t("site.origins.hint")} rows={3} disabled={!admin} value={draft.origins} placeholder="https://shop.example" error={about("site_origins")} onChange={(event) => edit({ origins: event.target.value })} />
      <Check label={t("site.consent")} disabled={!admin} checked={draft.consent} onChange={(event) => edit({ consent: event.target.checked })} />
      <Check label={t("site.purchases")} disabled={!admin} checked={draft.purchases} onChange={(event) => edit({ purchases: event.target.checked })} />
      <Area label={t("site.own")} hint={t("site.own.hint")} rows={2} disabled={!admin} value={draft.events} error={about("site.events")} onChange={(event) => edit({ events: event.target.value })} />
      <Problem error={save.error} />
      <div className="actions">{admin ? <Button kind="main" busy={save.isPending} onClick={() => save.mutate()}>{t("site.save")}</Button> : null}<span role="status" className="soft">{save.isSuccess ? t("saved") : ""}</span></div>
    </Section>
  );
}

function Pages() {
  const { base } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "pages"], queryFn: () => all<Page>(`${base}/pages`) });
  const [editing, setEditing] = useState<Page | "new" | null>(null);
  const items = asked.data ?? [];
  return (
    <Section title={`3. ${t("site.pages")}`} lead={t("site.pages.lead")} actions={may ? <Button onClick={() => setEditing("new")}>{t("site.page.new")}</Button> : null}>
      <Problem error={asked.error} />
      {asked.isSuccess && items.length === 0 ? <p className="soft">{t("site.pages.none")}</p> : null}
      {items.length ? (
        <div className="scroll"><table aria-label={t("site.pages")}>
          <thead><tr><th scope="col">{t("label.name")}</th><th scope="col">{t("site.page.pattern")}</th><th scope="col"><span className="hidden">{t("label.actions")}</span></th></tr></thead>
          <tbody>{items.map((one) => <tr key={one.id}><th scope="row"><Words text={one.name} most={60} /></th><td><code><Words text={one.pattern} most={80} /></code></td><td className="number">{may ? <Button kind="quiet" aria-label={t("label.edit", { name: one.name.slice(0, 60) })} onClick={() => setEditing(one)}>{t("action.edit")}</Button> : null}</td></tr>)}</tbody>
        </table></div>
      ) : null}
      {editing ? <EditPage key={editing === "new" ? "new" : editing.id} page={editing === "new" ? null : editing} onClose={() => setEditing(null)} /> : null}
    </Section>
  );
}

function EditPage({ page, onClose }: { page: Page | null; onClose: () => void }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const [name, setName] = useState(page?.name ?? "");
  const [pattern, setPattern] = useState(page?.pattern ?? "/");
  const [id] = useState(() => page?.id ?? newId("page"));
  const done = async () => {
    await client.invalidateQueries({ queryKey: [base] });
    onClose();
  };
  const save = useMutation({ mutationFn: () => put(`${base}/pages/${enc(id)}`, { name, pattern }, page ? { "If-Match": String(page.revision) } : {}), onSuccess: done });
  const away = useMutation({ mutationFn: () => remove(`${base}/pages/${enc(id)}`), onSuccess: done });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  return (
    <Dialog title={page ? t("label.edit", { name: page.name.slice(0, 60) }) : t("site.page.new")} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        <Field label={t("label.name")} autoFocus required maxLength={100} value={name} error={about("name")} onChange={(event) => setName(event.target.value)} />
        <Field label={t("site.page.pattern")} hint={t("site.page.pattern.hint")} required maxLength={300} value={pattern} error={about("pattern")} onChange={(event) => setPattern(event.target.value)} />
        <Problem error={save.error} />
        <div className="dialog-foot">
          {page ? <Remove name={page.name} gone={t("site.page.gone")} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /> : null}
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="main" type="submit" busy={save.isPending} disabled={!name.trim()}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What comes in while this page is seen; a page in the background asks nothing. */
function Live({ hasOrigins }: { hasOrigins: boolean }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "site", "events"], queryFn: () => get<SiteEvents>(`${base}/site/events`), refetchInterval: 3000, enabled: hasOrigins });
  const items = asked.data?.items ?? [];
  return (
    <Section title={t("site.live")} lead={t("site.live.lead")}>
      <Problem error={asked.error} />
      <p role="status" className={items.length ? "hidden" : "soft"}>{!hasOrigins ? t("site.live.unregistered") : items.length ? t("site.live.n", { n: items.length }) : t("site.live.none")}</p>
      {items.length ? (
        <div className="scroll"><table aria-label={t("site.live")}>
          <thead><tr><th scope="col">{t("site.live.at")}</th><th scope="col">{t("site.live.event")}</th><th scope="col">{t("site.live.about")}</th><th scope="col">{t("site.live.who")}</th><th scope="col">{t("site.live.status")}</th></tr></thead>
          <tbody>{items.map((one, at) => <tr key={`${one.at}${at}`}><td><Timestamp at={one.at} /></td><td>{named("site.event", one.event)}</td><td><Words text={one.about || "—"} most={80} /></td><td>{t(one.known ? "site.live.friend" : "site.live.stranger")}</td><td><Status of={one.status} group="site.status" /> {one.why ? <span className="soft"><Words text={one.why} most={120} /></span> : null}</td></tr>)}</tbody>
        </table></div>
      ) : null}
    </Section>
  );
}

interface Conversion {
  row: string;
  name?: string;
  conversions: number;
  revenue: number;
  site_only: number;
}

function Conversions() {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "reports", "conversions", "site"], queryFn: () => get<{ items: Conversion[]; total: Conversion | null }>(`${base}/reports/conversions?group_by=day`) });
  const total = asked.data?.total;
  const money = (amount: number) => (account.currency === "JPY" ? yen(amount) : `${number(amount)} ${account.currency}`);
  return (
    <Section title={t("site.conversions")} lead={t("site.conversions.lead")}>
      <Problem error={asked.error} />
      <dl className="kv" aria-busy={asked.isPending}>
        {([["site.conversions.orders", total ? number(total.conversions) : "…"], ["site.conversions.revenue", total ? money(total.revenue) : "…"], ["site.conversions.tag", total ? number(total.site_only) : "…"]] as const).map(([name, value]) => <div key={name} className="contents"><dt>{t(name)}</dt><dd>{value}</dd></div>)}
      </dl>
    </Section>
  );
}

/** The text that Japan's rule on external transmission asks a site to publish. */
function Notice({ site }: { site: SiteOut }) {
  const [of, setOf] = useState<string>(language);
  return (
    <Section title={t("site.notice")} lead={t("site.notice.lead")} actions={<>{(["ja", "en"] as const).map((one) => <Button key={one} aria-pressed={of === one} lang={one} onClick={() => setOf(one)}>{one === "ja" ? "日本語" : "English"}</Button>)}</>}>
      <Copy label={t("site.notice")} text={site.notice[of] ?? ""} rows={12} />
    </Section>
  );
}
