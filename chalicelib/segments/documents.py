"""The document this room owns: segments, named conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name


class Segment(BaseModel):
    """A named condition that segments, rules, branches and broadcasts may refer to."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    condition: dict[str, Any]


def _logic(segment: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    yield from language.logic(body["condition"], snapshot, own_id=segment)


DOCUMENTS = {
    "segments": DocumentKind(
        "segments",
        Segment,
        path_name="segment",
        shape=lambda body: language.shape(body["condition"]),
        references=lambda body: language.references(body["condition"]),
        path_words=frozenset({"count", "explain", "members", "overlap"}),
        check=_logic,
    )
}
