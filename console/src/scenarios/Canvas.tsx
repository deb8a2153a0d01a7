// The graph as a picture: laid out by itself, looked at by dragging and zooming, edited by its buttons.
import { BaseEdge, EdgeLabelRenderer, Handle, Position, ReactFlow, ReactFlowProvider, useReactFlow, useStore, useStoreApi, ViewportPortal, type Edge, type EdgeProps, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useEffect, useMemo, useRef } from "react";
import { t } from "../words";
import { BoardContext, isChosen, isPlace, useBoard, type Board } from "./board";
import { HEIGHT, path, planOf, topology, wayId, type Box, type Line, type Plan } from "./layout";
import { Badges, Passing, Picture } from "./marks";
import { waysOf, type Step } from "./model";
import { placeName, stepText, titleOf, wayText } from "./say";

type Drawn = Node<{ box: Box }>;
type Way = Edge<{ line: Line }>;

const [FUNNEL, CAME] = [26, 18];

export default function Canvas({ board, label }: { board: Board; label: string }) {
  const height = HEIGHT + (board.funnel ? FUNNEL + (board.came?.size ? CAME : 0) : 0) + (board.dots ? FUNNEL : 0);
  const plan = useMemo(() => planOf(board.definition, height), [topology(board.definition), height]);
  return (
    <BoardContext.Provider value={board}>
      <ReactFlowProvider>
        <Drawing plan={plan} label={label} />
      </ReactFlowProvider>
    </BoardContext.Provider>
  );
}

const NODES = { start: StartBox, step: StepBox, end: EndBox };
const WAYS = { way: WayLine };

function Drawing({ plan, label }: { plan: Plan; label: string }) {
  const { choose } = useBoard();
  const nodes = useMemo<Drawn[]>(() => plan.boxes.map((box) => ({ id: box.id, type: box.is, position: { x: box.x, y: box.y }, width: box.width, height: box.height, style: { pointerEvents: "all" as const }, data: { box } })), [plan]);
  const edges = useMemo<Way[]>(() => plan.lines.map((line) => ({ id: line.id, type: "way", source: line.from, target: line.to, data: { line } })), [plan]);
  return (
    <div className="canvas" role="region" aria-label={label}>
      <ReactFlow nodes={nodes} edges={edges} nodeTypes={NODES} edgeTypes={WAYS} nodesDraggable={false} nodesConnectable={false} nodesFocusable={false} edgesFocusable={false} elementsSelectable={false} disableKeyboardA11y
        minZoom={0.25} maxZoom={1.5} zoomOnScroll={false} panOnScroll preventScrolling proOptions={{ hideAttribution: true }} onPaneClick={() => choose(null)}>
        <Dots plan={plan} />
      </ReactFlow>
      <Zoom plan={plan} />
    </div>
  );
}

const MARGIN = 28;

/** What is chosen comes into sight; when the panel takes room beside it, the middle stays the middle. */
function useInSight(plan: Plan) {
  const { chosen } = useBoard();
  const flow = useReactFlow();
  const [width, height] = [useStore((state) => state.width), useStore((state) => state.height)];
  const wide = useRef(0);
  useEffect(() => {
    const grown = wide.current && width ? (width - wide.current) / 2 : 0;
    wide.current = width;
    const view = flow.getViewport();
    const x = view.x + grown;
    const line = chosen?.is === "add" ? plan.lines.find((one) => one.id === wayId(chosen.place)) : undefined;
    const box = line ? { x: line.middle.x - 20, y: line.middle.y - 20, width: 40, height: 40 } : plan.boxes.find((one) => one.id === (chosen?.is === "step" ? `step|${chosen.id}` : chosen?.is));
    const { y, zoom } = view;
    const left = box && width ? inside(box.x * zoom + x, box.width * zoom, width) : 0;
    const top = box && width ? inside(box.y * zoom + y, box.height * zoom, height) : 0;
    if (grown || left || top) void flow.setViewport({ x: x + left, y: y + top, zoom }, { duration: 250 });
  }, [chosen, plan, width, height]);
}

/** By how much to move so that this stretch lies within the other. */
function inside(from: number, length: number, whole: number): number {
  if (from < MARGIN) return MARGIN - from;
  return Math.min(0, whole - MARGIN - (from + length));
}

function Zoom({ plan }: { plan: Plan }) {
  const flow = useReactFlow();
  const store = useStoreApi();
  useInSight(plan);
  const isFilm = useBoard().dots !== undefined;
  const begun = useRef(false);
  const show = (least: number) => {
    const start = plan.boxes.find((box) => box.is === "start");
    const wide = Math.max(...plan.boxes.map((box) => box.x + box.width)) + 40;
    const tall = Math.max(...plan.boxes.map((box) => box.y + box.height)) + 60;
    const { width, height } = store.getState();
    if (!start || !width) return;
    const zoom = Math.max(least, Math.min(0.92, width / wide, least < 0.5 ? height / tall : 1));
    const x = wide * zoom <= width ? (width - wide * zoom) / 2 : width / 2 - (start.x + start.width / 2) * zoom;
    void flow.setViewport({ x, y: 8, zoom });
  };
  useEffect(() => {
    if (begun.current) return undefined;
    const first = requestAnimationFrame(() => {
      begun.current = true;
      show(isFilm ? 0.25 : 0.6);
    });
    return () => cancelAnimationFrame(first);
  });
  return (
    <div className="canvas-zoom">
      <button type="button" className="button" aria-label={t("scn.zoom.in")} onClick={() => void flow.zoomIn()}>+</button>
      <button type="button" className="button" aria-label={t("scn.zoom.out")} onClick={() => void flow.zoomOut()}>−</button>
      <button type="button" className="button" aria-label={t("scn.zoom.all")} onClick={() => show(0.25)}>⤢</button>
    </div>
  );
}

function Ends() {
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}

function StartBox() {
  const { chosen, choose, isStarted, definition } = useBoard();
  const text = t(isStarted ? "scn.start.text" : "scn.start.nobody");
  return (
    <>
      <button type="button" data-choice="start" className={`step-box start nopan ${isStarted ? "" : "lonely"}`} aria-current={chosen?.is === "start" || undefined} aria-label={`${t("scn.start")}: ${text}`} onClick={() => choose({ is: "start" })}>
        <Picture of="start" />
        <span className="step-words"><b>{t("scn.start")}</b><span>{isStarted ? text : `⚠ ${text}`}</span></span>
        {definition.goals?.length ? <span className="step-badges"><span className="chip brand">{t("scn.goals.n", { n: definition.goals.length })}</span></span> : null}
      </button>
      <Ends />
    </>
  );
}

function StepBox({ data }: NodeProps<Drawn>) {
  const { definition, names, numbers, chosen, choose, faults } = useBoard();
  const id = data.box.id.slice(5);
  const step = definition.nodes[id];
  if (!step) return <Ends />;
  const [title, text] = [titleOf(step), stepText(step, names)];
  const n = numbers.get(id);
  return (
    <>
      <button type="button" data-choice={`step|${id}`} className={`step-box nopan ${faults.has(id) ? "wrong" : ""}`} aria-current={isChosen(chosen, id) || undefined} aria-label={`${n ?? "–"}. ${title}: ${text}`.slice(0, 200)} onClick={() => choose({ is: "step", id })}>
        <Picture of={step.type} />
        <span className="step-words"><b>{n ?? "–"}. <bdi>{title}</bdi></b><span><bdi>{text}</bdi></span><Passing id={id} /></span>
        <Badges id={id} />
      </button>
      <Ends />
    </>
  );
}

function EndBox() {
  return <><span className="step-end">{t("scn.end")}</span><Handle type="target" position={Position.Top} isConnectable={false} /></>;
}

function WayLine({ data }: EdgeProps<Way>) {
  const { definition, names, chosen, choose, fixed, funnel } = useBoard();
  if (!data) return null;
  const { place, points, middle } = data.line;
  const text = wayText(definition, place, names);
  const count = place.from === null ? undefined : wayCount(funnel?.get(place.from)?.ways, place.slot, definition.nodes[place.from]);
  return (
    <>
      <BaseEdge path={path(points)} className="way-line" />
      <EdgeLabelRenderer>
        <div className="way-label nopan" style={{ transform: `translate(-50%, -50%) translate(${middle.x}px, ${middle.y}px)` }}>
          {text || count !== undefined ? <span className="way-text" title={text}><bdi>{text}</bdi>{count === undefined ? null : ` ${t("scn.people", { n: count })}`}</span> : null}
          {fixed ? null : <button type="button" className="way-add" aria-current={isPlace(chosen, place) || undefined} aria-label={t("scn.add.after", { name: placeName(definition, place, names) })} onClick={() => choose({ is: "add", place })}>+</button>}
        </div>
      </EdgeLabelRenderer>
    </>
  );
}

/** How many took a way, as the funnel names ways (`case 1`, `arm 2`, `else`, `answered` …). */
function wayCount(ways: Record<string, number> | undefined, slot: string, step: Step | undefined): number | undefined {
  if (!ways || !step || waysOf(step).length < 2) return undefined;
  const at = /^(case|arm)s\[(\d+)\]/.exec(slot);
  const name = at ? `${at[1]} ${Number(at[2]) + 1}` : step.type === "wait_for" ? (slot === "next" ? "answered" : "timeout") : slot === "on_past" ? "past" : slot;
  return ways[name] ?? 0;
}

const ROW = 24;

/** Friends of a rehearsal, each where they are at this time; they glide from step to step. */
function Dots({ plan }: { plan: Plan }) {
  const { dots, follow } = useBoard();
  if (!dots) return null;
  const found = new Map(plan.boxes.map((box) => [box.id, box]));
  const places = new Map<string, number>();
  const start = plan.boxes.find((box) => box.is === "start");
  const floor = Math.max(...plan.boxes.map((box) => box.y + box.height)) + 14;
  return (
    <ViewportPortal>
      {dots.map((dot) => {
        const box = dot.node === null ? undefined : found.get(`step|${dot.node}`);
        const key = box?.id ?? "out";
        const at = places.get(key) ?? 0;
        places.set(key, at + 1);
        const [x, y] = box ? [box.x + 14 + (at % 15) * 16, box.y + box.height - ROW + Math.floor(at / 15) * 8] : [(start?.x ?? 0) + (at % 16) * 16, floor + Math.floor(at / 16) * 16];
        return <span key={dot.user} className={`dot ${dot.user === follow ? "follow" : ""}`} title={dot.name ?? undefined} style={{ transform: `translate(${x}px, ${y}px)` }} />;
      })}
    </ViewportPortal>
  );
}
