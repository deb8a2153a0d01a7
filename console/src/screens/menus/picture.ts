// A picture as LINE takes it below a chat: exactly as large as the menu, 1 MB at most. One that fits is left as it is.
import { ApiError } from "../../api/client";
import { t } from "../../words";
import { type Area, labelOf, type Size } from "./areas";

const MOST_BYTES = 1_000_000;
const FLATTEST = 1.45;

const fits = ({ width, height }: Size) => width >= 800 && width <= 2500 && height >= 250 && width / height >= FLATTEST;

/** The file, and the size of the menu with it: the file's own where LINE takes it, else it is made to fit `size`. */
export async function fitted(file: Blob, size: Size): Promise<{ file: Blob; size: Size; isChanged: boolean }> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new ApiError(400, "invalid_input", t("menu.image.broken"), [], null);
  });
  const own = { width: bitmap.width, height: bitmap.height };
  if (fits(own) && file.size <= MOST_BYTES && /^image\/(jpeg|png)$/.test(file.type)) return { file, size: own, isChanged: false };
  const to = fits(own) ? own : size;
  const [canvas, ink] = board(to);
  const scale = Math.max(to.width / own.width, to.height / own.height);
  const [width, height] = [own.width * scale, own.height * scale];
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, to.width, to.height);
  ink.drawImage(bitmap, (to.width - width) / 2, (to.height - height) / 2, width, height);
  return { file: await jpeg(canvas), size: to, isChanged: true };
}

const TINTS = ["#127a63", "#2f6c80", "#6a5f9e", "#9a5a65", "#4c7650", "#86672f"];

/** A plain picture: each area in a colour of its own, with what it says. */
export async function written(areas: Area[], size: Size, unnamed: (n: number) => string): Promise<Blob> {
  const [canvas, ink] = board(size);
  ink.fillStyle = "#eef3f2";
  ink.fillRect(0, 0, size.width, size.height);
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  areas.forEach(({ bounds, action }, at) => {
    const { x, y, width, height } = bounds;
    ink.fillStyle = TINTS[at % TINTS.length] as string;
    ink.fillRect(x, y, width, height);
    ink.strokeStyle = "#fff";
    ink.lineWidth = size.width / 200;
    ink.strokeRect(x, y, width, height);
    const text = [...(labelOf(action) || unnamed(at + 1))].slice(0, 20).join("");
    ink.fillStyle = "#fff";
    ink.font = `600 ${Math.max(16, Math.min(size.width / 18, (width * 0.86) / Math.max(4, text.length), height / 2.5))}px sans-serif`;
    ink.fillText(text, x + width / 2, y + height / 2, width * 0.92);
  });
  return jpeg(canvas);
}

function board({ width, height }: Size): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return [canvas, canvas.getContext("2d") as CanvasRenderingContext2D];
}

async function jpeg(canvas: HTMLCanvasElement): Promise<Blob> {
  for (const quality of [0.92, 0.85, 0.75, 0.6, 0.4]) {
    const made = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (made && (made.size <= MOST_BYTES || quality === 0.4)) return made;
  }
  throw new Error("no picture");
}
