"""What conditions ask about stamp cards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.conditions import schemas, validators
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail
from tests.extending.stamps.model import stamps_of


def _shape(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.fields(
        value, path, {"card": validators.an_id, "gte": validators.number}, ["card", "gte"]
    )


def _references(value: Any, path: str) -> Iterable[Reference]:
    yield Reference(f"{path}.card", "stamp-cards", value["card"])


def _build(value: Any, _context: Context) -> Built:
    def stamps(sheet: Sheet, _now: datetime) -> int:
        return stamps_of(sheet).get(value["card"], 0)

    return Built(lambda sheet, now: stamps(sheet, now) >= value["gte"], stamps)


_SCHEMA = schemas.an_object({"card": schemas.TEXT, "gte": schemas.NUMBER}, ("card", "gte"))

LEAVES: dict[str, Leaf] = {
    "stamps": Leaf(_shape, _build, ("stamps",), _references, schema=_SCHEMA),
}
