"""The conversation with a friend, read off the timeline: what they said, what was sent to them; staff speak.

Out: replies and pushes of rules, scenario actions and staff, which are effects of an event; and the messages
of scenario steps and broadcasts, each a line of its own that names its run and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.actions.effects import run_id
from chalicelib.actions.kinds import goes_by_push, is_outgoing
from chalicelib.conversations import contents, rendering
from chalicelib.conversations.model import STAFF_MESSAGE
from chalicelib.deliveries import service as deliveries
from chalicelib.events.contents import is_kept_by_line
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, inbox
from chalicelib.shared.errors import Conflict, NotFound
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason, as_answered
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities

_READ_AT_ONCE = 100
_MOST_READS = 5

Cursor = dict[str, Any]


def get_sheet(account: Account, user: str) -> Sheet:
    """The friend's sheet. Raises NotFound."""
    sheet = friends.load(account.id, account.shards, user)
    if sheet is None:
        raise NotFound(Reason("no_friend", user=user))
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
            found_lines = lines(activity)[skip:]
            room = limit - len(found)
            found += found_lines[:room]
            if len(found_lines) > room:
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
    outgoing = [e for e in activity.get("effects") or () if is_outgoing(e)]
    found = [common | _out(effect) for effect in reversed(outgoing)]
    if activity["type"] == "messaged":
        found.append(common | _in(activity.get("props") or {}))
    return found


def _in(props: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {"direction": "in", "type": props.get("message_type", "-")}
    for name in ("message_id", "text", "quoted_message_id", "unsent_at", "raw"):
        if props.get(name) is not None:
            line[name] = props[name]
    if is_kept_by_line(props):
        line["content"] = {"status": "gone" if "unsent_at" in props else "pending"}
    return line


def _out(effect: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "direction": "out",
        "type": "push" if goes_by_push(effect) else "reply",
        "by": effect.get("by") or _author(str(effect["rule"])),
        "messages": effect.get("messages") or [],
        "status": "accepted" if effect["status"] == "done" else effect["status"],
        "rule": effect["rule"],
        "index": effect["index"],
    }
    for name in ("why", "message", "trimmed", "run", "test"):
        if effect.get(name) is not None:
            line[name] = effect[name]
    line = as_answered(line)
    if effect["status"] == "held" and effect.get("until"):
        line["until"] = effect["until"]
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
            line["content"] = as_answered(known)
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
    return as_answered(
        {"status": outcome["status"], **({"why": outcome["reason"]} if outcome.get("reason") else {})}
    )


def send(account: Account, user: str, given: Mapping[str, Any], by: str, event_id: str) -> dict[str, str]:
    """Have staff send something to a friend: ``{"messages": [...]}`` or ``{"message": id}``.

    Answers ``{"event_id", "run"}``: the message is in the inbox, in line behind what the friend did before.
    The same ``event_id`` again sends nothing twice. Raises what is wrong with it.
    """
    sheet = get_sheet(account, user)
    if sheet["status"] in {"erased", "blocked"}:
        raise Conflict(
            Reason("say_to_erased" if sheet["status"] == "erased" else "say_to_blocked", user=user)
        )
    props: dict[str, Any] = {"messages": _checked(account, sheet, given), "by": by}
    if given.get("message") is not None:
        props["message"] = given["message"]
    at = iso(clock.now())
    event = FriendEvent(event_id, account.id, user, STAFF_MESSAGE, at, props=props, source="console")
    inbox.put_all([event], Reason("message_not_taken"))
    return {"event_id": event_id, "run": run_id(account.id, user, event_id, {"rule": "-", "index": 0})}


def _checked(account: Account, sheet: Sheet, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if given.get("message") is not None:
        return rendering.saved(account, sheet, str(given["message"]))
    return rendering.written(account, sheet, list(given.get("messages") or ()))
