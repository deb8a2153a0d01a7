// When nothing is sent, and how much at most.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ApiError, all, put } from "../../api/client";
import { useMay, usePlace } from "../../data";
import { Area, Button, Check, Failure, Field, Forbidden, Problem, Section, Select, useDraft } from "../../ui/kit";
import { Stale } from "../../ui/Stale";
import { named, t, zoneName } from "../../words";
import { Week } from "./Week";

export interface Policy {
  quiet_hours?: { from: string; to: string; then?: string };
  caps?: { category: string; max: number; per: string }[];
  blackout_dates?: string[];
  approval_above?: number;
  [other: string]: unknown;
}

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);

export function Policies() {
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

interface Kept {
  revision: number;
  policy: Policy;
}

function PolicyForm({ found, onSaved }: { found: Policy & { revision: number }; onSaved: () => void }) {
  const { base, account } = usePlace();
  const publisher = useMay("publisher");
  const admin = useMay("admin");
  const client = useQueryClient();
  const first = useMemo<Kept>(() => ({ revision: found.revision, policy: Object.fromEntries(Object.entries(found).filter(([name]) => !ADDED.has(name))) }), [found]);
  const [{ policy, revision }, setKept, forget, wasKept] = useDraft<Kept>(`policies.${account.id}`, first);
  const setPolicy = (next: (was: Policy) => Policy) => setKept((was) => ({ ...was, policy: next(was.policy) }));
  const isChanged = JSON.stringify(policy) !== JSON.stringify(first.policy);
  const path = `${base}/policies/default`;
  const save = useMutation({
    mutationFn: (overwrite: boolean) => put(path, policy, revision && !overwrite ? { "If-Match": String(revision) } : {}),
    onSuccess: () => {
      forget();
      onSaved();
      return client.invalidateQueries({ queryKey: [base, "policies"] });
    },
  });
  const isStale = save.error instanceof ApiError && save.error.status === 409 && save.error.currentRevision !== null;
  const about = (name: string) => (save.error instanceof ApiError ? save.error.about(name) : undefined);
  const quiet = policy.quiet_hours;
  const caps = policy.caps ?? [];
  const set = (name: string, value: unknown) => setPolicy((was) => {
    const next = { ...was, [name]: value };
    if (value === undefined) delete next[name];
    return next;
  });
  return (
    <>
      {wasKept && isChanged ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      <Section title={t("policy.week.title")} lead={t("zone", { zone: zoneName() })}><Week policy={policy} /></Section>
      <Section title={t("policy.quiet")} lead={t("policy.quiet.lead")}>
        <Check label={t("policy.quiet.on")} disabled={!publisher} checked={quiet !== undefined} onChange={(event) => set("quiet_hours", event.target.checked ? { from: "21:00", to: "09:00", then: "defer" } : undefined)} />
        {quiet ? (
          <>
            <div className="fields">
              <Field label={t("policy.from")} type="time" value={quiet.from} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, from: event.target.value })} />
              <Field label={t("policy.to")} type="time" value={quiet.to} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, to: event.target.value })} />
              <Select label={t("policy.then")} value={quiet.then ?? "defer"} disabled={!publisher} onChange={(event) => set("quiet_hours", { ...quiet, then: event.target.value })} options={["defer", "skip"].map((one) => ({ value: one, label: named("policy.then", one) }))} />
            </div>
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
        <Area label={t("policy.blackout")} hint={t("policy.blackout.hint")} rows={3} disabled={!publisher} error={about("blackout_dates")} value={(policy.blackout_dates ?? []).join("\n")} onChange={(event) => set("blackout_dates", event.target.value ? event.target.value.split("\n") : undefined)} />
        <Field label={t("policy.approval")} hint={t("policy.approval.hint")} type="number" min={0} disabled={!admin} value={policy.approval_above ?? ""} onChange={(event) => set("approval_above", event.target.value === "" ? undefined : Number(event.target.value))} />
      </Section>
      {isStale ? <Stale path={path} mine={policy} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : <Problem error={save.error} />}
      {publisher ? <p className="actions">{isChanged ? <Button onClick={() => { setKept(first); forget(); }}>{t("draft.forget")}</Button> : null}<Button kind="main" busy={save.isPending} onClick={() => save.mutate(false)}>{t("action.save")}</Button></p> : <Forbidden error={new ApiError(403, "forbidden", "publisher", [], null)} />}
    </>
  );
}
