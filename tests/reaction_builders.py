"""Builders for tests of the engine: catalogs, events, programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.model import REACT_WITHIN
from chalicelib.actions.model import Decision
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.events.kinds import event_key
from chalicelib.reaction.decide import decide
from chalicelib.rules.compile import program_of
from chalicelib.rules.documents import DOCUMENTS as KINDS
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # a Sunday, noon in Tokyo

DOCUMENTS: dict[str, dict[str, Any]] = {
    "tags": {name: {"name": name} for name in ("new", "vip", "dry", "a", "b", "c", "t")},
    "scores": {
        "interest": {"name": "interest", "thresholds": [3]},
        "heat": {"name": "heat", "half_life": "1d", "min": 0, "max": 10},
    },
    "attributes": {
        "skin": {"name": "skin", "type": "choice", "choices": ["dry", "oily"]},
        "visit": {"name": "visit", "type": "date"},
        "memo": {"name": "memo", "type": "text"},
        "n": {"name": "n", "type": "number"},
    },
    "messages": {
        "hello": {
            "name": "hello",
            "messages": [{"type": "text", "text": "ようこそ"}],
            "category": "transactional",
        },
        "dear": {"name": "dear", "messages": [{"type": "text", "text": "{{ friend.display_name }}さん"}]},
        "three": {"name": "three", "messages": [{"type": "text", "text": str(n)} for n in range(3)]},
    },
    "forms": {
        "check": {
            "name": "check",
            "questions": [
                {"id": "q1", "text": "?", "type": "text", "attribute": "memo"},
                {"id": "q2", "text": "?", "type": "number"},
            ],
            "then": [{"add_tag": "t"}],
        },
    },
    "scenarios": {
        "welcome": {"name": "welcome", "start": "m", "nodes": {"m": {"type": "message", "message": "hello"}}}
    },
}


def a_rule(event: str = "messaged", then: Any = (), **more: Any) -> dict[str, Any]:
    """A rule's stored body."""
    match = more.pop("match", {})
    body = {"name": "rule", "when": {"event": event, "match": match}, "then": list(then), **more}
    if "condition" in body:
        body["if"] = body.pop("condition")
    return normal_body(KINDS["rules"], body)


def a_catalog(rules: dict[str, dict[str, Any]] | None = None, account: str = "shop", **more: Any) -> Snapshot:
    """A catalog of the documents above, these rules, and more by kind."""
    kinds = {**DOCUMENTS, "rules": rules or {}}
    for kind, documents in more.items():
        kinds[kind] = {**kinds.get(kind, {}), **documents}
    documents = {
        (kind, name): Document(kind, name, 1, body, iso(NOW))
        for kind, bodies in kinds.items()
        for name, body in bodies.items()
    }
    return Snapshot(account, 1, "s", {}, documents)


def a_program(rules: dict[str, dict[str, Any]] | None = None, **more: Any) -> Program:
    """These rules, compiled."""
    return program_of(a_catalog(rules, **more), TOKYO, REACT_WITHIN)


def an_event(
    kind: str = "messaged",
    minutes: float = 0,
    user: str = "U1",
    id: str = "e1",  # noqa: A002 (events have ids)
    **props: Any,
) -> FriendEvent:
    """An event of a friend, so many minutes after NOW."""
    if kind == "messaged":
        props = {"message_type": "text", "message_id": "m-" + id, **props}
    line = kind in {"messaged", "followed", "postback"}
    return FriendEvent(
        id,
        "shop",
        user,
        kind,
        iso(NOW + timedelta(minutes=minutes)),
        event_key(kind, props),
        props,
        reply_token=f"r-{id}" if line else None,
    )


def after(event: FriendEvent, rules: dict[str, Any], sheet: Any = None, **more: Any) -> Decision:
    """What an event comes to under these rules."""
    return decide(event, sheet, a_program(rules, **more), NOW)


def why(decision: Decision, rule: str) -> str:
    """What the trace says of a rule, in words."""
    return next(str(Reason.of(entry["why"])) for entry in decision.rules if entry["rule"] == rule)


def types(decision: Decision) -> list[str]:
    """The types of the changes, in order."""
    return [change["type"] for change in decision.changes]
