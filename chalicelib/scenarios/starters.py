"""Who starts a scenario: the documents in force whose actions enter friends."""

from __future__ import annotations

from pydantic import BaseModel

from chalicelib.catalog.kinds import DOCUMENTS
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import users

_ENTERS = "enter_scenario"


class Starter(BaseModel):
    """A document that enters friends, and where it says so. A scenario is named as friends follow it."""

    kind: str
    id: str
    path: str


def of(scenario: str, snapshot: Snapshot) -> list[Starter]:
    """In order; what is only drafted or switched off starts nobody."""
    found = []
    for (kind, id_), reference in users(DOCUMENTS, snapshot).get(("scenarios", scenario), ()):
        is_drafted = kind == "scenarios" or snapshot.get(kind, id_).body.get("enabled") is False
        if reference.path.endswith(_ENTERS) and not is_drafted:
            shown = "scenarios" if kind == "published" else kind
            found.append(Starter(kind=shown, id=id_, path=reference.path))
    return sorted(found, key=lambda one: (one.kind, one.id, one.path))
