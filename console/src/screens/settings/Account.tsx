// The LINE account: its name, what it is connected by, and whether the connection works.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, get, newId, post, PREFIX, put } from "../../api/client";
import { type Account, useMay, usePlace } from "../../data";
import { go } from "../../router";
import { Copy } from "../../ui/Copy";
import { Button, Dialog, Failure, Field, Problem, Section, useDraft } from "../../ui/kit";
import { named, t, type Word } from "../../words";

/** What is written back as it was read: all but what the server alone says, whatever later versions add. */
const READ_ONLY = new Set(["id", "shards", "policies", "created_at"]);
const SECRETS = ["channel_secret", "channel_access_token", "login_channel_secret"] as const;
const PLAIN = ["name", "time_zone", "liff_id", "login_channel_id", "member_site_url"] as const;

export function AccountPart() {
  const { account, me } = usePlace();
  const admin = useMay("admin");
  const asked = useQuery({ queryKey: ["account", account.id], queryFn: () => get<Account & Record<string, unknown>>(`/accounts/${account.id}`) });
  if (asked.isError) return <Failure error={asked.error} />;
  if (!asked.data) return null;
  return (
    <>
      <AccountForm key={asked.dataUpdatedAt} found={asked.data} />
      {admin ? <Connection id={account.id} /> : null}
      {admin && me.account === null ? <NewAccount /> : null}
    </>
  );
}

function AccountForm({ found }: { found: Account & Record<string, unknown> }) {
  const admin = useMay("admin");
  const client = useQueryClient();
  // A secret is kept nowhere; the rest survives a reload.
  const [drafted, setDrafted, forget] = useDraft<Record<string, string>>(`account.${found.id}`, {});
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const changed = { ...drafted, ...secrets };
  const setChanged = (name: string, value: string) => ((SECRETS as readonly string[]).includes(name) ? setSecrets((was) => ({ ...was, [name]: value })) : setDrafted((was) => ({ ...was, [name]: value })));
  const [saved, setSaved] = useState(false);
  const save = useMutation({
    mutationFn: () => {
      const kept = Object.fromEntries(Object.entries(found).filter(([name]) => !READ_ONLY.has(name)));
      const given = Object.entries(changed).filter(([name, value]) => value !== "" || !(SECRETS as readonly string[]).includes(name));
      return put(`/accounts/${found.id}`, { ...kept, ...Object.fromEntries(given.map(([name, value]) => [name, value === "" ? null : value])) });
    },
    onSuccess: () => {
      setSecrets({});
      setDrafted({});
      forget();
      setSaved(true);
      return client.invalidateQueries({ queryKey: ["accounts"] });
    },
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const field = (name: string, more: { hint?: string; type?: string; autoComplete?: string }) => (
    <Field key={name} label={t(`account.${name}` as Word)} {...more} value={changed[name] ?? (more.type ? "" : String(found[name] ?? ""))} disabled={!admin} error={about(name)} onChange={(event) => { setSaved(false); setChanged(name, event.target.value); }} />
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

interface Checked {
  ok: boolean;
  wanted: string;
  bot: { displayName?: string; basicId?: string } | null;
  webhook: { endpoint?: string; active?: boolean } | null;
  test: { success?: boolean; statusCode?: number } | null;
  problems: { message: string }[];
}

/** Whether LINE knows the token and reaches the webhook: LINE's own test. */
function Connection({ id }: { id: string }) {
  const check = useMutation({ mutationFn: () => post<Checked>(`/accounts/${id}/check`) });
  const found = check.data;
  const line = (isRight: boolean | undefined, text: string) => <li><span className={isRight ? "mark yes" : "mark no"}>{isRight ? "✓" : "✗"}<span className="hidden">{t(isRight ? "why.yes" : "why.no")}</span></span> {text}</li>;
  return (
    <Section title={t("account.check")} lead={t("account.check.lead")} actions={<Button busy={check.isPending} onClick={() => check.mutate()}>{t("account.check.do")}</Button>}>
      <Copy label={t("account.webhook")} text={`${location.origin}${PREFIX}/webhook/${id}`} />
      <Problem error={check.error} />
      {found ? (
        <div role="status">
          <p className={found.ok ? "verdict yes" : "verdict no"}>{found.ok ? `✓ ${t("account.check.ok")}` : `✗ ${t("account.check.wrong")}`}</p>
          <ul className="plain-list">
            {line(found.bot !== null, found.bot ? t("account.check.bot", { name: found.bot.displayName ?? "", id: found.bot.basicId ?? "" }) : t("account.check.no_bot"))}
            {found.webhook ? line(found.webhook.active && found.webhook.endpoint === found.wanted, t("account.check.webhook", { url: found.webhook.endpoint ?? "—" })) : null}
            {found.test ? line(found.test.success, t("account.check.test", { status: String(found.test.statusCode ?? "—") })) : null}
          </ul>
          {found.problems.length ? <ul>{found.problems.map((one) => <li key={one.message}>{one.message}</li>)}</ul> : null}
        </div>
      ) : null}
    </Section>
  );
}

/** Another LINE account in this installation. */
export function NewAccount() {
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [given, setGiven] = useState<Record<string, string>>({});
  const [id] = useState(() => newId("account"));
  const make = useMutation({
    mutationFn: () => put(`/accounts/${id}`, given),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["accounts"] });
      go(id, "settings", "account");
    },
  });
  const about = (path: string) => (make.error instanceof ApiError ? make.error.about(path) : undefined);
  const names = ["name", "channel_secret", "channel_access_token"] as const;
  return (
    <Section title={t("account.new")} lead={t("account.new.lead")} actions={<Button onClick={() => setOpen(true)}>{t("account.new.do")}</Button>}>
      {isOpen ? (
        <Dialog title={t("account.new.do")} onClose={() => setOpen(false)}>
          <form onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
            {names.map((name) => <Field key={name} label={t(`account.${name}`)} required type={name === "name" ? "text" : "password"} autoComplete="off" error={about(name)} value={given[name] ?? ""} onChange={(event) => setGiven((was) => ({ ...was, [name]: event.target.value }))} />)}
            <Problem error={make.error} />
            <div className="dialog-foot"><Button onClick={() => setOpen(false)}>{t("action.cancel")}</Button><Button kind="main" type="submit" busy={make.isPending} disabled={names.some((name) => !given[name]?.trim())}>{t("account.new.make")}</Button></div>
          </form>
        </Dialog>
      ) : null}
    </Section>
  );
}
