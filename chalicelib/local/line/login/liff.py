"""``liff.line.me``: LIFF addresses as phones and browsers open them, and the SDK of the page behind.

A phone names its friend by the cookie (or parameter) ``sim_user``; whoever comes without one is asked who
they are, or whether this is a browser outside of LINE, which gets no ID token and goes through LINE Login.
https://developers.line.biz/en/docs/liff/opening-liff-app/
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.local.line.calls import Call
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.login import liff_calls, oauth
from chalicelib.local.line.login.account_link import page
from chalicelib.local.line.people import USER_ID
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import quoted

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

_SDK = Path(__file__).with_name("liff-sdk.js")
WHO = "sim_user"
_OUTSIDE = '<form method="post"><button name="outside" value="1">LINE の外のブラウザで開く</button></form>'


def answer(sim: Simulator, request: Request) -> Response | None:
    """The answer of LINE's LIFF server; None: the request is none of its own."""
    if request.path == "/liff-sdk.js":
        return Response(
            200, _SDK.read_bytes(), {"Cache-Control": "no-cache"}, "text/javascript; charset=utf-8"
        )
    if request.path == "/liff-login":
        return _log_in(sim, request)
    if request.path == "/liff-profile":
        return _profile(sim, request)
    if request.path == "/liff/v1/apps":
        return _apps(sim, request)
    if request.path.startswith("/liff/"):
        return _open(sim, request)
    return liff_calls.answer(sim, request) if request.method == "POST" else None


def _open(sim: Simulator, request: Request) -> Response:
    """``/liff/{liffId}/…``: who opens it, then the LIFF app's page with the ID token behind ``#``."""
    row = _app(sim, request.path)
    if row is None:
        return page(404, "404 Not Found", "LIFF")
    user = who(request)
    if request.method == "GET" and sim.people.status(row["account"], user) == "following":
        return _redirect(primary(sim, row, request, user), user)
    if request.method == "GET":
        return oauth.consent(sim, row["account"], user, "" if user else _OUTSIDE)
    form = oauth.form_of(request)
    if form.get("outside"):
        return _redirect(primary(sim, row, request, None), "")
    if not form.get("user"):
        return page(200, "キャンセルしました", "")
    if form.get("add_friend"):
        oauth.befriend(sim, row["account"], form["user"])
    return _redirect(primary(sim, row, request, form["user"]), form["user"])


def primary(sim: Simulator, row: Mapping[str, Any], request: Request, user: str | None) -> str:
    """The first address of a LIFF app's page; what stood behind the LIFF address is its ``liff.state``."""
    query = {name: value for name, value in request.query.items() if name != WHO}
    behind = "/".join(request.path.split("/")[3:])
    asked = f"?{urllib.parse.urlencode(query)}" if query else ""
    state = f"/{behind}{asked}" if behind else asked
    shown = {} if behind else query
    given = urllib.parse.urlencode({**shown, "liff.state": state} if state else shown)
    url = f"{row['endpoint']}{'?' if given else ''}{given}"
    if user is None:
        return url
    return f"{url}#{urllib.parse.urlencode({'id_token': oauth.liff_token(sim, row, user), 'in_client': '1'})}"


def _log_in(sim: Simulator, request: Request) -> Response:
    """``liff.login()`` in a browser outside of LINE."""
    row = _app(sim, f"/liff/{request.query.get('liff_id', '')}")
    back = request.query.get("redirect_uri", "")
    if row is None or not back.startswith(str(row["endpoint"])):
        return page(400, "400 Bad Request", "redirect_uri")
    if request.method == "GET":
        return oauth.consent(sim, row["account"], who(request))
    form = oauth.form_of(request)
    if not form.get("user"):
        return page(200, "キャンセルしました", "")
    if form.get("add_friend"):
        oauth.befriend(sim, row["account"], form["user"])
    token = urllib.parse.urlencode({"id_token": oauth.liff_token(sim, row, form["user"])})
    return _redirect(f"{back.partition('#')[0]}#{token}", form["user"])


def _profile(sim: Simulator, request: Request) -> Response:
    """What ``liff.getProfile()`` and ``liff.getFriendship()`` ask."""
    found = oauth.read_token(sim, request.query.get("token", ""))
    if found is None:
        return Response(401, {"message": "invalid token"})
    account, user = found
    body = {"userId": user, "displayName": sim.people.person(user)["name"]}
    follows = sim.people.status(account, user) == "following"
    return Response(200, body | {"friendFlag": follows}, {"Access-Control-Allow-Origin": "*"})


def who(request: Request) -> str:
    """Whose phone it is; empty: nobody said so."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(WHO)
    except CookieError:
        found = None
    user = request.query.get(WHO) or (found.value if found else "")
    return user if USER_ID.match(user) else ""


def _apps(sim: Simulator, request: Request) -> Response:
    """The LIFF server API: the apps of the Login channel whose token came.
    https://developers.line.biz/en/reference/liff-server/
    """
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    row = sim.store.one("SELECT * FROM login_channels WHERE channel = ?", token.removeprefix("channel."))
    if row is None or not token.startswith("channel."):
        return Response(401, {"message": "invalid token"})
    if not row["liff"]:
        return Response(404, {"message": "no apps"})
    view = {"type": "full", "url": row["endpoint"]}
    return Response(body={"apps": [{"liffId": row["liff"], "view": view, "botPrompt": "aggressive"}]})


def _app(sim: Simulator, path: str) -> dict[str, Any] | None:
    row = sim.store.one("SELECT * FROM login_channels WHERE liff = ?", path.split("/")[2])
    return dict(row) if row is not None and row["endpoint"] else None


def _redirect(where: str, user: str) -> Response:
    """Whoever this browser is stays known to LINE, for what it opens next."""
    cookie = {"Set-Cookie": f"{WHO}={user}; Path=/; Max-Age=120; SameSite=Lax"} if user else {}
    return Response(302, b"", {"Location": where, "Cache-Control": "no-store", **cookie}, "text/plain")


def _act(call: Call) -> Response:
    """``{"url", "add_friend"?}``: the friend opens a LIFF address on their phone; where its page is."""
    body, user = call.request.json_object(), call.names["user"]
    parts = urllib.parse.urlsplit(str(body.get("url", "")))
    query = dict(urllib.parse.parse_qsl(parts.query))
    row = _app(call.sim, parts.path) if parts.path.startswith("/liff/") else None
    if row is None or not USER_ID.match(user):
        raise InvalidInput(quoted("url must be an address of a LIFF app that LINE knows"))
    if body.get("add_friend") is True:
        oauth.befriend(call.sim, row["account"], user)
    where = primary(call.sim, row, Request("GET", parts.path, query, {}, b""), user)
    fragment = dict(urllib.parse.parse_qsl(where.partition("#")[2]))
    return Response(body={"redirect_url": where, "id_token": fragment["id_token"]})


ENDPOINTS = (("POST", "friends/{user}/liff", _act),)
