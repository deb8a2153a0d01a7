import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, ApiError, get, newId, post, put } from "../api/client";
import { Builder } from "../conditions/Builder";
import { CountPanel, partText } from "../conditions/Count";
import { audienceOf, group, toTree, type Condition, type Group } from "../conditions/model";
import { type Broadcast, type Friend, type LineMessage, type Message, type Quota, type TestOf, type VariantOf, useMay, useNames, usePlace } from "../data";
import { Preview } from "../phone/Preview";
import { go, Link } from "../router";
import { FriendPicker } from "../ui/FriendPicker";
import { Button, Check, Chip, Field, Forbidden, Timestamp, Problem, Screen, Section, Select, stateOf, useDraft, Words } from "../ui/kit";
import { MessageEditor } from "../ui/MessageEditor";
import { Stale } from "../ui/Stale";
import { TopicField } from "../ui/TopicField";
import { fromLocal, named, number, percent, t, yen, zoneName, type Word } from "../words";
import { Send, type Timing, When } from "./Sending";


/** One of the messages that are compared; a single one is sent to all. */
interface Arm {
  messages: LineMessage[];
  weight: number;
  /** What this page does not show of the message and of the variant (its id, its own time), and must not lose. */
  kept?: Record<string, unknown>;
  /** The message's revision that its author saw. */
  revision?: number;
  variant?: { id: string; at?: string };
}

const MOST_ARMS = 8;
const letter = (at: number) => String.fromCharCode(65 + at);
const arm = (): Arm => ({ messages: [{ type: "text", text: "" }], weight: 1 });
const shareOf = (arms: Arm[], at: number) => percent((arms[at]?.weight || 0) / (arms.reduce((sum, one) => sum + (one.weight || 0), 0) || 1));

interface Draft extends Timing {
  id: string;
  revision?: number;
  name: string;
  to: string;
  root: Group;
  exclude: string;
  arms: Arm[];
  category: string;
  topic: string | null;
  holdOut: number;
  /** A part of the audience tries the variants, and the rest gets the winner; empty: everybody gets one. */
  sample: string;
  metric: string;
  decideAfter: string;
  /** What this page does not show and must not lose. */
  extra: Record<string, unknown>;
}

const blank = (): Draft => ({ id: newId("broadcast"), name: "", to: "everyone", root: group("all"), exclude: "", arms: [arm()], category: "marketing", topic: null, when: "now", at: "", weekdays: [], time: "10:00", holdOut: 0, sample: "", metric: "click", decideAfter: "4h", extra: {} });

export function Compose({ id }: { id?: string }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({
    queryKey: [base, "compose", id],
    enabled: Boolean(id) && may,
    gcTime: 0,
    queryFn: async () => {
      const broadcast = await get<Broadcast>(`${base}/broadcasts/${id}`);
      if (broadcast.narrowcast) go(account.id, "narrowcasts", broadcast.id, "edit");
      if (broadcast.messages) {
        const { messages, track } = broadcast;
        return read(broadcast, [{ messages, weight: 1, kept: track ? { track } : {} }], broadcast);
      }
      const sent: VariantOf[] = broadcast.variants.length ? broadcast.variants : broadcast.message ? [{ id: "a", message: broadcast.message, weight: 1 }] : [];
      const found = await Promise.all(sent.map((one) => get<Message>(`${base}/messages/${one.message}`)));
      return read(broadcast, found.map((one, at) => armOf(one, sent[at] as VariantOf, one.id === messageIdOf(broadcast.id, at))), found[0]);
    },
  });
  if (!may) return <Screen title={t("broadcast.new")} state="forbidden" error={new ApiError(403, "forbidden", "editor", [], null)} />;
  if (!id) return <Page first={blank()} name="new" />;
  if (!asked.data) return <Screen title={t("broadcast.edit")} state={stateOf(asked)} error={asked.error} retry={() => void asked.refetch()} />;
  return <Page first={asked.data} name={id} />;
}

const NOT_WRITTEN = new Set(["id", "revision", "updated_at", "warnings", "warning_details", "name", "messages", "category", "topic"]);

/** The message of its own that a broadcast sends; another one, which others may send too, stays as it is. */
const messageIdOf = (broadcast: string, at: number) => (at ? `${broadcast}-m-${letter(at).toLowerCase()}` : `${broadcast}-m`);

function armOf(message: Message, { id, at, weight }: VariantOf, isOwn: boolean): Arm {
  const kept = Object.fromEntries(Object.entries(message).filter(([name]) => !NOT_WRITTEN.has(name)));
  return { messages: message.messages, weight, kept, ...(isOwn ? { revision: message.revision } : {}), variant: { id, ...(at ? { at } : {}) } };
}

function read(broadcast: Broadcast, arms: Arm[], first?: { category?: string; topic?: string | null }): Draft {
  const { audience = { everyone: true }, exclude } = broadcast;
  const segment = typeof audience.segment === "string" ? audience.segment : null;
  return {
    ...blank(),
    id: broadcast.id,
    revision: broadcast.revision,
    name: broadcast.name,
    to: segment ? `segment:${segment}` : "everyone" in audience ? "everyone" : "custom",
    root: segment || "everyone" in audience ? group("all") : toTree(audience),
    exclude: typeof exclude?.segment === "string" ? exclude.segment : "",
    arms: arms.length ? arms : [arm()],
    category: first?.category ?? "marketing",
    topic: first?.topic ?? null,
    holdOut: broadcast.test?.hold_out_percent ?? 0,
    sample: String(broadcast.test?.sample_percent ?? ""),
    metric: broadcast.test?.metric ?? "click",
    decideAfter: broadcast.test?.decide_after ?? "4h",
    extra: Object.fromEntries(KEPT.filter((name) => broadcast[name] != null).map((name) => [name, broadcast[name]])),
  };
}

/** Fields that this page does not show, or not all of, and must not lose. */
const KEPT = ["test", "max_lateness", "links", "priority"] as const;

const DECIDING = new Set(["sample_percent", "metric", "decide_after", "min_per_arm", "if_none"]);

/** How the variants are compared, and who gets nothing. */
function testOf({ arms, holdOut, sample, metric, decideAfter, extra }: Draft): { test?: TestOf } {
  const before = Object.entries((extra.test ?? {}) as TestOf);
  const isTried = sample.trim() !== "" && arms.length > 1;
  if (!holdOut && !isTried && before.length === 0) return {};
  const kept = Object.fromEntries(isTried ? before : before.filter(([name]) => !DECIDING.has(name)));
  return { test: { ...kept, hold_out_percent: holdOut, ...(isTried ? { sample_percent: Number(sample), metric, decide_after: decideAfter } : {}) } };
}

/** The ids of the variants: as they were, and letters that are free for new ones. */
function idsOf(arms: Arm[]): string[] {
  const taken = new Set(arms.map((one) => one.variant?.id));
  return arms.map((one) => {
    if (one.variant) return one.variant.id;
    const free = Array.from({ length: 26 }, (_, at) => letter(at).toLowerCase()).find((id) => !taken.has(id)) ?? newId("arm");
    taken.add(free);
    return free;
  });
}

function audienceOfDraft(draft: Draft): Condition {
  if (draft.to.startsWith("segment:")) return { segment: draft.to.slice(8) };
  return draft.to === "everyone" ? { everyone: true } : audienceOf(draft.root);
}

interface LinksOf {
  variant: string | null;
  way: "liff" | "push";
  why: string | null;
  seconds: { liff: number; push: number };
}

interface Sheet {
  links: LinksOf[];
  overlap: { received: number; scheduled: { broadcast: string; at: string; friends: number }[] };
  line_check: { valid: boolean | null; details: { variant: string | null; property: string | null; message: string }[] };
  count: number;
  exact: boolean;
  waterfall: { condition: Condition; left: number }[];
  skipped: Record<string, number>;
  held_out: number;
  quota: Quota & { needed: number };
  yen: number;
}

function Page({ first, name }: { first: Draft; name: string }) {
  const { base, account } = usePlace();
  const names = useNames();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`compose.${account.id}.${name}`, first);
  const [sheet, setSheet] = useState<{ of: string; sheet: Sheet } | null>(null);
  const [chosen, setShown] = useState(0);
  const [place, setPlace] = useState("");
  const shown = Math.min(chosen, draft.arms.length - 1);
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }));
  const editArm = (more: Partial<Arm>) => setDraft((was) => ({ ...was, arms: was.arms.map((one, at) => (at === shown ? { ...one, ...more } : one)) }));
  const messages = draft.arms[shown]?.messages ?? [];
  const ids = idsOf(draft.arms);
  const sent = draft.arms.map((one, at) => ({ ...one.variant, id: ids[at] as string, message: messageIdOf(draft.id, at), weight: one.weight }));
  const audience = audienceOfDraft(draft);
  const now = contentOf(draft);
  const document = { ...draft.extra, name: draft.name, audience, ...(draft.exclude ? { exclude: { segment: draft.exclude } } : {}), ...(sent.length > 1 ? { variants: sent } : { message: sent[0]?.message }), ...testOf(draft) };
  const message = async (at: number, overwrite: boolean) => {
    const { kept, messages, revision } = draft.arms[at] as Arm;
    const body = { ...kept, name: at ? `${draft.name} (${letter(at)})` : draft.name, messages, category: draft.category, ...(draft.topic ? { topic: draft.topic } : {}) };
    return (await put<Message>(`${base}/messages/${sent[at]?.message}`, body, seen(revision, overwrite))).revision;
  };
  const save = useMutation({
    // New messages first, which the broadcast names; then the broadcast, that may be another's by now; then messages that others may have changed.
    mutationFn: async (overwrite: boolean) => {
      const revisions: number[] = [];
      for (const [at, one] of draft.arms.entries()) if (one.revision === undefined) revisions[at] = await message(at, overwrite);
      setPlace(`broadcasts/${draft.id}`);
      const saved = await put<Broadcast>(`${base}/broadcasts/${draft.id}`, document, seen(draft.revision, overwrite));
      for (const [at, one] of draft.arms.entries()) {
        if (one.revision === undefined) continue;
        setPlace(`messages/${sent[at]?.message}`);
        revisions[at] = await message(at, overwrite);
      }
      setDraft((was) => ({ ...was, revision: saved.revision, arms: was.arms.map((one, at) => ({ ...one, revision: revisions[at] ?? one.revision })) }));
      void client.invalidateQueries({ queryKey: [base, "names"] });
      return saved;
    },
  });
  const check = useMutation({
    mutationFn: async (overwrite: boolean) => {
      await save.mutateAsync(overwrite);
      return post<Sheet>(`${base}/broadcasts/${draft.id}/preview`);
    },
    onSuccess: (found) => setSheet({ of: now, sheet: found }),
  });
  const leave = async () => {
    forget();
    await client.invalidateQueries({ queryKey: [base] });
    go(account.id, "broadcasts", draft.id);
  };
  const error = check.error ?? save.error;
  const isStale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const calm = () => {
    check.reset();
    save.reset();
  };
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  const current = sheet?.of === now ? sheet.sheet : null;
  return (
    <Screen title={t(name === "new" ? "broadcast.new" : "broadcast.edit")} state="ready" wide back={<Link className="back" parts={[account.id, "broadcasts"]}>← {t("nav.broadcasts")}</Link>}
      actions={<><Button onClick={() => { forget(); setDraft(name === "new" ? blank() : first); setSheet(null); }}>{t("draft.forget")}</Button><Button busy={save.isPending} disabled={!draft.name.trim()} onClick={() => save.mutate(false)}>{t("broadcast.save")}</Button></>}>
      {wasKept ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {save.isSuccess && !check.isPending && !current ? <p className="notice" role="status">{t("broadcast.saved")}</p> : null}
      <div className="columns">
        <div className="steps">
          <Section title={t("broadcast.name")}><Field label={t("broadcast.name")} hideLabel value={draft.name} maxLength={200} placeholder={t("broadcast.name.hint")} error={about("name")} onChange={(event) => edit({ name: event.target.value })} /></Section>
          <Section title={t("compose.who")}>
            <Select label={t("compose.audience")} value={draft.to} error={about("audience")} onChange={(event) => edit({ to: event.target.value })} options={[{ value: "everyone", label: t("compose.everyone") }, ...(names.segments ?? []).map((one) => ({ value: `segment:${one.id}`, label: one.name })), { value: "custom", label: t("compose.custom") }]} />
            {draft.to === "custom" ? <Builder root={draft.root} onChange={(root) => edit({ root })} compact /> : null}
            <Select label={t("compose.exclude")} value={draft.exclude} onChange={(event) => edit({ exclude: event.target.value })} options={[{ value: "", label: t("compose.exclude.none") }, ...(names.segments ?? []).map((one) => ({ value: one.id, label: one.name }))]} />
            <CountPanel condition={draft.exclude ? { all: [audience, { not: { segment: draft.exclude } }] } : audience} />
          </Section>
          <Section title={t("compose.what")}>
            <Arms draft={draft} shown={shown} show={setShown} edit={edit} />
            {draft.arms.length > 1 ? <Field label={t("compose.weight", { arm: letter(shown) })} hint={t("compose.weight.hint", { share: shareOf(draft.arms, shown) })} type="number" min={1} value={draft.arms[shown]?.weight ?? 1} error={about(`variants[${shown}]`)} onChange={(event) => editArm({ weight: Number(event.target.value) })} /> : null}
            <MessageEditor key={shown} messages={messages} onChange={(next) => editArm({ messages: next })} about={about} />
            <div className="fields">
              <Select label={t("compose.category")} value={draft.category} onChange={(event) => edit({ category: event.target.value })} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} />
              <TopicField value={draft.topic} error={about("topic")} set={(topic) => edit({ topic })} />
              <Field label={t("compose.hold_out")} hint={t("compose.hold_out.hint")} type="number" min={0} max={90} value={draft.holdOut} onChange={(event) => edit({ holdOut: Number(event.target.value) })} />
              {draft.arms.length > 1 ? <Field label={t("compose.sample")} hint={t("compose.sample.hint")} type="number" min={1} max={100} value={draft.sample} error={about("test.sample_percent")} onChange={(event) => edit({ sample: event.target.value })} /> : null}
              {draft.arms.length > 1 && draft.sample ? <>
                <Select label={t("compose.metric")} value={draft.metric} onChange={(event) => edit({ metric: event.target.value })} options={["click", "conversion"].map((one) => ({ value: one, label: t(`compose.metric.${one}` as Word) }))} />
                <Field label={t("compose.decide_after")} hint={t("compose.decide_after.hint")} value={draft.decideAfter} error={about("test.decide_after")} onChange={(event) => edit({ decideAfter: event.target.value })} />
              </> : null}
            </div>
            <Check label={t("compose.priority")} checked={draft.extra.priority === true} onChange={(event) => edit({ extra: { ...draft.extra, priority: event.target.checked || undefined } })} />
          </Section>
          <Section title={t("compose.when")} lead={t("zone", { zone: zoneName() })}><When draft={draft} edit={edit} /></Section>
          <Section title={t("compose.check")} lead={t("compose.check.lead")} actions={<Button kind="main" busy={check.isPending} disabled={!draft.name.trim() || draft.arms.some((one) => one.messages.length === 0)} onClick={() => check.mutate(false)}>{t("compose.check.do")}</Button>}>
            {isStale ? null : <Problem error={error} />}
            {current ? <CheckSheet sheet={current} draft={draft} audience={draft.exclude ? { all: [audience, { not: { segment: draft.exclude } }] } : audience} /> : <p className="soft">{t("compose.check.first")}</p>}
            {current && publisher ? <><TestSend draft={draft} /><Send draft={draft} sheet={current} leave={leave} /></> : null}
            {current && !publisher ? <Forbidden error={new ApiError(403, "forbidden", "this needs the role publisher", [], null)} /> : null}
          </Section>
        </div>
        <div className="stick"><Preview messages={messages} /></div>
      </div>
      {isStale ? <Stale path={`${base}/${place}`} mine={place.startsWith("broadcasts/") ? document : { messages }} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={calm} /> : null}
    </Screen>
  );
}

/** A revision that must still be there. */
const seen = (revision: number | undefined, overwrite: boolean): Record<string, string> => (revision === undefined || overwrite ? {} : { "If-Match": String(revision) });

/** What is written, whatever revision it has. */
const contentOf = ({ revision: _revision, arms, ...rest }: Draft) => JSON.stringify({ ...rest, arms: arms.map(({ revision: _own, ...one }) => one) });

/** Which message is edited, another one to compare it with, and away with one. */
function Arms({ draft, shown, show, edit }: { draft: Draft; shown: number; show: (at: number) => void; edit: (more: Partial<Draft>) => void }) {
  const { arms } = draft;
  const many = arms.length > 1;
  const add = () => {
    const { variant: _, ...copy } = JSON.parse(JSON.stringify(arms[shown] ?? arm())) as Arm;
    edit({ arms: [...arms, copy] });
    show(arms.length);
  };
  return (
    <div className="chips arms" role="group" aria-label={t("compose.arms")}>
      {many ? arms.map((_, at) => <Button key={at} aria-pressed={at === shown} onClick={() => show(at)}>{t("compose.arm", { arm: letter(at) })} <small>{shareOf(arms, at)}</small></Button>) : null}
      <Button kind="quiet" disabled={arms.length >= MOST_ARMS} onClick={add}>+ {t(many ? "compose.arm.add" : "compose.arm.first")}</Button>
      {many ? <Button kind="quiet" onClick={() => { edit({ arms: arms.filter((_, at) => at !== shown) }); show(Math.max(0, shown - 1)); }}>✕ {t("compose.arm.remove", { arm: letter(shown) })}</Button> : null}
    </div>
  );
}

function CheckSheet({ sheet, draft, audience }: { sheet: Sheet; draft: Draft; audience: Condition }) {
  const names = useNames();
  const skipped = Object.entries(sheet.skipped);
  return (
    <>
      <dl className="figures">
        <div className="figure"><dt>{t("sheet.to")}</dt><dd className="value">{sheet.exact ? "" : t("about")}{t("people", { n: sheet.quota.needed })}</dd></div>
        <div className="figure"><dt>{t("sheet.yen")}</dt><dd className="value">{yen(sheet.yen)}</dd></div>
        <div className="figure"><dt>{t("sheet.quota")}</dt><dd className="value">{sheet.quota.left === null ? "—" : number(sheet.quota.left)}</dd></div>
      </dl>
      {sheet.quota.left !== null && sheet.quota.needed > sheet.quota.left ? <p className="notice warn" role="alert">{t("sheet.over")}</p> : null}
      <table className="waterfall">
        <caption>{t("count.waterfall")}</caption>
        <tbody>
          {sheet.waterfall.map((line, at) => <tr key={at}><th scope="row">{at === 0 && "friend" in line.condition ? t("count.following") : partText(line.condition, names)}</th><td>{number(line.left)}</td></tr>)}
          {skipped.map(([reason, n]) => <tr key={reason}><th scope="row">{t("sheet.skipped", { reason: named("skip", reason) })}</th><td>−{number(n)}</td></tr>)}
          {sheet.held_out ? <tr><th scope="row">{t("progress.held_out")}</th><td>−{number(sheet.held_out)}</td></tr> : null}
        </tbody>
      </table>
      {sheet.links.map((one, at) => <p key={at} className="soft">{one.variant ? `${one.variant}: ` : ""}{t(`sheet.links.${one.way}`, { liff: one.seconds.liff, push: one.seconds.push })} {one.why}</p>)}
      {sheet.line_check.details.map((one, at) => <p key={at} className="notice warn" role="alert">{t("sheet.line")} <Words text={`${one.property ?? ""} ${one.message}`} most={200} /></p>)}
      {sheet.overlap.received ? <p className="soft">{t("sheet.received", { n: sheet.overlap.received })}</p> : null}
      <Near id={draft.id} audience={audience} known={sheet.overlap.scheduled} at={draft.when === "at" && draft.at ? fromLocal(draft.at) : null} />
    </>
  );
}

const DAY = 86_400_000;
const MOST_NEAR = 8;

/** What else the same friends get within a day of it: each with how many of them it means too. */
function Near({ id, audience, known, at }: { id: string; audience: Condition; known: Sheet["overlap"]["scheduled"]; at: string | null }) {
  const { base, account } = usePlace();
  const around = at ? new Date(at).getTime() : Date.now();
  const span = (days: number) => encodeURIComponent(new Date(around + days * DAY).toISOString());
  const when = Math.round(around / 60_000);
  const others = useQuery({
    queryKey: [base, "broadcasts", "near", id, JSON.stringify(audience), at ? when : "now"],
    queryFn: async () => {
      const found = await all<Broadcast>(`${base}/broadcasts?from=${span(-1)}&to=${span(1)}`, 400);
      const near = found.filter((one) => one.id !== id && (one.started_at ?? (one.status === "scheduled" ? one.at : null)) !== null).slice(0, MOST_NEAR);
      const counted = (one: Broadcast) => known.find(({ broadcast }) => broadcast === one.id)?.friends;
      return Promise.all(near.map(async (one) => ({ one, both: counted(one) !== undefined ? { count: counted(one) } : one.audience ? (await post<{ count?: number; estimate?: { high: number } }>(`${base}/segments/count`, { condition: { all: [audience, one.audience] } })) : null })));
    },
  });
  const near = (others.data ?? []).filter(({ both }) => both === null || (both.count ?? both.estimate?.high ?? 0) > 0);
  if (others.isError) return <Problem error={others.error} />;
  if (near.length === 0) return others.isSuccess ? <p>✓ {t("sheet.near.none")}</p> : null;
  return (
    <div className="notice warn"><strong>{t("sheet.near")}</strong>
      <ul>{near.map(({ one, both }) => <li key={one.id}><Link parts={[account.id, "broadcasts", one.id]}><Words text={one.name} most={60} /></Link> <Timestamp at={one.started_at ?? one.at} />{both?.count === undefined ? null : <> — {t("sheet.near.both", { n: both.count })}</>}</li>)}</ul>
    </div>
  );
}

interface Tester {
  user_id: string;
  name: string;
}

function TestSend({ draft }: { draft: Draft }) {
  const { base, account } = usePlace();
  const [testers, setTesters] = useDraft<Tester[]>(`testers.${account.id}`, []);
  const send = useMutation({ mutationFn: () => post(`${base}/broadcasts/${draft.id}/test`, { user_ids: testers.map((one) => one.user_id) }) });
  const add = (friend: Friend | null) => {
    if (friend && !testers.some((one) => one.user_id === friend.user_id)) setTesters([...testers, { user_id: friend.user_id, name: friend.display_name ?? t("friend.unnamed") }].slice(0, 20));
  };
  return (
    <fieldset>
      <legend>{t("test.title")}</legend>
      <FriendPicker label={t("test.add")} onPick={add} />
      <div className="chips">{testers.map((one) => <Chip key={one.user_id}><Words text={one.name} most={30} /><button type="button" aria-label={t("test.remove", { name: one.name.slice(0, 30) })} onClick={() => setTesters(testers.filter((other) => other.user_id !== one.user_id))}>✕</button></Chip>)}</div>
      <p><Button disabled={testers.length === 0} busy={send.isPending} onClick={() => send.mutate()}>{t("test.send", { n: testers.length })}</Button></p>
      <Problem error={send.error} />
      {send.isSuccess ? <p role="status" className="verdict yes">✓ {t("test.sent")}</p> : null}
    </fieldset>
  );
}
