// LINE's LIFF SDK as far as Todoku's pages use it, with the simulated LINE behind it.
// https://developers.line.biz/en/reference/liff/

(() => {
  "use strict";

  const LINE = new URL(document.currentScript.src).origin;
  const came = new URLSearchParams(location.hash.slice(1));
  let id = "";
  let endpoint = "";

  const place = () => `LIFF:${id}`;
  const kept = () => JSON.parse(sessionStorage.getItem(place()) || "{}");
  const claims = () => {
    const token = kept().token;
    if (!token) return null;
    const bytes = Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  const isOver = () => claims() === null || claims().exp * 1000 <= Date.now();

  /** Ask LINE something in the friend's name; refusals are errors as LIFF's are. */
  const ask = async (what, body) => {
    const answer = await fetch(`${LINE}/${what}`, { method: "POST", body: JSON.stringify({ token: kept().token, ...body }) });
    const found = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(found.message), { code: found.code });
    return found;
  };
  const refuse = (code, message) => Promise.reject(Object.assign(new Error(message), { code }));

  window.liff = {
    /** The first address keeps what LINE gave; then the browser goes to the address that was wanted. */
    async init({ liffId, withLoginOnExternalBrowser }) {
      id = liffId;
      if (came.has("id_token")) {
        const known = { token: came.get("id_token"), inClient: came.get("in_client") === "1" };
        sessionStorage.setItem(place(), JSON.stringify(known));
        history.replaceState(null, "", location.pathname + location.search);
      }
      endpoint = location.origin + location.pathname;
      const state = new URLSearchParams(location.search).get("liff.state");
      if (state !== null) {
        location.replace(endpoint.replace(/\/$/, "") + state);
        await new Promise(() => {});
      }
      if (withLoginOnExternalBrowser && isOver()) {
        this.login({ redirectUri: location.href });
        await new Promise(() => {});
      }
    },
    isInClient: () => kept().inClient === true,
    isLoggedIn: () => !isOver(),
    login({ redirectUri } = {}) {
      const asked = new URLSearchParams({ liff_id: id, redirect_uri: redirectUri || endpoint });
      location.assign(`${LINE}/liff-login?${asked}`);
    },
    logout: () => sessionStorage.removeItem(place()),
    getIDToken: () => (isOver() ? null : kept().token),
    getDecodedIDToken: claims,
    getContext: () => ({ type: kept().inClient ? "utou" : "external", userId: (claims() || {}).sub }),
    async getProfile() {
      const friend = await fetch(`${LINE}/liff-profile?token=${encodeURIComponent(kept().token)}`);
      return friend.json();
    },
    async getFriendship() {
      return { friendFlag: (await this.getProfile()).friendFlag };
    },
    /** As the friend, in the chat from which the page was opened. */
    sendMessages: (messages) => (kept().inClient ? ask("liff-messages", { messages }).then(() => undefined) : refuse("FORBIDDEN", "liff.sendMessages() works in LINE alone")),
    requestFriendship: () => (isOver() ? refuse("UNAUTHORIZED", "Need access_token for api call, Please login first") : ask("liff-friendship", {}).then(() => undefined)),
    openWindow: ({ url, external }) => (external ? window.open(url, "_blank", "noopener") : location.assign(url)),
    closeWindow: () => window.close(),
    permanentLink: { createUrlBy: async (url) => `${LINE}/liff/${id}${url.slice(endpoint.length)}` },
    getOS: () => "web",
    getLanguage: () => navigator.language,
    getVersion: () => "2.0-simulated",
  };
})();
