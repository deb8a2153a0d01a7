// The page: which phones are on it, and the one stream of news that feeds them.

import { choose } from "./chooser.js";
import * as api from "./api.js";
import { el } from "./dom.js";
import { Phone } from "./phone.js";
import { words } from "./words.js";

const KEPT = "todoku.phones";
const place = document.getElementById("phones");
const picker = document.getElementById("account");
const light = document.getElementById("connection");
const phones = [];
let stream = null;

const keyOf = (phone) => `${phone.account}/${phone.user}`;

function keep() {
  const keys = phones.map(keyOf);
  localStorage.setItem(KEPT, JSON.stringify(keys));
  history.replaceState(null, "", keys.length ? `#${keys.join(",")}` : location.pathname);
}

function kept() {
  const fromAddress = decodeURIComponent(location.hash.slice(1));
  if (fromAddress) return fromAddress.split(",");
  try {
    return JSON.parse(localStorage.getItem(KEPT) || "[]");
  } catch {
    return [];
  }
}

/** Hear the news of all phones through one connection; what was missed meanwhile is read again. */
function listen() {
  if (stream) stream.close();
  stream = null;
  light.style.display = phones.length ? "" : "none";
  if (!phones.length) return;
  stream = new EventSource(`/_sim/stream?phones=${encodeURIComponent(phones.map(keyOf).join(","))}`);
  let before = false;
  stream.addEventListener("open", () => {
    shine(true);
    if (before) for (const phone of phones) phone.load();
    before = true;
  });
  stream.addEventListener("error", () => shine(false));
  stream.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    for (const phone of phones) if (phone.account === news.account && phone.user === news.user_id) phone.hear(news);
  });
}

function shine(on) {
  light.className = on ? "top-link on" : "top-link";
  light.textContent = on ? words.connected : words.disconnected;
}

async function open(account, user) {
  if (phones.some((phone) => phone.account === account && phone.user === user)) return;
  const phone = new Phone(account, user, { closed: close });
  phones.push(phone);
  await phone.load();
}

function close(phone) {
  phones.splice(phones.indexOf(phone), 1);
  settle();
}

function settle() {
  keep();
  place.replaceChildren(...(phones.length ? phones.map((phone) => phone.node) : [empty()]));
  for (const phone of phones) phone.scrollDown();
  listen();
}

function empty() {
  return el(
    "div",
    { class: "empty" },
    el("div", { class: "empty-art", text: "📱" }),
    el("h2", { text: words.emptyTitle }),
    el("p", { text: picker.value ? words.emptyText : words.noAccount }),
    picker.value && el("button", { class: "button button-main", type: "button", text: words.addPhone, on: { click: add } }),
  );
}

async function add() {
  const account = picker.value || (phones[0] && phones[0].account);
  if (!account) return;
  const taken = new Set(phones.filter((phone) => phone.account === account).map((phone) => phone.user));
  const user = await choose(account, taken);
  if (!user) return;
  await open(account, user);
  settle();
}

/** The accounts, as soon as there is one: Todoku may still be starting. */
async function accountsOnceThere() {
  for (;;) {
    const known = await api.accounts().catch(() => []);
    picker.replaceChildren(...known.map((one) => el("option", { value: one.account, text: one.name })));
    document.getElementById("account-label").style.display = known.length > 1 ? "" : "none";
    if (known.length) return known;
    place.replaceChildren(empty());
    await new Promise((done) => setTimeout(done, 2000));
  }
}

async function start() {
  document.getElementById("tagline").textContent = words.tagline;
  document.querySelector("#account-label span").textContent = words.account;
  const button = document.getElementById("add");
  button.textContent = words.addPhone;
  button.addEventListener("click", add);
  button.disabled = true;
  const known = await accountsOnceThere();
  button.disabled = false;
  let wanted = kept().map((key) => key.split("/")).filter(([account]) => known.some((one) => one.account === account));
  if (!wanted.length) {
    const first = await api.friends(known[0].account, "", 3);
    wanted = first.map((friend) => [known[0].account, friend.user_id]);
  }
  for (const [account, user] of wanted) await open(account, user);
  settle();
}

light.style.display = "none";
setInterval(() => phones.forEach((phone) => phone.tick()), 15_000);
start();
