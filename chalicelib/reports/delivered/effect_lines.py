"""What rules, schedules, forms, scenarios' actions and staff sent: a line for each effect that does. Pure.

The activity is the truth: a line says what is there, and is made anew whenever that is corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.accounts.friend_tokens import author_of
from chalicelib.actions.effects import effect_key
from chalicelib.actions.kinds import goes_by_push, is_outgoing
from chalicelib.reports.lines import SENT_BY_EFFECTS, Line, code_of
from chalicelib.reports.numbers import TOTAL, Tally
from chalicelib.shared.ids import digest

REPLY, PUSH = "reply", "push"
RESULTS: Mapping[str, str] = {
    "done": "accepted",
    "skipped": "skipped",
    "failed": "failed",
    "unknown": "unknown",
}
"""By the status of an effect what came of it; of any other one it is still to be sent (``pending``)."""
_PENDING = "pending"
BY = "@"
"""Between a number and its reason."""


def lines(activity: Mapping[str, Any], effects: Iterable[Mapping[str, Any]]) -> list[Line]:
    """The lines of what an event's effects sent to the friend, as far as that has come."""
    if activity.get("state") == "failed":
        return []
    return [_line(activity, effect) for effect in effects if is_outgoing(effect)]


def _line(activity: Mapping[str, Any], effect: Mapping[str, Any]) -> Line:
    author, node = author_of(str(effect["rule"]), str(activity["type"]))
    props = {
        "author": author,
        "node": node,
        "result": RESULTS.get(str(effect["status"]), _PENDING),
        "via": PUSH if goes_by_push(effect) else REPLY,
    }
    name = f"s{digest(str(activity['event_id']), effect_key(effect))[:15]}"
    if props["result"] in {"skipped", "failed"}:
        props["reason"] = code_of(effect.get("why"))
    kept = {name: value for name, value in props.items() if value}
    return Line(str(activity["at"]), str(activity["user_id"]), name, SENT_BY_EFFECTS, kept)


def reasons(found: Tally, result: str, row: str = TOTAL) -> dict[str, int]:
    """Of a result of a row how many there were, by reason."""
    begins = f"{result}{BY}"
    names = [name for name in found.numbers(row) if name.startswith(begins)]
    return {name.removeprefix(begins): int(found.of(row, name)) for name in names}


def numbers(props: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of deliveries in which a line counts."""
    yield from ("planned", str(props["result"]))
    if "reason" in props:
        yield f"{props['result']}{BY}{props['reason']}"
    if (props["result"], props["via"]) == ("accepted", REPLY):
        yield "by_reply"
