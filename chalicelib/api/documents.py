"""``/v1/accounts/{account}/<kind>``: authored documents, the same way for every kind.

Each kind has routes of its own, because API Gateway does not go back from ``/scenarios/{scenario}`` to a
general ``/{kind}/{id}`` when a method is missing there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, create_model

from chalicelib.accounts.access import require
from chalicelib.api import uses
from chalicelib.api.kinds import KINDS, PATH_NAMES, checked
from chalicelib.api.rights import guard
from chalicelib.catalog import sealing, service
from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import parse_json, text_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import if_match, path_id, query_bool, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation, warned
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)
OPERATIONS: list[Operation] = []
_ADDED = frozenset({"id", "revision", "updated_at", "warnings", "warning_details"})
_PAGE = {"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."}


class Revision(BaseModel):
    """One saved state of a document; ``body`` null: it was deleted then."""

    revision: int
    at: str
    by: str
    deleted: bool
    body: dict[str, Any] | None


class Revisions(BaseModel):
    """The saved states of a document, newest first."""

    items: list[Revision]
    next_cursor: str | None


class Deleted(BaseModel):
    """What remains of a deleted document."""

    id: str
    deleted: bool
    revision: int


def answer(kind: DocumentKind, document: Document, snapshot: Snapshot) -> dict[str, Any]:
    """A document as it is answered: its fields, its id, revision and time, and its state."""
    added = {"id": document.id, "revision": document.revision, "updated_at": document.at}
    return {**document.body, **added, **kind.state(document.id, snapshot)}


def _put(kind: DocumentKind, account: str, raw_id: str) -> Response:
    request = bp.current_request
    principal = require(request, "editor", account)
    id_ = path_id(raw_id, PATH_NAMES[kind.kind])
    body = normal_body(kind, _authored(kind, parse_json(text_body(request)), id_))
    match = if_match(request)
    existed = False

    def writes(seen: Snapshot) -> Sequence[Write]:
        nonlocal existed
        current = seen.find(kind.kind, id_)
        existed = current is not None
        unbound = sealing.unbound(current.body if current else None, body)
        if unbound:
            raise RuleViolation.of(unbound)
        return [Write(kind.kind, id_, body, match)]

    saved = service.save(account, writes, guard(principal, account, checked(account)), principal.who)
    document = saved.get(kind.kind, id_)
    shown = answer(kind, document, saved) | warned(kind.warn(id_, saved))
    return json_response(shown, 200 if existed else 201, {"ETag": f'"{document.revision}"'})


def _authored(kind: DocumentKind, body: Any, id_: str) -> Any:
    """The body without what our answers add, so that an answer can be edited and put back."""
    if not isinstance(body, dict):
        raise InvalidInput(Reason("body_must_be_object"), [Detail("", Reason("must_be_object"))])
    if body.get("id", id_) != id_:
        raise InvalidInput.at("id", Reason("other_id_in_path", id=id_))
    added = _ADDED | kind.state_model.model_fields.keys() | kind.listed_model.model_fields.keys()
    return {name: value for name, value in body.items() if name not in added}


def _get(kind: DocumentKind, account: str, raw_id: str) -> Response:
    require(bp.current_request, "viewer", account)
    snapshot = service.snapshot(account)
    document = snapshot.get(kind.kind, path_id(raw_id, PATH_NAMES[kind.kind]))
    return json_response(answer(kind, document, snapshot), 200, {"ETag": f'"{document.revision}"'})


def _delete(kind: DocumentKind, account: str, raw_id: str) -> Response:
    request = bp.current_request
    principal = require(request, "editor", account)
    id_ = path_id(raw_id, PATH_NAMES[kind.kind])
    match = if_match(request)

    def writes(seen: Snapshot) -> Sequence[Write]:
        # What friends follow goes with its draft; they leave at their next turn.
        follows = kind.kind == "scenarios" and seen.find("published", id_) is not None
        companion = [Write("published", id_, None)] if follows else []
        return [Write(kind.kind, id_, None, match), *companion]

    saved = service.save(account, writes, guard(principal, account, checked(account)), principal.who)
    return json_response({"id": id_, "deleted": True, "revision": saved.revision})


def _list(kind: DocumentKind, account: str) -> Response:
    """A page of a kind, in the order of ids."""
    request = bp.current_request
    principal = require(request, "viewer", account)
    limit, position = query_int(request, "limit", 100), query_cursor(request, "after")
    snapshot = service.snapshot(account)
    wants = query_text(request, "counts") is None or query_bool(request, "counts")
    more = kind.listed(account, principal.who) if wants else {}
    documents = list(snapshot.all(kind.kind).values())
    if position:
        documents = [document for document in documents if document.id > position["after"]]
    shown = documents[:limit]
    following = {"after": shown[-1].id} if len(documents) > limit else None
    items = [answer(kind, document, snapshot) | more.get(document.id, {}) for document in shown]
    return json_response(page(items, following, request))


def _revisions(kind: DocumentKind, account: str, raw_id: str) -> Response:
    request = bp.current_request
    require(request, "viewer", account)
    limit, position = query_int(request, "limit", 50), query_cursor(request, "version")
    id_ = path_id(raw_id, PATH_NAMES[kind.kind])
    items, following = service.history(
        account, kind.kind, id_, limit, position["version"] if position else None
    )
    return json_response(page(items, {"version": following} if following else None, request))


def _uses(kind: DocumentKind, account: str, raw_id: str) -> Response:
    """A page of who names a document, in the order of kinds, ids and paths."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, position = query_int(request, "limit", 100), query_cursor(request, *uses.PLACE)
    snapshot = service.snapshot(account)
    document = snapshot.get(kind.kind, path_id(raw_id, PATH_NAMES[kind.kind]))
    found = uses.of((document.kind, document.id), snapshot)
    if position is not None:
        after = tuple(position[name] for name in uses.PLACE)
        found = [use for use in found if use.place > after]
    shown = found[:limit]
    following = dict(zip(uses.PLACE, shown[-1].place, strict=True)) if len(found) > limit else None
    return json_response(page([use.model_dump() for use in shown], following, request))


def _listed(kind: DocumentKind, stored: type[BaseModel]) -> type[BaseModel]:
    """A document as lists show it."""
    fields: Any = {name: (field.annotation, None) for name, field in kind.listed_model.model_fields.items()}
    return create_model(f"{kind.model.__name__}Listed", __base__=stored, **fields) if fields else stored


def _query(kind: DocumentKind) -> dict[str, str]:
    return _PAGE | ({"counts": "false: without counts."} if kind.listed_model.model_fields else {})


def _register(kind: DocumentKind) -> None:
    name = PATH_NAMES[kind.kind]
    collection = f"/v1/accounts/{{account}}/{kind.kind}"
    item = f"{collection}/{{{name}}}"
    state: dict[str, Any] = {
        name: (field.annotation, ...) for name, field in kind.state_model.model_fields.items()
    }
    stored = create_model(
        f"{kind.model.__name__}Stored",
        __base__=kind.model,
        __doc__=kind.model.__doc__,
        id=(str, ...),
        revision=(int, ...),
        updated_at=(str, ...),
        **state,
    )
    in_list = _listed(kind, stored)
    listed = create_model(
        f"{kind.model.__name__}Page",
        __config__=ConfigDict(extra="forbid"),
        items=(list[in_list], ...),  # type: ignore[valid-type]
        next_cursor=(str | None, ...),
    )
    views: list[tuple[str, str, Callable[..., Response], Operation]] = [
        (
            "PUT",
            item,
            _put,
            Operation("PUT", item, f"Create or replace one of {kind.kind}", "editor", kind.model, stored),
        ),
        ("GET", item, _get, Operation("GET", item, f"One of {kind.kind}", "viewer", None, stored)),
        (
            "DELETE",
            item,
            _delete,
            Operation(
                "DELETE", item, f"Delete one of {kind.kind} that nothing uses", "editor", None, Deleted
            ),
        ),
        (
            "GET",
            f"{item}/revisions",
            _revisions,
            Operation(
                "GET",
                f"{item}/revisions",
                f"Every saved state of one of {kind.kind}",
                "viewer",
                None,
                Revisions,
                query=_PAGE,
            ),
        ),
        (
            "GET",
            f"{item}/uses",
            _uses,
            Operation(
                "GET",
                f"{item}/uses",
                f"What names one of {kind.kind}",
                "viewer",
                None,
                uses.Uses,
                query=_PAGE,
            ),
        ),
        (
            "GET",
            collection,
            _list,
            Operation(
                "GET", collection, f"All {kind.kind}, by id", "viewer", None, listed, query=_query(kind)
            ),
        ),
    ]
    for method, path, view, operation in views:
        bp.route(path, methods=[method])(http_errors(_bound(view, kind, name)))
        OPERATIONS.append(operation)


def _bound(view: Callable[..., Response], kind: DocumentKind, name: str) -> Callable[..., Response]:
    """A view of one kind, called by Chalice with the names in the path."""

    def of_kind(**names: str) -> Response:
        ids = [names[name]] if name in names else []
        return view(kind, names["account"], *ids)

    of_kind.__name__ = f"{view.__name__.lstrip('_')}_{name}"
    return of_kind


for _kind in KINDS.values():
    _register(_kind)
