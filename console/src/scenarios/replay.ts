// A rehearsal's timelines as a film: where everybody is at a time, and what each was sent by then. Pure.
import type { TimelineEntry } from "../api/schema";

export type Timelines = Record<string, TimelineEntry[]>;

/** The timestamps at which anything happens, in order. */
export const timestampsOf = (timelines: Timelines): string[] => [...new Set(Object.values(timelines).flatMap((entries) => entries.map((one) => one.at)))].sort();

const ENDS = new Set(["finished", "exited", "refused"]);

/** Where a friend is at a time: at a step; null when through with it; undefined before entering. */
export function standing(entries: TimelineEntry[], at: string): string | null | undefined {
  let place: string | null | undefined;
  for (const entry of entries) {
    if (entry.at > at) break;
    if (ENDS.has(entry.what)) place = null;
    else if (entry.node && entry.what !== "more" && entry.what !== "cut") place = entry.node;
  }
  return place;
}

export const sentBy = (entries: TimelineEntry[], at: string): TimelineEntry[] => entries.filter((one) => one.what === "sent" && one.at <= at);
