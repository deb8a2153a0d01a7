// The picture and the badges of a step, the same on the canvas and in the outline.
import { number, t } from "../words";
import type { Word } from "../words";
import { useBoard } from "./board";
import type { Kind } from "./model";
import { secondsText } from "./say";

const PICTURES: Record<Kind | "start" | "goal" | "goto", string> = {
  start: "M6 4l13 8-13 8z",
  message: "M4 5h16v11H10l-5 4v-4H4z",
  wait: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 3",
  wait_for: "M9 11V5a2 2 0 014 0v6l4 1c2 .6 2.5 2 2 4l-1 5h-8l-4-6c-1-1.6 1-3 2.300-1.600z",
  branch: "M6 4v6c0 4 12 3 12 10M18 4v3c0 6-12 5-12 13M6 4l-2.500 3M6 4l2.500 3",
  split: "M12 3v6M12 9c0 5-7 4-7 11M12 9c0 5 7 4 7 11M3 17l2 3 2-3M17 17l2 3 2-3",
  action: "M13 2L4 14h7l-1 8 9-12h-7z",
  exit: "M14 4H5v16h9M10 12h10M17 8l4 4-4 4",
  goal: "M5 21V4h13l-3 4 3 4H5",
  goto: "M4 5v7c0 3 2 4 5 4h10M15 12l4 4-4 4",
};

export function Picture({ of }: { of: keyof typeof PICTURES }) {
  return <span className={`step-picture of-${of}`} aria-hidden="true"><svg viewBox="0 0 24 24"><path d={PICTURES[of]} /></svg></span>;
}

/** How many wait there, what is wrong, what is not in force yet. */
export function Badges({ id }: { id: string }) {
  const { waiting, faults, marks } = useBoard();
  const [n, wrong, mark] = [waiting[id] ?? 0, faults.get(id), marks.get(id)];
  return (
    <span className="step-badges">
      {wrong ? <span className="chip bad" title={wrong.join("\n")}>! {t("scn.fault")}</span> : null}
      {mark ? <span className="chip warn">{t(`scn.mark.${mark}` as Word)}</span> : null}
      {n > 0 ? <span className="chip brand">{t("scn.waiting.n", { n })}</span> : null}
    </span>
  );
}

export function Passing({ id }: { id: string }) {
  const { funnel, came } = useBoard();
  const found = funnel?.get(id);
  if (!found) return null;
  const of = came?.get(id);
  const spent = found.median_s === null || found.median_s < 1 ? "" : ` · ${t("scn.funnel.median", { d: secondsText(found.median_s) })}`;
  return <span className="step-passing">{t("scn.funnel.passed")} <b>{number(found.passed)}</b> · {t("scn.funnel.left")} <b>{number(found.left)}</b>{spent}{of?.sent ? <span className="step-came">{t("scn.funnel.came", { sent: of.sent, clickers: of.clickers, conversions: of.conversions })}</span> : null}</span>;
}
