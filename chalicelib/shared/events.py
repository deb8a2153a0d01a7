"""``FriendEvent``: the one shape in which everything a friend does reaches the reaction.

Doors (LINE's webhook, the event API, links, forms, the console) normalise into it and put it in the inbox;
the reaction reads it back. Standard library only: the webhook's Lambda starts with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chalicelib.shared.ids import digest

T = TypeVar("T")

NOBODY = "-"
"""The timeline of events that name no friend, group or room (a failed account link, a bot suspension)."""

CUSTOM = "custom:"
"""Prefix of types that people and other systems name."""

RECORDED_ONLY = ("unknown:", "group:")
"""Prefixes of types that become activities and nothing else: no fact sheet, no rules."""

RESERVED, REPORTED_AT = "reserved", "updated_at"
"""The type whose time is not when it was reported but what is reserved, and the property that has it."""

_PLAIN_GROUP = re.compile(r"[!-~]{1,128}\Z")


@dataclass(frozen=True)
class FriendEvent:
    """One thing a friend did, or that happened to one. ``at`` is the event's own time (ISO text, UTC)."""

    event_id: str
    account_id: str
    user_id: str
    type: str
    at: str
    key: str | None = None
    props: dict[str, Any] = field(default_factory=dict)
    reply_token: str | None = None
    source: str = "line"
    fire: bool = True
    """False: it is counted, and nothing reacts to it."""
    received_at: str | None = field(default=None, compare=False)
    """When the inbox took it, where that is known: of what the inbox hands out."""

    @property
    def recorded_only(self) -> bool:
        """Whether this event is kept on the timeline without touching a friend."""
        return self.user_id == NOBODY or self.type.startswith(RECORDED_ONLY)

    @property
    def reported_at(self) -> str:
        """When it was reported: of all but reservations the time at which it happened."""
        return reported_at(self.type, self.props, self.at)

    def to_message(self) -> dict[str, Any]:
        """The event as a queue message's body."""
        body: dict[str, Any] = {
            "event_id": self.event_id,
            "account": self.account_id,
            "user_id": self.user_id,
            "type": self.type,
            "at": self.at,
            "props": self.props,
            "source": self.source,
        }
        if self.key is not None:
            body["key"] = self.key
        if self.reply_token is not None:
            body["reply_token"] = self.reply_token
        if not self.fire:
            body["fire"] = False
        return body

    @classmethod
    def from_message(cls, body: dict[str, Any]) -> FriendEvent:
        """The event of a queue message's body."""
        return cls(
            event_id=body["event_id"],
            account_id=body["account"],
            user_id=body["user_id"],
            type=body["type"],
            at=body["at"],
            key=body.get("key"),
            props=body.get("props") or {},
            reply_token=body.get("reply_token"),
            source=body.get("source", "line"),
            fire=body.get("fire", True),
            received_at=body.get("received_at"),
        )


def reported_at(event_type: str, props: Mapping[str, Any], at: str) -> str:
    """When an event of that type was reported."""
    return str((props.get(REPORTED_AT) if event_type == RESERVED else None) or at)


def in_order(events: Iterable[T], at: Callable[[T], str]) -> list[T]:
    """What came together in the order of its timestamps; of one timestamp, as it came.

    Whatever may hold several events of a friend (a request, a webhook, a batch) puts them in order by this.
    """
    return sorted(events, key=at)


@dataclass(frozen=True)
class InboxMessage:
    """What the inbox takes: a body, its FIFO group (one per friend) and its de-duplication id."""

    body: dict[str, Any]
    group: str
    dedup: str


def inbox_message(event: FriendEvent) -> InboxMessage:
    """The inbox message of an event: order per friend, duplicates by account, friend and event id.

    SQS takes 1-128 printable ASCII characters as a group; other names are replaced by their digest.
    """
    group = f"{event.account_id}#{event.user_id}"
    if not _PLAIN_GROUP.match(group):
        group = digest(event.account_id, event.user_id)
    return InboxMessage(event.to_message(), group, digest(event.account_id, event.user_id, event.event_id))
