"""Edits of a sheet by hand, API or CSV: checked against the catalog, applied at the time of their event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import is_there
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean
from chalicelib.sheets import folds, values
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import Fact
from chalicelib.sheets.values import UnfitValue

Edits = Mapping[str, Any]
"""``{"tags": {"add", "remove": [id]}, "attributes": {id: value}, "scores": {"add", "set": {id: number}},
"topics": {id: "in" or "out"}, "wording": text}``"""


def check(edits: Edits, sheet: Sheet, snapshot: Snapshot, zone: ZoneInfo) -> None:
    """Raise RuleViolation for ids the catalog does not know, InvalidInput for values that do not fit.

    What the friend still has of a document that was deleted may be taken away.
    """
    unknown = [
        Detail(path, did_you_mean(Reason("no_document", kind=kind[:-1], id=id_), id_, snapshot.all(kind)))
        for path, kind, id_ in _named(edits, sheet)
        if not is_there(Reference(path, kind, id_), snapshot)
    ]
    if unknown:
        raise RuleViolation.of(unknown)
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
        raise InvalidInput.of(unfit)


def apply(
    sheet: Sheet, edits: Edits, snapshot: Snapshot, zone: ZoneInfo, at: str, by: str
) -> tuple[list[Fact], list[Reason]]:
    """Apply edits in place; returns ``(facts produced, what could not be applied and why)``.

    What was deleted from the catalog since the edits were checked is left out and named.
    """
    facts: list[Fact] = []
    refused: list[Reason] = []
    tags, scores = edits.get("tags", {}), edits.get("scores", {})
    known = {
        (kind, id_): document.body if (document := snapshot.find(kind, id_)) else {}
        for path, kind, id_ in _named(edits, sheet)
        if is_there(Reference(path, kind, id_), snapshot)
    }
    refused += [
        Reason("no_document_any_more", kind=kind[:-1], id=id_)
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
                refused.append(error.reason)
    for verb, change in (("set", folding.set_score), ("add", folding.add_score)):
        for score, number in scores.get(verb, {}).items():
            if ("scores", score) in known:
                facts += change(sheet, score, known["scores", score], number, at)
    for topic, state in edits.get("topics", {}).items():
        if ("topics", topic) in known:
            wording = edits.get("wording")
            facts += folds.consent(sheet, topic, out=state == "out", at=at, by=by, wording=wording)
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
        *((f"topics.{topic}", "topics", topic) for topic in edits.get("topics", {})),
    ]
