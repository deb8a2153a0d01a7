// Coupons of LINE: described here, published once, sent in messages, and closed for good.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { all, enc, get, post } from "../api/client";
import type { CouponAtLine, CouponJob } from "../api/schema";
import { useMay, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Copy } from "../ui/Copy";
import { Existing, type Stored, useDocument } from "../ui/document";
import { Area, Button, Check, Chip, Dialog, Field, Timestamp, Problem, Screen, Section, Select, stateOf, Words } from "../ui/kit";
import { MediaField } from "../ui/MediaField";
import { Uses } from "../ui/Uses";
import { fromLocal, t, time, toLocal, yen, zoneName, type Word } from "../words";

interface Reward {
  type: string;
  amount?: number | null;
  percent?: number | null;
  prices?: { before: number; after: number } | null;
}

interface Draft {
  name: string;
  title: string;
  from: string;
  until: string;
  reward: Reward;
  lottery?: { percent: number; at_most?: number | null } | null;
  public?: boolean;
  reusable?: boolean;
  description?: string | null;
  usage_condition?: string | null;
  code?: string | null;
  image?: string | null;
  barcode_image?: string | null;
}

type Coupon = Stored & Draft & { state: "draft" | "published" | "closed"; coupon_id: string | null; published_at: string | null; closed_at: string | null; unpublished_changes: boolean };

const STATE = ["state", "coupon_id", "published_at", "closed_at", "unpublished_changes"];
const TONES = { draft: "plain", published: "brand", closed: "bad" };
const TYPES = ["discount", "cash_back", "free", "gift", "others"] as const;

export default function Coupons() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor /> : <Existing<Coupon> kind="coupons" id={id} title="nav.coupons">{(coupon) => <Editor coupon={coupon} />}</Existing>;
}

function rewardText({ type, amount, percent, prices }: Reward): string {
  const much = amount ? yen(amount) : percent ? `${percent}%` : prices ? `${yen(prices.before)} → ${yen(prices.after)}` : "";
  return `${t(`coupon.reward.${type}` as Word)} ${much}`.trim();
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "coupons"], queryFn: () => all<Coupon>(`${base}/coupons`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "coupons", "new"]}>{t("coupon.new")}</Link> : null;
  return (
    <Screen title={t("nav.coupons")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("coupons.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("coupons.empty")}</h2><p>{t("coupons.empty.more")}</p>{fresh}</>}>
      <div className="panel scroll bare"><table aria-label={t("nav.coupons")}>
        <thead><tr><th scope="col">{t("coupon.name")}</th><th scope="col">{t("coupon.title")}</th><th scope="col">{t("coupon.reward")}</th><th scope="col">{t("coupon.period")}</th><th scope="col">{t("coupon.state")}</th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Link parts={[account.id, "coupons", one.id]}><Words text={one.name} most={80} /></Link></th>
            <td className="broad"><Words text={one.title} most={60} /></td>
            <td>{rewardText(one.reward)}</td>
            <td className="soft">{time(one.from)} – {time(one.until)}</td>
            <td><Chip tone={TONES[one.state]}>{t(`coupon.state.${one.state}`)}</Chip></td>
          </tr>
        ))}</tbody>
      </table></div>
      <Elsewhere />
    </Screen>
  );
}

/** Coupons that LINE's manager made: their ids may be used in messages as they are. */
function Elsewhere() {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "coupons", "at-line"], retry: false, queryFn: () => all<CouponAtLine>(`${base}/coupons/at-line?status=running`, 400) });
  const others = (asked.data ?? []).filter((one) => one.coupon === null);
  if (others.length === 0 && !asked.error) return null;
  return (
    <Section title={t("coupon.elsewhere")} lead={t("coupon.elsewhere.lead")}>
      <Problem error={asked.error} />
      {others.map((one) => <Copy key={one.coupon_id} label={one.title.slice(0, 60) || one.coupon_id} text={one.coupon_id} />)}
    </Section>
  );
}

/** The document without what was left open. */
function bodyOf(draft: Draft): unknown {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== null && value !== undefined && value !== ""));
}

const empty = (): Draft => ({ name: "", title: "", from: "", until: "", reward: { type: "discount", amount: 500 } });

function Editor({ coupon }: { coupon?: Coupon }) {
  const { account } = usePlace();
  const { draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "coupons", stored: coupon, empty: empty(), state: STATE, bodyOf, gone: t("coupon.gone"), canSave: (one) => Boolean(one.title.trim() && one.from && one.until) });
  const dateField = (name: "from" | "until") => <Field label={t(`coupon.${name}`)} hint={zoneName()} type="datetime-local" value={draft[name] ? toLocal(draft[name]) : ""} error={about(name)} onChange={(event) => edit({ [name]: event.target.value ? fromLocal(event.target.value) : "" })} />;
  return (
    <Screen title={coupon ? coupon.name.slice(0, 100) : t("coupon.new")} state="ready" wide back={<Link className="back" parts={[account.id, "coupons"]}>← {t("nav.coupons")}</Link>} actions={actions}>
      {above}
      {coupon?.state === "published" && coupon.unpublished_changes ? <p className="notice warn" role="status">{t("coupon.fixed")}</p> : null}
      <div className="columns">
        <div>
          <Section title={t("coupon.what")}>
            <Field label={t("coupon.name")} hint={t("coupon.name.hint")} value={draft.name} maxLength={100} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <Field label={t("coupon.title")} hint={t("coupon.title.hint")} value={draft.title} maxLength={60} error={about("title")} onChange={(event) => edit({ title: event.target.value })} />
            <RewardForm reward={draft.reward} set={(reward) => edit({ reward })} error={about("reward")} />
            <div className="fields">{dateField("from")}{dateField("until")}</div>
            <MediaField label={t("coupon.image")} kind="image" url={draft.image ?? ""} thumbnail={draft.image ?? ""} error={about("image")} onMade={(made) => edit({ image: made.url })} onUrl={(image) => edit({ image })} />
          </Section>
          <Section title={t("coupon.use")}>
            <Area label={t("coupon.description")} rows={3} maxLength={1000} value={draft.description ?? ""} error={about("description")} onChange={(event) => edit({ description: event.target.value })} />
            <Field label={t("coupon.usage_condition")} hint={t("coupon.usage_condition.hint")} maxLength={100} value={draft.usage_condition ?? ""} error={about("usage_condition")} onChange={(event) => edit({ usage_condition: event.target.value })} />
            <Field label={t("coupon.code")} hint={t("coupon.code.hint")} maxLength={16} value={draft.code ?? ""} error={about("code")} onChange={(event) => edit({ code: event.target.value })} />
            <MediaField label={t("coupon.barcode")} kind="image" url={draft.barcode_image ?? ""} thumbnail={draft.barcode_image ?? ""} error={about("barcode_image")} onMade={(made) => edit({ barcode_image: made.url })} onUrl={(barcode_image) => edit({ barcode_image })} />
            <Check label={t("coupon.reusable")} checked={draft.reusable ?? false} onChange={(event) => edit({ reusable: event.target.checked })} />
            <Check label={t("coupon.public")} checked={draft.public ?? false} onChange={(event) => edit({ public: event.target.checked })} />
            <Check label={t("coupon.lottery")} checked={Boolean(draft.lottery)} onChange={(event) => edit({ lottery: event.target.checked ? { percent: 50 } : null })} />
            {draft.lottery ? <div className="fields"><Field label={t("coupon.lottery.percent")} type="number" min={1} max={99} value={draft.lottery.percent} error={about("lottery")} onChange={(event) => edit({ lottery: { ...draft.lottery, percent: Number(event.target.value) } })} /><Field label={t("coupon.lottery.at_most")} type="number" min={1} value={draft.lottery.at_most ?? ""} onChange={(event) => edit({ lottery: { percent: draft.lottery?.percent ?? 50, ...(event.target.value ? { at_most: Number(event.target.value) } : {}) } })} /></div> : null}
          </Section>
        </div>
        <div className="stick">{coupon ? <><AtLine coupon={coupon} /><Uses kind="coupons" id={coupon.id} /></> : <Section title={t("coupon.at_line")}><p className="soft">{t("coupon.later")}</p></Section>}</div>
      </div>
      {below}
    </Screen>
  );
}

function RewardForm({ reward, set, error }: { reward: Reward; set: (reward: Reward) => void; error?: string }) {
  const { type } = reward;
  const ways = type === "discount" ? (["amount", "percent", "prices"] as const) : type === "cash_back" ? (["amount", "percent"] as const) : [];
  const way = ways.find((one) => reward[one]) ?? ways[0];
  const first = (next: string) => ({ type, ...(next === "prices" ? { prices: { before: 1000, after: 800 } } : { [next]: next === "percent" ? 10 : 500 }) });
  const price = (name: "before" | "after") => <Field label={t(`coupon.prices.${name}`)} type="number" min={0} value={reward.prices?.[name] ?? 0} onChange={(event) => set({ type, prices: { before: 0, after: 0, ...reward.prices, [name]: Number(event.target.value) } })} />;
  return (
    <fieldset>
      <legend>{t("coupon.reward")}</legend>
      <div className="fields">
        <Select label={t("coupon.reward.type")} value={type} onChange={(event) => set({ type: event.target.value, ...(["discount", "cash_back"].includes(event.target.value) ? { amount: 500 } : {}) })} options={TYPES.map((one) => ({ value: one, label: t(`coupon.reward.${one}`) }))} />
        {way ? <Select label={t("coupon.reward.way")} value={way} onChange={(event) => set(first(event.target.value))} options={ways.map((one) => ({ value: one, label: t(`coupon.way.${one}`) }))} /> : null}
        {way === "amount" || way === "percent" ? <Field label={t(`coupon.way.${way}`)} type="number" min={1} max={way === "percent" ? 99 : undefined} value={reward[way] ?? ""} onChange={(event) => set({ type, [way]: Number(event.target.value) })} /> : null}
        {way === "prices" ? <>{price("before")}{price("after")}</> : null}
      </div>
      {error ? <p className="problem" role="alert">{error}</p> : null}
    </fieldset>
  );
}

/** The state of the coupon at LINE; publish it, close it. What was saved last is what is published. */
function AtLine({ coupon }: { coupon: Coupon }) {
  const { base } = usePlace();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [confirming, setConfirming] = useState<"publish" | "close" | null>(null);
  const act = useMutation({ mutationFn: (action: "publish" | "close") => post<CouponJob>(`${base}/coupons/${enc(coupon.id)}/${action}`, {}), onSuccess: () => setConfirming(null) });
  const job = useQuery({ queryKey: [base, "job", act.data?.job_id], enabled: Boolean(act.data), queryFn: () => get<{ state: string; errors?: { message: string }[] }>(`${base}/jobs/${act.data?.job_id}`), refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 1000) });
  const state = job.data?.state;
  useEffect(() => { if (state === "done") void client.invalidateQueries({ queryKey: [base, "coupons"] }); }, [state, client, base]);
  const action = coupon.state === "published" ? "close" : "publish";
  return (
    <Section title={t("coupon.at_line")} lead={t("coupon.at_line.lead")}>
      <p className="chips"><Chip tone={TONES[coupon.state]}>{t(`coupon.state.${coupon.state}`)}</Chip>{coupon.closed_at ?? coupon.published_at ? <Timestamp at={coupon.closed_at ?? coupon.published_at} /> : null}</p>
      {state === "running" ? <p role="status">{t("coupon.working")}</p> : null}
      {state === "failed" ? <p className="verdict no" role="alert">✗ {job.data?.errors?.[0]?.message ?? t("state.error")}</p> : null}
      {publisher ? <Button kind={action === "publish" ? "main" : "danger"} busy={act.isPending || state === "running"} onClick={() => setConfirming(action)}>{t(`coupon.${action}`)}</Button> : <p className="soft">{t("coupon.role")}</p>}
      {coupon.state === "published" ? <Copy label={t("link.address.insert")} hint={t("coupon.insert.hint")} text={`{{ coupon("${coupon.id}") }}`} /> : null}
      {confirming ? (
        <Dialog title={t(`coupon.${confirming}`)} onClose={() => { setConfirming(null); act.reset(); }}>
          <p>{t(`coupon.${confirming}.sure`)}</p>
          <Problem error={act.error} />
          <div className="dialog-foot"><Button onClick={() => setConfirming(null)}>{t("action.cancel")}</Button><Button kind={confirming === "publish" ? "main" : "danger"} busy={act.isPending} onClick={() => act.mutate(confirming)}>{t("action.really", { what: t(`coupon.${confirming}`) })}</Button></div>
        </Dialog>
      ) : null}
    </Section>
  );
}

