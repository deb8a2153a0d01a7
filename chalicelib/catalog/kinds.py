"""What a kind of document is: its model, what its documents refer to, what they must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from chalicelib.shared.errors import Detail
from chalicelib.shared.tables import Table

if TYPE_CHECKING:
    from chalicelib.catalog.snapshot import Snapshot

Body = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """One document names another: where in the body, and which kind and id."""

    path: str
    kind: str
    id: str


def no_references(_body: Body) -> Iterable[Reference]:
    """Of kinds whose documents name no other document."""
    return ()


def no_check(_id: str, _body: Body, _snapshot: Snapshot) -> Iterable[Detail]:
    """Of kinds that have nothing to check beyond their model and references."""
    return ()


def no_shape(_body: Body) -> Iterable[Detail]:
    """Of kinds whose model says everything about their shape."""
    return ()


class NoState(BaseModel):
    """Of kinds whose documents are in force as they are saved."""


def no_state(_id: str, _snapshot: Snapshot) -> dict[str, Any]:
    """The same."""
    return {}


def nothing_listed(_account: str, _by: str) -> Mapping[str, dict[str, Any]]:
    """Of kinds whose lists say no more."""
    return {}


def nothing_saved(_account: str, _id: str) -> None:
    """Of kinds that have nothing to do when one was saved."""


def no_companions(_body: Body) -> Iterable[tuple[str, str, Body]]:
    """Of kinds whose documents have no companions."""
    return ()


def no_warnings(_id: str, _snapshot: Snapshot) -> Iterable[Detail]:
    """Of kinds whose documents work as authored, or not at all."""
    return ()


@dataclass(frozen=True)
class DocumentKind:
    """A kind of document, as the room that owns it declares it.

    ``path_name``: what paths of the API call its ids; None: no author writes it, actions do. ``named_as``:
    the kind by which other documents name it, when that is not its own.

    ``model`` says the shape (types are strict, unknown fields are refused when the model forbids them);
    the stored body is the model's dump by alias, defaults filled in, absent options left out.
    ``shape`` adds what the model cannot say; its details are 400. ``references`` are looked up in the
    catalog as it would be after the save; an unknown one is 422, and a document that is named cannot be
    deleted. ``check`` says what else cannot work: 422. ``warn`` says, after a save, what works and
    was probably not meant; the answer shows it. ``state`` is what else is true of a document (the fields of
    ``state_model``): answers show it, and a PUT of an answer may hold it. ``listed`` is what lists say
    of each besides, counted for whoever asks (the fields of ``listed_model``), unless they leave it out.
    ``saved`` is called with the account and the id after one was written or deleted, for what should not
    wait; a crash may lose the call.
    ``path_words``: what is beside the ids in its paths (``/segments/count``) and so cannot be an id.
    ``companions``: documents ``(kind, id, body)`` that are saved with one, unless they are there.
    """

    kind: str
    model: type[BaseModel]
    path_name: str | None = None
    path_words: frozenset[str] = frozenset()
    named_as: str | None = None
    references: Callable[[Body], Iterable[Reference]] = no_references
    check: Callable[[str, Body, Snapshot], Iterable[Detail]] = no_check
    shape: Callable[[Body], Iterable[Detail]] = no_shape
    warn: Callable[[str, Snapshot], Iterable[Detail]] = no_warnings
    state_model: type[BaseModel] = NoState
    state: Callable[[str, Snapshot], dict[str, Any]] = no_state
    listed_model: type[BaseModel] = NoState
    listed: Callable[[str, str], Mapping[str, dict[str, Any]]] = nothing_listed
    saved: Callable[[str, str], None] = nothing_saved
    companions: Callable[[Body], Iterable[tuple[str, str, Body]]] = no_companions


DOCUMENTS = Table("documents", DocumentKind)
"""Every kind of document, in the order of an export."""
