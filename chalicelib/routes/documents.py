"""The document this room owns: routes."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages import vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name


class Route(BaseModel):
    """A way by which friends come (a QR code, a page); ``then`` are actions as in rules."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    then: vocabulary.Actions = []


def _route_references(body: Body) -> Iterable[Reference]:
    return vocabulary.references(body.get("then", []))


def _route_works(_id: str, body: Body, snapshot: Snapshot) -> Iterable[Detail]:
    return vocabulary.check(body.get("then", []), snapshot)


DOCUMENTS: dict[str, DocumentKind] = {
    "routes": DocumentKind(
        "routes",
        Route,
        path_name="route",
        references=_route_references,
        check=_route_works,
    )
}
