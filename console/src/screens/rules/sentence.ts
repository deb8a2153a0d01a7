// A rule as one sentence: いつ・もし・する.
import { rootSentence } from "../../conditions/sentence";
import { type Condition, toTree } from "../../conditions/model";
import type { Names } from "../../data";
import { type Action, actionText } from "../../ui/Actions";
import { t } from "../../words";
import { type When, whenText } from "./triggers";

export function ruleText(rule: { when: When; if?: Condition | null; then: Action[] }, names: Names): string {
  const condition = rule.if ? t("rule.if", { text: rootSentence(toTree(rule.if), names) }) : "";
  return `${whenText(rule.when, names)}${condition}${rule.then.map((action) => actionText(action, names)).join(t("say.comma"))}`;
}
