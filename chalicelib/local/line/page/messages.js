// Message objects as bubbles, pictures and cards. `tap(action)` is called for every tap.

import { el, picture } from "./dom.js";
import { flex } from "./flex.js";
import { face } from "./stickers.js";
import { words } from "./words.js";

const LINK = /(https?:\/\/[^\s<>"'、。）」]+)/g;

/** The node of one message from the account. `tools` = {tap, watched}. */
export function fromAccount(message, tools) {
  const make = ACCOUNT[message.type];
  if (make) return make(message, tools);
  return bubble(`${words.unsupported}: ${message.type}`);
}

/** The node of one message the friend sent. */
export function fromFriend(message) {
  const make = FRIEND[message.type];
  return make ? make(message) : bubble(`${words.unsupported}: ${message.type}`);
}

/** What a message's alternative is narrow enough to be beside the time. */
export const isWide = (message) =>
  message.type === "flex" || message.type === "template" || message.type === "imagemap";

/** A text bubble; URLs in it become links. */
export function bubble(text, extra = "") {
  const node = el("div", { class: `bubble ${extra}` });
  for (const part of String(text).split(LINK)) {
    if (/^https?:\/\//.test(part)) {
      node.append(el("a", { href: part, target: "_blank", rel: "noopener noreferrer", text: part }));
    } else if (part) node.append(part);
  }
  return node;
}

function withEmojis(message) {
  if (!Array.isArray(message.emojis)) return message.text;
  const places = new Set(message.emojis.map((emoji) => emoji.index));
  return [...Array(message.text.length).keys()].map((at) => (places.has(at) ? "🙂" : message.text[at])).join("");
}

function filled(message) {
  return String(message.text || "").replace(/\{\{|\}\}|\{(\w{1,20})\}/g, (all, key) => {
    if (all === "{{") return "{";
    if (all === "}}") return "}";
    const value = (message.substitution || {})[key] || {};
    return value.type === "mention" ? "@友だち" : "🙂";
  });
}

function sticker(message) {
  return el("div", { class: "sticker", text: face(String(message.packageId), String(message.stickerId)), title: `${message.packageId} / ${message.stickerId}` });
}

function image(message) {
  return el("span", { class: "picture" }, picture(message.previewImageUrl || message.originalContentUrl));
}

function video(message, tools) {
  const node = el(
    "button",
    {
      class: "picture",
      type: "button",
      on: {
        click: () => {
          if (node.classList.contains("playing")) return;
          node.classList.add("playing");
          setTimeout(() => {
            node.classList.remove("playing");
            if (message.trackingId && tools) tools.watched(message.trackingId);
          }, 1500);
        },
      },
    },
    picture(message.previewImageUrl),
    el("span", { class: "play", text: "▶" }),
  );
  return node;
}

function sound(message) {
  const seconds = Math.max(1, Math.round((message.duration || 1000) / 1000));
  const shown = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return el(
    "div",
    { class: "bubble" },
    el("div", { class: "sound" }, el("button", { type: "button", text: "▶", "aria-label": "play" }), el("span", { class: "sound-wave" }), el("small", { text: shown })),
  );
}

function place(message) {
  return el(
    "div",
    { class: "place" },
    el("div", { class: "place-map" }),
    el("div", {}, el("b", { text: message.title || words.location }), el("small", { text: message.address || `${message.latitude}, ${message.longitude}` })),
  );
}

function file(message) {
  return el(
    "div",
    { class: "bubble" },
    el("div", { class: "file" }, el("div", {}, el("span", { text: message.fileName || "" }), el("small", { text: `${message.fileSize || 0} B` }))),
  );
}

function imagemap(message, { tap }) {
  const size = message.baseSize || { width: 1040, height: 1040 };
  const shown = picture(`${message.baseUrl}/460`, { style: { "aspect-ratio": `${size.width} / ${size.height}`, "object-fit": "cover" } });
  const node = el("div", { class: "map-image", title: message.altText }, shown);
  for (const action of message.actions || []) {
    node.append(hotSpot(action.area || {}, size, action.label || action.text || "", () => tap(ofImagemap(action))));
  }
  return node;
}

const ofImagemap = (action) =>
  action.type === "uri" ? { type: "uri", uri: action.linkUri, label: action.label } : action;

/** A place on a picture that can be tapped; `area` in the picture's own measure. */
export function hotSpot(area, size, label, tapped) {
  const share = (part, whole) => `${(100 * (Number(part) || 0)) / whole}%`;
  return el("button", {
    class: "hot-spot",
    type: "button",
    title: label,
    "aria-label": label,
    style: {
      left: share(area.x, size.width),
      top: share(area.y, size.height),
      width: share(area.width, size.width),
      height: share(area.height, size.height),
    },
    on: { click: tapped },
  });
}

/** A rich menu: its picture, the areas that can be tapped, and the bar that closes it. */
export function richMenu(menu, image, tap, close) {
  const size = menu.size || { width: 2500, height: 1686 };
  const shown = picture(image, { style: { "aspect-ratio": `${size.width} / ${size.height}` } });
  const spots = (menu.areas || []).map((area) =>
    hotSpot(area.bounds || {}, size, (area.action && (area.action.label || area.action.text)) || "", () => tap(area.action)),
  );
  const bar = el("button", { class: "rich-menu-bar", type: "button", text: `${menu.chatBarText || words.menu} ▾`, on: { click: close } });
  return el("div", {}, el("div", { class: "rich-menu" }, shown, spots), bar);
}

function template(message, { tap }) {
  const it = message.template || {};
  const button = (action) =>
    el("button", { class: "card-button", type: "button", text: action.label || "", on: { click: () => tap(action) } });
  const cardOf = (column, whole) => {
    const shape = `card-image ${whole.imageAspectRatio === "square" ? "square" : ""} ${whole.imageSize === "contain" ? "contain" : ""}`;
    const open = column.defaultAction ? { click: () => tap(column.defaultAction) } : undefined;
    return el(
      "div",
      { class: "card" },
      column.thumbnailImageUrl && picture(column.thumbnailImageUrl, { class: shape }),
      el("div", { class: open ? "card-text tappable" : "card-text", on: open || {} }, column.title && el("b", { text: column.title }), column.text || ""),
      (column.actions || []).map(button),
    );
  };
  if (it.type === "buttons") return cardOf(it, it);
  if (it.type === "confirm") {
    return el(
      "div",
      { class: "card" },
      el("div", { class: "card-text", text: it.text }),
      el("div", { class: "card-pair" }, (it.actions || []).map(button)),
    );
  }
  if (it.type === "carousel") return el("div", { class: "deck" }, (it.columns || []).map((column) => cardOf(column, it)));
  if (it.type === "image_carousel") {
    const tile = (column) =>
      el(
        "button",
        { class: "tile", type: "button", on: { click: () => tap(column.action || {}) } },
        picture(column.imageUrl),
        column.action && column.action.label && el("span", { text: column.action.label }),
      );
    return el("div", { class: "deck" }, (it.columns || []).map(tile));
  }
  return bubble(message.altText || words.unsupported);
}

const ACCOUNT = {
  text: (message) => bubble(withEmojis(message)),
  textV2: (message) => bubble(filled(message)),
  sticker,
  image,
  video,
  audio: sound,
  location: place,
  imagemap,
  template,
  flex: (message, { tap }) => flex(message.contents, tap),
  coupon: (message) => bubble(`🎟️ ${message.is_closed ? `${words.closed} ` : ""}${message.title || `${words.coupon} ${message.couponId || ""}`}`),
};

const FRIEND = {
  text: (message) => bubble(message.text),
  sticker,
  image: (message) => el("span", { class: "picture" }, picture(`/_sim/contents/${encodeURIComponent(message.id)}`)),
  video: (message) => video({ previewImageUrl: `/_sim/pictures/${encodeURIComponent(message.id)}.svg` }),
  audio: sound,
  location: place,
  file,
};
