"""The catalog of one account at one revision: an immutable value."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

T = TypeVar("T")
Key = tuple[str, str]
"""(kind, id)"""


@dataclass(frozen=True)
class Document:
    """One authored document in force. ``revision`` is the account's revision that wrote it.

    ``body`` is shared by everybody who reads the snapshot: never change it.
    """

    kind: str
    id: str
    revision: int
    body: dict[str, Any]
    at: str
    version: str = ""
    """The name of the stored body."""


@dataclass(frozen=True)
class Current:
    """Where a document's newest body is stored; a deleted document keeps its last one for its history."""

    revision: int
    version: str
    deleted: bool = False
    reached: bool = False
    """Friends may hold it still, whatever is in force by now: a link, a form that they are in."""


@dataclass(frozen=True)
class Snapshot:
    """Everything in force in an account at one revision (0: nothing was ever written)."""

    account_id: str
    revision: int = 0
    stamp: str = ""
    """Names the save that made this revision; two different saves never share one."""
    versions: Mapping[Key, Current] = field(default_factory=dict)
    documents: Mapping[Key, Document] = field(default_factory=dict)
    _memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def find(self, kind: str, id: str) -> Document | None:  # noqa: A002 (documents have ids)
        """The document, or None."""
        return self.documents.get((kind, id))

    def get(self, kind: str, id: str) -> Document:  # noqa: A002
        """The document. Raises NotFound."""
        document = self.find(kind, id)
        if document is None:
            raise NotFound(Reason("no_path", path=f"{kind}/{id}"))
        return document

    def all(self, kind: str) -> dict[str, Document]:
        """Every document of a kind, by id, in the order of ids."""
        by_kind: dict[str, dict[str, Document]] = self.derived("catalog.by_kind", _by_kind)
        return by_kind.get(kind, {})

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents.values())

    def derived(self, key: Hashable, build: Callable[[Snapshot], T]) -> T:
        """What ``build`` makes of this snapshot, made once per revision and process (compiled rules …).

        Two threads may build at the same time; one result stays. ``build`` must be pure.
        """
        if key not in self._memo:
            self._memo.setdefault(key, build(self))
        made: T = self._memo[key]
        return made


def _by_kind(snapshot: Snapshot) -> dict[str, dict[str, Document]]:
    kinds: dict[str, dict[str, Document]] = {}
    for key in sorted(snapshot.documents):
        kinds.setdefault(key[0], {})[key[1]] = snapshot.documents[key]
    return kinds


def body_text(body: Mapping[str, Any]) -> str:
    """A body as the JSON text that is stored."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
