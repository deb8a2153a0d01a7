"""Edits of a sheet by hand, API or CSV: checked against the catalog, applied at the time of their event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import sheet as folding
from chalicelib.friends import values
from chalicelib.friends.model import Fact, Sheet
from chalicelib.friends.values import UnfitValue
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation

Edits = Mapping[str, Any]
"""``{"tags": {"add", "remove": [id]}, "attributes": {id: value}, "scores": {"add", "set": {id: number}}}``"""


def check(edits: Edits, sheet: Sheet, snapshot: Snapshot, zone: ZoneInfo) -> None:
    """Raise RuleViolation for ids the catalog does not know, InvalidInput for values that do not fit.

    What the friend still has of a document that was deleted may be taken away.
    """
    unknown = [
        Detail(path, f"there is no {kind[:-1]} {id_!r}")
        for path, kind, id_ in _named(edits, sheet)
        if not snapshot.find(kind, id_)
    ]
    if unknown:
        raise RuleViolation(f"{unknown[0].path}: {unknown[0].message}", unknown)
    unfit: list[Detail] = []
    for attribute, value in edits.get("attributes", {}).items():
        if value is None:
            continue
        try:
            definition = snapshot.get("attributes", attribute).body
            values.fit(definition, value, f"attributes.{attribute}", zone=zone, strict=True)
        except UnfitValue as error:
            unfit += error.details
    if unfit:
        raise InvalidInput(f"{unfit[0].path}: {unfit[0].message}", unfit)


def apply(
    sheet: Sheet, edits: Edits, snapshot: Snapshot, zone: ZoneInfo, at: str, by: str
) -> tuple[list[Fact], list[str]]:
    """Apply edits in place; answers ``(facts produced, what could not be applied and why)``.

    What was deleted from the catalog since the edits were checked is left out and named.
    """
    facts: list[Fact] = []
    refused: list[str] = []
    tags, scores = edits.get("tags", {}), edits.get("scores", {})
    known = {
        (kind, id_): document.body
        for _, kind, id_ in _named(edits, sheet)
        if (document := snapshot.find(kind, id_)) is not None
    }
    refused += [
        f"there is no {kind[:-1]} {id_!r} any more"
        for _, kind, id_ in _named(edits, sheet)
        if (kind, id_) not in known
    ]
    for tag in tags.get("remove", ()):
        facts += folding.remove_tag(sheet, tag, at)
    for tag in tags.get("add", ()):
        if ("tags", tag) in known:
            facts += folding.add_tag(sheet, tag, at, by)
    for attribute, value in edits.get("attributes", {}).items():
        if value is None or ("attributes", attribute) in known:
            definition = known.get(("attributes", attribute), {})
            try:
                facts += folding.set_attribute(sheet, attribute, definition, value, at, zone)
            except UnfitValue as error:
                refused.append(error.message)
    for verb, change in (("set", folding.set_score), ("add", folding.add_score)):
        for score, number in scores.get(verb, {}).items():
            if ("scores", score) in known:
                facts += change(sheet, score, known["scores", score], number, at)
    return facts, refused


def _named(edits: Edits, sheet: Sheet) -> list[tuple[str, str, str]]:
    """Every id that the catalog must know: ``(path, kind, id)``; not what is taken from who has it."""
    tags, scores, attributes = (edits.get(name, {}) for name in ("tags", "scores", "attributes"))
    return [
        *(
            (f"tags.{verb}[{n}]", "tags", tag)
            for verb in ("add", "remove")
            for n, tag in enumerate(tags.get(verb, ()))
            if verb == "add" or tag not in sheet["tags"]
        ),
        *(
            (f"attributes.{attribute}", "attributes", attribute)
            for attribute, value in attributes.items()
            if value is not None or attribute not in sheet["attributes"]
        ),
        *(
            (f"scores.{verb}.{score}", "scores", score)
            for verb in ("add", "set")
            for score in scores.get(verb, {})
        ),
    ]
