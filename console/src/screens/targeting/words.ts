// What LINE chooses by, in words.
import { type Names, nameOf } from "../../data";
import { isWord, named, number, t } from "../../words";
import type { AudienceOut } from "../../api/schema";
import { type Filter, filterOf, type List, listsOf, type Node } from "./recipient";

export const titleOf = (one: AudienceOut) => one.name ?? String(one.audience_group_id ?? one.id ?? "");

/** What an audience is called in a path, and in the lists of a narrowcast. */
export const idOf = (one: AudienceOut) => one.id ?? String(one.audience_group_id);
export const listOfAudience = (one: AudienceOut): List => (one.id ? `audience:${one.id}` : `group:${one.audience_group_id}`);

export function listTitle(list: List, audiences: AudienceOut[], names: Names): string {
  const [kind, id] = [list.slice(0, list.indexOf(":")), list.slice(list.indexOf(":") + 1)];
  if (kind === "segment") return t("narrow.list.segment", { name: nameOf(names, "segments", id) });
  if (kind === "request") return t("narrow.list.request", { name: id });
  const found = audiences.find((one) => (kind === "audience" ? one.id === id : String(one.audience_group_id) === id));
  return found ? titleOf(found) : id;
}

/** LINE hides small numbers of what it counts itself; an audience of clicks waits for its fiftieth user. */
export function countOf(one: AudienceOut): string {
  if ((one.type === "CLICK" || one.type === "IMP") && one.status === "IN_PROGRESS") return t("audience.count.waits");
  if (one.count === null) return "—";
  const isHidden = one.count === 0 && one.type !== "UPLOAD" && one.type !== "CHAT_TAG";
  return isHidden ? t("audience.count.few") : t("people", { n: one.count });
}

const age = (code: string) => code.replace("age_", "");
const days = (code: string) => number(Number(code.replace("day_", "")));

export function filterText(filter: Filter): string {
  const parts = [
    filter.gender ? named("narrow.gender", filter.gender) : "",
    filter.app ? named("narrow.app", filter.app) : "",
    filter.ageFrom ? t("narrow.age.from", { age: age(filter.ageFrom) }) : "",
    filter.ageTo ? t("narrow.age.to", { age: age(filter.ageTo) }) : "",
    filter.areas.map((code) => (isWord(`area.${code}`) ? named("area", code) : code)).join(t("say.or")),
    filter.daysFrom ? t("narrow.days.from", { days: days(filter.daysFrom) }) : "",
    filter.daysTo ? t("narrow.days.to", { days: days(filter.daysTo) }) : "",
  ];
  return parts.filter(Boolean).join(t("say.comma"));
}

/** Whom a narrowcast is for, in a sentence. */
export function narrowcastText(narrowcast: Node, audiences: AudienceOut[], names: Names): string {
  const [lists, filter] = [listsOf(narrowcast.recipient as Node | null), filterOf(narrowcast.demographic as Node | null)];
  const title = (list: List) => t("say.quoted", { name: listTitle(list, audiences, names) });
  const who = lists === null ? JSON.stringify(narrowcast.recipient) : lists.include.length ? lists.include.map(title).join(t(lists.mode === "or" ? "say.or" : "say.comma")) : t("narrow.everybody");
  const out = lists?.exclude.length ? t("narrow.except", { names: lists.exclude.map(title).join(t("say.comma")) }) : "";
  const facts = filter === null ? JSON.stringify(narrowcast.demographic) : filterText(filter);
  const most = typeof narrowcast.max === "number" ? t("narrow.most", { n: narrowcast.max }) : "";
  return [who, out, facts, most].filter(Boolean).join(" / ");
}
