// What screens ask for, and for how long an answer is good.
import { useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { get } from "./api/client";
import type { Friend, Me, Progress, Quota } from "./api/schema";

export type { Friend, Me, Progress, Quota };

export type Role = "viewer" | "editor" | "publisher" | "admin";
export const ROLES: Role[] = ["viewer", "editor", "publisher", "admin"];


export interface Account {
  id: string;
  name: string;
  time_zone: string;
  currency: string;
}

export interface Place {
  me: Me;
  account: Account;
  accounts: Account[];
  base: string;
}

export const PlaceContext = createContext<Place | null>(null);

/** Who is signed in, and the account at hand. */
export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (!place) throw new Error("no account is chosen");
  return place;
}

export function useMay(role: Role): boolean {
  return ROLES.indexOf(usePlace().me.role) >= ROLES.indexOf(role);
}

export interface Named {
  id: string;
  name: string;
  more: { type?: string; choices?: string[]; folder?: string; category?: string; enabled?: boolean; url?: string };
}

export type Names = Record<string, Named[]>;

export function useNames(): Names {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "names"], queryFn: () => get<{ names: Names }>(`${base}/catalog/names`), staleTime: 30_000 });
  return asked.data?.names ?? {};
}

export const nameOf = (names: Names, kind: string, id: string) => names[kind]?.find((one) => one.id === id)?.name ?? id;


export function useQuota() {
  const { base } = usePlace();
  return useQuery({ queryKey: [base, "quota"], queryFn: () => get<Quota>(`${base}/quota`), refetchInterval: 60_000 });
}



/** One of the messages of a broadcast, and who got it. */
export interface VariantOf {
  id: string;
  message: string;
  weight: number;
  at?: string | null;
  planned?: number;
  accepted?: number;
  clicks?: number;
}

/** What is tried out on a part of the audience, and how it is decided. */
export interface TestOf {
  hold_out_percent?: number;
  sample_percent?: number;
  metric?: string;
  decide_after?: string;
  [other: string]: unknown;
}

export interface Measured {
  id: string;
  sent: number;
  successes: number;
  rate: number;
  low: number;
  high: number;
  blocks: number;
  block_rate: number;
}

export interface Decision {
  winner: string | null;
  sent: string | null;
  why: string;
  at: string;
  metric: string;
  arms: Measured[];
  p: number | null;
  lift: number | null;
  alpha: number;
}

export interface Broadcast {
  id: string;
  revision: number;
  name: string;
  audience?: import("./conditions/model").Condition;
  /** In the place of an audience: LINE chooses. */
  narrowcast?: Record<string, unknown> | null;
  line?: { phase: string | null; target: number | null; success: number | null; failure: number | null; why: string | null } | null;
  exclude?: import("./conditions/model").Condition | null;
  message?: string;
  messages?: LineMessage[] | null;
  category?: string;
  topic?: string | null;
  track?: unknown;
  links?: string;
  priority?: boolean;
  max_lateness?: string;
  variants: VariantOf[];
  test?: TestOf | null;
  decides_at?: string | null;
  decision?: Decision | null;
  status: string;
  status_reason: string | null;
  why: string | null;
  run: string | null;
  at: string | null;
  every: { weekdays: string[]; time: string } | null;
  progress: Progress;
  approval: { asked_by: string | null } | null;
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
}

export type LineMessage = Record<string, unknown> & { type: string };

export interface Message {
  id: string;
  name: string;
  messages: LineMessage[];
  category: string;
  folder?: string | null;
  topic?: string | null;
  revision: number;
}
