"""The member site's pages, its people, and Todoku behind it."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import html
import json
import secrets
import threading
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from chalicelib.local.client import Client, Refused
from chalicelib.local.journal import write_atomically
from chalicelib.local.line.httpd import Request, Response

ACCOUNT = "members"
A = f"/v1/accounts/{ACCOUNT}"
LOGIN_CHANNEL, LIFF = "2000000001", "2000000001-members"
RANKS = ("レギュラー", "シルバー", "ゴールド")
_COOKIE = "member"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src *; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><h1>{title}</h1>{body}</body></html>"""
_SCRIPT = """
const token = new URLSearchParams(location.hash.slice(1)).get("id_token");
const t = new URLSearchParams(location.search).get("t");
const notice = document.getElementById("notice");
fetch(notice.dataset.endpoint, {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({id_token: token, t})})
  .then(async (answer) => {
    const body = await answer.json();
    notice.textContent = answer.ok ? "連携しました。トーク画面に戻ってください。" : body.error.message;
  })
  .catch(() => { notice.textContent = "通信できませんでした。もう一度お試しください。"; });
"""


def message(name: str, text: str) -> dict[str, Any]:
    """A message document of one text."""
    return {"name": name, "category": "transactional", "messages": [{"type": "text", "text": text}]}


BUNDLE: dict[str, Any] = {
    "messages": {
        "invite": message(
            "連携の案内", "こちらから会員証と連携できます（10 分以内）\n{{ account_link.url }}"
        ),
        "linked": message(
            "連携のお礼",
            "連携しました。会員ランクは「{{ friend.rank }}」です。解除するには「解除」と送ってください。",
        ),
        "unlinked": message("連携の解除", "会員証との連携を解除しました。"),
        "rank": message("ランク", '会員ランクは「{{ friend.rank | default("未連携") }}」です。'),
    },
    "rules": {
        "link": {
            "name": "連携",
            "when": {"event": "messaged", "match": {"text": {"contains": "連携"}}},
            "then": [{"link_account": {"message": "invite"}}],
        },
        "unlink": {
            "name": "解除",
            "when": {"event": "messaged", "match": {"text": {"contains": "解除"}}},
            "then": [{"unlink_account": True}],
        },
        "rank": {
            "name": "ランク",
            "when": {"event": "messaged", "match": {"text": {"contains": "ランク"}}},
            "then": [{"reply": {"message": "rank"}}],
        },
        "linked": {
            "name": "連携のお礼",
            "when": {"event": "account_linked"},
            "then": [{"send": {"message": "linked"}}],
        },
        "unlinked": {
            "name": "解除のお知らせ",
            "when": {"event": "account_unlinked"},
            "then": [{"send": {"message": "unlinked"}}],
        },
    },
}


class Site:
    """The site: its people, who is signed in, and Todoku behind it."""

    def __init__(self, api_url: str, sim_url: str, key: str, folder: Path) -> None:
        self.api_url, self._sim_url, self._key = api_url, sim_url, key
        self._file = folder / "member_site.json"
        self._people: dict[str, dict[str, str]] = {}
        if self._file.exists():
            self._people = json.loads(self._file.read_text(encoding="utf-8"))
        self._sessions: dict[str, str] = {}
        self._lock = threading.Lock()
        self.url = ""

    def set_up(self, url: str) -> None:
        """Make the account and its documents, and LINE's side of the Login channel; again, it changes
        nothing.
        """
        self.url = url
        secret = hashlib.sha256(f"login:{self._key}".encode()).hexdigest()[:32]
        account = {
            "name": "会員サイトのお店",
            "channel_secret": "members-channel-secret",
            "channel_access_token": "members-channel-access-token",
            "member_site_url": f"{url}/login",
            "member_site_origins": [url],
            "login_channel_id": LOGIN_CHANNEL,
            "login_channel_secret": secret,
            "liff_id": LIFF,
        }
        self._todoku("PUT", A, account)
        self._todoku("POST", f"{A}/catalog/apply", BUNDLE)
        login = {"channel_id": LOGIN_CHANNEL, "channel_secret": secret, "liff_id": LIFF}
        with contextlib.closing(Client(self._sim_url)) as line:
            line.put(f"/_sim/login/{ACCOUNT}", login | {"liff_endpoint": f"{url}/liff"})

    def answer(self, request: Request) -> Response:
        """One request of a browser."""
        try:
            handler = _ROUTES.get((request.method, request.path))
            if handler is None:
                return self._page("ページがありません", "", 404)
            answer: Response = handler(self, request)
            return answer
        except Refused as refused:
            error = (refused.body or {}).get("error", {}).get("message", "")
            return self._page("できませんでした", f"<p>{html.escape(error)}</p>", 502)

    # pages ------------------------------------------------------------------------------------------------

    def home(self, request: Request) -> Response:
        """Who is signed in sees their rank and how they are linked; others sign in."""
        member = self._member(request)
        if member is None:
            return self._page("会員サイト", self._entrance(""))
        shown = self._todoku("GET", f"{A}/members/{quote(member, safe='')}")
        options = "".join(
            f"<option {'selected' if rank == shown['rank'] else ''}>{rank}</option>" for rank in RANKS
        )
        error = request.query.get("error")
        note = f"<p>連携できませんでした（{html.escape(error)}）</p>" if error else ""
        if request.query.get("linked"):
            note = "<p>LINE と連携しました。</p>"
        body = f"""{note}<p>{html.escape(member)} さん・ランク {html.escape(shown["rank"] or "なし")}</p>
<p>LINE：{len(shown["user_ids"])} 件連携中</p>
<form method="post" action="/rank"><select name="rank">{options}</select>
<button>ランクを変える</button></form>
<form method="post" action="/line"><button>LINE ログインで連携する</button></form>
<form method="post" action="/liff-link"><button>LIFF で連携する</button></form>
<form method="post" action="/unlink"><button>連携をすべて解除する</button></form>
<form method="post" action="/logout"><button>ログアウト</button></form>
<p>連携はいつでも解除できます。LINE ログインで連携した場合は、LINE への許可も取り消します。</p>"""
        return self._page("マイページ", body)

    def login_page(self, request: Request) -> Response:
        """Where Todoku sends friends to sign in, with LINE's link token."""
        token = request.query.get("linkToken", "")
        if self._member(request) is not None and token:
            hidden = f'<input type="hidden" name="link_token" value="{html.escape(token)}">'
            return self._page(
                "LINE と連携",
                f'<form method="post" action="/connect">{hidden}<button>連携する</button></form>',
            )
        return self._page("ログイン", self._entrance(token))

    def _entrance(self, token: str) -> str:
        hidden = f'<input type="hidden" name="link_token" value="{html.escape(token)}">'
        fields = """<input name="member" placeholder="会員番号" required maxlength="40">
<input name="password" type="password" placeholder="パスワード" required>"""
        return (
            f'<form method="post" action="/register">{hidden}{fields}<button>会員登録</button></form>'
            f'<form method="post" action="/login">{hidden}{fields}<button>ログイン</button></form>'
        )

    def register(self, request: Request) -> Response:
        """A newcomer becomes a member of the lowest rank."""
        form = _form(request)
        member, password = form.get("member", "").strip(), form.get("password", "")
        if not member or len(password) < 4:
            return self._page("会員番号とパスワード（4 文字以上）を入力してください", self._entrance(""), 400)
        with self._lock:
            if member in self._people:
                return self._page("この会員番号は使われています", self._entrance(""), 409)
            salt = secrets.token_hex(16)
            self._people[member] = {"salt": salt, "password": _hashed(password, salt)}
            write_atomically(self._file, json.dumps(self._people, ensure_ascii=False).encode())
        self._todoku("PUT", f"{A}/members/{quote(member, safe='')}", {"rank": RANKS[0]})
        return self._signed_in(member, form.get("link_token", ""))

    def login(self, request: Request) -> Response:
        """A member signs in."""
        form = _form(request)
        member = form.get("member", "").strip()
        known = self._people.get(member, {"salt": "", "password": ""})
        if not hmac.compare_digest(_hashed(form.get("password", ""), known["salt"]), known["password"]):
            return self._page(
                "会員番号かパスワードが違います", self._entrance(form.get("link_token", "")), 403
            )
        return self._signed_in(member, form.get("link_token", ""))

    def logout(self, request: Request) -> Response:
        """The session ends."""
        self._sessions.pop(_cookie(request), None)
        return _go("/", f"{_COOKIE}=; Path=/; Max-Age=0")

    def connect(self, request: Request) -> Response:
        """Who is signed in already links by the link token they came with."""
        member = self._member(request)
        return _go("/") if member is None else self._to_line(member, _form(request).get("link_token", ""))

    def _signed_in(self, member: str, token: str) -> Response:
        session = secrets.token_urlsafe(24)
        self._sessions[session] = member
        cookie = f"{_COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax"
        answer = self._to_line(member, token) if token else _go("/")
        answer.headers["Set-Cookie"] = cookie
        return answer

    def _to_line(self, member: str, token: str) -> Response:
        made = self._todoku("POST", f"{A}/members/{quote(member, safe='')}/nonce", {"link_token": token})
        return _go(made["redirect_url"])

    def rank(self, request: Request) -> Response:
        """The rank changes; every linked friend's sheet follows."""
        member, rank = self._member(request), _form(request).get("rank", "")
        if member is not None and rank in RANKS:
            self._todoku("PUT", f"{A}/members/{quote(member, safe='')}", {"rank": rank})
        return _go("/")

    def line(self, request: Request) -> Response:
        """To LINE Login, by Todoku."""
        return self._begin(request, {"return_url": f"{self.url}/"})

    def liff_link(self, request: Request) -> Response:
        """To the LIFF app."""
        return self._begin(request, {"liff": True})

    def _begin(self, request: Request, how: dict[str, Any]) -> Response:
        member = self._member(request)
        if member is None:
            return _go("/")
        return _go(self._todoku("POST", f"{A}/members/{quote(member, safe='')}/login", how)["url"])

    def liff(self, _request: Request) -> Response:
        """The LIFF app's page: its script sends the ID token on."""
        endpoint = html.escape(f"{self.api_url}/link/{ACCOUNT}/liff")
        return self._page(
            "LINE と連携", f'<p id="notice" data-endpoint="{endpoint}">…</p><script src="/liff.js"></script>'
        )

    def script(self, _request: Request) -> Response:
        """The script of the LIFF page."""
        return Response(200, _SCRIPT.encode(), dict(_HEADERS), "text/javascript; charset=utf-8")

    def unlink(self, request: Request) -> Response:
        """Every friend of the member is unlinked."""
        member = self._member(request)
        if member is not None:
            path = f"{A}/members/{quote(member, safe='')}"
            for user in self._todoku("GET", path)["user_ids"]:
                self._todoku("DELETE", f"{path}/link", {"user_id": user})
        return _go("/")

    # behind it -----------------------------------------------------------------------------------

    def _member(self, request: Request) -> str | None:
        return self._sessions.get(_cookie(request))

    def _todoku(self, method: str, path: str, body: Any = None) -> Any:
        with contextlib.closing(Client(self.api_url, self._key)) as client:
            return client.call(method, path, body)

    def _page(self, title: str, body: str, status: int = 200) -> Response:
        text = _PAGE.format(title=html.escape(title), body=body)
        return Response(status, text.encode(), dict(_HEADERS), "text/html; charset=utf-8")


_ROUTES: dict[tuple[str, str], Any] = {
    ("GET", "/"): Site.home,
    ("GET", "/login"): Site.login_page,
    ("GET", "/liff"): Site.liff,
    ("GET", "/liff.js"): Site.script,
    ("POST", "/register"): Site.register,
    ("POST", "/login"): Site.login,
    ("POST", "/logout"): Site.logout,
    ("POST", "/connect"): Site.connect,
    ("POST", "/rank"): Site.rank,
    ("POST", "/line"): Site.line,
    ("POST", "/liff-link"): Site.liff_link,
    ("POST", "/unlink"): Site.unlink,
}


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace")))


def _cookie(request: Request) -> str:
    found = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
    return found.value if found else ""


def _hashed(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()


def _go(where: str, cookie: str = "") -> Response:
    more = {"Set-Cookie": cookie} if cookie else {}
    return Response(303, b"", {"Location": where, "Cache-Control": "no-store", **more}, "text/plain")
