"""What a type of event is, and every type there is.

The webhook's function reads its own entries alone, so this imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import CUSTOM, FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import Table

if TYPE_CHECKING:
    from chalicelib.catalog.snapshot import Snapshot
    from chalicelib.shared.errors import Detail

Fact: TypeAlias = tuple[str, str | None, dict[str, Any]]
"""A fact produced by a change: ``(type, key, props)``, e.g. ``("tag_added", "vip", {"tag": "vip"})``."""

Match: TypeAlias = Mapping[str, Any]

_MAX_KEY = 100


@dataclass(frozen=True)
class Changed:
    """What an edit by event did: the facts, what was refused and why, and whom the changes name as cause."""

    by: str
    facts: list[Fact]
    refused: Iterable[Reason] = ()


def _nothing_follows(_decision: Any, _event: FriendEvent) -> Iterable[dict[str, Any]]:
    return ()


def _no_warnings(_match: Match, _snapshot: Snapshot, _path: str) -> Iterable[Detail]:
    return ()


def _no_limit(_props: Mapping[str, Any]) -> Any:
    return None


def _never_outdated(_sheet: Sheet, _event: FriendEvent) -> Reason | None:
    return None


@dataclass(frozen=True)
class EventType:
    """A type of event, as the room that makes it declares it.

    ``made_by``: who makes it, for readers; None: nothing in this version does, and whoever waits for it is
    warned. ``key``: the property (or what is computed of all of them) under which it is counted besides its
    type. ``props``: the properties it may have, also inside of one (``params.date``); None: they are somebody
    else's to choose. ``documents``: the properties that name documents, and of which kind. ``values``: of
    properties that take few values, these. ``warn``: what else of a match was probably not meant.

    ``fold`` changes the sheet by what the event says of the friend, at the event's time. ``change`` does so
    by the account's documents as well. ``follow_up``: the effects that no author writes and every such event
    leaves to do (``{"action", …}``), by the decision about it. ``outdated``: why it is no news by what the
    sheet knew before. ``counts``: it is behaviour, counted on the sheet. ``is_by_friend``: the friend's own
    act, whoever reports it. ``shows_friendship``: from LINE it comes of friends alone.

    ``acts_as``: the event brings actions of its own (its property ``then``), and this is the name by which
    their changes and effects call their cause. ``limit``: how often they are carried out for one friend (a
    rule's limit, None: every time), by the event's properties.

    ``is_trigger``: rules, waits and conditions may name it. ``is_reported``: other systems may report it.
    ``reports_order``: it is about money. ``answers_forms``: it may answer a form's question;
    ``brings_answers``: given on a page, it has all of them (property ``answers``, its key is the form).
    ``has_reply_token``: from LINE it may be answered free of charge. ``is_change``: a change of the sheet
    produces it; the change's line has its properties. ``is_command``: carried out however late it comes.
    ``kept_elsewhere``: the property that the activity's effects have, so that the activity leaves it out.
    ``in_reports``: reports count it, by a line of this kind in their journal (``reports/lines.py``).
    """

    made_by: str | None
    key: str | Callable[[Mapping[str, Any]], Any] | None = None
    props: frozenset[str] | None = None
    documents: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warn: Callable[[Match, Snapshot, str], Iterable[Detail]] = _no_warnings
    fold: Callable[[Sheet, FriendEvent], list[Fact]] | None = None
    change: Callable[[Sheet, FriendEvent, Snapshot, ZoneInfo], Changed] | None = None
    follow_up: Callable[[Any, FriendEvent], Iterable[dict[str, Any]]] = _nothing_follows
    outdated: Callable[[Sheet, FriendEvent], Reason | None] = _never_outdated
    acts_as: Callable[[Mapping[str, Any]], str] | None = None
    limit: Callable[[Mapping[str, Any]], Any] = _no_limit
    counts: bool = True
    is_by_friend: bool = False
    shows_friendship: bool = False
    is_trigger: bool = True
    is_reported: bool = False
    reports_order: bool = False
    answers_forms: bool = False
    brings_answers: bool = False
    has_reply_token: bool = False
    is_change: bool = False
    is_command: bool = False
    kept_elsewhere: str | None = None
    in_reports: str | None = None

    def may_have(self, path: str) -> bool:
        """Whether an event of this type may have something at this path of its properties."""
        if self.props is None:
            return True
        steps = [step for step in path.split(".") if not step.isdecimal()]
        above = [".".join(steps[:n]) for n in range(1, len(steps) + 1)]
        parents = {known.partition(".")[0] for known in self.props if "." in known}
        return above[-1] in self.props or (above[0] in self.props and above[0] not in parents)

    def key_of(self, props: Mapping[str, Any]) -> str | None:
        """The key of an event with these properties; None when it has none."""
        if self.key is None:
            return None
        value = props.get(self.key) if isinstance(self.key, str) else self.key(props)
        return value[:_MAX_KEY] if isinstance(value, str) and value else None


EVENTS = Table("events", EventType)
"""Every type that has a name of its own."""

OTHER = EventType("whoever names it", key="key")
"""Of types that have no entry: ``custom:<name>``, which count under their property ``key``, and what is only
recorded.
"""


def type_of(name: str) -> EventType:
    """What is known of a type of event."""
    return EVENTS.entries.get(name, OTHER)


def event_key(name: str, props: Mapping[str, Any]) -> str | None:
    """The key under which an event is counted besides its type; None when it has none. Changes have none:
    their keys would fill the sheet.
    """
    kind = type_of(name)
    return None if kind.is_change else kind.key_of(props)


def counted_as(name: str, key: str) -> str:
    """What events of a type are counted as under a key. A custom name may hold a colon itself."""
    return f"{name}::{key}" if is_custom(name) else f"{name}:{key}"


def is_trigger(name: str) -> bool:
    """Whether rules, waits and conditions may name this type."""
    return is_custom(name) or (name in EVENTS and EVENTS[name].is_trigger)


def is_custom(name: str) -> bool:
    """Whether it is ``custom:<name>``."""
    return name.startswith(CUSTOM) and len(name) > len(CUSTOM)


def triggers() -> list[str]:
    """The types with names of their own that rules, waits and conditions may name."""
    return sorted(name for name, kind in EVENTS.items() if kind.is_trigger)


def has_keys(name: str) -> bool:
    """Whether events of this type are counted by a key too."""
    return type_of(name).key is not None and not type_of(name).is_change


def key_document(name: str) -> str | None:
    """The kind of document that the key of this type of event names, if it names one."""
    kind = type_of(name)
    return kind.documents.get(kind.key) if isinstance(kind.key, str) and has_keys(name) else None
