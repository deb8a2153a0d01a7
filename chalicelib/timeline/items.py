"""How activities are kept in the table ``activities``: ``account#user_id`` / sort key.

The sort key is the event id. Lines about what was sent (``SENT``) are under ``sent#<when the chunk was
put>#<run>:<chunk>``; their event id is ``sent:<run>:<chunk>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NotRequired, TypedDict, cast

from chalicelib.actions.model import Change, Effect
from chalicelib.gateways.dynamo import plain_item, to_av
from chalicelib.shared.reasons import Kept
from chalicelib.shared.times import parse_iso


class Activity(TypedDict):
    """What happened to a friend, as it is kept: an event and what was done about it, or a line about what was
    sent (``put_at``). ``state``: ``failed`` until the event is worked on again. ``edits``: how often it was
    rewritten; ``rev``: of the sheet that it was decided on. ``fires``: whether it is news.
    """

    account: str
    user_id: str
    event_id: str
    type: str
    at: str
    props: dict[str, Any]
    source: str
    key: NotRequired[str | None]
    rules: NotRequired[list[dict[str, Any]]]
    changes: NotRequired[list[Change]]
    effects: NotRequired[list[Effect]]
    history: NotRequired[Kept]
    rev: NotRequired[int]
    state: NotRequired[str]
    why: NotRequired[Kept]
    put_at: NotRequired[str]
    ended_at: NotRequired[str]
    edits: NotRequired[int]
    fires: NotRequired[bool]


SENT = "sent"
"""The type of lines that say what was sent to a friend: records of ours, never events to react to."""
LINES = f"{SENT}#"
"""What the sort keys of such lines begin with."""
LATE = timedelta(hours=1)
"""A line of a chunk that came to its end later than this after it was put is in the index, as events are."""


def sort_key(activity: Mapping[str, Any]) -> str:
    """The sort key of an activity of a friend: its event id, but for a line (which has ``put_at``)."""
    put_at, event_id = activity.get("put_at"), str(activity["event_id"])
    return event_id if put_at is None else f"{LINES}{put_at}#{event_id.removeprefix(f'{SENT}:')}"


def key_of(activity: Mapping[str, Any]) -> dict[str, Any]:
    """The key of an activity in the table."""
    return key(activity["account"], activity["user_id"], sort_key(activity))


def key(account: str, user: str, sk: str) -> dict[str, Any]:
    """The key of what is under a sort key of a friend."""
    return {"pk": {"S": f"{account}#{user}"}, "sk": {"S": sk}}


def to_item(activity: Mapping[str, Any]) -> dict[str, Any]:
    """An activity as it is kept."""
    fields = {k: v for k, v in activity.items() if k not in {"account", "user_id", "event_id", "put_at"}}
    if "put_at" in activity and parse_iso(fields["at"]) <= parse_iso(activity["put_at"]) + LATE:
        fields["ended_at"] = fields.pop("at")  # without ``at`` it is in no index
    return key_of(activity) | {name: to_av(value) for name, value in fields.items()}


def from_item(item: Mapping[str, Any]) -> Activity:
    """A raw item of the table or of its index as an activity, as far as it was read."""
    activity = plain_item(item)
    activity["account"], _, activity["user_id"] = activity.pop("pk").partition("#")
    activity["event_id"] = sk = activity.pop("sk")
    if sk.startswith(LINES):
        _, activity["put_at"], name = sk.split("#", 2)
        activity["event_id"] = f"{SENT}:{name}"
    if "ended_at" in activity and "put_at" in activity:
        activity["at"] = activity.pop("ended_at")
    return cast("Activity", activity)
