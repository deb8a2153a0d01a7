// What a tap does, as LINE does it: speak, post back, open, pick a date, copy, switch the menu.

import { el } from "./dom.js";
import { words } from "./words.js";

/** Do an action on a phone. */
export function perform(phone, action) {
  const act = ACTIONS[action && action.type];
  if (act) act(phone, action);
}

const ACTIONS = {
  message: (phone, action) => phone.say({ type: "text", text: action.text }),
  postback(phone, action) {
    phone.do("postback", { data: action.data, display_text: action.displayText || action.text });
    if (action.inputOption === "openKeyboard") phone.type(action.fillInText || "");
    if (action.inputOption === "openRichMenu") phone.showMenu(true);
    if (action.inputOption === "closeRichMenu") phone.showMenu(false);
  },
  uri(phone, action) {
    const uri = String(action.uri || "");
    if (/^https?:\/\//i.test(uri)) {
      opens(phone.user);
      window.open(uri, "_blank", "noopener,noreferrer");
      phone.toast(words.opens);
    } else if (/^tel:/i.test(uri)) phone.toast(`${words.calls} ${uri.slice(4)}`);
    else phone.toast(words.noLink);
  },
  datetimepicker: (phone, action) => pick(phone, action),
  clipboard(phone, action) {
    if (navigator.clipboard) navigator.clipboard.writeText(String(action.clipboardText || "")).catch(() => {});
    phone.toast(words.copied);
  },
  richmenuswitch: (phone, action) => phone.do("switch", { alias: action.richMenuAliasId, data: action.data }),
  camera: (phone) => phone.openPanel("photos"),
  cameraRoll: (phone) => phone.openPanel("photos"),
  location: (phone) => phone.say({ type: "location" }),
};

/** LINE knows whose phone opens the next address. */
export function opens(user) {
  document.cookie = `sim_user=${encodeURIComponent(user)}; path=/; max-age=120; samesite=lax`;
}

const TYPES = { date: "date", time: "time", datetime: "datetime-local" };

function pick(phone, action) {
  const mode = Object.hasOwn(TYPES, action.mode) ? action.mode : "datetime";
  const plain = (value) => String(value || "").replace("t", "T");
  const input = el("input", {
    class: "field",
    type: TYPES[mode],
    min: plain(action.min) || undefined,
    max: plain(action.max) || undefined,
  });
  input.value = plain(action.initial) || suggestion(mode);
  const sheet = el(
    "div",
    { class: "sheet", role: "dialog", "aria-label": words.pick },
    el("b", { text: action.label || words.pick }),
    input,
    el(
      "div",
      { class: "sheet-buttons" },
      el("button", { class: "button", type: "button", text: words.cancel, on: { click: () => sheet.remove() } }),
      el("button", {
        class: "button button-main",
        type: "button",
        text: words.send,
        on: {
          click: () => {
            if (!input.value || !input.checkValidity()) return input.reportValidity();
            sheet.remove();
            return phone.do("postback", { data: action.data, params: { [mode]: input.value.slice(0, 16) } });
          },
        },
      }),
    ),
  );
  phone.screen.append(sheet);
  input.focus();
}

function suggestion(mode) {
  const now = new Date(Date.now() + 86400000);
  const two = (number) => String(number).padStart(2, "0");
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return { date, time: "10:00", datetime: `${date}T10:00` }[mode];
}
