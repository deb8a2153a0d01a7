// Where a rich menu is tapped: its usual layouts, and areas that are moved and sized within its picture.

export interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

export type TapAction = Record<string, unknown> & { type: string };

export interface Area {
  bounds: Bounds;
  action: TapAction;
}

/** What stands for the address of a tracked link or a form. */
export const OPENS = { link: (id: string) => `{{ link("${id}") }}`, form: (id: string) => `{{ form("${id}") }}` };

/** What stands for the address of the friend's own page. */
export const PREFERENCES = "{{ preferences_url }}";

export function opened(action: TapAction): { kind: keyof typeof OPENS; id: string } | null {
  const found = action.type === "uri" ? /^\s*\{\{\s*(link|form)\("([^"]*)"\)\s*\}\}\s*$/.exec(String(action.uri ?? "")) : null;
  return found ? { kind: found[1] as keyof typeof OPENS, id: found[2] ?? "" } : null;
}

export const MOST_AREAS = 20;

/** LINE's usual sizes. */
export const SIZES: Size[] = [[2500, 1686], [2500, 843], [1200, 810], [1200, 405], [800, 540], [800, 270]].map(([width = 0, height = 0]) => ({ width, height }));

/** LINE's usual layouts as rectangles (x, y, width, height) on a picture of six by two. */
export const LAYOUTS = {
  "1a": [[0, 0, 6, 2]],
  "2c": [[0, 0, 3, 2], [3, 0, 3, 2]],
  "2r": [[0, 0, 6, 1], [0, 1, 6, 1]],
  "3c": [[0, 0, 2, 2], [2, 0, 2, 2], [4, 0, 2, 2]],
  "3l": [[0, 0, 4, 2], [4, 0, 2, 1], [4, 1, 2, 1]],
  "4a": [[0, 0, 3, 1], [3, 0, 3, 1], [0, 1, 3, 1], [3, 1, 3, 1]],
  "4t": [[0, 0, 6, 1], [0, 1, 2, 1], [2, 1, 2, 1], [4, 1, 2, 1]],
  "5a": [[0, 0, 3, 1], [3, 0, 3, 1], [0, 1, 2, 1], [2, 1, 2, 1], [4, 1, 2, 1]],
  "6a": [[0, 0, 2, 1], [2, 0, 2, 1], [4, 0, 2, 1], [0, 1, 2, 1], [2, 1, 2, 1], [4, 1, 2, 1]],
} as const;
export type Layout = keyof typeof LAYOUTS;

/** The areas of a layout; what a tap does stays with the area of the same number. */
export function laidOut(layout: Layout, { width, height }: Size, areas: Area[], blank: () => TapAction): Area[] {
  const at = (n: number, of: number, whole: number) => Math.round((whole * n) / of);
  return LAYOUTS[layout].map(([x, y, w, h], n) => {
    const [left, top] = [at(x, 6, width), at(y, 2, height)];
    return { bounds: { x: left, y: top, width: at(x + w, 6, width) - left, height: at(y + h, 2, height) - top }, action: areas[n]?.action ?? blank() };
  });
}

const near = (value: number, least: number, most: number) => Math.min(Math.max(Math.round(value), least), Math.max(least, most));

/** The bounds within the picture: moved back in rather than cut. */
export function within(bounds: Bounds, size: Size): Bounds {
  const width = near(bounds.width, 1, size.width);
  const height = near(bounds.height, 1, size.height);
  return { x: near(bounds.x, 0, size.width - width), y: near(bounds.y, 0, size.height - height), width, height };
}

/** The bounds with one side changed; the others give way only where they must. */
export function sized(bounds: Bounds, size: Size): Bounds {
  const x = near(bounds.x, 0, size.width - 1);
  const y = near(bounds.y, 0, size.height - 1);
  return { x, y, width: near(bounds.width, 1, size.width - x), height: near(bounds.height, 1, size.height - y) };
}

/** Areas for a picture of another size. */
export function scaled(areas: Area[], from: Size, to: Size): Area[] {
  const [across, down] = [to.width / from.width, to.height / from.height];
  return areas.map(({ bounds, action }) => {
    const [x, y] = [Math.round(bounds.x * across), Math.round(bounds.y * down)];
    return { bounds: sized({ x, y, width: Math.round((bounds.x + bounds.width) * across) - x, height: Math.round((bounds.y + bounds.height) * down) - y }, to), action };
  });
}

const PULL = 30;

/** A place near an edge of the picture or of another area is that edge; else it is a multiple of ten. */
export function snapped(value: number, edges: number[]): number {
  const edge = edges.find((one) => Math.abs(one - value) <= PULL);
  return edge ?? Math.round(value / 10) * 10;
}

export const edgesOf = (areas: Area[], size: Size, but: number) => {
  const others = areas.filter((_, at) => at !== but).map((one) => one.bounds);
  return {
    x: [0, size.width, ...others.flatMap((one) => [one.x, one.x + one.width])],
    y: [0, size.height, ...others.flatMap((one) => [one.y, one.y + one.height])],
  };
};

export const labelOf = (action: TapAction): string => {
  const found = ["label", "text", "uri", "clipboardText", "displayText"].map((name) => action[name]).find((one) => typeof one === "string" && one);
  return typeof found === "string" ? found : "";
};
