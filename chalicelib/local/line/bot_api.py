"""The Messaging API but for sending and rich menus: people, quota, counts, contents, webhook settings."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from chalicelib.local.line import pictures
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Request, Response, error
from chalicelib.local.line.people import USER_ID, basic_id_of
from chalicelib.local.line.routing import Route
from chalicelib.local.line.sending import KINDS, Refused
from chalicelib.local.line.validation.messages import check_messages
from chalicelib.shared.times import iso

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator


def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Refused (400)."""
    try:
        body = request.json()
    except ValueError as broken:
        raise Refused(400, "The request body could not be parsed as JSON (line: 1, column: 1)") from broken
    if not isinstance(body, dict):
        raise Refused(400, "The request body could not be parsed as JSON (line: 1, column: 1)")
    return body


def _never(call: Call) -> Response:
    raise AssertionError(f"{call.request.path}: sending endpoints are judged by the sender")


def _validate(call: Call) -> Response:
    if call.names["kind"] not in KINDS:
        return error(404, "Not found")
    refusal = check_messages(read_object(call.request).get("messages"))
    return error(400, refusal.message, refusal.details) if refusal else Response()


# people ---------------------------------------------------------------------------------------------------


def _profile(call: Call) -> Response:
    if not USER_ID.match(call.names["user"]):
        return error(400, "The value for the 'userId' parameter is invalid")
    if call.sim.people.status(call.account, call.names["user"]) not in {"following", "stranger"}:
        return error(404, "Not found")
    person = call.sim.people.person(call.names["user"])
    host = call.request.headers.get("host", "127.0.0.1")
    return Response(
        body={
            "userId": call.names["user"],
            "displayName": person["name"],
            "pictureUrl": f"http://{host}/_sim/avatars/{call.names['user']}.svg",
            "language": person["language"],
        }
    )


def _followers(call: Call) -> Response:
    try:
        limit = int(call.request.query.get("limit", "300"))
    except ValueError:
        limit = 0
    if not 1 <= limit <= 1000:
        return error(400, "The value for the 'limit' parameter is invalid")
    start = call.request.query.get("start", "")
    rest = [user for user in call.sim.people.following(call.account) if user > start]
    body: dict[str, Any] = {"userIds": rest[:limit]}
    if len(rest) > limit:
        body["next"] = rest[limit - 1]
    return Response(body=body)


def _info(call: Call) -> Response:
    channel = call.sim.people.channel(call.account)
    return Response(
        body={
            "userId": channel.bot_id,
            "basicId": basic_id_of(channel),
            "displayName": channel.name,
            "chatMode": "bot",
            "markAsReadMode": "auto",
        }
    )


# quota and counts -----------------------------------------------------------------------------------------


def _quota(call: Call) -> Response:
    limit = call.sim.sender.quota(call.account)
    return Response(body={"type": "none"} if limit is None else {"type": "limited", "value": limit})


def _consumption(call: Call) -> Response:
    return Response(body={"totalUsage": call.sim.sender.used(call.account, call.sim.now())})


def _delivered(call: Call) -> Response:
    day = call.request.query.get("date", "")
    if call.names["kind"] not in KINDS:
        return error(404, "Not found")
    if len(day) != 8 or not day.isdigit():
        return error(400, "The value for the 'date' parameter is invalid")
    row = call.sim.store.one(
        "SELECT SUM(delivered) AS n FROM sends WHERE account = ? AND kind = ? AND status IN (200, 202)"
        " AND strftime('%Y%m%d', at, '+9 hours') = ?",
        call.account,
        call.names["kind"],
        day,
    )
    return Response(body={"status": "ready", "success": row["n"] or 0 if row else 0})


def _unit_info(call: Call) -> Response:
    return Response(body={"numOfCustomAggregationUnits": len(_units(call.sim, call.account))})


def _unit_list(call: Call) -> Response:
    return Response(body={"customAggregationUnits": _units(call.sim, call.account)})


def _units(sim: Simulator, account: str) -> list[str]:
    rows = sim.store.all(
        "SELECT body FROM sends WHERE account = ? AND kind IN ('push', 'multicast') AND status = 200"
        " AND instr(body, 'customAggregationUnits') AND substr(at, 1, 7) = ?",
        account,
        iso(sim.now())[:7],
    )
    found = {u for row in rows for u in orjson.loads(row["body"]).get("customAggregationUnits") or []}
    return sorted(found)


# the chat -------------------------------------------------------------------------------------------------


def _loading(call: Call) -> Response:
    body = read_object(call.request)
    user, seconds = body.get("chatId"), body.get("loadingSeconds", 20)
    if not isinstance(user, str) or not USER_ID.match(user):
        return error(400, "The property, 'chatId', in the request body is invalid (line: -, column: -)")
    if not isinstance(seconds, int) or seconds not in range(5, 61, 5):
        details = [{"message": "Must be a multiple of 5 from 5 to 60", "property": "loadingSeconds"}]
        return error(400, "The request body has 1 error(s)", details)
    if call.sim.people.status(call.account, user) == "following":
        call.sim.hub.publish(call.account, [user], {"news": "loading", "seconds": seconds})
    return Response(202)


def _mark_as_read(call: Call) -> Response:
    if not isinstance(read_object(call.request).get("markAsReadToken"), str):
        return error(400, "The property, 'markAsReadToken', in the request body is invalid")
    return Response()


def _content(call: Call) -> Response:
    row = call.sim.store.one("SELECT * FROM contents WHERE message_id = ?", call.names["message"])
    if row is None:
        return error(404, "Not found")
    if row["gone"]:
        return error(410, "Gone")
    data = bytes(row["data"]) if row["data"] is not None else pictures.photo(call.names["message"])
    return Response(body=data, content_type=row["content_type"])


def _transcoding(call: Call) -> Response:
    found = _content(call)
    return found if found.status != 200 else Response(body={"status": "succeeded"})


def _link_token(call: Call) -> Response:
    if call.sim.people.status(call.account, call.names["user"]) != "following":
        return error(404 if USER_ID.match(call.names["user"]) else 400, "Not found")
    token, at = secrets.token_urlsafe(24), iso(call.sim.now())
    call.sim.store.run(
        "INSERT INTO link_tokens VALUES (?, ?, ?, ?, 0)", token, call.account, call.names["user"], at
    )
    return Response(body={"linkToken": token})


# webhook settings -----------------------------------------------------------------------------------------


def _get_endpoint(call: Call) -> Response:
    return Response(
        body={"endpoint": call.sim.courier.url(call.sim.people.channel(call.account)), "active": True}
    )


def _set_endpoint(call: Call) -> Response:
    endpoint = read_object(call.request).get("endpoint")
    parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
    loopback = parts is not None and parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    if parts is None or not (parts.scheme == "https" or loopback) or len(str(endpoint)) > 500:
        return error(400, "Invalid webhook endpoint URL")
    call.sim.set_webhook_url(call.account, str(endpoint))
    return Response()


def _test_endpoint(call: Call) -> Response:
    outcome = call.sim.courier.send(call.account, [])
    reason = "OK" if outcome.delivered else "ERROR_STATUS_CODE" if outcome.status else "COULD_NOT_CONNECT"
    return Response(
        body={
            "success": outcome.delivered,
            "timestamp": iso(call.sim.now()),
            "statusCode": outcome.status,
            "reason": reason,
            "detail": str(outcome.status) if outcome.status else str(outcome.body),
        }
    )


_SENDS: list[Route[Handler]] = [Route("POST", f"/v2/bot/message/{kind}", kind, _never) for kind in KINDS]

ROUTES: list[Route[Handler]] = [
    *_SENDS,
    Route("POST", "/v2/bot/message/validate/{kind}", "validate", _validate),
    Route("GET", "/v2/bot/profile/{user}", "profile", _profile),
    Route("GET", "/v2/bot/followers/ids", "followers", _followers),
    Route("GET", "/v2/bot/info", "info", _info),
    Route("GET", "/v2/bot/message/quota", "quota", _quota),
    Route("GET", "/v2/bot/message/quota/consumption", "quota", _consumption),
    Route("GET", "/v2/bot/message/delivery/{kind}", "delivery", _delivered),
    Route("GET", "/v2/bot/message/aggregation/info", "delivery", _unit_info),
    Route("GET", "/v2/bot/message/aggregation/list", "delivery", _unit_list),
    Route("POST", "/v2/bot/chat/loading/start", "loading", _loading),
    Route("POST", "/v2/bot/chat/markAsRead", "loading", _mark_as_read),
    Route("GET", "/v2/bot/message/{message}/content", "content", _content),
    Route("GET", "/v2/bot/message/{message}/content/preview", "content", _content),
    Route("GET", "/v2/bot/message/{message}/content/transcoding", "content", _transcoding),
    Route("POST", "/v2/bot/user/{user}/linkToken", "link_token", _link_token),
    Route("GET", "/v2/bot/channel/webhook/endpoint", "webhook_endpoint", _get_endpoint),
    Route("PUT", "/v2/bot/channel/webhook/endpoint", "webhook_endpoint", _set_endpoint),
    Route("POST", "/v2/bot/channel/webhook/test", "webhook_test", _test_endpoint),
]
