"""The conversation with a friend, read off the timeline: what they said, what was said to them; staff speak.

Out: replies and pushes of rules, scenario actions and staff, which are effects of an event; and the messages
of scenario steps and broadcasts, each a line of its own that names its run and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog.service import snapshot
from chalicelib.deliveries import service as deliveries
from chalicelib.engine.errand import run_id
from chalicelib.engine.model import SPEAKING
from chalicelib.engine.speech import STAFF_MESSAGE
from chalicelib.friends import activities, contents, store
from chalicelib.friends.model import Sheet
from chalicelib.gateways import clock, inbox
from chalicelib.messages import checks, render
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, NotFound, RuleViolation, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest, new_ulid
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso, parse_iso

_READ_AT_ONCE = 100
_MOST_READS = 5
_KEY_KEPT = timedelta(hours=24)

Cursor = dict[str, Any]


def get_sheet(account: Account, user: str) -> Sheet:
    """The friend's sheet. Raises NotFound."""
    sheet = store.load(account.id, account.shards, user)
    if sheet is None:
        raise NotFound(f"there is no friend {user}")
    return sheet


def conversation(
    account: str, user: str, limit: int, cursor: Cursor | None
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """A page of the conversation, newest first, and where the next one begins.

    Looks at a few hundred activities at most, so a page may hold fewer lines than ``limit``, even none.
    """
    place = cursor or {}
    position: Cursor | None = {"at": place["at"], "event_id": place["event_id"]} if place.get("at") else None
    given = place.get("skip")
    skip, found = given if isinstance(given, int) and given > 0 else 0, list[dict[str, Any]]()
    for _ in range(_MOST_READS):
        page, following = activities.recent(account, user, _READ_AT_ONCE, position)
        for activity in page:
            told = lines(activity)[skip:]
            room = limit - len(found)
            found += told[:room]
            if len(told) > room:
                return _completed(account, user, found), {**(position or _START), "skip": skip + room}
            skip, position = 0, {"at": activity["at"], "event_id": activity["event_id"]}
        if following is None:
            return _completed(account, user, found), None
        position = following
    return _completed(account, user, found), position


_START: Cursor = {"at": "", "event_id": ""}


def lines(activity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an activity has of the conversation, newest first. Pure."""
    common = {"event_id": activity["event_id"], "at": activity["at"]}
    spoken = [e for e in activity.get("effects") or () if e.get("action") in SPEAKING]
    found = [common | _out(effect) for effect in reversed(spoken)]
    if activity["type"] == "messaged":
        found.append(common | _in(activity.get("props") or {}))
    return found


def _in(props: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {"direction": "in", "type": props.get("message_type", "-")}
    for name in ("message_id", "text", "quoted_message_id", "unsent_at", "raw"):
        if props.get(name) is not None:
            line[name] = props[name]
    if contents.is_kept_by_line(props):
        line["content"] = {"status": "gone" if "unsent_at" in props else "pending"}
    return line


def _out(effect: Mapping[str, Any]) -> dict[str, Any]:
    pushed = effect["action"] == "send" or effect.get("via") == "push"
    line: dict[str, Any] = {
        "direction": "out",
        "type": "push" if pushed else "reply",
        "by": effect.get("by") or _author(str(effect["rule"])),
        "messages": effect.get("messages") or [],
        "status": "accepted" if effect["status"] == "done" else effect["status"],
        "rule": effect["rule"],
        "index": effect["index"],
    }
    for name in ("why", "message", "trimmed", "run", "test"):
        if effect.get(name) is not None:
            line[name] = effect[name]
    return line


def _author(rule: str) -> str:
    return rule if ":" in rule else f"rule:{rule}"


def _completed(account: str, user: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines with what other places know: where contents are, what came of pushes."""
    kept = contents.find_many(
        account, user, [line["message_id"] for line in found if "content" in line and "unsent_at" not in line]
    )
    for line in found:
        known = kept.get(line.get("message_id", ""), {"status": "pending"})
        if "content" in line and known["status"] != "pending":
            line["content"] = known
        if line["direction"] == "out":
            where = {"rule": line.pop("rule"), "index": line.pop("index")}
            # Written when its chunk had ended, a line with a run of its own is final.
            if line["type"] == "push" and line["status"] == "accepted" and "run" not in line:
                line["run"] = run_id(account, user, line["event_id"], where)
                line.update(_delivered(account, line["run"], user))
    return found


def _delivered(account: str, run: str, user: str) -> dict[str, Any]:
    """What the ledger says: ``pending``, ``accepted``, ``skipped``, ``failed`` or ``unknown``."""
    outcome = deliveries.find_recipient(account, run, "0", user) or {"status": "pending"}
    told = {"status": outcome["status"]}
    return told | ({"why": outcome["reason"]} if outcome.get("reason") else {})


def say(
    account: Account, user: str, given: Mapping[str, Any], by: str, once_key: str | None
) -> dict[str, str]:
    """Have staff say something to a friend: ``{"messages": [...]}`` or ``{"message": id}``.

    Answers ``{"event_id", "run"}``: the message is in the inbox, in line behind what the friend did before.
    With a ``once_key`` the same again is the same event for 24 hours. Raises what is wrong with it.
    """
    sheet = get_sheet(account, user)
    if sheet["status"] in {"erased", "blocked"}:
        what = "was erased" if sheet["status"] == "erased" else "has blocked the account"
        raise Conflict(f"friend {user} {what}: nothing can be sent")
    props: dict[str, Any] = {"messages": _checked(account, sheet, given), "by": by}
    if given.get("message") is not None:
        props["message"] = given["message"]
    event_id = _event_id(account.id, user, once_key)
    at = iso(clock.now())
    event = FriendEvent(event_id, account.id, user, STAFF_MESSAGE, at, props=props, source="console")
    if inbox.put([event]):
        raise Unavailable("the inbox did not take the message; nothing was sent")
    return {"event_id": event_id, "run": run_id(account.id, user, event_id, {"rule": "-", "index": 0})}


def _checked(account: Account, sheet: Sheet, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if given.get("message") is not None:
        return _rendered(account, sheet, str(given["message"]))
    messages: list[dict[str, Any]] = list(given.get("messages") or ())
    wrong: Sequence[Detail] = checks.check(messages)
    if not wrong and not is_storable(messages):
        wrong = [Detail("messages", "holds characters or numbers that cannot be stored")]
    if wrong:
        raise InvalidInput(f"{wrong[0].path}: {wrong[0].message}", wrong)
    return messages


def _rendered(account: Account, sheet: Sheet, message: str) -> list[dict[str, Any]]:
    catalog = snapshot(account.id)
    document = catalog.find("messages", message)
    if document is None:
        reason = f"there is no messages/{message}"
        raise RuleViolation(f"message: {reason}", [Detail("message", reason)])
    try:
        return render.render(document.body, sheet, catalog, clock.now(), zone=account.zone)
    except render.Unrenderable as error:
        reason = f"cannot be said to this friend: {error}"
        raise RuleViolation(f"message: {reason}", [Detail("message", reason)]) from error


def _event_id(account: str, user: str, once_key: str | None) -> str:
    """A fresh id, or the one of a key: repeating a request that was cut off says nothing twice."""
    if once_key is None:
        return new_ulid()
    event_id = digest(account, user, once_key)[:32]
    known = activities.find(account, user, event_id)
    is_old = known is not None and parse_iso(known["at"]) < clock.now() - _KEY_KEPT
    return new_ulid() if is_old else event_id
