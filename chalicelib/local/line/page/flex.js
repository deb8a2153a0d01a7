// Flex messages, laid out as LINE lays them out: every length and colour passes a pattern on its way to a style.

import { el, picture } from "./dom.js";

const TEXT = { xxs: 11, xs: 13, sm: 14, md: 16, lg: 19, xl: 22, xxl: 29, "3xl": 35, "4xl": 48, "5xl": 74 };
const IMAGE = { xxs: 40, xs: 60, sm: 80, md: 100, lg: 120, xl: 140, xxl: 160, "3xl": 180, "4xl": 200, "5xl": 220 };
const SPACE = { none: 0, xs: 2, sm: 4, md: 8, lg: 12, xl: 16, xxl: 20 };
const BORDER = { none: 0, light: 0.5, normal: 1, medium: 2, "semi-bold": 3, bold: 4 };
const ALIGN = { start: "flex-start", center: "center", end: "flex-end" };
const GRAVITY = { top: "flex-start", center: "center", bottom: "flex-end" };

const length = (value, table = SPACE) => {
  if (typeof value !== "string") return null;
  if (Object.hasOwn(table, value)) return `${table[value]}px`;
  return /^\d+(\.\d+)?(px|%)$/.test(value) ? value : null;
};
const colour = (value) => (typeof value === "string" && /^#([0-9a-f]{6}|[0-9a-f]{8})$/i.test(value) ? value : null);

function style(node, property, value) {
  if (value !== null && value !== undefined) node.style.setProperty(property, value);
}

/** A Flex container: a bubble, or a row of bubbles. `tap(action)` is called for taps. */
export function flex(contents, tap) {
  if (contents && contents.type === "carousel") {
    return el("div", { class: "deck" }, (contents.contents || []).map((one) => bubble(one, tap)));
  }
  return bubble(contents || {}, tap);
}

function bubble(it, tap) {
  const size = /^(nano|micro|deca|hecto|kilo|mega|giga)$/.test(it.size || "") ? it.size : "mega";
  const node = el("div", { class: `fx fx-${size}`, dir: it.direction === "rtl" ? "rtl" : undefined });
  for (const name of ["header", "hero", "body", "footer"]) {
    if (!it[name]) continue;
    const block = el("div", { class: `fx-block fx-${name}` }, component(it[name], "vertical", tap));
    const look = (it.styles && it.styles[name]) || {};
    style(block, "background-color", colour(look.backgroundColor));
    if (look.separator && node.childNodes.length) {
      block.classList.add("ruled");
      style(block, "border-color", colour(look.separatorColor));
    }
    node.append(block);
  }
  return tappable(node, it.action, tap);
}

function component(it, parent, tap) {
  const make = MAKERS[it && it.type];
  if (!make) return el("span");
  const node = make(it, tap);
  if (it.type !== "separator") share(node, it, parent);
  if (it.position === "absolute") {
    style(node, "position", "absolute");
    const sides = { offsetTop: "top", offsetBottom: "bottom", offsetStart: "inset-inline-start", offsetEnd: "inset-inline-end" };
    for (const [name, side] of Object.entries(sides)) style(node, side, length(it[name]));
  } else if (it.offsetTop || it.offsetBottom || it.offsetStart || it.offsetEnd) {
    style(node, "position", "relative");
    style(node, "top", length(it.offsetTop));
    style(node, "bottom", length(it.offsetBottom));
    style(node, "inset-inline-start", length(it.offsetStart));
    style(node, "inset-inline-end", length(it.offsetEnd));
  }
  return it.type === "button" ? node : tappable(node, it.action, tap);
}

/** How a component shares its parent's space: `flex` defaults to 1 across and to its own height down. */
function share(node, it, parent) {
  const across = parent !== "vertical";
  const fallback = across && it.type !== "icon" && !it.width ? 1 : 0;
  const part = Number.isInteger(it.flex) ? it.flex : fallback;
  if (it.type === "icon") return;
  if (across) style(node, "flex", part > 0 ? `${part} 1 0` : "0 0 auto");
  else style(node, "flex", part > 0 ? `${part} 0 auto` : "0 0 auto");
}

function box(it, tap) {
  const layout = /^(horizontal|vertical|baseline)$/.test(it.layout) ? it.layout : "vertical";
  const node = el("div", { class: `fx-box fx-${layout}` });
  const gap = length(it.spacing);
  let first = true;
  for (const child of it.contents || []) {
    const made = component(child, layout, tap);
    const space = length(child.margin) ?? gap;
    if (!first && space && child.position !== "absolute") {
      style(made, layout === "vertical" ? "margin-top" : "margin-inline-start", space);
    }
    if (child.position !== "absolute") first = false;
    node.append(made);
  }
  paint(node, it);
  return node;
}

function paint(node, it) {
  style(node, "padding", length(it.paddingAll));
  style(node, "padding-top", length(it.paddingTop));
  style(node, "padding-bottom", length(it.paddingBottom));
  style(node, "padding-inline-start", length(it.paddingStart));
  style(node, "padding-inline-end", length(it.paddingEnd));
  style(node, "background-color", colour(it.backgroundColor));
  style(node, "border-color", colour(it.borderColor));
  style(node, "border-width", length(it.borderWidth, BORDER) ?? (it.borderColor ? "1px" : null));
  const corner = length(it.cornerRadius);
  if (corner) {
    style(node, "border-radius", corner);
    style(node, "overflow", "hidden");
  }
  style(node, "width", length(it.width, {}));
  style(node, "max-width", length(it.maxWidth, {}));
  style(node, "height", length(it.height, {}));
  style(node, "max-height", length(it.maxHeight, {}));
  if (/^(center|flex-start|flex-end|space-between|space-around|space-evenly)$/.test(it.justifyContent || "")) {
    style(node, "justify-content", it.justifyContent);
  }
  if (/^(center|flex-start|flex-end)$/.test(it.alignItems || "")) style(node, "align-items", it.alignItems);
  const shade = it.background;
  if (shade && shade.type === "linearGradient" && /^\d+(\.\d+)?deg$/.test(shade.angle || "")) {
    const middle = colour(shade.centerColor);
    const at = /^\d+(\.\d+)?%$/.test(shade.centerPosition || "") ? shade.centerPosition : "50%";
    const stops = [colour(shade.startColor), middle && `${middle} ${at}`, colour(shade.endColor)].filter(Boolean);
    if (stops.length > 1) style(node, "background-image", `linear-gradient(${shade.angle}, ${stops.join(", ")})`);
  }
}

function letters(node, it) {
  style(node, "font-size", length(it.size, TEXT));
  style(node, "color", colour(it.color));
  if (it.weight === "bold") style(node, "font-weight", "700");
  else if (it.weight === "regular") style(node, "font-weight", "400");
  if (it.style === "italic") style(node, "font-style", "italic");
  if (it.decoration === "underline" || it.decoration === "line-through") style(node, "text-decoration", it.decoration);
}

function text(it) {
  const inner = el("span");
  if (Array.isArray(it.contents) && it.contents.length) {
    for (const part of it.contents) {
      const span = el("span", { text: part.text || "" });
      letters(span, part);
      inner.append(span);
    }
  } else inner.textContent = it.text || "";
  const node = el("div", { class: it.wrap ? "fx-text wrap" : "fx-text" }, inner);
  letters(node, { size: "md", ...it });
  style(node, "text-align", { start: "start", center: "center", end: "end" }[it.align]);
  style(node, "justify-content", GRAVITY[it.gravity]);
  if (/^\d+(\.\d+)?px$/.test(it.lineSpacing || "")) style(inner, "line-height", `calc(1.25em + ${it.lineSpacing})`);
  if (it.wrap && it.maxLines > 0) {
    style(inner, "display", "-webkit-box");
    style(inner, "-webkit-box-orient", "vertical");
    style(inner, "-webkit-line-clamp", String(it.maxLines));
  }
  return node;
}

function ratio(value, fallback) {
  const found = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(value || "");
  return found ? `${found[1]} / ${found[2]}` : fallback;
}

function image(it) {
  const size = it.size || "md";
  const width = size === "full" ? "100%" : length(size, IMAGE) || "100px";
  const frame = el("span", { style: { width, "aspect-ratio": ratio(it.aspectRatio, "1 / 1") } }, picture(it.url));
  style(frame, "background-color", colour(it.backgroundColor));
  style(frame, "align-self", ALIGN[it.align] || "center");
  const node = el("div", { class: it.aspectMode === "cover" ? "fx-image cover" : "fx-image" }, frame);
  style(node, "justify-content", GRAVITY[it.gravity]);
  return node;
}

function video(it, tap) {
  const node = el("div", { class: "fx-image cover" });
  const frame = el("span", { style: { width: "100%", "aspect-ratio": ratio(it.aspectRatio, "1 / 1") } }, picture(it.previewUrl));
  frame.append(el("span", { class: "play", text: "▶" }));
  node.append(frame);
  return tappable(node, it.action, tap);
}

function glyph(it) {
  const size = length(it.size, TEXT) || "16px";
  const star = el("span", { class: /gr[ae]y/i.test(it.url || "") ? "fx-star grey" : "fx-star", text: "★" });
  const node = el("img", { class: "fx-icon", alt: "", referrerpolicy: "no-referrer", on: { error: () => node.replaceWith(star) } });
  style(star, "font-size", size);
  node.src = /^https:\/\//.test(it.url || "") ? it.url : "";
  style(node, "height", size);
  style(node, "width", "auto");
  style(node, "aspect-ratio", ratio(it.aspectRatio, "1 / 1"));
  return node;
}

function button(it, tap) {
  const kind = /^(primary|secondary)$/.test(it.style || "") ? it.style : "link";
  const action = it.action || {};
  const push = el("button", { type: "button", text: action.label || "", on: { click: () => tap(action) } });
  style(push, kind === "link" ? "color" : "background-color", colour(it.color));
  const node = el("div", { class: `fx-button ${kind} ${it.height === "sm" ? "sm" : ""}` }, push);
  style(node, "justify-content", GRAVITY[it.gravity]);
  return node;
}

function separator(it) {
  const node = el("div", { class: "fx-separator", role: "presentation" });
  style(node, "background-color", colour(it.color));
  return node;
}

function tappable(node, action, tap) {
  if (!action || !action.type) return node;
  node.classList.add("fx-tap");
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    tap(action);
  });
  return node;
}

const MAKERS = { box, text, image, video, icon: glyph, button, separator, filler: () => el("div") };
