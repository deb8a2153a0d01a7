// Elements are made here and nowhere else: text is always text, never markup.

import { scene } from "./scenes.js";

/** An element: `props` are class, text, on (listeners), style (a dictionary), or attributes. */
export function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (key === "style") for (const [property, set] of Object.entries(value)) node.style.setProperty(property, set);
    else if (!key.toLowerCase().startsWith("on")) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing of one or more paths on a 24 × 24 ground. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    svg.append(path);
  }
  return svg;
}

/** A round picture of a person or an account: the first character of the given name on a colour. */
export function avatar(name, colour, size) {
  const parts = (name || "?").trim().split(/\s+/);
  return el("span", {
    class: "avatar",
    text: [...parts[parts.length - 1]][0] || "?",
    "aria-hidden": "true",
    style: {
      width: `${size}px`,
      height: `${size}px`,
      "font-size": `${Math.round(size * 0.46)}px`,
      background: /^#[0-9a-f]{6}$/i.test(colour || "") ? colour : tint(name || "?"),
    },
  });
}

const TINTS = ["#3f7f93", "#7a6fae", "#b0707a", "#5c8a5f", "#a5814a", "#4f7cb8"];

/** A colour for a name, always the same. */
export function tint(name) {
  let sum = 7;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return TINTS[sum % TINTS.length];
}

/** A picture from a URL, with a drawn scene in its place when it cannot be loaded. */
export function picture(url, props = {}) {
  const img = el("img", { alt: "", loading: "lazy", referrerpolicy: "no-referrer", ...props });
  const drawn = scene(String(url).slice(-80).replace(/[^\w.-]/g, "_"));
  img.addEventListener("error", () => { if (!img.src.endsWith(drawn)) img.src = drawn; });
  img.src = /^(https?:|data:image\/|blob:|\/_sim\/)/.test(String(url)) ? url : drawn;
  return img;
}
