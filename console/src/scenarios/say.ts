// Steps and ways in the words of the page.
import { durationText, rootSentence } from "../conditions/sentence";
import { toTree } from "../conditions/model";
import { nameOf, type Names } from "../data";
import { actionText } from "../ui/Actions";
import { named, percent, t, type Word } from "../words";
import { type Definition, lacking, numbersOf, type Place, type Step, type Until } from "./model";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** What staff call a step: its own name, or its kind. */
export const titleOf = (step: Step): string => step.name?.slice(0, 60) || t(`scn.kind.${step.type}` as Word);

/** A step by number and name, for a sentence: ``3. 待つ``. */
export function stepName(definition: Definition, id: string): string {
  const step = definition.nodes[id];
  const n = numbersOf(definition).get(id);
  return step ? `${n === undefined ? "" : `${n}. `}${titleOf(step)}` : id;
}

const eventText = (event: string): string => {
  const custom = /^custom:(.*)$/.exec(event);
  return custom ? t("scn.event.custom", { name: custom[1] ?? "" }) : named("event", event);
};

function untilText(until: Until, names: Names): string {
  const what = until.attribute ? t("say.quoted", { name: nameOf(names, "attributes", until.attribute) }) : t(until.event === "reserved" ? "scn.until.reserved" : "scn.until.event", { event: eventText(until.event ?? "") });
  const found = /^([+-]?)(\d+)([smhdw])$/.exec(until.offset ?? "0s");
  const length = found && found[2] !== "0" ? durationText(`${Number(found[2])}${found[3]}`) : null;
  const time = until.time ? ` ${until.time}` : "";
  if (length === null) return t("scn.until.same", { what, time });
  return t(found?.[1] === "-" ? "scn.until.before" : "scn.until.later", { what, d: length, time });
}

function waitText(step: Step, names: Names): string {
  if (step.at) {
    const day = step.at.day === 0 ? t("scn.at.today") : step.at.day === 1 ? t("scn.at.tomorrow") : t("scn.at.day", { n: step.at.day });
    const days = step.at.weekdays?.length ? t("scn.at.days", { days: step.at.weekdays.map((one) => named("day", one)).join(t("scn.day.joint")) }) : "";
    return t("scn.at", { day, time: step.at.time, days });
  }
  return step.until ? untilText(step.until, names) : t("scn.after", { d: durationText(step.after ?? "") });
}

export function stepText(step: Step, names: Names): string {
  const lacks = lacking(step);
  if (lacks) return t(`scn.lacks.${lacks}` as Word);
  if (step.type === "message") return nameOf(names, "messages", step.message ?? "");
  if (step.type === "wait") return waitText(step, names);
  if (step.type === "wait_for") return t("scn.wait_for", { event: eventText(step.event ?? ""), d: durationText(step.timeout ?? "") });
  if (step.type === "branch") return (step.cases ?? []).map((one) => rootSentence(toTree(one.if), names)).join(" / ");
  if (step.type === "split") return (step.arms ?? []).map((_, at) => armText(step, at)).join(" / ");
  if (step.type === "action") return (step.then ?? []).map((action) => actionText(action, names)).join(t("say.comma"));
  return step.reason || t("scn.exit.text");
}

export const arm = (at: number) => String.fromCharCode(65 + (at % 26));

function armText(step: Step, at: number): string {
  const sum = (step.arms ?? []).reduce((total, one) => total + one.weight, 0);
  return `${arm(at)} ${percent((step.arms?.[at]?.weight ?? 0) / (sum || 1))}`;
}

/** What leads along a way: of a step with one way nothing need be shown. */
export function wayText(definition: Definition, place: Place, names: Names): string {
  const step = place.from === null ? undefined : definition.nodes[place.from];
  if (!step) return "";
  const at = Number(/\[(\d+)\]/.exec(place.slot)?.[1] ?? -1);
  if (step.type === "branch") {
    const one = step.cases?.[at];
    if (!one) return t("scn.way.else");
    return step.cases?.length === 1 ? t("scn.way.yes") : rootSentence(toTree(one.if), names);
  }
  if (step.type === "split") return armText(step, at);
  if (step.type === "wait_for") return t(place.slot === "next" ? "scn.way.answered" : "scn.way.timeout", { d: durationText(step.timeout ?? "") });
  if (step.type === "wait" && step.on_past) return t(place.slot === "on_past" ? "scn.way.past" : "scn.way.in_time");
  return "";
}

/** Where a way begins, for the name of a button. */
export function placeName(definition: Definition, place: Place, names: Names): string {
  if (place.from === null) return t("scn.start");
  const way = wayText(definition, place, names);
  return `${stepName(definition, place.from)}${way ? ` (${way.slice(0, 40)})` : ""}`;
}

const LENGTHS: [string, number][] = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]];

/** Seconds as people say them: 2日, 3時間. */
export function secondsText(seconds: number): string {
  const [unit, size] = LENGTHS.find(([, one]) => seconds >= one) ?? ["s", 1];
  return t(`duration.${unit}` as Word, { n: Math.round((seconds / size) * 10) / 10 });
}
