// The panel under the entry field: stickers, photos, and other things a friend can send.

import { el } from "./dom.js";
import { PANEL, base64, photos } from "./stickers.js";
import { words } from "./words.js";

/** The panel of a phone, opened at `stickers`, `photos` or `others`. */
export function panel(phone, first) {
  const grid = el("div", { class: "panel-grid" });
  const tabs = Object.keys(TABS).map((name) =>
    el("button", { class: "panel-tab", type: "button", text: words[name], on: { click: () => show(name) } }),
  );
  function show(name) {
    tabs.forEach((tab, at) => tab.setAttribute("aria-pressed", String(Object.keys(TABS)[at] === name)));
    grid.replaceChildren(...TABS[name](phone));
  }
  show(first);
  return el("div", { class: "panel" }, el("div", { class: "panel-tabs" }, tabs), grid);
}

const item = (content, label, click) =>
  el("button", { class: "panel-item", type: "button", "aria-label": label, on: { click } }, content);

const captioned = (sign, label) => [sign, el("small", { text: label })];

const TABS = {
  stickers: (phone) =>
    PANEL.map(([packageId, stickerId, sign]) =>
      item(sign, `${words.stickers} ${stickerId}`, () => phone.say({ type: "sticker", packageId, stickerId })),
    ),
  photos: (phone) => [
    ...photos().map((canvas, at) =>
      item(canvas, `${words.photos} ${at + 1}`, async () => phone.say({ type: "image" }, await base64(canvas))),
    ),
    item(captioned("🖼️", words.fromFile), words.fromFile, () => chooseFile(phone)),
  ],
  others: (phone) => [
    item(captioned("📍", words.location), words.location, () => phone.say({ type: "location" })),
    item(captioned("🎙️", words.voice), words.voice, () => phone.say({ type: "audio", duration: 5000 })),
    item(captioned("🎬", words.video), words.video, () => phone.say({ type: "video", duration: 12000 })),
    item(captioned("📄", words.file), words.file, () =>
      phone.say({ type: "file", fileName: "counseling.pdf", fileSize: 48213 }),
    ),
  ],
};

function chooseFile(phone) {
  const input = el("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file && file.size < 6_000_000) phone.say({ type: "image" }, await base64(file));
  });
  input.click();
}
