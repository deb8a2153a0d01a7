// A picture whose parts are tapped: the picture, how it is parted, and where each part leads.
import type { LineMessage } from "../data";
import { t } from "../words";
import { Field, Select } from "./kit";
import { MediaField } from "./MediaField";

const PARTS = { "1x1": [1, 1], "2x1": [2, 1], "1x2": [1, 2], "3x1": [3, 1], "1x3": [1, 3], "2x2": [2, 2], "3x2": [3, 2] } as const;
type Parts = keyof typeof PARTS;

interface Spot {
  type: string;
  linkUri?: string;
  text?: string;
  area: { x: number; y: number; width: number; height: number };
}

interface Size {
  width: number;
  height: number;
}

function areas(parts: Parts, { width, height }: Size): Spot["area"][] {
  const [columns, rows] = PARTS[parts];
  const at = (n: number, of: number, whole: number) => Math.round((whole * n) / of);
  return Array.from({ length: columns * rows }, (_, n) => {
    const [column, row] = [n % columns, Math.floor(n / columns)];
    const [x, y] = [at(column, columns, width), at(row, rows, height)];
    return { x, y, width: at(column + 1, columns, width) - x, height: at(row + 1, rows, height) - y };
  });
}

const same = (one: Spot["area"], other: Spot["area"]) => one.x === other.x && one.y === other.y && one.width === other.width && one.height === other.height;

/** How the picture is parted; null where somebody parted it in another way. */
function partsOf(spots: Spot[], size: Size): Parts | null {
  const names = Object.keys(PARTS) as Parts[];
  return names.find((name) => {
    const wanted = areas(name, size);
    return wanted.length === spots.length && wanted.every((area, at) => spots[at] && same(area, spots[at].area));
  }) ?? (spots.length === 0 ? "1x1" : null);
}

export function ImageMap({ message, set, error, n }: { message: LineMessage; set: (next: LineMessage) => void; error?: string; n: number }) {
  const size = (message.baseSize as Size | undefined) ?? { width: 1040, height: 1040 };
  const spots = (message.actions as Spot[] | undefined) ?? [];
  const url = String(message.baseUrl ?? "");
  const parts = partsOf(spots, size);
  const part = (name: Parts, within: Size, more: object = {}) =>
    set({ ...message, ...more, baseSize: within, actions: areas(name, within).map((area, at) => ({ ...(spots[at] ?? { type: "uri", linkUri: "https://" }), area })) });
  const write = (at: number, next: Partial<Spot>) => set({ ...message, actions: spots.map((one, place) => (place === at ? { ...one, ...next } : one)) });
  return (
    <>
      <MediaField label={t("message.imagemap", { n })} kind="image" query="?as=imagemap" url={url} thumbnail={`${url}/460`} error={error}
        onMade={(made) => part(parts ?? "1x1", { width: 1040, height: Math.round((1040 * (made.height ?? 1040)) / (made.width ?? 1040)) }, { baseUrl: made.url })} />
      <Field label={t("message.alt")} hint={t("message.alt.hint")} value={String(message.altText ?? "")} onChange={(event) => set({ ...message, altText: event.target.value })} />
      <Select label={t("message.parts")} value={parts ?? ""} onChange={(event) => part(event.target.value as Parts, size)}
        options={[...(parts ? [] : [{ value: "", label: t("message.parts.other") }]), ...(Object.keys(PARTS) as Parts[]).map((name) => ({ value: name, label: t("message.parts.of", { columns: PARTS[name][0], rows: PARTS[name][1] }) }))]} />
      {spots.map((spot, at) => {
        const of = { n: at + 1 };
        return (
          <div className="fields" key={at}>
            <Select label={t("message.part", of)} value={spot.type} onChange={(event) => set({ ...message, actions: spots.map((one, place) => (place !== at ? one : event.target.value === "uri" ? { type: "uri", linkUri: "https://", area: one.area } : { type: "message", text: "", area: one.area })) })} options={["uri", "message"].map((kind) => ({ value: kind, label: t(kind === "uri" ? "message.part.uri" : "message.part.message") }))} />
            {spot.type === "uri" ? <Field label={t("message.part.link", of)} type="url" value={spot.linkUri ?? ""} onChange={(event) => write(at, { linkUri: event.target.value })} /> : <Field label={t("message.part.text", of)} value={spot.text ?? ""} maxLength={400} onChange={(event) => write(at, { text: event.target.value })} />}
          </div>
        );
      })}
    </>
  );
}
