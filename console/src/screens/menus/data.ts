// A rich menu as the editor holds it, with the rules that its taps wake.
import { all, get, newId } from "../../api/client";
import type { RichMenuStored } from "../../api/schema";
import type { Condition } from "../../conditions/model";
import type { Action } from "../../ui/Actions";
import type { Area, Size, TapAction } from "./areas";

export interface LineMenu extends Record<string, unknown> {
  size: Size;
  selected: boolean;
  chatBarText: string;
  areas: Area[];
}

export interface Show {
  if?: Condition | null;
  from?: string | null;
  until?: string | null;
  priority: number;
}

export type Menu = Omit<RichMenuStored, "rich_menu" | "show"> & { rich_menu?: LineMenu | null; show?: Show | null };

/** What a tap does here, by the `data` that it posts back; a rule of this id does it. */
export interface Tap {
  rule: string;
  revision?: number;
  then: Action[];
  /** As it was loaded: what is the same is not saved again, and what this page does not show is not lost. */
  was?: Record<string, unknown>;
}

export interface Draft {
  name: string;
  rich_menu: LineMenu;
  image: string | null;
  shown: string;
  alias: string | null;
  show: Show | null;
  taps: Record<string, Tap>;
}

interface Rule {
  id: string;
  revision: number;
  when: { event: string; match?: Record<string, unknown> | null };
  if?: unknown;
  then: Action[];
}

/** The one `data` for which a rule waits, and for nothing else; else null. */
function dataOf(rule: Rule): string | null {
  const { event, match } = rule.when;
  if (event !== "postback" || !match || Object.keys(match).length !== 1 || rule.if) return null;
  const { data } = match;
  if (typeof data === "string") return data;
  const only = data && typeof data === "object" ? Object.entries(data) : [];
  return only.length === 1 && only[0]?.[0] === "eq" ? String(only[0][1]) : null;
}

export async function load(base: string, id: string): Promise<{ menu: Menu; taps: Record<string, Tap> }> {
  const [menu, rules] = await Promise.all([get<Menu>(`${base}/rich-menus/${id}`), all<Rule>(`${base}/rules`)]);
  const posted = new Set((menu.rich_menu?.areas ?? []).map((area) => area.action.data));
  const found = rules.map((rule) => [dataOf(rule), rule] as const).filter(([data]) => data !== null && posted.has(data));
  return { menu, taps: Object.fromEntries(found.map(([data, rule]) => [data, { rule: rule.id, revision: rule.revision, then: rule.then, was: documentOf(rule) }])) };
}

/** Each area posts back a word of its own: by it taps are counted. */
export const newData = () => newId("tap");
export const blankAction = (): TapAction => ({ type: "message", text: "" });

export function blank(priority: number): Draft {
  return { name: "", rich_menu: { size: { width: 2500, height: 843 }, selected: true, chatBarText: "", areas: [] }, image: null, shown: "", alias: null, show: { priority }, taps: {} };
}

export function draftOf(menu: Menu, taps: Record<string, Tap>): Draft {
  const first = blank(0);
  return { ...first, name: menu.name, rich_menu: menu.rich_menu ?? first.rich_menu, image: menu.image ?? null, shown: menu.image_url ?? "", alias: menu.alias ?? null, show: menu.show ?? null, taps };
}

const without = (value: object) => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null && one !== undefined && one !== ""));

export function bodyOf({ name, rich_menu, image, alias, show }: Draft): Record<string, unknown> {
  const areas = rich_menu.areas.map(({ bounds, action }) => ({ bounds, action: without(action) }));
  return without({ name, rich_menu: { ...rich_menu, areas }, image, alias, show: show === null ? null : without(show) });
}

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details", "image_url", "published_id", "unpublished_changes", "status_reason"]);

/** A document as it was saved, without what the answer adds. */
export const documentOf = (stored: object): Record<string, unknown> => without(Object.fromEntries(Object.entries(stored).filter(([name]) => !ADDED.has(name))));

/** Those that friends may see, the first that is asked first; then those that only a tab or an action shows. */
export const inOrder = (menus: Menu[]) => [...menus].sort((one, other) => (other.show ? other.show.priority : -Infinity) - (one.show ? one.show.priority : -Infinity) || (one.id < other.id ? -1 : 1));
