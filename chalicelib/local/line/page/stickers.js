// Stickers and sample photos: drawn stand-ins, since LINE's own pictures are LINE's.

/** The stickers of the panel: LINE's sendable package 446. */
export const PANEL = [
  ["446", "1988", "😊"], ["446", "1989", "🙏"], ["446", "1990", "👍"], ["446", "1991", "🎉"],
  ["446", "1992", "😭"], ["446", "1993", "😴"], ["446", "1994", "💗"], ["446", "1995", "🙇"],
  ["446", "1996", "✨"], ["446", "1997", "🤔"], ["446", "1998", "🐻"], ["446", "1999", "🐰"],
];

const FACES = ["🐻", "🐰", "🐥", "🐱", "🐶", "🐼", "🦊", "🐸", "🦉", "🐧", "🦌", "🐹"];

/** The face that stands for a sticker. */
export function face(packageId, stickerId) {
  const known = PANEL.find(([pack, id]) => pack === packageId && id === stickerId);
  if (known) return known[2];
  const digits = Number.parseInt(`${packageId}${stickerId}`.replace(/\D/g, "").slice(-6) || "0", 10);
  return FACES[digits % FACES.length];
}

const SCENES = [
  ["💇‍♀️", "#f6d5c8", "#c98f86"], ["🌸", "#fde4ec", "#e79ab4"], ["🍰", "#fff1d6", "#e6b566"], ["🌿", "#e3f1df", "#7fae7f"],
  ["🐈", "#e7e3f4", "#9b8cc4"], ["🏖️", "#dff1fb", "#6bb2d6"], ["🍜", "#fbe6d8", "#d98a5b"],
];

/** Sample photos as canvases. */
export function photos() {
  return SCENES.map(([subject, light, deep]) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 360;
    const pen = canvas.getContext("2d");
    const ground = pen.createLinearGradient(0, 0, 360, 360);
    ground.addColorStop(0, light);
    ground.addColorStop(1, deep);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 360, 360);
    pen.fillStyle = "rgb(255 255 255 / 35%)";
    pen.beginPath();
    pen.arc(180, 190, 128, 0, Math.PI * 2);
    pen.fill();
    pen.fillStyle = "#222";
    pen.font = "150px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(subject, 180, 198);
    return canvas;
  });
}

/** The bytes of a file or canvas as base64. */
export async function base64(source) {
  const blob = source instanceof Blob ? source : await new Promise((done) => source.toBlob(done, "image/png"));
  const url = await new Promise((done, fail) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => fail(reader.error));
    reader.readAsDataURL(blob);
  });
  return { content_type: blob.type || "application/octet-stream", content_base64: url.slice(url.indexOf(",") + 1) };
}
