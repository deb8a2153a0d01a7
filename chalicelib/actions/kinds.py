"""What an action is, and every action there is. Rules, scenario nodes, routes and forms all speak this one
vocabulary (``messages/vocabulary.py`` reads documents by it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from chalicelib.actions.model import Decision, Done, Effect, Rehearsal
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import Table

Value: TypeAlias = Any
"""The value of an action's key, of the shape that its ``model`` gives it."""
Produced: TypeAlias = tuple[str, dict[str, Any]]
"""A fact that an action may produce: its type and the properties that are certain."""


Apply: TypeAlias = Callable[[Decision, Effect, Value, Any], list[Fact]]


def no_references(_value: Value, _path: str) -> Iterable[Reference]:
    """Of actions that name no document."""
    return ()


def _no_check(_value: Value, _snapshot: Snapshot, _path: str) -> Iterable[Detail]:
    return ()


def _nothing(_value: Value, _snapshot: Snapshot) -> Iterable[Produced]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ActionKind:
    """An action, or an effect that no author writes, as the room that owns it declares it.

    ``model`` is the shape of its value, as pydantic knows it; None: no author writes it. ``references`` and
    ``check`` are a document's, of one value at a path (variables in it are seen to elsewhere).

    What it may cause: ``at_once`` the facts that the reaction itself produces and looks at; ``by_effect``
    those that carrying it out brings without a wait; ``by_time`` those that follow by time alone. ``begins``:
    the kind of document that its value names and that begins by it. From these follow the warnings about
    circles and who may change what. ``changes_facts_alone``: it reaches friends by what it causes, or not.

    ``apply`` decides: it changes the decision's sheet and answers the facts, or adds the effect (given with
    its rule, index and action) to the decision. Pure; raises CannotRun. ``carry_out`` does what was decided,
    safe to repeat; it is handed the reaction's own context. What is outgoing is carried out by the reaction.
    ``rehearse`` plays it; what it would say to the friend is played for it.

    ``outgoing``: it sends something to the friend, by ``reply`` token or by ``push``, or to ``staff``.
    ``is_shown``: the timeline shows its effect; of others it shows what failed. ``address``: the field of its
    value that is called. ``why_not_in_scenarios``: why a scenario's node cannot do it.
    """

    model: Any = None
    references: Callable[[Value, str], Iterable[Reference]] = no_references
    check: Callable[[Value, Snapshot, str], Iterable[Detail]] = _no_check
    at_once: Callable[[Value, Snapshot], Iterable[Produced]] = _nothing
    by_effect: Callable[[Value, Snapshot], Iterable[Produced]] = _nothing
    by_time: Callable[[Value, Snapshot], Iterable[Produced]] = _nothing
    apply: Apply | None = None
    carry_out: Callable[[Any, Effect], Done] | None = None
    rehearse: Callable[[Rehearsal, Mapping[str, Any], FriendEvent], None] | None = None
    begins: str | None = None
    changes_facts_alone: bool = False
    outgoing: Literal["reply", "push", "staff"] | None = None
    is_shown: bool = True
    address: str | None = None
    why_not_in_scenarios: Reason | None = None


ACTIONS = Table("actions", ActionKind)
"""Every action and effect."""


def kind_of(name: str) -> ActionKind:
    """What is known of an action or effect. An effect that the timeline has of an earlier version has no kind
    of its own any more.
    """
    return ACTIONS.entries.get(name, _GONE)


_GONE = ActionKind()


def parts(action: Mapping[str, Any]) -> tuple[str, Any]:
    """An action's name and its value."""
    for name, value in action.items():
        if value is not None:
            return name, value
    raise ValueError(Reason("one_action"))


def named(kind: str, field: str = "") -> Callable[[Value, str], Iterable[Reference]]:
    """The references of an action whose value, or a field of it, is the id of a document."""

    def references(value: Value, path: str) -> Iterable[Reference]:
        yield Reference(f"{path}.{field}" if field else path, kind, value[field] if field else value)

    return references


def begun(kind: str, then: Iterable[Mapping[str, Any]]) -> set[str]:
    """The documents of a kind that some actions begin."""
    return {str(value) for name, value in map(parts, then) if kind_of(name).begins == kind}


def at_once(action: Mapping[str, Any], snapshot: Snapshot) -> Iterable[Produced]:
    """What comes of an action without any wait."""
    name, value = parts(action)
    yield from kind_of(name).at_once(value, snapshot)
    yield from kind_of(name).by_effect(value, snapshot)


def by_time(action: Mapping[str, Any], snapshot: Snapshot) -> Iterable[Produced]:
    """What follows of an action by time alone."""
    name, value = parts(action)
    return kind_of(name).by_time(value, snapshot)


def is_outgoing(effect: Mapping[str, Any]) -> bool:
    """Whether an effect sends something to the friend."""
    return kind_of(effect.get("action", "")).outgoing in {"reply", "push"}


def goes_by_push(effect: Mapping[str, Any]) -> bool:
    """Whether an effect sends something to the friend that the reply token does not carry."""
    return is_outgoing(effect) and (
        kind_of(effect["action"]).outgoing == "push" or effect.get("via") == "push"
    )
