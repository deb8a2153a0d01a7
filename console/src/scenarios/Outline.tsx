// The graph as an indented list: the same powers by keyboard and on a phone.
import { t } from "../words";
import { BoardContext, isChosen, isPlace, type Board } from "./board";
import { Badges, Passing, Picture } from "./marks";
import { outline, type Row, type Step } from "./model";
import { placeName, stepName, stepText, titleOf, wayText } from "./say";

export default function Outline({ board, label }: { board: Board; label: string }) {
  const { chosen, choose, isStarted, definition } = board;
  return (
    <BoardContext.Provider value={board}>
      <ol className="outline" aria-label={label}>
        <li className="outline-row">
          <button type="button" data-choice="start" className={`step-box start ${isStarted ? "" : "lonely"}`} aria-current={chosen?.is === "start" || undefined} onClick={() => choose({ is: "start" })}>
            <Picture of="start" />
            <span className="step-words"><b>{t("scn.start")}</b><span>{isStarted ? t("scn.start.text") : `⚠ ${t("scn.start.nobody")}`}</span></span>
            {definition.goals?.length ? <span className="step-badges"><span className="chip brand">{t("scn.goals.n", { n: definition.goals.length })}</span></span> : null}
          </button>
        </li>
        {outline(definition).map((row) => <li key={keyOf(row)} className={`outline-row is-${row.is} depth-${Math.min(row.depth, 6)}`}><RowView row={row} board={board} /></li>)}
      </ol>
    </BoardContext.Provider>
  );
}

const keyOf = (row: Row) => (row.is === "step" ? `step|${row.id}` : `${row.is}|${row.place.from}|${row.place.slot}`);

function RowView({ row, board }: { row: Row; board: Board }) {
  const { definition, names, chosen, choose, fixed, faults, dots } = board;
  if (row.is === "add") {
    if (fixed) return <i className="outline-line" aria-hidden="true" />;
    return <button type="button" className="way-add" aria-current={isPlace(chosen, row.place) || undefined} aria-label={t("scn.add.after", { name: placeName(definition, row.place, names) })} onClick={() => choose({ is: "add", place: row.place })}>+</button>;
  }
  if (row.is === "way") return <span className="way-text"><bdi>{wayText(definition, row.place, names)}</bdi></span>;
  if (row.is === "end") return <span className="step-end">{t("scn.end")}</span>;
  if (row.is === "goto") return <span className="step-end">↪ {t("scn.goes.to", { name: stepName(definition, row.to) })}</span>;
  const step = definition.nodes[row.id] as Step;
  const here = dots?.filter((dot) => dot.node === row.id).length ?? 0;
  return (
    <button type="button" data-choice={`step|${row.id}`} className={`step-box ${faults.has(row.id) ? "wrong" : ""}`} aria-current={isChosen(chosen, row.id) || undefined} onClick={() => choose({ is: "step", id: row.id })}>
      <Picture of={step.type} />
      <span className="step-words"><b>{row.n}. <bdi>{titleOf(step)}</bdi></b><span><bdi>{stepText(step, names)}</bdi></span><Passing id={row.id} /></span>
      <Badges id={row.id} />
      {here > 0 ? <span className="chip warn">{t("scn.rehearse.here", { n: here })}</span> : null}
    </button>
  );
}
