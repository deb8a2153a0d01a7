"""Whom a narrowcast is for, in LINE's own terms, and ours for an audience or a segment. Pure.

Rules: https://developers.line.biz/en/reference/messaging-api/#send-narrowcast-message
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import clock
from chalicelib.messages import render
from chalicelib.shared.errors import Detail
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.topics import consent

MOST_LISTS, MOST_FILTERS = 9, 10
"""LINE takes ten audiences and past requests; one place is kept for who has opted out."""
AGES = tuple(f"age_{years}" for years in range(15, 75, 5))
DAYS = tuple(f"day_{days}" for days in (7, 30, 90, 180, 365))
ONE_OF: dict[str, tuple[str, ...]] = {"gender": ("male", "female"), "appType": ("ios", "android")}
RANGES: dict[str, tuple[str, ...]] = {"age": AGES, "subscriptionPeriod": DAYS}
_AREA = re.compile(r"[a-z]{2}_[a-z0-9]{1,20}\Z")
_OPERATORS = ("and", "or", "not")
_DEEPEST = 8

NOBODY: dict[str, Any] = {"user_id": "", "status": "following"}
"""Whom the messages of a narrowcast are filled in for: everybody gets the same."""

Node = Mapping[str, Any]


class Narrowcast(BaseModel):
    """LINE's ``recipient`` and ``demographic`` filter, and how many at most. In ``recipient`` also
    ``{"audience": id}`` and ``{"segment": id}``, which is handed to LINE before sending. Without a
    ``recipient`` every friend.
    """

    model_config = ConfigDict(extra="forbid")

    recipient: dict[str, Any] | None = None
    demographic: dict[str, Any] | None = None
    max: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


def is_one(body: Mapping[str, Any]) -> bool:
    """Whether a broadcast's document is a narrowcast's."""
    return body.get("narrowcast") is not None


def shape(narrowcast: Mapping[str, Any], path: str = "narrowcast") -> Iterator[Detail]:
    """What of it LINE would not understand."""
    if narrowcast.get("recipient") is not None:
        at = f"{path}.recipient"
        yield from _node(narrowcast["recipient"], at, _leaf)
        if len(list(lists(narrowcast))) > MOST_LISTS:
            yield Detail(at, Reason("narrowcast_too_many", most=MOST_LISTS))
    if narrowcast.get("demographic") is not None:
        at = f"{path}.demographic"
        yield from _node(narrowcast["demographic"], at, _filter)
        if len(list(_leaves(narrowcast["demographic"], at))) > MOST_FILTERS:
            yield Detail(at, Reason("narrowcast_too_many", most=MOST_FILTERS))


def _node(
    node: Any, path: str, leaf: Callable[[Node, str], Iterator[Detail]], depth: int = 0
) -> Iterator[Detail]:
    if not isinstance(node, dict) or depth > _DEEPEST:
        yield Detail(path, Reason("must_be_object"))
        return
    if node.get("type") != "operator":
        yield from leaf(node, path)
        return
    given = [name for name in _OPERATORS if name in node]
    if len(given) != 1 or set(node) != {"type", *given}:
        yield Detail(path, Reason("narrowcast_operator"))
        return
    inner, at = node[given[0]], f"{path}.{given[0]}"
    if given == ["not"]:
        yield from _node(inner, at, leaf, depth + 1)
    elif not isinstance(inner, list) or not inner:
        yield Detail(at, Reason("narrowcast_operator"))
    else:
        for index, one in enumerate(inner):
            yield from _node(one, f"{at}[{index}]", leaf, depth + 1)


def _leaf(node: Node, path: str) -> Iterator[Detail]:
    ours = [name for name in ("audience", "segment") if set(node) == {name}]
    if ours:
        if not isinstance(node[ours[0]], str) or not ID_PATTERN.match(node[ours[0]]):
            yield Detail(f"{path}.{ours[0]}", Reason("id_wanted"))
        return
    number = node.get("audienceGroupId")
    if set(node) == {"type", "audienceGroupId"} and node["type"] == "audience":
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            yield Detail(f"{path}.audienceGroupId", Reason("narrowcast_number"))
    elif set(node) != {"type", "requestId"} or node["type"] != "redelivery":
        yield Detail(path, Reason("narrowcast_recipient"))
    elif not isinstance(node["requestId"], str) or not 1 <= len(node["requestId"]) <= 100:
        yield Detail(f"{path}.requestId", Reason("narrowcast_recipient"))


def _filter(node: Node, path: str) -> Iterator[Detail]:
    kind = node.get("type")
    if kind in RANGES and isinstance(kind, str):
        yield from _range(node, path, RANGES[kind])
    elif kind in ONE_OF or kind == "area":
        known = ONE_OF.get(str(kind))
        values = node.get("oneOf")
        fits = isinstance(values, list) and values and all(_is_known(value, known) for value in values)
        if not fits or set(node) != {"type", "oneOf"}:
            yield Detail(f"{path}.oneOf", Reason("must_be_one_of", choices=list(known or ("jp_01", "jp_47"))))
    else:
        yield Detail(path, Reason("narrowcast_filter"))


def _is_known(value: Any, known: tuple[str, ...] | None) -> bool:
    return isinstance(value, str) and (value in known if known else _AREA.match(value) is not None)


def _range(node: Node, path: str, known: tuple[str, ...]) -> Iterator[Detail]:
    given = [name for name in ("gte", "lt") if name in node]
    for name in given:
        if node[name] not in known:
            yield Detail(f"{path}.{name}", Reason("must_be_one_of", choices=list(known)))
            return
    backwards = len(given) == 2 and known.index(node["gte"]) >= known.index(node["lt"])
    if not given or backwards or set(node) != {"type", *given}:
        yield Detail(path, Reason("narrowcast_range"))


def _leaves(node: Any, path: str) -> Iterator[tuple[Node, str]]:
    """The nodes that are no operators, of one whose shape is right."""
    if not isinstance(node, dict):
        return
    if node.get("type") != "operator":
        yield node, path
        return
    for name in _OPERATORS:
        inner = node.get(name)
        if isinstance(inner, list):
            for index, one in enumerate(inner):
                yield from _leaves(one, f"{path}.{name}[{index}]")
        else:
            yield from _leaves(inner, f"{path}.{name}")


def lists(narrowcast: Mapping[str, Any], path: str = "narrowcast") -> Iterator[tuple[Node, str]]:
    """The audiences, segments and past requests that it names, with their paths."""
    yield from _leaves(narrowcast.get("recipient"), f"{path}.recipient")


def references(narrowcast: Mapping[str, Any]) -> Iterable[Reference]:
    """The audiences and segments that it names by our ids."""
    for node, path in lists(narrowcast):
        for name, kind in (("audience", "audiences"), ("segment", "segments")):
            if isinstance(node.get(name), str):
                yield Reference(f"{path}.{name}", kind, node[name])


Known = Callable[[Node], dict[str, Any] | bool]
"""What a leaf is to LINE; False: a list with nobody in it."""


def for_line(node: Node, known: Known) -> dict[str, Any] | bool:
    """A recipient as LINE takes it; False: nobody, True: everybody. What is so is left out on the way."""
    if node.get("type") != "operator":
        return known(node)
    if "not" in node:
        inner = for_line(node["not"], known)
        return not inner if isinstance(inner, bool) else {"type": "operator", "not": inner}
    name = "and" if "and" in node else "or"
    parts = [for_line(one, known) for one in node[name]]
    if (name == "or") in parts:  # one true of an `or`, or one false of an `and`, decides
        return name == "or"
    left = [part for part in parts if not isinstance(part, bool)]
    if not left:
        return name == "and"
    return left[0] if len(left) == 1 else {"type": "operator", name: left}


def without(recipient: dict[str, Any] | bool, group: int) -> dict[str, Any]:
    """The same without who is in an audience (who has opted out)."""
    rest: dict[str, Any] = {"type": "operator", "not": {"type": "audience", "audienceGroupId": group}}
    if isinstance(recipient, bool):
        return rest
    return {"type": "operator", "and": [recipient, rest]}


def logic(body: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Detail]:
    """What of a message cannot go to people whom only LINE knows."""
    named = snapshot.find("messages", body["message"]) if body.get("message") else None
    message: Mapping[str, Any] | None = named.body if named else body if body.get("messages") else None
    if message is None:
        return
    path = "message" if named else "messages"
    try:
        render.render(message, NOBODY, snapshot, clock.now())
    except render.Unrenderable as error:
        yield Detail(path, Reason("narrowcast_personal", why=error.reason))
    for topic in consent.topics_of(message):
        if consent.is_out_by_default(topic, snapshot):
            yield Detail(path, Reason("narrowcast_topic_out", topic=topic))


def thresholds(narrowcast: Mapping[str, Any]) -> Iterator[Detail]:
    """What LINE asks of the number of friends, shown before sending.
    https://developers.line.biz/en/docs/messaging-api/sending-messages/#conditions-for-sending-narrowcast-messages
    """
    named = list(lists(narrowcast))
    if narrowcast.get("demographic") is not None:
        yield Detail("narrowcast.demographic", Reason("narrowcast_reach_100"))
    others = [path for node, path in named if node.get("type") == "audience"]
    if narrowcast.get("demographic") is not None or others:
        yield Detail("narrowcast", Reason("narrowcast_least_50"))
    if len(named) > 1 and others:
        yield Detail("narrowcast.recipient", Reason("narrowcast_each_50"))
    if narrowcast.get("max") is None:
        yield Detail("narrowcast.max", Reason("narrowcast_reserves_all"))
