// LINE's audiences, whoever made them: what they are, how many are in them, made from a segment and kept in step.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, ApiError, enc, get, newId, post, remove } from "../../api/client";
import type { AudienceOut } from "../../api/schema";
import { type Broadcast, nameOf, useMay, useNames, usePlace } from "../../data";
import { Remove } from "../../ui/document";
import { Button, Chip, Dialog, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Words } from "../../ui/kit";
import { named, t, type Word } from "../../words";
import { countOf, idOf, titleOf } from "./words";

const MOVING = new Set(["UPLOADING", "IN_PROGRESS", "ACTIVATING"]);

export function useAudiences() {
  const { base } = usePlace();
  return useQuery({
    queryKey: [base, "audiences"],
    queryFn: async () => {
      const found: AudienceOut[] = [];
      let cursor: string | null = null;
      do {
        const page: { items: AudienceOut[]; next_cursor: string | null } = await get(`${base}/audiences?limit=40${cursor ? `&cursor=${enc(cursor)}` : ""}`);
        found.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && found.length < 1000);
      return found;
    },
    // LINE lets us ask sixty times a minute.
    refetchInterval: (query) => (query.state.data?.some((one) => MOVING.has(one.status ?? "")) ? 10_000 : false),
  });
}

export default function Audiences() {
  const may = useMay("publisher");
  const asked = useAudiences();
  const [making, setMaking] = useState(false);
  const items = asked.data ?? [];
  const fresh = may ? <Button kind="main" onClick={() => setMaking(true)}>{t("audience.new")}</Button> : null;
  const dialog = making ? <Make onClose={() => setMaking(false)} /> : null;
  return (
    <Screen title={t("nav.audiences")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("audiences.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("audiences.empty")}</h2><p>{t("audiences.empty.more")}</p>{fresh}{dialog}</>}>
      {items.map((one) => <Card key={idOf(one)} one={one} />)}
      {dialog}
    </Screen>
  );
}

const TONES: Record<string, string> = { READY: "brand", FAILED: "bad", EXPIRED: "bad", GONE: "bad", IN_PROGRESS: "warn", UPLOADING: "warn", ACTIVATING: "warn" };

function Card({ one }: { one: AudienceOut }) {
  const { base } = usePlace();
  const names = useNames();
  const may = useMay("publisher");
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: [base, "audiences"] });
  const path = `${base}/audiences/${enc(idOf(one))}`;
  const sync = useMutation({ mutationFn: () => post(`${path}/sync`, {}), onSettled: again });
  const away = useMutation({ mutationFn: () => remove(path), onSuccess: again });
  const job = useQuery({ queryKey: [base, "job", one.job_id], enabled: Boolean(one.job_id), queryFn: () => get<{ state: string; done: number; total: number }>(`${base}/jobs/${one.job_id}`), refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 2000) });
  const every = (one.sync as { every?: { time: string; weekdays?: string[] } } | null)?.every;
  const of = one.segment ? t("audience.of.segment", { name: nameOf(names, "segments", one.segment) }) : one.broadcast ? t("audience.of.broadcast") : one.id ? "" : t("audience.of.line");
  return (
    <Section title={titleOf(one).slice(0, 100)} actions={may ? <>{one.segment ? <Button busy={sync.isPending || Boolean(one.job_id)} aria-label={t("audience.sync.of", { name: titleOf(one).slice(0, 60) })} onClick={() => sync.mutate()}>{t("audience.sync")}</Button> : null}<Remove quiet name={titleOf(one)} gone={t("audience.gone")} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /></> : null}>
      <p className="chips">
        <Chip>{named("audience.type", one.type ?? "")}</Chip><Chip tone={TONES[one.status ?? ""] ?? "plain"}>{named("audience.status", one.status ?? "")}</Chip>
        <strong>{countOf(one)}</strong>
        {job.data?.state === "running" ? <span className="soft" role="status">{t("audience.uploading", { done: job.data.done, total: job.data.total })}</span> : null}
      </p>
      {of ? <p><Words text={of} most={120} /></p> : null}
      {one.why ? <p className="problem">{one.why}</p> : null}
      <p className="soft">
        {every ? <>{t("audience.every", { time: every.time, days: every.weekdays?.length ? every.weekdays.map((day) => t(`day.${day}` as Word)).join(" ") : t("monitor.daily") })} </> : null}
        {one.synced_at ? <>{t("audience.synced")} <Timestamp at={one.synced_at} /> </> : null}
        {one.expires_at ? <>{t("audience.expires")} <Timestamp at={one.expires_at} /> </> : null}
        {one.left_out ? t("audience.left_out", { n: one.left_out }) : null}
      </p>
      <Problem error={sync.error} />
    </Section>
  );
}

const KINDS = ["segment", "click", "impression"] as const;
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

function Make({ onClose }: { onClose: () => void }) {
  const { base } = usePlace();
  const names = useNames();
  const client = useQueryClient();
  const [kind, setKind] = useState<(typeof KINDS)[number]>("segment");
  const [name, setName] = useState("");
  const [of, setOf] = useState("");
  const [url, setUrl] = useState("");
  const [every, setEvery] = useState<"never" | "daily" | "weekly">("daily");
  const [time, setTime] = useState("04:00");
  const [day, setDay] = useState("mon");
  const sent = useQuery({ queryKey: [base, "broadcasts"], queryFn: () => all<Broadcast>(`${base}/broadcasts`, 400), select: (found) => found.filter((one) => one.narrowcast && one.run) });
  const make = useMutation({
    mutationFn: () => post(`${base}/audiences`, { id: newId("audience"), name: name.trim(), [kind]: of, ...(kind === "click" && url.trim() ? { url: url.trim() } : {}), ...(kind === "segment" && every !== "never" ? { sync: { every: { time, ...(every === "weekly" ? { weekdays: [day] } : {}) } } } : {}) }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [base, "audiences"] });
      onClose();
    },
  });
  const error = make.error;
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  const choices = kind === "segment" ? (names.segments ?? []).map((one) => ({ value: one.id, label: one.name })) : (sent.data ?? []).map((one) => ({ value: one.id, label: one.name }));
  return (
    <Dialog title={t("audience.new")} onClose={onClose}>
      <Select label={t("audience.kind")} value={kind} onChange={(event) => { setKind(event.target.value as typeof kind); setOf(""); }} options={KINDS.map((one) => ({ value: one, label: t(`audience.kind.${one}`) }))} />
      {kind === "segment" ? null : <p className="notice">{t("audience.kind.least")}</p>}
      <Field label={t("audience.name")} maxLength={100} value={name} error={about("name")} onChange={(event) => setName(event.target.value)} />
      <Select label={t(kind === "segment" ? "nav.segments" : "audience.broadcast")} value={of} error={about(kind)} onChange={(event) => setOf(event.target.value)} options={[{ value: "", label: t(choices.length ? "audience.choose" : kind === "segment" ? "audience.no_segment" : "audience.no_broadcast") }, ...choices]} />
      {kind === "click" ? <Field label={t("audience.url")} hint={t("audience.url.hint")} type="url" value={url} error={about("url")} onChange={(event) => setUrl(event.target.value)} /> : null}
      {kind === "segment" ? (
        <>
          <Select label={t("audience.step")} hint={t("audience.step.hint")} value={every} onChange={(event) => setEvery(event.target.value as typeof every)} options={(["daily", "weekly", "never"] as const).map((one) => ({ value: one, label: t(`audience.step.${one}`) }))} />
          <div className="fields">
            {every === "weekly" ? <Select label={t("audience.step.day")} value={day} onChange={(event) => setDay(event.target.value)} options={DAYS.map((one) => ({ value: one, label: t(`day.${one}`) }))} /> : null}
            {every === "never" ? null : <Field label={t("compose.time")} type="time" value={time} onChange={(event) => setTime(event.target.value)} />}
          </div>
        </>
      ) : null}
      <Problem error={error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" busy={make.isPending} disabled={!name.trim() || !of} onClick={() => make.mutate()}>{t("audience.make")}</Button></div>
    </Dialog>
  );
}

