// The site tag. No dependency, no cookie; what it keeps is the site's own (localStorage).
(function () {
  "use strict";
  var w = window, d = document, store = null;
  var script = d.currentScript, src = script && script.src;
  if (!src || (w.todoku && w.todoku.loaded)) return;
  var early = (w.todoku && w.todoku.q) || [];
  var endpoint = src.replace(/\.js(\?.*)?$/, "");
  var KEY = "todoku." + endpoint.split("/").pop();
  var ASKS = __CONSENT__; // whether visitors are asked before anything is kept or sent
  var AUTOMATIC = script.getAttribute("data-pages") !== "manual";
  var MOST = 100, TOGETHER = 20, WEEK = 7 * 864e5;
  var agreed = !ASKS, memory = null, brought = null, busy = false, timer = 0, last = "";

  try {
    store = w.localStorage;
    store.getItem(KEY);
  } catch (_) {
    store = null;
  }

  function random(bytes) {
    var all = w.crypto.getRandomValues(new Uint8Array(bytes)), text = "";
    for (var n = 0; n < bytes; n++) text += String.fromCharCode(all[n]);
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  }

  // {v: the browser's name, by: what makes a friend known, q: what is not confirmed yet}
  function read() {
    var known = memory;
    try {
      if (store) known = JSON.parse(store.getItem(KEY)) || known;
    } catch (_) { /* somebody else wrote there */ }
    return known && known.v && known.q ? known : { v: random(18), by: null, q: [] };
  }

  function change(how) {
    var state = read();
    how(state);
    memory = state;
    try {
      if (store) store.setItem(KEY, JSON.stringify(state));
    } catch (_) { /* full or forbidden: the page's own memory has it */ }
    return state;
  }

  function forget() {
    memory = brought = null;
    try {
      if (store) store.removeItem(KEY);
    } catch (_) { /* nothing was kept */ }
  }

  function say(event, fields) {
    if (!agreed) return;
    var entry = { event: event, id: random(9), at: Date.now() };
    for (var name in fields) entry[name] = fields[name];
    change(function (state) {
      entry.v = state.by ? "" : state.v; // whose it is shows when it is known who came
      state.q = state.q.concat(entry).slice(-MOST);
    });
    soon(300);
  }

  function soon(ms) {
    clearTimeout(timer);
    timer = setTimeout(send, ms);
  }

  function next(state) {
    var now = Date.now();
    var q = state.q.filter(function (entry) { return now - entry.at < WEEK; });
    var v = q.length ? q[0].v : "";
    var by = state.by && v === "" ? state.by : null;
    if (!q.length && !by) return null;
    var some = q.filter(function (entry) { return entry.v === v; }).slice(0, TOGETHER);
    var body = { visitor: v || state.v, events: some.map(function (entry) {
      var plain = { age: Math.max(0, now - entry.at) };
      for (var name in entry) if (name !== "at" && name !== "v") plain[name] = entry[name];
      return plain;
    }) };
    if (by) for (var name in by) body[name] = by[name];
    if (ASKS) body.consent = true;
    return { by: by, ids: some.map(function (entry) { return entry.id; }), v: body.visitor, text: JSON.stringify(body) };
  }

  function done(batch, isOther) {
    change(function (state) {
      if (isOther) { // another friend is known here: this one comes under a new name
        state.v = random(18);
        return;
      }
      state.q = state.q.filter(function (entry) { return batch.ids.indexOf(entry.id) < 0; });
      if (batch.by) {
        state.by = null;
        state.q.forEach(function (entry) { entry.v = entry.v || state.v; });
      }
    });
    soon(0);
  }

  function send() {
    var batch = agreed && !busy && next(read());
    if (!batch) return;
    busy = true;
    w.fetch(endpoint, {
      method: "POST", body: batch.text, headers: { "Content-Type": "text/plain" },
      keepalive: true, credentials: "omit", mode: "cors"
    }).then(function (answer) {
      busy = false;
      if (answer.status === 409 && batch.by) done(batch, true);
      else if (answer.status < 500 && answer.status !== 429) done(batch, false);
    }, function () { busy = false; }); // kept: the next page, or the next event, tries again
  }

  function leave() {
    var batch = agreed && next(read());
    if (batch && w.navigator.sendBeacon) w.navigator.sendBeacon(endpoint, batch.text);
  }

  function known(by) {
    if (!agreed) {
      brought = by;
      return;
    }
    change(function (state) { state.by = by; });
    soon(0);
  }

  function arrive() {
    var found = /[?&]todoku=([\w.-]+)/.exec(w.location.search);
    if (!found) return;
    var rest = w.location.search.replace(/([?&])todoku=[\w.-]*(&|$)/, function (_, before, behind) {
      return behind ? before : "";
    });
    w.history.replaceState(w.history.state, "", w.location.pathname + rest + w.location.hash);
    known({ t: found[1] });
  }

  function address() {
    return w.location.href.split("#")[0].slice(0, 2000);
  }

  function look() {
    if (!AUTOMATIC || !agreed || address() === last) return;
    last = address();
    say("page", { url: last });
  }

  function follow(name) {
    var original = w.history[name];
    w.history[name] = function () {
      var result = original.apply(this, arguments);
      setTimeout(look, 0);
      return result;
    };
  }

  function todoku(what, value, props) {
    var given = value || {};
    if (what === "consent") {
      agreed = !ASKS || value === true;
      if (value === false) {
        agreed = false;
        forget();
      } else if (agreed) {
        if (brought) known(brought);
        brought = null;
        look();
      }
    } else if (what === "identify") known(given.id_token ? { id_token: given.id_token } : { t: given.t });
    else if (what === "page") say("page", given.page ? { url: address(), page: given.page } : { url: address() });
    else if (what === "custom") say("custom", { name: value, props: props || {} });
    else if (what === "cart" || what === "purchase") say(what, given);
  }

  function begin() {
    arrive();
    look();
    early.forEach(function (call) { todoku.apply(null, call); });
    follow("pushState");
    follow("replaceState");
    w.addEventListener("popstate", look);
    w.addEventListener("pagehide", leave);
    w.addEventListener("pageshow", function (event) {
      if (event.persisted) {
        last = "";
        look();
      }
    });
    d.addEventListener("visibilitychange", function () { if (d.visibilityState === "hidden") leave(); });
    soon(300);
  }

  todoku.loaded = true;
  w.todoku = todoku;
  if (d.prerendering) d.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
})();
