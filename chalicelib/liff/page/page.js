// Who LINE has signed in goes on to where the address leads. LINE's SDK (liff) is loaded before.
"use strict";

const { liff: liffId, base } = document.documentElement.dataset;
const notice = document.getElementById("notice");
const again = document.getElementById("again");
const AGAIN = "todoku_again";
const isEnglish = !/^ja\b/i.test(navigator.language || "ja");

function showNotice(text) {
  notice.textContent = text;
  again.hidden = false;
}

/** LINE signs in anew, in a browser that is not LINE's; once, so that nobody goes round in circles. */
function signInAnew() {
  const here = new URL(location.href);
  if (liff.isInClient() || here.searchParams.has(AGAIN)) return false;
  here.searchParams.set(AGAIN, "1");
  if (liff.isLoggedIn()) liff.logout();
  liff.login({ redirectUri: here.href });
  return true;
}

async function enter() {
  await liff.init({ liffId });
  if (!liff.isLoggedIn()) {
    liff.login({ redirectUri: location.href });
    return;
  }
  const answer = await fetch(base, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      id_token: liff.getIDToken() || "",
      path: location.pathname.slice(base.length),
      query: location.search.slice(1),
    }),
  });
  const body = await answer.json();
  if (answer.ok && body.go) location.replace(body.go);
  else if (answer.ok) {
    notice.textContent = body.notice;
    if (liff.isInClient()) setTimeout(() => liff.closeWindow(), 4000);
  } else if (!/^sign_in_(unknown|used)$/.test(body.error.reason.code) || !signInAnew()) showNotice(body.error.message);
}

function begin() {
  again.hidden = true;
  enter().catch(() => {
    showNotice(isEnglish ? "LINE could not be reached. Please try again." : "通信できませんでした。もう一度お試しください。");
  });
}

again.addEventListener("click", () => location.reload());
if (isEnglish) document.documentElement.lang = "en";
begin();
