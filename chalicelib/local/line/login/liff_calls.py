"""What a LIFF page does as the friend who has opened it: says something in the chat, adds the account.

https://developers.line.biz/en/reference/liff/#send-messages
https://developers.line.biz/en/reference/liff/#request-friendship
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.local.line import events
from chalicelib.local.line.friend_endpoints import deliver
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.login import oauth
from chalicelib.shared.ids import new_ulid

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

_MOST = 5
_ADDRESSES: Mapping[str, str] = {"image": "originalContentUrl", "video": "originalContentUrl"}
_UNREPORTED = frozenset({"template", "flex"})
"""LINE does not report these to the account."""
_OPEN = {"Access-Control-Allow-Origin": "*"}


def answer(sim: Simulator, request: Request) -> Response | None:
    """The answer to what the SDK asks; None: it is something else."""
    act = {"/liff-messages": _say, "/liff-friendship": _befriend}.get(request.path)
    if act is None:
        return None
    body = request.json_object()
    found = oauth.read_token(sim, str(body.get("token", "")))
    if found is None:
        return _refused(401, "UNAUTHORIZED", "invalid token")
    return act(sim, *found, body)


def _say(sim: Simulator, account: str, user: str, body: Mapping[str, Any]) -> Response:
    """``{"messages"}``: up to five, as if the friend had sent them in the chat."""
    if sim.people.status(account, user) != "following":
        return _refused(403, "FORBIDDEN", "user is not a friend of the account")
    given = body.get("messages")
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST:
        return _refused(400, "INVALID_ARGUMENT", f"messages must be 1 to {_MOST}")
    if not all(isinstance(one, dict) for one in given):
        return _refused(400, "INVALID_ARGUMENT", "a message is an object")
    reported = [one for one in given if one.get("type") not in _UNREPORTED]
    try:
        happened = [events.message(_envelope(sim, user), _as_sent(one)) for one in reported]
    except events.Unknown as wrong:
        return _refused(400, "INVALID_ARGUMENT", str(wrong))
    for event in happened:
        deliver(sim, account, [event])
    return Response(200, {}, _OPEN)


def _befriend(sim: Simulator, account: str, user: str, _body: Mapping[str, Any]) -> Response:
    """The friend agrees to add the account, or unblocks it."""
    oauth.befriend(sim, account, user)
    return Response(200, {"friendFlag": True}, _OPEN)


def _as_sent(message: Mapping[str, Any]) -> dict[str, Any]:
    """What LINE sends the account of a message: where a picture is, not that LINE has it."""
    kind, address = message.get("type"), _ADDRESSES.get(str(message.get("type")))
    if address is None or not isinstance(message.get(address), str):
        return dict(message)
    provider = {"type": "external", "originalContentUrl": message[address]}
    provider |= {n: message[n] for n in ("previewImageUrl",) if isinstance(message.get(n), str)}
    return {"type": kind, "contentProvider": provider}


def _envelope(sim: Simulator, user: str) -> events.Envelope:
    return events.Envelope(user, sim.now(), new_ulid(), new_ulid().lower(), sim.new_id)


def _refused(status: int, code: str, message: str) -> Response:
    return Response(status, {"code": code, "message": message}, _OPEN)
