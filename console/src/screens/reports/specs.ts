// Each report: what can be grouped, which numbers it has, of which of them the API names the people.
export interface Spec {
  groups?: readonly string[];
  kinds?: readonly string[];
  columns: readonly string[];
  /** Numbers whose friends `GET /reports/people` lists. */
  people?: readonly string[];
  /** What the picture shows. */
  drawn: readonly string[];
  /** Without days: the last thirty; else of all time. */
  always: boolean;
}

const CUSTOMERS = { columns: ["friends", "following", "orders", "revenue", "ltv", "repeat_rate"], drawn: ["friends", "following"], always: false } as const;
const OUTCOMES = ["clicks", "clickers", "conversions", "converters", "revenue", "blocked_after"] as const;

export const TABLES: Record<string, Spec> = {
  deliveries: {
    groups: ["delivery", "day", "variant", "segment", "step"],
    kinds: ["all", "broadcast", "scenario", "rule", "schedule", "form", "many", "chat"],
    columns: ["planned", "accepted", "by_reply", "skipped", "failed", "clickers", "click_rate", "conversions", "revenue", "blocked_after", "cost_yen"],
    people: [...OUTCOMES, "planned", "accepted", "by_reply", "skipped", "failed"],
    drawn: ["accepted", "clickers"],
    always: true,
  },
  friends: { groups: ["day", "week", "month", "route"], columns: ["followed", "unblocked", "unfollowed", "following", "block_rate"], people: ["followed", "unblocked", "unfollowed"], drawn: ["followed", "unblocked", "unfollowed"], always: true },
  links: { groups: ["link", "delivery", "day"], columns: ["clicks", "clickers"], people: ["clicks", "clickers"], drawn: ["clicks", "clickers"], always: true },
  conversions: { groups: ["delivery", "link", "route", "day"], columns: ["conversions", "converters", "revenue", "site_only"], people: ["conversions", "converters", "revenue", "site_only"], drawn: ["conversions", "converters"], always: true },
  routes: { groups: ["first", "latest"], ...CUSTOMERS },
  stages: CUSTOMERS,
  cohorts: CUSTOMERS,
};

export const REPORTS = ["deliveries", "friends", "links", "conversions", "routes", "scenarios", "stages", "cohorts", "cross", "segments", "monthly"] as const;
export const TIMES = new Set(["day", "week", "month"]);
/** What differs in the middle of a report's address: the routes of customers are grouped by ``by``. */
export const GROUPED_BY: Record<string, string> = { routes: "by" };

export type Row = Record<string, unknown> & { row?: string; condition?: Record<string, unknown> };

export interface Answer {
  items: Row[];
  total: Record<string, unknown> | null;
  exact: boolean;
  inexact: string[];
  job_id?: string | null;
}
