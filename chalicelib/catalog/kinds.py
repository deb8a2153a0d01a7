"""What a kind of document is: its model, what its documents refer to, what they must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from chalicelib.shared.errors import Detail

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


def no_warnings(_id: str, _snapshot: Snapshot) -> Iterable[str]:
    """Of kinds whose documents work as authored, or not at all."""
    return ()


@dataclass(frozen=True)
class DocumentKind:
    """A kind of document, as the room that owns it declares it.

    ``model`` says the shape (types are strict, unknown fields are refused when the model forbids them);
    the stored body is the model's dump by alias, defaults filled in, absent options left out.
    ``shape`` adds what the model cannot say; its details are 400. ``references`` are looked up in the
    catalog as it would be after the save; an unknown one is 422, and a document that is named cannot be
    deleted. ``check`` says what else cannot work: 422. ``warn`` says, after a save, what works and
    was probably not meant; the answer shows it.
    """

    kind: str
    model: type[BaseModel]
    references: Callable[[Body], Iterable[Reference]] = no_references
    check: Callable[[str, Body, Snapshot], Iterable[Detail]] = no_check
    shape: Callable[[Body], Iterable[Detail]] = no_shape
    warn: Callable[[str, Snapshot], Iterable[str]] = no_warnings
