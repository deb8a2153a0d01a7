// A menu's picture with its areas: drawn, moved and sized with the pointer, or by the keys of the area that has the focus.
import { useRef } from "react";
import { t } from "../../words";
import { type Area, type Bounds, edgesOf, labelOf, type Size, sized, snapped, within } from "./areas";

interface Props {
  size: Size;
  areas: Area[];
  image: string;
  chosen: number;
  choose: (at: number) => void;
  change: (at: number, bounds: Bounds) => void;
  add: (bounds: Bounds) => void;
  remove: (at: number) => void;
}

interface Drag {
  kind: "draw" | "move" | "size";
  at: number;
  from: { x: number; y: number };
  bounds: Bounds;
}

const LEAST = 60;
/** A press that draws less than this is no area. */
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function Canvas({ size, areas, image, chosen, choose, change, add, remove }: Props) {
  const board = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const drawn = useRef<HTMLDivElement>(null);
  const place = (event: React.PointerEvent) => {
    const box = (board.current as HTMLElement).getBoundingClientRect();
    return { x: ((event.clientX - box.left) * size.width) / box.width, y: ((event.clientY - box.top) * size.height) / box.height };
  };
  const begin = (event: React.PointerEvent, kind: Drag["kind"], at: number) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    board.current?.setPointerCapture(event.pointerId);
    const from = place(event);
    drag.current = { kind, at, from, bounds: areas[at]?.bounds ?? { ...from, width: 0, height: 0 } };
    if (at >= 0) choose(at);
  };
  const moved = (event: React.PointerEvent): Bounds | null => {
    const held = drag.current;
    if (!held) return null;
    const to = place(event);
    const edges = edgesOf(areas, size, held.at);
    const { bounds, from } = held;
    if (held.kind === "move") {
      const [x, y] = [bounds.x + to.x - from.x, bounds.y + to.y - from.y];
      return within({ ...bounds, x: snapped(x, [...edges.x, ...edges.x.map((edge) => edge - bounds.width)]), y: snapped(y, [...edges.y, ...edges.y.map((edge) => edge - bounds.height)]) }, size);
    }
    const [x, y] = [snapped(Math.min(Math.max(to.x, 0), size.width), edges.x), snapped(Math.min(Math.max(to.y, 0), size.height), edges.y)];
    if (held.kind === "size") return sized({ ...bounds, width: x - bounds.x, height: y - bounds.y }, size);
    const [left, top] = [snapped(from.x, edges.x), snapped(from.y, edges.y)];
    return { x: Math.min(left, x), y: Math.min(top, y), width: Math.abs(x - left), height: Math.abs(y - top) };
  };
  const follow = (event: React.PointerEvent) => {
    const bounds = moved(event);
    if (!bounds || !drag.current) return;
    if (drag.current.kind !== "draw") change(drag.current.at, bounds);
    else if (drawn.current) Object.assign(drawn.current.style, { ...placed(bounds, size), display: "block" });
  };
  const end = (event: React.PointerEvent) => {
    const bounds = moved(event);
    if (bounds && drag.current?.kind === "draw" && bounds.width >= LEAST && bounds.height >= LEAST) add(sized(bounds, size));
    if (drawn.current) drawn.current.style.display = "none";
    drag.current = null;
  };
  const keys = (event: React.KeyboardEvent, at: number, bounds: Bounds) => {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      remove(at);
    }
    const arrow = ARROWS[event.key];
    if (!arrow || event.altKey || event.metaKey) return;
    event.preventDefault();
    const step = event.ctrlKey ? 100 : 10;
    const [x, y] = [arrow[0] * step, arrow[1] * step];
    change(at, event.shiftKey ? sized({ ...bounds, width: bounds.width + x, height: bounds.height + y }, size) : within({ ...bounds, x: bounds.x + x, y: bounds.y + y }, size));
  };
  return (
    <div className="menu-board" ref={board} style={{ aspectRatio: `${size.width} / ${size.height}` }} onPointerDown={(event) => begin(event, "draw", -1)} onPointerMove={follow} onPointerUp={end} onPointerCancel={() => { drag.current = null; }}>
      {image ? <img src={image} alt="" draggable={false} /> : null}
      {areas.map(({ bounds, action }, at) => (
        <button key={at} type="button" className="menu-area" aria-pressed={at === chosen} style={placed(bounds, size)} aria-describedby="menu-keys"
          aria-label={t("menu.area.on", { n: at + 1, x: bounds.x, y: bounds.y, width: bounds.width, height: bounds.height })}
          onPointerDown={(event) => begin(event, "move", at)} onFocus={() => choose(at)} onKeyDown={(event) => keys(event, at, bounds)}>
          <b>{at + 1}</b><span>{labelOf(action).slice(0, 24)}</span>
          <i aria-hidden="true" onPointerDown={(event) => begin(event, "size", at)} />
        </button>
      ))}
      <div className="menu-area drawn" ref={drawn} style={{ display: "none" }} />
    </div>
  );
}

const share = (part: number, whole: number) => `${(100 * part) / whole}%`;

const placed = (bounds: Bounds, size: Size) => ({ left: share(bounds.x, size.width), top: share(bounds.y, size.height), width: share(bounds.width, size.width), height: share(bounds.height, size.height) });
