// One phone: a friend's LINE, open at the account's chat.

import { opens, perform } from "./actions.js";
import * as api from "./api.js";
import { avatar, el, icon, picture } from "./dom.js";
import { bubble, fromAccount, fromFriend, isWide, richMenu } from "./messages.js";
import { panel } from "./panel.js";
import { dayOf, midnight, timeOf, words } from "./words.js";

const BACK = "‹";
const SEARCH = ["M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14z", "M16.500 16.500L21 21"];
const CALL = ["M5 4h4l2 5-2.500 1.500a11 11 0 0 0 5 5L15 13l5 2v4c0 1-1 2-2 2A16 16 0 0 1 3 6c0-1 1-2 2-2z"];
const LINES = ["M4 6h16", "M4 12h16", "M4 18h16"];
const PLUS = ["M12 5v14", "M5 12h14"];
const SMILE = ["M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18z", "M8.500 14a4.500 4.500 0 0 0 7 0", "M9 9.500v.5", "M15 9.500v.5"];
const PLANE = ["M3 20.500L22 12L3 3.500v6.800L15 12L3 13.700z"];
const SHIELD = ["M12 2l8 3v6c0 5-3.500 9-8 11c-4.500-2-8-6-8-11V5z"];
const MENU = ["M4 5h16v14H4z", "M4 12h16", "M12 12v7"];

export class Phone {
  constructor(account, user, { closed }) {
    this.account = account;
    this.user = user;
    this.items = new Map();
    this.drawn = new Map();
    this.closed = closed;
    this.menuOpen = true;
    this.seen = 0;
    this.talk = el("div");
    this.wall = el("div", { class: "wall", role: "log", "aria-live": "polite" }, this.talk);
    this.atEnd = true;
    this.wall.addEventListener("scroll", () => {
      this.atEnd = this.wall.scrollHeight - this.wall.scrollTop - this.wall.clientHeight < 90;
    });
    this.wall.addEventListener("click", (event) => event.target.closest("a[href]") && opens(this.user));
    const stay = new ResizeObserver(() => this.atEnd && this.scrollDown());
    stay.observe(this.talk);
    stay.observe(this.wall);
    this.screen = el("div", { class: "screen" });
    this.owner = el("div", { class: "owner" });
    this.bottom = el("div");
    this.node = el("section", { class: "holder" }, el("div", { class: "frame" }, this.screen), this.owner);
  }

  /** Read the conversation again. */
  async load() {
    const fresh = await api.timeline(this.account, this.user);
    this.channel = fresh.account;
    this.friend = fresh.friend;
    this.menu = fresh.rich_menu;
    this.items = new Map(fresh.items.map((item) => [item.seq, item]));
    this.drawn.clear();
    this.seen = Math.max(0, ...this.items.keys());
    this.draw();
  }

  /** Something happened: an item, a friendship, a menu, three dots. */
  hear(news) {
    if (news.news === "item") {
      this.items.set(news.item.seq, news.item);
      if (news.item.from === "account") this.waiting(0);
      this.drawWall();
      this.drawQuick();
      this.seen = Math.max(this.seen, news.item.seq);
    } else if (news.news === "loading") this.waiting(news.seconds);
    else this.load();
  }

  /** The friend sends a message. */
  say(message, content = {}) {
    this.atEnd = true;
    this.closePanel();
    return this.do("message", { message, ...content });
  }

  /** The friend does something; what Todoku answers is seen on the wall. */
  async do(verb, body) {
    try {
      const answer = await api.act(this.account, this.user, verb, body);
      if (answer.webhook.status === 0) this.toast(words.noServer);
    } catch (error) {
      this.toast(error.message);
    }
  }

  /** Words are in the entry field, ready to be sent. */
  type(text) {
    if (!this.field) return;
    this.field.value = text;
    this.field.dispatchEvent(new Event("input"));
    this.field.focus();
  }

  toast(text) {
    const node = el("div", { class: "toast", role: "status", text });
    this.screen.append(node);
    setTimeout(() => node.remove(), 2200);
  }

  showMenu(open) {
    this.menuOpen = open;
    this.drawBottom();
  }

  openPanel(name) {
    this.closePanel();
    this.panel = panel(this, name);
    this.bottom.lastElementChild.before(this.panel);
    this.scrollDown();
  }

  closePanel() {
    if (this.panel) this.panel.remove();
    this.panel = null;
  }

  waiting(seconds) {
    clearTimeout(this.dotsTimer);
    this.dots = seconds > 0;
    if (this.dots) this.dotsTimer = setTimeout(() => this.waiting(0), seconds * 1000);
    this.drawWall();
  }

  // drawing -----------------------------------------------------------------------------------------------

  draw() {
    this.drawOwner();
    const following = this.friend.status === "following";
    const knows = following || this.friend.status === "blocked";
    this.screen.replaceChildren(this.statusBar(), this.chatBar(), ...(knows ? [this.wall, this.bottom] : [this.welcome(), el("div")]));
    this.drawWall();
    this.drawBottom();
  }

  drawOwner() {
    const { display_name: name, colour, status } = this.friend;
    const go = (verb, label, kind) =>
      el("button", { class: `tool ${kind}`, type: "button", text: label, on: { click: () => this.do(verb) } });
    this.owner.replaceChildren(
      avatar(name, colour, 40),
      el("div", { class: "owner-name" }, el("b", { text: name }), el("small", { text: this.user, title: this.user })),
      el(
        "div",
        { class: "owner-buttons" },
        status === "following" && go("block", words.block, "tool-alert"),
        status === "blocked" && go("unblock", words.unblock, ""),
        status !== "following" && status !== "blocked" && go("follow", words.follow, "tool-go"),
        el("button", {
          class: "tool tool-close",
          type: "button",
          text: "×",
          title: words.close,
          "aria-label": words.close,
          on: { click: () => this.closed(this) },
        }),
      ),
    );
  }

  statusBar() {
    return el(
      "div",
      { class: "status-bar", "aria-hidden": "true" },
      el("span", { class: "now", text: timeOf(new Date()) }),
      el("span", { class: "island" }),
      el("span", { class: "signals" }, el("i"), el("i"), el("i"), el("i"), el("span", { class: "battery" })),
    );
  }

  /** The clock in the corner goes on. */
  tick() {
    const now = this.screen.querySelector(".now");
    if (now) now.textContent = timeOf(new Date());
  }

  chatBar() {
    const shield = icon(...SHIELD);
    shield.classList.add("shield");
    return el(
      "div",
      { class: "chat-bar" },
      el("span", { class: "back", text: BACK, "aria-hidden": "true" }),
      shield,
      el("b", { text: this.channel.name }),
      icon(...SEARCH),
      icon(...CALL),
      icon(...LINES),
    );
  }

  welcome() {
    return el(
      "div",
      { class: "welcome" },
      avatar(this.channel.name, null, 76),
      el("b", { text: this.channel.name }),
      el("p", { text: words.welcomeText }),
      el("button", { class: "tool tool-go", type: "button", text: `＋ ${words.follow}`, on: { click: () => this.do("follow") } }),
    );
  }

  drawWall() {
    const rows = [];
    let day = null;
    let speaker = null;
    const unsent = new Set();
    const items = [...this.items.values()].sort((a, b) => a.seq - b.seq);
    for (const item of items) if (item.from === "friend" && item.event.unsend) unsent.add(item.event.unsend.messageId);
    for (const item of items) {
      const date = new Date(item.at);
      if (!day || midnight(date) - midnight(day) !== 0) {
        rows.push(el("div", { class: "day" }, el("span", { text: dayOf(date) })));
        speaker = null;
      }
      day = date;
      const made = this.rowsOf(item, date, speaker, unsent);
      rows.push(...made.rows);
      speaker = made.speaker;
    }
    if (this.dots) rows.push(this.dotsRow());
    arrange(this.talk, rows);
    if (this.atEnd) this.scrollDown();
  }

  /** The rows of an item, drawn once: what has not changed keeps its place, its scroll and its pictures. */
  rowsOf(item, date, speaker, unsent) {
    const gone = item.event && item.event.message && unsent.has(item.event.message.id);
    const look = `${speaker} ${item.status} ${gone}`;
    const before = this.drawn.get(item.seq);
    if (before && before.look === look) return before.made;
    const made = item.from === "account" ? this.accountRows(item, date, speaker) : this.friendRows(item, date, speaker, unsent);
    this.drawn.set(item.seq, { look, made });
    return made;
  }

  accountRows(item, date, speaker) {
    const tools = { tap: (action) => perform(this, action), watched: (id) => this.do("video_complete", { tracking_id: id }) };
    const fresh = item.seq > this.seen ? "fresh" : "";
    let last = speaker;
    const rows = item.messages.map((message) => {
      const sender = message.sender || {};
      const name = sender.name || this.channel.name;
      const first = last !== `account ${name}`;
      last = `account ${name}`;
      const face = sender.iconUrl ? picture(sender.iconUrl, { class: "avatar", width: 36, height: 36 }) : avatar(name, null, 36);
      const wide = isWide(message);
      const body = fromAccount(message, tools);
      const meta = el("div", { class: "meta" }, el("span", { class: "kind", text: item.kind }), timeOf(date));
      return el(
        "div",
        { class: `row theirs ${first ? "first" : ""} ${fresh}`, "data-seq": item.seq, "data-kind": item.kind, on: { animationend: settle } },
        el("div", { class: "side" }, first && face),
        el(
          "div",
          { class: "stack" },
          first && el("p", { class: "sender", text: name }),
          wide ? [body, meta] : el("div", { class: "line" }, body, meta),
        ),
      );
    });
    return { rows, speaker: last };
  }

  friendRows(item, date, speaker, unsent) {
    const { event, shown, status } = item;
    const message = event.message && event.type === "message" ? event.message : null;
    if (message && unsent.has(message.id)) return { rows: [note(words.unsent)], speaker: null };
    if (!message && !(shown && shown.text)) {
      const text = event.type === "unsend" ? null : noteOf(event);
      return { rows: text ? [note(text, status)] : [], speaker: text ? null : speaker };
    }
    const first = speaker !== "friend" ? "first" : "";
    const fresh = item.seq > this.seen ? "fresh" : "";
    const sent = status === null || (status >= 200 && status < 300);
    const meta = el(
      "div",
      { class: "meta" },
      sent ? (status ? el("span", { text: words.read }) : "") : el("span", { class: "failed", text: status ? `${words.failed} ${status}` : words.failed }),
      el("br"),
      timeOf(date),
    );
    const body = message ? fromFriend(message) : bubble(shown.text);
    return { rows: [el("div", { class: `row own ${first} ${fresh}`, "data-seq": item.seq, on: { animationend: settle } }, meta, body)], speaker: "friend" };
  }

  dotsRow() {
    return el(
      "div",
      { class: "row theirs first" },
      el("div", { class: "side" }, avatar(this.channel.name, null, 36)),
      el("div", { class: "bubble dots", "aria-label": words.loading }, el("i"), el("i"), el("i")),
    );
  }

  drawBottom() {
    this.panel = null;
    if (this.friend.status === "blocked") {
      const free = el("button", { class: "tool", type: "button", text: words.unblock, on: { click: () => this.do("unblock") } });
      this.bottom.replaceChildren(el("div", { class: "blocked-bar" }, words.blockedText, free), el("div", { class: "home-line" }));
      return;
    }
    this.quick = el("div", { class: "quick" });
    this.bottom.replaceChildren(this.quick, this.entry(), ...(this.menu && this.menuOpen ? [this.richMenu()] : []), el("div", { class: "home-line" }));
    this.drawQuick();
    this.scrollDown();
  }

  entry() {
    const tool = (paths, label, click) =>
      el("button", { class: "entry-icon", type: "button", title: label, "aria-label": label, on: { click } }, icon(...paths));
    const send = el("button", { class: "entry-icon entry-send", type: "submit", "aria-label": words.send, disabled: true }, icon(...PLANE));
    this.field = el("input", { class: "entry-field", placeholder: words.message, "aria-label": words.message, autocomplete: "off", maxlength: 5000 });
    this.field.addEventListener("input", () => send.toggleAttribute("disabled", !this.field.value.trim()));
    const toggle = (name) => (this.panel ? this.closePanel() : this.openPanel(name));
    return el(
      "form",
      {
        class: "entry",
        on: {
          submit: (event) => {
            event.preventDefault();
            const text = this.field.value;
            if (!text.trim()) return;
            this.type("");
            this.say({ type: "text", text });
          },
        },
      },
      tool(PLUS, words.more, () => toggle("others")),
      this.menu && tool(MENU, words.menu, () => this.showMenu(!this.menuOpen)),
      this.field,
      tool(SMILE, words.stickers, () => toggle("stickers")),
      send,
    );
  }

  /** Quick replies are those of the last message, until the friend does something. */
  drawQuick() {
    if (!this.quick) return;
    const last = [...this.items.values()].sort((a, b) => a.seq - b.seq).filter((item) => item.from === "account" || item.event.type !== "unsend").pop();
    const message = last && last.from === "account" ? last.messages[last.messages.length - 1] : null;
    const items = (message && message.quickReply && message.quickReply.items) || [];
    this.quick.replaceChildren(
      ...items.map((item) => {
        const action = item.action || {};
        return el(
          "button",
          { class: "pill", type: "button", on: { click: () => perform(this, action) } },
          item.imageUrl && picture(item.imageUrl),
          action.label || "",
        );
      }),
    );
    this.quick.hidden = items.length === 0;
    this.quick.style.display = items.length ? "" : "none";
  }

  richMenu() {
    const image = `/_sim/richmenus/${this.account}/${this.menu.richMenuId}/image`;
    return richMenu(this.menu, image, (action) => perform(this, action), () => this.showMenu(false));
  }

  scrollDown() {
    requestAnimationFrame(() => {
      this.wall.scrollTop = this.wall.scrollHeight;
    });
  }
}

/** Make these the children, moving none that already is where it should. */
function arrange(parent, rows) {
  const wanted = new Set(rows);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  rows.forEach((row, at) => {
    if (parent.children[at] !== row) parent.insertBefore(row, parent.children[at] || null);
  });
}

const settle = (event) => event.currentTarget.classList.remove("fresh");

function note(text, status) {
  const failed = status !== undefined && status !== null && !(status >= 200 && status < 300);
  return el("div", { class: "note" }, el("span", { text: failed ? `${text} · ${words.failed} ${status || ""}` : text }));
}

function noteOf(event) {
  if (event.type === "follow") return event.follow && event.follow.isUnblocked ? words.unblocked : words.followed;
  if (event.type === "unfollow") return words.unfollowed;
  if (event.type === "videoPlayComplete") return words.watched;
  if (event.type === "postback") {
    const params = Object.values(event.postback.params || {}).join(" ");
    return `${words.tapped} ${event.postback.data} ${params}`.trim();
  }
  return `${words.happened} ${event.type}`;
}
