// What is beside the graph: the step that is edited, or what may be put in at a place.
import { useState } from "react";
import { Button, Check, Dialog, Field, Select } from "../ui/kit";
import { percent, t, type Word } from "../words";
import { useBoard, type Selection } from "./board";
import { FORMS } from "./forms";
import { Picture } from "./marks";
import { begin, type Definition, insert, join, KINDS, type Kind, lostBy, type Place, remove, type Step, target, update, waysOf } from "./model";
import { arm, placeName, stepName, wayText } from "./say";
import { Arms, WaitingList } from "./Waiting";

export interface Tools {
  id: string;
  edit: (next: Definition, tag?: string) => void;
  /** The id of a new step. */
  fresh: (kind: Kind) => string;
  /** Steps of the definition in force: friends may be there. */
  published: Definition | null;
  mayEdit: boolean;
}

export function AddPanel({ place, tools }: { place: Place; tools: Tools }) {
  const { definition, names, numbers, choose } = useBoard();
  const [to, setTo] = useState("");
  const put = (kind: Kind) => {
    const id = tools.fresh(kind);
    tools.edit(insert(definition, place, id, begin(kind)));
    choose({ is: "step", id });
  };
  const others = [...numbers.keys()].filter((id) => id !== target(definition, place));
  const lead = (next: string | null) => {
    tools.edit(join(definition, place, next));
    choose(null);
  };
  const after = target(definition, place);
  const goal = () => {
    if (!definition.goals?.length) tools.edit({ ...definition, goals: [{ if: { all: [] } }] });
    choose({ is: "start" });
  };
  return (
    <>
      <p className="soft">{t("scn.add.lead", { name: placeName(definition, place, names) })}</p>
      <div className="kinds">
        {KINDS.map((kind) => <button key={kind} type="button" className="kind" onClick={() => put(kind)}><Picture of={kind} /><span><b>{t(`scn.kind.${kind}` as Word)}</b><small>{t(`scn.kind.${kind}.more` as Word)}</small></span></button>)}
        <button type="button" className="kind" onClick={goal}><Picture of="goal" /><span><b>{t("scn.goal")}</b><small>{t("scn.goal.more")}</small></span></button>
      </div>
      {others.length && place.from !== null ? (
        <fieldset>
          <legend>{t("scn.goto")}</legend>
          <div className="pair">
            <Select label={t("scn.goto.where")} hideLabel value={to} onChange={(event) => setTo(event.target.value)} options={[{ value: "", label: t("scn.goto.choose") }, ...others.map((id) => ({ value: id, label: stepName(definition, id) }))]} />
            <Button disabled={to === ""} onClick={() => lead(to)}>{t("scn.goto.do")}</Button>
          </div>
        </fieldset>
      ) : null}
      {after !== null ? <p><Button kind="quiet" onClick={() => lead(null)}>{t("scn.end.here")}</Button></p> : null}
    </>
  );
}

export function StepPanel({ id, step, tools }: { id: string; step: Step; tools: Tools }) {
  const { definition, faults, waiting, funnel } = useBoard();
  const [removing, setRemoving] = useState(false);
  const Form = FORMS[step.type];
  const set = (next: Step, tag?: string) => tools.edit(update(definition, id, next), tag && `${id}.${tag}`);
  const name = (text: string) => {
    const { name: _gone, ...rest } = step;
    set(text ? { ...rest, name: text } : rest, "name");
  };
  return (
    <>
      {(faults.get(id) ?? []).map((fault) => <p key={fault} className="problem" role="alert">{fault}</p>)}
      <fieldset disabled={!tools.mayEdit} className="bare">
        <Field label={t("scn.step.name")} value={step.name ?? ""} maxLength={100} placeholder={t(`scn.kind.${step.type}` as Word)} onChange={(event) => name(event.target.value)} />
        <Form step={step} set={set} />
        {step.type === "wait" && step.until ? <PastField id={id} step={step} tools={tools} /> : null}
      </fieldset>
      {step.type === "split" ? <Arms scenario={tools.id} node={id} /> : null}
      {funnel?.get(id) ? <Ways id={id} step={step} /> : null}
      {tools.published && id in tools.published.nodes ? <WaitingList scenario={tools.id} node={id} n={waiting[id] ?? 0} /> : null}
      {tools.mayEdit ? <p><Button kind="danger" onClick={() => setRemoving(true)}>{t("scn.remove")}</Button></p> : null}
      {removing ? <RemoveDialog id={id} step={step} tools={tools} onClose={() => setRemoving(false)} /> : null}
    </>
  );
}

function Ways({ id, step }: { id: string; step: Step }) {
  const { definition, names, funnel } = useBoard();
  const found = funnel?.get(id);
  const ways = Object.entries(found?.ways ?? {});
  if (!found || ways.length < 2) return null;
  const label = (way: string) => {
    const at = Number(/(\d+)$/.exec(way)?.[1] ?? 0) - 1;
    if (way.startsWith("arm ")) return arm(at);
    const slot = way.startsWith("case ") ? `cases[${at}].next` : way === "answered" ? "next" : way === "timeout" ? "on_timeout" : way === "past" ? "on_past" : way;
    return (waysOf(step).some((one) => one.slot === slot) && wayText(definition, { from: id, slot }, names)) || t("scn.way.other");
  };
  return (
    <table><caption>{t("scn.ways")}</caption><tbody>{ways.map(([way, n]) => <tr key={way}><th scope="row">{label(way)}</th><td className="number">{t("scn.people", { n })}</td><td className="number">{percent(n / (found.passed || 1))}</td></tr>)}</tbody></table>
  );
}

const EXIT = "+exit";

/** Where friends go whose due time had passed: on as everybody, out, or to another step. */
function PastField({ id, step, tools }: { id: string; step: Step; tools: Tools }) {
  const { definition, numbers } = useBoard();
  const choose = (value: string) => {
    const { on_past: _gone, ...rest } = step;
    if (value !== EXIT) return tools.edit(update(definition, id, value ? { ...rest, on_past: value } : rest));
    const made = tools.fresh("exit");
    return tools.edit(update({ ...definition, nodes: { ...definition.nodes, [made]: begin("exit") } }, id, { ...rest, on_past: made }));
  };
  return <Select label={t("scn.past")} value={step.on_past ?? ""} onChange={(event) => choose(event.target.value)} options={[{ value: "", label: t("scn.past.next") }, { value: EXIT, label: t("scn.past.exit") }, ...[...numbers.keys()].filter((one) => one !== id).map((one) => ({ value: one, label: stepName(definition, one) }))]} />;
}

/** What becomes of the steps behind, and of who waits there. */
function RemoveDialog({ id, step, tools, onClose }: { id: string; step: Step; tools: Tools; onClose: () => void }) {
  const { definition, names, waiting, choose } = useBoard();
  const ways = waysOf(step);
  const [keep, setKeep] = useState<string | null>(ways[0]?.slot ?? null);
  const [redirect, setRedirect] = useState(true);
  const isFollowed = tools.published !== null && id in tools.published.nodes;
  const after = remove(definition, id, keep, redirect && isFollowed);
  const lost = lostBy(definition, after).filter((one) => one !== id);
  const options = [...ways.map((way) => ({ value: way.slot, label: `${wayText(definition, { from: id, slot: way.slot }, names) || t("scn.remove.next")} → ${way.to ? stepName(definition, way.to) : t("scn.end")}` })), ...(ways.length > 1 ? [{ value: "", label: t("scn.remove.all") }] : [])];
  const go = () => {
    tools.edit(after);
    choose(null);
    onClose();
  };
  return (
    <Dialog title={t("scn.remove.title", { name: stepName(definition, id) })} onClose={onClose}>
      {ways.length > 1 ? <Select label={t("scn.remove.keep")} value={keep ?? ""} onChange={(event) => setKeep(event.target.value || null)} options={options} /> : <p>{t("scn.remove.lead")}</p>}
      {lost.length ? <div className="notice warn"><p>{t("scn.remove.lost", { n: lost.length })}</p><ul>{lost.slice(0, 8).map((one) => <li key={one}><bdi>{stepName(definition, one)}</bdi></li>)}</ul></div> : null}
      {isFollowed ? <Check label={t("scn.remove.redirect", { n: waiting[id] ?? 0 })} checked={redirect} onChange={(event) => setRedirect(event.target.checked)} /> : null}
      {isFollowed && !redirect ? <p className="soft">{t("scn.remove.leave")}</p> : null}
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="danger" onClick={go}>{t("scn.remove")}</Button></div>
    </Dialog>
  );
}

export function panelTitle(chosen: Selection, definition: Definition): string {
  if (chosen.is === "start") return t("scn.start");
  return chosen.is === "add" ? t("scn.add") : stepName(definition, chosen.id);
}
