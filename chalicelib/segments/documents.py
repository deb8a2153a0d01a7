"""The document this room owns: segments, named conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.segments import conditions
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name


class Segment(BaseModel):
    """A named condition that segments, rules, branches and broadcasts may refer to."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    condition: dict[str, Any]


def _logic(segment: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    if segment in {"count", "explain"}:
        yield Detail("", f"{segment} is a path of its own: choose another id")
    yield from conditions.logic(body["condition"], snapshot, own_id=segment)


KINDS = {
    "segments": DocumentKind(
        "segments",
        Segment,
        shape=lambda body: conditions.shape(body["condition"]),
        references=lambda body: conditions.references(body["condition"]),
        check=_logic,
    )
}
