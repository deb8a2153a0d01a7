// The dialog in which a phone gets its owner: an existing friend, or a new one.

import * as api from "./api.js";
import { avatar, el } from "./dom.js";
import { words } from "./words.js";

const COLOURS = ["#7fb069", "#e6a15c", "#6ca6c1", "#c97b84", "#9a86c4", "#5fa8a0", "#d58a4a", "#7a8fc9"];
const FAMILY = ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤"];
const GIVEN = ["美咲", "陽菜", "結衣", "さくら", "葵", "莉子", "彩花", "翔太", "悠斗", "直樹"];

const any = (list) => list[Math.floor(Math.random() * list.length)];

/** Ask for a friend of the account; resolves to a user id, or null. */
export function choose(account, taken) {
  const dialog = document.getElementById("chooser");
  return new Promise((resolve) => {
    const done = (user) => {
      dialog.close();
      resolve(user);
    };
    dialog.oncancel = () => resolve(null);
    const search = el("input", { class: "field", type: "search", placeholder: words.search, "aria-label": words.search });
    const list = el("div", { class: "chooser-list" });
    const refresh = async () => fill(list, await api.friends(account, search.value.trim()), taken, done);
    search.addEventListener("input", refresh);
    dialog.replaceChildren(
      el(
        "div",
        { class: "chooser-head" },
        el("h2", { text: words.choose }),
        el("button", { class: "chooser-close", type: "button", text: "×", "aria-label": words.cancel, on: { click: () => done(null) } }),
      ),
      newcomer(account, done),
      el("div", { class: "chooser-search top-account" }, search),
      list,
    );
    refresh();
    dialog.showModal();
  });
}

function fill(list, people, taken, done) {
  const rows = people
    .filter((person) => !taken.has(person.user_id))
    .map((person) =>
      el(
        "button",
        { class: "person", type: "button", on: { click: () => done(person.user_id) } },
        avatar(person.display_name, person.colour, 38),
        el("span", { class: "person-name" }, el("b", { text: person.display_name }), el("small", { text: `${person.user_id.slice(0, 18)}…` })),
        el("span", { class: `tag ${person.status}`, text: words[person.status] || person.status }),
      ),
    );
  list.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty", text: words.nobody })]));
}

function newcomer(account, done) {
  let colour = any(COLOURS);
  const name = el("input", { class: "field", placeholder: words.name, "aria-label": words.newFriend, maxlength: 20 });
  name.value = `${any(FAMILY)} ${any(GIVEN)}`;
  const swatches = COLOURS.map((shade) =>
    el("button", {
      class: "swatch",
      type: "button",
      "aria-label": shade,
      "aria-pressed": String(shade === colour),
      style: { background: shade },
      on: {
        click: () => {
          colour = shade;
          swatches.forEach((one, at) => one.setAttribute("aria-pressed", String(COLOURS[at] === shade)));
        },
      },
    }),
  );
  return el(
    "form",
    {
      class: "chooser-new",
      on: {
        submit: async (event) => {
          event.preventDefault();
          if (!name.value.trim()) return;
          const user = api.newUserId();
          await api.createPerson(account, user, name.value.trim(), colour);
          done(user);
        },
      },
    },
    el("div", { class: "chooser-new-row" }, name, el("button", { class: "button button-main", type: "submit", text: words.create })),
    el("div", { class: "swatches" }, swatches),
  );
}
