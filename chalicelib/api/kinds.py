"""Every kind of document, gathered from the rooms that own them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from chalicelib.broadcasts.uses import broken
from chalicelib.catalog import documents as catalog_documents
from chalicelib.catalog import service
from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import summary, verify
from chalicelib.engine import documents as engine_documents
from chalicelib.forms import documents as forms_documents
from chalicelib.friends import documents as friends_documents
from chalicelib.messages import actions
from chalicelib.messages import documents as messages_documents
from chalicelib.scenarios import documents as scenarios_documents
from chalicelib.scenarios import loops
from chalicelib.segments import documents as segments_documents
from chalicelib.shared.errors import Detail, RuleViolation
from chalicelib.shared.fields import Name


class Route(BaseModel):
    """A way by which friends come (a QR code, a page); ``then`` are actions as in rules."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    then: actions.Actions = []


def _route_references(body: Body) -> Iterable[Reference]:
    return actions.references(body.get("then", []))


def _route_works(_id: str, body: Body, snapshot: Snapshot) -> Iterable[Detail]:
    return actions.check(body.get("then", []), snapshot)


_ROUTES = DocumentKind("routes", Route, references=_route_references, check=_route_works)

_OWNED: dict[str, DocumentKind] = {
    **friends_documents.KINDS,
    **segments_documents.KINDS,
    **messages_documents.KINDS,
    **engine_documents.KINDS,
    **scenarios_documents.KINDS,
    **catalog_documents.KINDS,
    "forms": replace(
        forms_documents.KINDS["forms"], warn=lambda id_, snapshot: loops.warnings(snapshot, "forms", id_)
    ),
    "routes": _ROUTES,
}


def _not_hidden(kind: DocumentKind, taken: str) -> DocumentKind:
    """The kind without the one id that a route of the same name would hide."""

    def check(id_: str, body: Body, snapshot: Snapshot) -> Iterable[Detail]:
        if id_ == taken:
            yield Detail("id", "is the name of a route beside the documents; choose another")
        yield from kind.check(id_, body, snapshot)

    return replace(kind, check=check)


_OWNED["rules"] = _not_hidden(_OWNED["rules"], "test")

PATH_NAMES: dict[str, str] = {
    "tags": "tag",
    "scores": "score",
    "attributes": "attribute",
    "segments": "segment",
    "messages": "message",
    "links": "link",
    "rules": "rule",
    "scenarios": "scenario",
    "forms": "form",
    "routes": "route",
    "rich-menus": "menu",
    "policies": "policy",
}
"""The kinds that people author, in the order of an export, with the name of their ids in paths."""

KINDS: dict[str, DocumentKind] = {kind: _OWNED[kind] for kind in PATH_NAMES}
CHECKED: dict[str, DocumentKind] = _OWNED
"""All kinds, with those that are written by actions and never by hand (published scenarios)."""


def checked(account: str, *, qualified: bool = False) -> Callable[[Snapshot], None]:
    """The check of a save: shape, references, logic, use; over every kind, and over broadcasts that may
    still go out.
    """

    def check(candidate: Snapshot) -> None:
        wrong: list[Detail] = []
        try:
            verify(CHECKED, candidate, qualified=qualified)
        except RuleViolation as error:
            wrong += error.details
        wrong += broken(service.snapshot(account), candidate)
        if wrong:
            raise RuleViolation(summary(wrong), wrong)

    return check
