// An answer in words: labels of what was chosen, yes and no, what was taken back.
import { t } from "../../words";
import { choicesOf, type Question } from "./model";

/** What the API puts in the place of an answer whose message was taken back. */
const UNSENT = "(unsent)";

export function answerText(question: Question, value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => answerText(question, one)).join(t("say.comma"));
  if (typeof value === "boolean") return t(value ? "say.yes" : "say.no");
  if (value === null || value === undefined) return "—";
  if (value === UNSENT) return t("form.unsent");
  const chosen = choicesOf(question).find((choice) => choice.value === String(value));
  return chosen?.label || String(value);
}
