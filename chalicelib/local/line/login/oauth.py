"""LINE Login and LIFF, as LINE plays them: the page on which a friend agrees, tokens, keys, ID tokens.

``access.line.me`` and ``api.line.me`` on one port. Web logins get ID tokens signed with the channel's secret
(HS256), LIFF pages ones signed with a key of LINE's (ES256), which ``POST /_sim/login/keys`` changes. A
person chooses on the page who they are; ``POST /_sim/friends/{user}/login`` does it for them.
https://developers.line.biz/en/reference/line-login/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.local.line import events
from chalicelib.local.line.calls import Call
from chalicelib.local.line.friend_endpoints import deliver
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.login.account_link import PAGE_HEADERS, page
from chalicelib.shared.errors import Conflict, InvalidInput
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import quoted
from chalicelib.shared.times import iso

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

ISSUER = "https://access.line.me"
_CODE_LIFE, _ID_TOKEN_LIFE = timedelta(minutes=10), timedelta(hours=1)
_PERSON = """<form method="post"><input type="hidden" name="user" value="{user}">
<label><input type="checkbox" name="add_friend" value="1" {checked}> 友だち追加</label>
<button>{name} として許可する</button></form>"""
_CONSENT = """<!doctype html><html lang="ja"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>LINE ログイン</title>
<h1>LINE ログイン</h1><p>どの友だちとしてログインしますか？（シミュレーター）</p>{people}
<form method="post"><button name="decline" value="1">キャンセル</button></form>{more}</html>"""


def answer(sim: Simulator, request: Request) -> Response | None:
    """LINE Login's answer; None: the request is none of its own."""
    handler = _ROUTES.get((request.method, request.path))
    return handler(sim, request) if handler is not None else None


# The browser ----------------------------------------------------------------------------------------------


def _ask_consent(sim: Simulator, request: Request) -> Response:
    channel = _channel(sim, request.query.get("client_id", ""))
    wrong = _wrong(request.query, channel)
    if wrong or channel is None:
        return page(400, "400 Bad Request", wrong or "client_id")
    return consent(sim, channel["account"])


def consent(sim: Simulator, account: str, user: str = "", more: str = "") -> Response:
    """The page on which somebody agrees: whoever they say they are, or this one friend."""
    known = sim.people.friends(account, user, limit=50) or ([_newcomer(sim, user)] if user else [])
    people = "".join(
        _PERSON.format(
            user=html.escape(friend["user_id"]),
            name=html.escape(friend["display_name"]),
            checked="" if friend["status"] == "following" else "checked",
        )
        for friend in known
    )
    body = _CONSENT.format(people=people, more=more).encode()
    return Response(200, body, dict(PAGE_HEADERS), "text/html; charset=utf-8")


def _newcomer(sim: Simulator, user: str) -> dict[str, Any]:
    return {"user_id": user, "display_name": sim.people.person(user)["name"], "status": "stranger"}


def _consented(sim: Simulator, request: Request) -> Response:
    """The person has chosen on the page."""
    form = form_of(request)
    if form.get("decline"):
        return _redirect(decline(request.query))
    where = agree(sim, request.query, form.get("user", ""), add_friend=bool(form.get("add_friend")))
    return page(400, "400 Bad Request", "client_id") if where is None else _redirect(where)


def agree(sim: Simulator, asked: Mapping[str, str], user: str, *, add_friend: bool) -> str | None:
    """A friend agrees: where the browser goes; None when LINE shows an error page instead."""
    channel = _channel(sim, asked.get("client_id", ""))
    if channel is None or _wrong(asked, channel):
        return None
    account, code, params = channel["account"], secrets.token_urlsafe(24), {}
    kept = {n: asked.get(n) for n in ("nonce", "code_challenge", "redirect_uri", "scope")}
    row = (code, account, user, iso(sim.now()), orjson.dumps(kept).decode())
    sim.store.run("INSERT INTO login_codes VALUES (?, ?, ?, ?, ?, 0)", *row)
    if asked.get("bot_prompt") and sim.people.status(account, user) != "following":
        params = {"friendship_status_changed": "true" if add_friend else "false"}
        if add_friend:
            befriend(sim, account, user)
    return _with(asked["redirect_uri"], code=code, state=asked["state"], **params)


def decline(asked: Mapping[str, str]) -> str:
    """A friend declines: where the browser goes."""
    params = {"error": "ACCESS_DENIED", "error_description": "The+resource+owner+denied+the+request."}
    return _with(asked.get("redirect_uri", ""), **params, state=asked.get("state", ""))


def _wrong(asked: Mapping[str, str], channel: Mapping[str, Any] | None) -> str:
    if channel is None:
        return "client_id"
    missing = [n for n in ("redirect_uri", "state", "scope") if not asked.get(n)]
    if asked.get("response_type") != "code":
        return "response_type"
    if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
        return "code_challenge_method"
    return missing[0] if missing else ""


def befriend(sim: Simulator, account: str, user: str) -> None:
    """Somebody adds the account, or unblocks it; a friend stays one."""
    if sim.people.status(account, user) == "following":
        return
    unblocked = sim.people.status(account, user) == "blocked"
    sim.people.set_status(account, user, "following", sim.now())
    envelope = events.Envelope(user, sim.now(), new_ulid(), new_ulid().lower(), sim.new_id)
    deliver(sim, account, [events.follow(envelope, is_unblocked=unblocked)])


# Servers --------------------------------------------------------------------------------------------------


def _token(sim: Simulator, request: Request) -> Response:
    form = form_of(request)
    channel = _channel(sim, form.get("client_id", ""))
    if channel is None or not hmac.compare_digest(str(channel["secret"]), form.get("client_secret", "")):
        return _error("invalid_client", "invalid client_secret", 400)
    if form.get("grant_type") == "refresh_token":
        return _refreshed(sim, channel, form.get("refresh_token", ""))
    row = sim.store.one("SELECT * FROM login_codes WHERE code = ?", form.get("code", ""))
    if row is None or row["account"] != channel["account"] or row["at"] < iso(sim.now() - _CODE_LIFE):
        return _error("invalid_grant", "invalid authorization code")
    if not sim.store.run("UPDATE login_codes SET used = 1 WHERE code = ? AND used = 0", row["code"]):
        return _error("invalid_grant", "invalid authorization code")
    asked = orjson.loads(row["asked"])
    verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if asked["code_challenge"] and _text(verifier) != asked["code_challenge"]:
        return _error("invalid_grant", "invalid code_verifier")
    if form.get("redirect_uri") != asked["redirect_uri"]:
        return _error("invalid_grant", "redirect_uri does not match")
    tokens = _grant(sim, channel, row["user_id"])
    if "openid" in (asked["scope"] or "").split():
        tokens["id_token"] = web_token(sim, channel, row["user_id"], asked["nonce"])
    return Response(body=tokens)


def _grant(sim: Simulator, channel: Mapping[str, Any], user: str) -> dict[str, Any]:
    access, again = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    sim.store.run("INSERT INTO login_grants VALUES (?, ?, ?, ?, 0)", again, access, channel["account"], user)
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": 2_592_000,
        "refresh_token": again,
        "scope": "openid profile",
    }


def _refreshed(sim: Simulator, channel: Mapping[str, Any], again: str) -> Response:
    row = sim.store.one(
        "SELECT * FROM login_grants WHERE refresh = ? AND account = ? AND gone = 0", again, channel["account"]
    )
    if row is None:
        return _error("invalid_grant", "invalid refresh_token")
    access = secrets.token_urlsafe(32)
    sim.store.run("UPDATE login_grants SET access = ? WHERE refresh = ?", access, again)
    return Response(body={"access_token": access, "token_type": "Bearer", "refresh_token": again})


def _channel_token(sim: Simulator, request: Request) -> Response:
    form = form_of(request)
    channel = _channel(sim, form.get("client_id", ""))
    if channel is None or not hmac.compare_digest(str(channel["secret"]), form.get("client_secret", "")):
        return _error("invalid_client", "invalid client_secret")
    return Response(
        body={"token_type": "Bearer", "access_token": f"channel.{channel['channel']}", "expires_in": 900}
    )


def _deauthorize(sim: Simulator, request: Request) -> Response:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    channel = _channel(sim, bearer.removeprefix("channel."))
    if channel is None or not bearer.startswith("channel."):
        return Response(401, {"message": "invalid token"})
    gone = sim.store.run(
        "UPDATE login_grants SET gone = 1 WHERE access = ? AND account = ? AND gone = 0",
        str(request.json().get("userAccessToken")),
        channel["account"],
    )
    return Response(204, b"") if gone else Response(400, {"message": "invalid userAccessToken"})


def _verify(sim: Simulator, request: Request) -> Response:
    """LINE's own opinion of an ID token."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    form = form_of(request)
    channel = _channel(sim, form.get("client_id", ""))
    try:
        token = form.get("id_token", "")
        header = orjson.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        ours = header.get("alg") == "ES256"
        key = _key(sim) if ours else OctKey.import_key(str(channel["secret"] if channel else "-" * 32))
        claims = jwt.decode(token, key, algorithms=["ES256" if ours else "HS256"]).claims
    except (JoseError, ValueError, KeyError):
        return _error("invalid_request", "Invalid IdToken.")
    if channel is None or claims["aud"] != channel["channel"]:
        return _error("invalid_request", "Invalid IdToken Audience.")
    if claims["exp"] < sim.now().timestamp():
        return _error("invalid_request", "IdToken expired.")
    return Response(body=claims)


def _certificates(sim: Simulator, _request: Request) -> Response:
    return Response(body={"keys": [_key(sim).as_dict(private=False)]})


# ID tokens ------------------------------------------------------------------------------------------------


def web_token(sim: Simulator, channel: Mapping[str, Any], user: str, nonce: str | None) -> str:
    """An ID token of a web login."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    claims = _claims(sim, channel, user) | ({"nonce": nonce} if nonce else {})
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(str(channel["secret"])))


def liff_token(sim: Simulator, channel: Mapping[str, Any], user: str) -> str:
    """An ID token of a LIFF page: without a profile, as LINE's newer channels have it."""
    from joserfc import jwt

    key = _key(sim)
    return jwt.encode({"alg": "ES256", "kid": key.kid}, _claims(sim, channel, user), key)


def _claims(sim: Simulator, channel: Mapping[str, Any], user: str) -> dict[str, Any]:
    now = int(sim.now().timestamp())
    life = int(_ID_TOKEN_LIFE.total_seconds())
    # Of one friend two sign-ins in the same second are two, as those of two phones are.
    times = {"exp": now + life, "iat": now, "jti": secrets.token_urlsafe(8)}
    return {"iss": ISSUER, "sub": user, "aud": channel["channel"], **times}


def read_token(sim: Simulator, token: str) -> tuple[str, str] | None:
    """The account and the friend of an ID token of ours that a LIFF page has."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        claims = jwt.decode(token, _key(sim), algorithms=["ES256"]).claims
    except (JoseError, ValueError):
        return None
    channel = _channel(sim, claims["aud"])
    return (channel["account"], claims["sub"]) if channel else None


def _key(sim: Simulator) -> Any:
    from joserfc.jwk import ECKey

    with sim.store.lock:  # of two first sign-ins at once none makes the other's key unknown
        known = sim.store.meta("login_key", None)
        if known is None:
            made = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"})
            made.ensure_kid()
            known = made.as_dict(private=True)
            sim.store.set_meta("login_key", known)
    return ECKey.import_key(known)


# The endpoints ------------------------------------------------------------------------------------------


def _act(call: Call) -> Response:
    """``{"url", "decline"?, "add_friend"?}``: the friend opens the authorise page, and agrees or not."""
    body, user = call.request.json_object(), call.names["user"]
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(str(body.get("url", ""))).query))
    if body.get("decline"):
        return Response(body={"redirect_url": decline(asked)})
    where = agree(call.sim, asked, user, add_friend=body.get("add_friend") is True)
    if where is None:
        raise InvalidInput(quoted("LINE shows an error page: the address is no login of a channel it knows"))
    return Response(body={"redirect_url": where})


def _token_for_liff(call: Call) -> Response:
    """``{"account"?}``: what ``liff.getIDToken()`` gives this friend."""
    body = call.request.json_object()
    rows = call.sim.store.all("SELECT * FROM login_channels")
    found = [row for row in rows if body.get("account") in {None, row["account"]}]
    if len(found) != 1:
        raise Conflict(quoted("there is no such Login channel, or several"))
    return Response(body={"id_token": liff_token(call.sim, dict(found[0]), call.names["user"])})


def _change_keys(call: Call) -> Response:
    call.sim.store.run("DELETE FROM meta WHERE name = 'login_key'")
    return Response(body={"kid": _key(call.sim).kid})


def _put_channel(call: Call) -> Response:
    """``{"channel_id", "channel_secret", "liff_id"?, "liff_endpoint"?, "liff_page"?}`` of an account's Login
    channel; ``liff_page`` is the endpoint while nobody has said another.
    """
    body = call.request.json_object()
    names = ("channel_id", "channel_secret", "liff_id", "liff_endpoint")
    values = [body.get(name) for name in names]
    if not all(isinstance(one, str) and one for one in values[:2]):
        raise InvalidInput(quoted("channel_id and channel_secret are needed"))
    row = call.sim.store.one("SELECT endpoint FROM login_channels WHERE account = ?", call.names["account"])
    values[3] = values[3] or (row and row["endpoint"]) or body.get("liff_page")
    call.sim.store.run(
        "INSERT OR REPLACE INTO login_channels VALUES (?, ?, ?, ?, ?)", call.names["account"], *values
    )
    return Response(body={})


def _grants(call: Call) -> Response:
    rows = call.sim.store.all("SELECT account, user_id, gone FROM login_grants")
    return Response(body={"items": [dict(row) for row in rows]})


ENDPOINTS: tuple[tuple[str, str, Callable[[Call], Response]], ...] = (
    ("PUT", "login/{account}", _put_channel),
    ("GET", "login/grants", _grants),
    ("POST", "login/keys", _change_keys),
    ("POST", "friends/{user}/login", _act),
    ("POST", "friends/{user}/id_token", _token_for_liff),
)

_ROUTES: dict[tuple[str, str], Callable[[Simulator, Request], Response]] = {
    ("GET", "/oauth2/v2.1/authorize"): _ask_consent,
    ("POST", "/oauth2/v2.1/authorize"): _consented,
    ("POST", "/oauth2/v2.1/token"): _token,
    ("GET", "/oauth2/v2.1/certs"): _certificates,
    ("POST", "/oauth2/v2.1/verify"): _verify,
    ("POST", "/oauth2/v3/token"): _channel_token,
    ("POST", "/user/v1/deauthorize"): _deauthorize,
}


def _channel(sim: Simulator, channel: str) -> dict[str, Any] | None:
    row = sim.store.one("SELECT * FROM login_channels WHERE channel = ?", channel)
    return dict(row) if row else None


def form_of(request: Request) -> dict[str, str]:
    """The form that is a request's body."""
    return dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace")))


def _redirect(where: str) -> Response:
    return Response(302, b"", {"Location": where, "Cache-Control": "no-store"}, "text/plain")


def _with(url: str, **more: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode(more)}"


def _error(error: str, description: str, status: int = 400) -> Response:
    return Response(status, {"error": error, "error_description": description})


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
