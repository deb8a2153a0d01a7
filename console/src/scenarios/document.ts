// A scenario as the API keeps it, and as it is edited.
import { useQuery } from "@tanstack/react-query";
import { ApiError, get } from "../api/client";
import type { ScenarioStored } from "../api/schema";
import { usePlace } from "../data";
import { t } from "../words";
import { type Definition, lacking } from "./model";

export type Stored = ScenarioStored;

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details", "draft_revision", "published_version", "unpublished_changes", "paused", "status_reason", "started_by"]);

export const definitionOf = (stored: Stored): Definition => Object.fromEntries(Object.entries(stored).filter(([name]) => !ADDED.has(name))) as unknown as Definition;

export interface Published {
  version: number;
  published_at: string;
  paused: boolean;
  definition: Definition;
}

/** What friends follow; asked for anew with each version. */
export function usePublished(stored: Stored | null) {
  const { base } = usePlace();
  const version = stored?.published_version ?? null;
  return useQuery({ queryKey: [base, "scenarios", stored?.id, "published", version], enabled: version !== null, queryFn: () => get<Published>(`${base}/scenarios/${stored?.id}/published`) });
}

const isNothing = (condition: object) => JSON.stringify(condition) === '{"all":[]}';

/** What is not decided yet: by step, and (empty name) of the scenario as a whole. */
export function gapsOf(definition: Definition): Map<string, string[]> {
  const gaps = new Map<string, string[]>();
  for (const [id, step] of Object.entries(definition.nodes)) {
    const word = lacking(step);
    if (word) gaps.set(id, [t(`scn.lacks.${word}`)]);
  }
  const whole = [!definition.name.trim() && t("scn.lacks.name"), definition.start === null && t("scn.lacks.step"), definition.goals?.some((goal) => isNothing(goal.if)) && t("scn.lacks.goal")].filter((one): one is string => typeof one === "string");
  if (whole.length) gaps.set("", whole);
  return gaps;
}

/** The same as an answer of the API would say it. */
export function unfinished(gaps: Map<string, string[]>): ApiError {
  return new ApiError(422, "unfinished", [t("scn.lacks", { n: gaps.size }), ...(gaps.get("") ?? [])].join(" "), [], null);
}
