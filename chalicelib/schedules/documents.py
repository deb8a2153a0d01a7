"""The document this room owns: schedules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from chalicelib.actions.kinds import kind_of, parts
from chalicelib.catalog import stops
from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.messages import vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Every, LongName, PositiveDuration, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.sheets.trim import size_of

MAX_LATENESS = "6h"
_MOST_BYTES = 20_000
"""Of the actions: every friend's event carries them."""


class Schedule(Strict):
    """At that local minute every friend of the audience gets the event ``scheduled`` and the actions, once.

    ``once_per`` leaves out whom it reached within that time (``"ever"``: at all). What is more than
    ``max_lateness`` late, after an outage, is not begun any more.
    """

    name: LongName
    enabled: bool = True
    every: Every
    audience: dict[str, Any]
    once_per: Literal["ever"] | PositiveDuration | None = None
    max_lateness: PositiveDuration = MAX_LATENESS
    then: vocabulary.Actions = []


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """Whatever the audience and the actions name."""
    yield from language.references(body["audience"], "audience")
    yield from vocabulary.references(body["then"])


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterator[Detail]:
    """What cannot work: an impossible audience, and actions where nobody has just written."""
    yield from language.logic(body["audience"], snapshot, "audience")
    yield from vocabulary.check(body["then"], snapshot)
    for index, action in enumerate(body["then"]):
        name, _ = parts(action)
        if why := kind_of(name).why_not_in_scenarios:
            yield Detail(f"then[{index}].{name}", why)
    if size_of(body["then"]) > _MOST_BYTES:
        yield Detail("then", Reason("document_too_large", path="then", most=_MOST_BYTES))


def _saved(account: str, schedule: str) -> None:
    from chalicelib.schedules import service

    service.look_at(account, schedule)


DOCUMENTS: dict[str, DocumentKind] = {
    "schedules": DocumentKind(
        "schedules",
        Schedule,
        path_name="schedule",
        shape=lambda body: language.shape(body["audience"], "audience"),
        references=references,
        check=check,
        saved=_saved,
        state_model=stops.State,
        state=lambda id_, snapshot: stops.state("schedules", id_, snapshot),
    ),
    **stops.document_kind("schedules"),
}
