// What can be asked of a friend: by category, how a new one begins, and the fields that edit it.
import type { ReactNode } from "react";
import type { Names } from "../data";
import { Field, Select } from "../ui/kit";
import { t, type Word } from "../words";
import { asObject, type FormProps, options, startOf, type Values, When, withChosen, words, YesNo } from "./fields";
import { AnswerForm, AttributeForm, BY_TYPE, DeliveryForm, EventForm, MemberForm, PurchaseForm, RandomForm, ReservationForm, RfmForm, ScenarioForm, ScoreForm, SourceForm, StageForm, TagForm } from "./forms";
import type { Condition } from "./model";

export interface LeafKind {
  id: string;
  leaf: string;
  category: Word;
  label: Word;
  /** The value of a new one, or null while there is nothing to ask for (no tag yet). */
  first: (names: Names) => unknown | null;
  fits: (value: unknown) => boolean;
  form: (props: FormProps) => ReactNode;
}

const firstOf = (names: Names, kind: string) => names[kind]?.[0]?.id ?? null;
const with1 = (kind: string, make: (id: string) => unknown) => (names: Names) => {
  const id = firstOf(names, kind);
  return id === null ? null : make(id);
};
const one = (id: string, leaf: string, category: Word, label: Word, first: LeafKind["first"], form: LeafKind["form"], fits: LeafKind["fits"] = () => true): LeafKind => ({ id, leaf, category, label, first, form, fits });
const has = (key: string) => (value: unknown) => key in asObject(value);
/** A second way to begin what another entry edits. */
const never = () => false;

function aged(key: string, label: Word): LeafKind["form"] {
  return ({ value, set }) => <When label={t(label)} value={asObject((value as Values)[key])} set={(next) => set({ [key]: next })} />;
}

function firstAttribute(names: Names): unknown | null {
  const found = names.attributes?.[0];
  if (!found) return null;
  const operator = (BY_TYPE[found.more.type ?? "text"] ?? ["eq"])[0] ?? "eq";
  return { id: found.id, [operator]: startOf(operator, found.more.type ?? "text", found.more.choices ?? []) };
}

const event = (type: string, kind?: string) => (names: Names) => (kind && firstOf(names, kind) === null ? null : { type, within: "30d" });

export const KINDS: LeafKind[] = [
  one("tag", "tag", "category.profile", "leaf.tag", (names) => firstOf(names, "tags"), (props) => <TagForm {...props} />),
  one("attribute", "attribute", "category.profile", "leaf.attribute", firstAttribute, (props) => <AttributeForm {...props} />),
  one("score", "score", "category.profile", "leaf.score", with1("scores", (id) => ({ id, gte: 1 })), (props) => <ScoreForm {...props} />),
  one("event", "event", "category.behaviour", "leaf.event", event("messaged"), (props) => <EventForm {...props} />),
  one("link", "event", "category.behaviour", "leaf.link", () => ({ type: "link_clicked" }), (props) => <EventForm {...props} />, never),
  one("page", "event", "category.behaviour", "leaf.page", event("page_viewed", "pages"), (props) => <EventForm {...props} />, never),
  one("route", "event", "category.behaviour", "leaf.route_entered", event("route_entered", "routes"), (props) => <EventForm {...props} />, never),
  one("custom", "event", "category.behaviour", "leaf.event.custom", () => ({ type: "custom:event", within: "30d" }), (props) => <EventForm {...props} />, never),
  one("answered", "form", "category.behaviour", "leaf.answered", with1("forms", (id) => ({ id, answered: true })), (props) => <AnswerForm {...props} />),
  one("last_active", "friend", "category.behaviour", "leaf.friend.last_active", () => ({ last_active: { within: "30d" } }), aged("last_active", "leaf.friend.last_active"), has("last_active")),
  one("purchase", "purchase", "category.buying", "leaf.purchase", () => ({ last: { within: "90d" } }), (props) => <PurchaseForm {...props} />),
  one("stage", "stage", "category.buying", "leaf.stage", () => "repeat", (props) => <StageForm {...props} />),
  one("rfm", "rfm", "category.buying", "leaf.rfm", () => ({ r_rank: { gte: 4 } }), (props) => <RfmForm {...props} />),
  one("upcoming", "reservation", "category.buying", "leaf.reservation.upcoming", () => ({ upcoming: true, in_next: "7d" }), (props) => <ReservationForm {...props} />),
  one("reservation_status", "reservation", "category.buying", "leaf.reservation.status", () => ({ status: "done", within: "30d" }), (props) => <ReservationForm {...props} />, never),
  one("reservation_count", "reservation", "category.buying", "leaf.reservation.count", () => ({ count: { gte: 1 } }), (props) => <ReservationForm {...props} />, never),
  one("followed_at", "friend", "category.friend", "leaf.friend.followed_at", () => ({ followed_at: { within: "30d" } }), aged("followed_at", "leaf.friend.followed_at"), has("followed_at")),
  one("status", "friend", "category.friend", "leaf.friend.status", () => ({ status: "following" }), ({ value, set }) => <Select label={t("leaf.friend.status")} value={String((value as Values).status)} onChange={(changed) => set({ status: changed.target.value })} options={words("friend.status", ["following", "blocked", "unknown"])} />, has("status")),
  one("language", "friend", "category.friend", "leaf.friend.language", () => ({ language: "ja" }), ({ value, set }) => <Field label={t("leaf.friend.language")} value={String((value as Values).language)} maxLength={20} onChange={(changed) => set({ language: changed.target.value })} />, has("language")),
  one("linked", "friend", "category.friend", "leaf.friend.linked", () => ({ linked: true }), ({ value, set }) => <YesNo label={t("leaf.friend.linked")} value={(value as Values).linked !== false} set={(linked) => set({ linked })} yes={t("say.linked")} no={t("say.linked.no")} />, has("linked")),
  one("rank", "member", "category.friend", "leaf.member.rank", () => ({ rank: { eq: "" } }), (props) => <MemberForm {...props} />),
  one("source", "source", "category.friend", "leaf.source.first", with1("routes", (id) => ({ first: id })), (props) => <SourceForm {...props} />),
  one("latest", "source", "category.friend", "leaf.source.latest", with1("routes", (id) => ({ latest: id })), (props) => <SourceForm {...props} />, never),
  one("scenario", "scenario", "category.sending", "leaf.scenario", with1("scenarios", (id) => ({ id, state: "active" })), (props) => <ScenarioForm {...props} />),
  one("received", "delivery", "category.sending", "leaf.received", () => ({ received: true, within: "30d" }), (props) => <DeliveryForm {...props} />, has("received")),
  one("clicked", "delivery", "category.sending", "leaf.clicked", () => ({ clicked: true, within: "30d" }), (props) => <DeliveryForm {...props} />, has("clicked")),
  one("opted_out", "opted_out", "category.sending", "leaf.opted_out", () => "marketing", ({ value, names, set }) => <Select label={t("leaf.opted_out")} value={String(value)} onChange={(changed) => set(changed.target.value)} options={withChosen([{ value: "marketing", label: t("topic.marketing") }, ...options(names, "topics")], String(value))} />),
  one("segment", "segment", "category.sending", "leaf.segment", (names) => firstOf(names, "segments"), ({ value, names, set }) => <Select label={t("leaf.segment")} value={String(value)} onChange={(changed) => set(changed.target.value)} options={withChosen(options(names, "segments"), String(value))} />),
  one("random", "random", "category.sending", "leaf.random", () => ({ salt: "a", from: 0, to: 50 }), (props) => <RandomForm {...props} />),
];

export function kindOf(condition: Condition): LeafKind | undefined {
  const [key] = Object.keys(condition);
  return KINDS.find((kind) => kind.leaf === key && kind.fits(condition[key ?? ""]));
}
