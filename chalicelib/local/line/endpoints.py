"""``/_sim``: the endpoints for tests, stories and the phone page. Errors have Todoku's shape, not LINE's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.local.line import pictures, rich_menus
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.faults import parse_faults
from chalicelib.local.line.friend_endpoints import FRIEND_ROUTES, deliver
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.login.liff import ENDPOINTS as LIFF_ROUTES
from chalicelib.local.line.login.oauth import ENDPOINTS as LOGIN_ROUTES
from chalicelib.local.line.people import STATUSES, Channel, bot_id_of
from chalicelib.local.line.phones import timeline
from chalicelib.local.line.routing import Route, Routes
from chalicelib.local.line.targeting.endpoints import ENDPOINTS as TARGETING_ROUTES
from chalicelib.shared.errors import InvalidInput, NotFound, TodokuError
from chalicelib.shared.reasons import quoted

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator


def serve(sim: Simulator, request: Request) -> Response:
    """Answer one request to ``/_sim``."""
    route, names, known_path = _TABLE.find(request.method, request.path)
    if route is None:
        status = 405 if known_path else 404
        return Response(status, {"error": {"code": "not_found", "message": request.path, "details": []}})
    try:
        return route.handler(Call(sim, request, names=names))
    except TodokuError as wrong:
        return Response(wrong.status, wrong.body())


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query.get(name, default))
    except ValueError as wrong:
        raise InvalidInput(quoted(f"{name} must be a number")) from wrong


# state ----------------------------------------------------------------------------------------------------


def _health(call: Call) -> Response:
    channels = [channel.account for channel in call.sim.people.channels()]
    return Response(body={"status": "ok", "accounts": channels, "last_seq": call.sim.store.last_seq()})


def _get_faults(call: Call) -> Response:
    return Response(body=call.sim.switchboard.as_json())


def _put_faults(call: Call) -> Response:
    body = call.request.json_object()
    try:
        call.sim.switchboard.set(*parse_faults(body))
    except ValueError as wrong:
        raise InvalidInput(quoted(str(wrong))) from wrong
    call.sim.store.set_meta("faults", body)
    return _get_faults(call)


def _get_limits(call: Call) -> Response:
    return Response(body=call.sim.limiter.overrides)


def _put_limits(call: Call) -> Response:
    body = call.request.json_object()
    for kind, per_second in body.items():
        if isinstance(per_second, bool) or not isinstance(per_second, int | float):
            raise InvalidInput(quoted(f"{kind} must be requests per second"))
    call.sim.limiter.set_overrides(body)
    call.sim.store.set_meta("limits", body)
    return Response(body=body)


def _get_quota(call: Call) -> Response:
    account = call.request.query.get("account", "*")
    return Response(
        body={"limit": call.sim.sender.quota(account), "used": call.sim.sender.used(account, call.sim.now())}
    )


def _put_quota(call: Call) -> Response:
    body = call.request.json_object()
    limit = body.get("limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise InvalidInput(quoted("limit must be a whole number of messages a month, or null for none"))
    limits = call.sim.store.meta("quota", {}) | {body.get("account") or "*": limit}
    call.sim.store.set_meta("quota", limits)
    return Response(body={"limit": limit})


_SETTINGS = ("strict_tokens", "strict_reply_tokens")


def _get_settings(call: Call) -> Response:
    return Response(body={name: call.sim.store.meta(name, None) for name in _SETTINGS})


def _put_settings(call: Call) -> Response:
    for name, value in call.request.json_object().items():
        if name not in _SETTINGS or not (value is None or isinstance(value, bool)):
            raise InvalidInput(quoted(f"{name} must be one of {', '.join(_SETTINGS)}, true, false or null"))
        call.sim.store.set_meta(name, value)
    return _get_settings(call)


# the log --------------------------------------------------------------------------------------------------


def _messages(call: Call) -> Response:
    """Every attempt to send, oldest first; ``status`` is LINE's verdict, ``answered`` what the caller got."""
    where, values = ["seq > ?"], [_number(call.request, "since", 0)]
    terms: list[Any] = list(values)
    for name in ("account", "kind", "status", "retry_key"):
        if name in call.request.query:
            where.append(f"{name} = ?")
            terms.append(call.request.query[name])
    terms.append(_number(call.request, "limit", -1))
    rows = call.sim.store.all(
        f"SELECT * FROM sends WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?",  # noqa: S608 (fixed names)
        *terms,
    )
    return Response(body={"items": [_item(row) for row in rows]})


def _item(row: Any) -> dict[str, Any]:
    try:
        body = orjson.loads(row["body"])
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    to = body.get("to") if row["kind"] != "reply" else row["recipient"]
    messages = body.get("messages")
    return {
        "seq": row["seq"],
        "at": row["at"],
        "account": row["account"],
        "kind": row["kind"],
        "to": to if isinstance(to, list) else [] if to is None else [to],
        "messages": messages if isinstance(messages, list) else [],
        "retry_key": row["retry_key"],
        "request_id": row["request_id"],
        "status": row["status"],
        "answered": row["answered"],
        "delivered": row["delivered"],
        "skipped": orjson.loads(row["skipped"]) if row["skipped"] else [],
        "error": row["error"],
        **({"reply_token": body.get("replyToken")} if row["kind"] == "reply" else {}),
    }


def _forget_messages(call: Call) -> Response:
    """Empty the log. What LINE would remember stays: retry keys, reply tokens, usage."""
    call.sim.store.set_meta("last_seq", call.sim.store.last_seq())
    return Response(body={"deleted": call.sim.store.run("DELETE FROM sends")})


def _events(call: Call) -> Response:
    rows = call.sim.store.all(
        "SELECT * FROM events WHERE seq > ? AND account = COALESCE(?, account) ORDER BY seq LIMIT ?",
        _number(call.request, "since", 0),
        call.request.query.get("account"),
        _number(call.request, "limit", -1),
    )
    items = [
        {"seq": r["seq"], "at": r["at"], "account": r["account"], "event": orjson.loads(r["event"])}
        | {"status": r["status"], "answer": orjson.loads(r["answer"]) if r["answer"] else None}
        for r in rows
    ]
    return Response(body={"items": items})


# channels and friends -------------------------------------------------------------------------------------


def _channels(call: Call) -> Response:
    items = [
        {"account": c.account, "name": c.name, "bot_id": c.bot_id, "webhook_url": call.sim.courier.url(c)}
        for c in call.sim.people.channels()
    ]
    return Response(body={"items": items})


def _put_channel(call: Call) -> Response:
    body = call.request.json_object()
    secret, token = body.get("channel_secret"), body.get("channel_access_token")
    if not isinstance(secret, str) or not isinstance(token, str) or not secret or not token:
        raise InvalidInput(quoted("channel_secret and channel_access_token are needed"))
    known = call.sim.people.channel(call.names["account"])
    channel = Channel(
        call.names["account"],
        secret,
        token,
        body.get("webhook_url", known.webhook_url),
        body.get("name") or call.names["account"],
        bot_id_of(call.names["account"]),
    )
    call.sim.people.register(channel)
    return Response(
        body={
            "account": call.names["account"],
            "bot_id": channel.bot_id,
            "webhook_url": call.sim.courier.url(channel),
        }
    )


def _friends(call: Call) -> Response:
    account = call.request.query.get("account", "")
    limit = _number(call.request, "limit", 100)
    items = call.sim.people.friends(account, call.request.query.get("q", ""), limit)
    return Response(body={"items": items, "total": len(call.sim.people.statuses(account))})


def _add_friends(call: Call) -> Response:
    """Friends come into being without a webhook, as those a shop had before it installed Todoku."""
    body = call.request.json_object()
    account = body.get("account")
    friends = body.get("friends", [body])
    if not isinstance(account, str) or not account or not isinstance(friends, list):
        raise InvalidInput(quoted("account and friends (a list) are needed"))
    for friend in friends:
        if not isinstance(friend, dict) or not isinstance(friend.get("user_id"), str):
            raise InvalidInput(quoted("each friend needs a user_id"))
        if friend.get("status", "following") not in STATUSES:
            raise InvalidInput(quoted(f"status must be one of {', '.join(STATUSES)}"))
    call.sim.people.set_many(account, friends, call.sim.now())
    return Response(body={"accepted": len(friends)})


def _timeline(call: Call) -> Response:
    account = call.request.query.get("account", "")
    channel, person = call.sim.people.channel(account), call.sim.people.person(call.names["user"])
    return Response(
        body={
            "account": {"account": account, "name": channel.name, "bot_id": channel.bot_id},
            "friend": {
                "user_id": call.names["user"],
                "display_name": person["name"],
                "colour": person["colour"],
                "status": call.sim.people.status(account, call.names["user"]),
            },
            "items": timeline(
                call.sim.store, account, call.names["user"], _number(call.request, "limit", 60)
            ),
            "rich_menu": rich_menus.shown_menu(call.sim, account, call.names["user"]),
        }
    )


def _stream(call: Call) -> Response:
    pairs = [phone.split("/", 1) for phone in call.request.query.get("phones", "").split(",") if "/" in phone]
    phones = frozenset((account, user) for account, user in pairs)
    return Response(content_type="text/event-stream; charset=utf-8", stream=call.sim.hub.stream(phones))


# webhooks -------------------------------------------------------------------------------------------------


def _raw_webhook(call: Call) -> Response:
    """Sign and send these events as they are: a recorded day, an empty request, a type of the future."""
    body = call.request.json_object()
    events = body.get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise InvalidInput(quoted("events must be a list of event objects"))
    signature = {"bad": "AAAA", "none": ""}.get(str(body.get("signature")))
    return deliver(call.sim, call.names["account"], events, signature=signature, learn=True)


def _redeliver(call: Call) -> Response:
    ids = call.request.json_object().get("event_ids")
    if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
        raise InvalidInput(quoted("event_ids must be a list of webhookEventIds"))
    found, outcome = call.sim.courier.redeliver(call.names["account"], ids)
    if outcome is None:
        return Response(body={"event_ids": [], "webhook": None})
    return Response(body={"event_ids": found, "webhook": vars(outcome)})


# pictures -------------------------------------------------------------------------------------------------

_SVG = "image/svg+xml"
_KEEP = {"Cache-Control": "max-age=60", "Content-Security-Policy": "default-src 'none'"}


def _avatar(call: Call) -> Response:
    person = call.sim.people.person(call.names["user"].removesuffix(".svg"))
    return Response(200, pictures.avatar(person["name"], person["colour"]), dict(_KEEP), _SVG)


def _landscape(call: Call) -> Response:
    return Response(200, pictures.landscape(call.names["seed"].removesuffix(".svg")), dict(_KEEP), _SVG)


def _content(call: Call) -> Response:
    row = call.sim.store.one(
        "SELECT * FROM contents WHERE message_id = ? AND NOT gone", call.names["message"]
    )
    if row is None:
        raise NotFound(quoted("there is no such content"))
    data = bytes(row["data"]) if row["data"] is not None else pictures.photo(call.names["message"])
    safe = row["content_type"] if row["content_type"].startswith(("image/", "video/", "audio/")) else ""
    return Response(200, data, dict(_KEEP), safe or "application/octet-stream")


def _menu_image(call: Call) -> Response:
    row = call.sim.store.one(
        "SELECT * FROM rich_menus WHERE account = ? AND id = ?", call.names["account"], call.names["menu"]
    )
    if row is None or row["image"] is None:
        raise NotFound(quoted("there is no such picture"))
    return Response(200, bytes(row["image"]), dict(_KEEP), row["content_type"])


ROUTES: list[Route[Handler]] = [
    Route(method, f"/_sim/{path}", "sim", handler)
    for method, path, handler in (
        ("GET", "health", _health),
        ("GET", "faults", _get_faults),
        ("PUT", "faults", _put_faults),
        ("GET", "limits", _get_limits),
        ("PUT", "limits", _put_limits),
        ("GET", "quota", _get_quota),
        ("PUT", "quota", _put_quota),
        ("GET", "settings", _get_settings),
        ("PUT", "settings", _put_settings),
        ("GET", "messages", _messages),
        ("DELETE", "messages", _forget_messages),
        ("GET", "events", _events),
        ("GET", "channels", _channels),
        ("PUT", "channels/{account}", _put_channel),
        ("GET", "friends", _friends),
        ("POST", "friends", _add_friends),
        ("GET", "friends/{user}/timeline", _timeline),
        ("GET", "stream", _stream),
        ("POST", "webhooks/{account}", _raw_webhook),
        ("POST", "webhooks/{account}/redeliver", _redeliver),
        ("GET", "avatars/{user}", _avatar),
        ("GET", "pictures/{seed}", _landscape),
        ("GET", "contents/{message}", _content),
        ("GET", "richmenus/{account}/{menu}/image", _menu_image),
        *FRIEND_ROUTES,
        *LOGIN_ROUTES,
        *LIFF_ROUTES,
        *TARGETING_ROUTES,
    )
]
"""Every endpoint; docs/simulator.md describes them (a test compares)."""

_TABLE = Routes(ROUTES)
