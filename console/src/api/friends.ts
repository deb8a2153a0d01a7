// Finding friends by condition, name and order.
import type { Condition } from "../conditions/model";
import type { Friend } from "../data";
import { post, type Page } from "./client";

export interface Search {
  condition?: Condition;
  q?: string;
  sort?: string;
  order?: "asc" | "desc";
  limit: number;
  cursor?: string | null;
  /** Something to show soon, where everybody would have to be read. */
  quick?: boolean;
}

export interface Found extends Page<Friend> {
  total: { count?: number | null; low?: number | null; high?: number | null };
}

export function searchFriends(base: string, search: Search): Promise<Found> {
  const body = Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  return post<Found>(`${base}/friends/search`, body);
}
