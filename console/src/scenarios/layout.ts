// Where steps are on the canvas: nobody moves them, dagre does. Ways carry room for their label and their button.
import dagre from "@dagrejs/dagre";
import { START, type Definition, type Place, type Step, target, waysOf } from "./model";

export const WIDTH = 264;
export const HEIGHT = 84;
const START_HEIGHT = 78;
const END = { width: 74, height: 30 };
/** Room for the button of a way, and above it for the words of one that is not the only one. */
const BUTTON = { width: 40, height: 34 };
const LABEL = { width: 150, height: 62 };

export interface Box {
  id: string;
  is: "start" | "step" | "end";
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Line {
  id: string;
  place: Place;
  from: string;
  to: string;
  /** Through these points, from below the one to above the other; the button is at `middle`. */
  points: { x: number; y: number }[];
  middle: { x: number; y: number };
}

export interface Plan {
  boxes: Box[];
  lines: Line[];
}

export const wayId = (place: Place) => `${place.from ?? "start"}|${place.slot}`;
const stepBox = (id: string) => `step|${id}`;

/** All that a plan goes by: other fields of steps move nothing. */
export const topology = (definition: Definition): string => JSON.stringify([definition.start, Object.entries(definition.nodes).map(([id, step]) => [id, waysOf(step).map((way) => [way.slot, way.to])])]);

export function planOf(definition: Definition, height = HEIGHT): Plan {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 22, edgesep: 20, marginx: 20, marginy: 20 });
  graph.setNode("start", { is: "start", width: WIDTH, height: START_HEIGHT });
  const places: Place[] = [START];
  for (const [id, step] of Object.entries(definition.nodes)) {
    graph.setNode(stepBox(id), { is: "step", width: WIDTH, height });
    places.push(...waysOf(step).map((way) => ({ from: id, slot: way.slot })));
  }
  const lines = places.map((place) => {
    const to = target(definition, place);
    const id = wayId(place);
    const end = to !== null && to in definition.nodes ? stepBox(to) : `end|${id}`;
    if (end.startsWith("end|")) graph.setNode(end, { is: "end", ...END });
    const from = place.from === null ? "start" : stepBox(place.from);
    const isOneOfMany = place.from !== null && waysOf(definition.nodes[place.from] as Step).length > 1;
    graph.setEdge(from, end, { ...(isOneOfMany ? LABEL : BUTTON), labelpos: "c" }, id);
    return { id, place, from, to: end };
  });
  dagre.layout(graph);
  const boxes = graph.nodes().map((id) => boxOf(id, graph.node(id) as unknown as Placed));
  const found = new Map(boxes.map((box) => [box.id, box]));
  return { boxes, lines: lines.map((line) => ({ ...line, ...drawn(graph.edge(line.from, line.to, line.id) as unknown as Drawn, found.get(line.from), found.get(line.to)) })) };
}

interface Placed {
  is: Box["is"];
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Drawn {
  points: { x: number; y: number }[];
  x: number;
  y: number;
}

function boxOf(id: string, { is, x, y, width, height }: Placed): Box {
  return { id, is, x: x - width / 2, y: y - height / 2, width, height };
}

function drawn(edge: Drawn, from: Box | undefined, to: Box | undefined): Pick<Line, "points" | "middle"> {
  const inner = edge.points.slice(1, -1);
  const middle = { x: edge.x, y: edge.y };
  const first = from ? [{ x: from.x + from.width / 2, y: from.y + from.height }] : [];
  const last = to ? [{ x: to.x + to.width / 2, y: to.y }] : [];
  return { points: [...first, ...(inner.length ? inner : [middle]), ...last], middle };
}

/** The points as one soft line that leaves and arrives upright. */
export function path(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let [x, y] = [first.x, first.y];
  let text = `M${x},${y}`;
  for (const point of rest) {
    const half = (y + point.y) / 2;
    text += ` C${x},${half} ${point.x},${half} ${point.x},${point.y}`;
    [x, y] = [point.x, point.y];
  }
  return text;
}
