"""What a person does on a phone: ``POST /_sim/friends/{user}/<verb>`` makes the webhook LINE would send."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.local.line import events, rich_menus
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response
from chalicelib.local.line.people import USER_ID
from chalicelib.local.line.phones import event_item
from chalicelib.local.line.webhooks import chat_of
from chalicelib.shared.errors import Conflict, InvalidInput
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import quoted
from chalicelib.shared.times import iso

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

_MEDIA = {
    "image": "image/png",
    "video": "video/mp4",
    "audio": "audio/mp4",
    "file": "application/octet-stream",
}


def deliver(
    sim: Simulator,
    account: str,
    happened: list[dict[str, Any]],
    *,
    shown: dict[str, Any] | None = None,
    signature: str | None = None,
    learn: bool = False,
) -> Response:
    """Keep, show and send events; the answer is Todoku's. ``learn``: follows and blocks count here too."""
    seqs = []
    for event in happened:
        if learn:
            _learn(sim, account, event)
        _keep_content(sim, event, None)
        seqs.append(sim.courier.keep(account, event, shown))
        _publish(sim, account, event, seqs[-1], shown, None)
    outcome = sim.courier.send(account, happened, signature=signature)
    sim.courier.note(seqs, outcome)
    for seq, event in zip(seqs, happened, strict=True):
        _publish(sim, account, event, seq, shown, outcome.status)
    return Response(
        502 if outcome.status == 0 else 200,
        {"events": happened, "webhook": {"status": outcome.status, "body": outcome.body, "ms": outcome.ms}},
    )


def _publish(
    sim: Simulator,
    account: str,
    event: dict[str, Any],
    seq: int,
    shown: dict[str, Any] | None,
    status: int | None,
) -> None:
    chat = chat_of(event)
    if chat:
        item = event_item(seq, iso(sim.now()), event, shown, status)
        sim.hub.publish(account, [chat], {"news": "item", "item": item})


def _learn(sim: Simulator, account: str, event: dict[str, Any]) -> None:
    """Recorded follows and blocks are true here too; whoever writes is a friend."""
    source = event.get("source")
    user = source.get("userId") if isinstance(source, dict) and source.get("type") == "user" else None
    if not isinstance(user, str):
        return
    if event.get("type") == "unfollow":
        sim.people.set_status(account, user, "blocked", sim.now())
    elif event.get("type") == "follow" or sim.people.status(account, user) is None:
        sim.people.set_status(account, user, "following", sim.now())


def _keep_content(sim: Simulator, event: dict[str, Any], content: tuple[str, bytes] | None) -> None:
    """Media messages can be fetched by their id afterwards; without a file there is a drawn one."""
    message = event.get("message")
    if not isinstance(message, dict) or message.get("type") not in _MEDIA or "id" not in message:
        return
    content_type, data = content or (_MEDIA[message["type"]], None)
    sim.store.run(
        "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, 0)", str(message["id"]), content_type, data
    )


# verbs ----------------------------------------------------------------------------------------------------


class _Act:
    """One request to the endpoints of a friend: the account, the user, and the rest of the body."""

    def __init__(self, call: Call) -> None:
        sim, user = call.sim, call.names["user"]
        body = call.request.json_object()
        if not USER_ID.match(user):
            raise InvalidInput(quoted("a user id is U and 32 characters of 0-9 and a-f"))
        accounts = [channel.account for channel in sim.people.channels()]
        account = body.get("account") or (accounts[0] if len(accounts) == 1 else None)
        if not isinstance(account, str):
            raise InvalidInput(quoted("account is needed"))
        self.sim, self.user, self.body, self.account = sim, user, body, account
        self.envelope = events.Envelope(
            user, sim.now(), new_ulid(), new_ulid().lower() + new_ulid()[-6:].lower(), sim.new_id
        )

    def person(self) -> dict[str, str | None]:
        """What the body says of the person."""
        return {name: self.body.get(name) for name in ("display_name", "colour", "language")}

    def in_touch(self) -> None:
        """Only who has not blocked can do anything; whoever does something is a friend."""
        status = self.sim.people.status(self.account, self.user)
        if status == "blocked":
            raise Conflict(quoted("this friend has blocked the account"))
        if status != "following":
            self.sim.people.set_status(self.account, self.user, "following", self.sim.now())

    def send(self, event: dict[str, Any], shown: dict[str, Any] | None = None) -> Response:
        """Send the event."""
        return deliver(self.sim, self.account, [event], shown=shown)


def _follow(act: _Act) -> Response:
    before = act.sim.people.status(act.account, act.user)
    unblocked = act.body.get("is_unblocked", before == "blocked")
    act.sim.people.set_status(act.account, act.user, "following", act.sim.now(), **act.person())
    _send_status(act, "following")
    return act.send(events.follow(act.envelope, is_unblocked=bool(unblocked)))


def _block(act: _Act) -> Response:
    act.sim.people.set_status(act.account, act.user, "blocked", act.sim.now())
    _send_status(act, "blocked")
    return act.send(events.unfollow(act.envelope))


def _send_status(act: _Act, status: str) -> None:
    person = act.sim.people.person(act.user)
    news = {"news": "friend", "status": status, "display_name": person["name"], "colour": person["colour"]}
    act.sim.hub.publish(act.account, [act.user], news)


def _message(act: _Act) -> Response:
    act.in_touch()
    given = act.body.get("message", {"type": "text", "text": act.body.get("text")})
    if not isinstance(given, dict):
        raise InvalidInput(quoted("message must be an object"))
    event = events.message(act.envelope, given)
    _keep_content(act.sim, event, _content(act.body))
    return act.send(event)


def _postback(act: _Act) -> Response:
    """A tap; ``display_text`` is as the friend's own bubble (LINE reports nothing of it to the account)."""
    act.in_touch()
    text = act.body.get("display_text")
    shown = {"text": text} if isinstance(text, str) and text else None
    return act.send(events.postback(act.envelope, act.body.get("data"), act.body.get("params")), shown)


def _switch(act: _Act) -> Response:
    """A rich menu switch action: the menu changes at once, the postback reports it."""
    act.in_touch()
    alias = act.body.get("alias")
    row = act.sim.store.one(
        "SELECT id FROM rich_menu_aliases WHERE account = ? AND alias = ?", act.account, alias
    )
    params = {"newRichMenuAliasId": alias, "status": "SUCCESS" if row else "RICHMENU_ALIAS_ID_NOTFOUND"}
    if row:
        rich_menus.link(act.sim, act.account, [act.user], row["id"])
    return act.send(events.postback(act.envelope, act.body.get("data"), params))


def _video_complete(act: _Act) -> Response:
    act.in_touch()
    return act.send(events.video_play_complete(act.envelope, str(act.body.get("tracking_id", ""))))


def _beacon(act: _Act) -> Response:
    act.in_touch()
    given = act.body
    return act.send(
        events.beacon(act.envelope, given.get("type", "enter"), given.get("hwid"), given.get("dm"))
    )


def _account_link(act: _Act) -> Response:
    act.in_touch()
    nonce, result = act.body.get("nonce"), act.body.get("result", "ok")
    if not isinstance(nonce, str) or result not in {"ok", "failed"}:
        raise InvalidInput(quoted("nonce is needed, and result is ok or failed"))
    return act.send(events.account_link(act.envelope, nonce, result))


def _unsend(act: _Act) -> Response:
    act.in_touch()
    message = str(act.body.get("message_id", ""))
    act.sim.store.run("UPDATE contents SET gone = 1 WHERE message_id = ?", message)
    return act.send(events.unsend(act.envelope, message))


def _event(act: _Act) -> Response:
    given = act.body.get("event")
    if not isinstance(given, dict):
        raise InvalidInput(quoted("event must be an object"))
    return act.send(events.any_event(act.envelope, given))


def _content(body: dict[str, Any]) -> tuple[str, bytes] | None:
    given = body.get("content_base64")
    if given is None:
        return None
    try:
        data = base64.b64decode(given, validate=True)
    except (binascii.Error, TypeError, ValueError) as wrong:
        raise InvalidInput(quoted("content_base64 is not base64")) from wrong
    return str(body.get("content_type") or "application/octet-stream"), data


_VERBS: dict[str, Callable[[_Act], Response]] = {
    "follow": _follow,
    "unblock": _follow,
    "block": _block,
    "message": _message,
    "postback": _postback,
    "switch": _switch,
    "video_complete": _video_complete,
    "beacon": _beacon,
    "account_link": _account_link,
    "unsend": _unsend,
    "event": _event,
}


def _run(verb: Callable[[_Act], Response]) -> Handler:
    def act(call: Call) -> Response:
        try:
            return verb(_Act(call))
        except events.Unknown as wrong:
            raise InvalidInput(quoted(str(wrong))) from wrong

    return act


FRIEND_ROUTES = tuple(("POST", f"friends/{{user}}/{name}", _run(verb)) for name, verb in _VERBS.items())
