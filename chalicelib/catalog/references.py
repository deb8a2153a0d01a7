"""Names that documents give each other: whether what is named is there. One answer, in every room's words.

Most names are of documents of the catalog. What else has a name (a delivery is a broadcast, or a scenario) is
an entry of ``NAMES``, declared in its room's ``names.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import Table
from chalicelib.shared.text.near_names import did_you_mean


@dataclass(frozen=True)
class Elsewhere:
    """A kind of name that is no kind of document: documents of ``kinds`` have it, and what ``find`` finds.

    ``find`` and ``ids`` take the account; ``ids`` (some are enough) are asked for a name that is not there.
    """

    kinds: tuple[str, ...]
    find: Callable[[str, str], bool]
    ids: Callable[[str], Iterable[str]]


NAMES = Table("names", Elsewhere)
"""Every kind of name that is found elsewhere than among documents of that kind."""


def kinds_of(reference: Reference) -> tuple[str, ...]:
    """The kinds of documents that a reference may mean."""
    elsewhere = NAMES.get(reference.kind)
    return elsewhere.kinds if elsewhere else (reference.kind,)


def is_there(reference: Reference, snapshot: Snapshot, own: Key | None = None) -> bool:
    """Whether what is named exists; ``own``: what the naming document itself is, saved or not."""
    if own == (reference.kind, reference.id):
        return True
    if any(snapshot.find(kind, reference.id) is not None for kind in kinds_of(reference)):
        return True
    elsewhere = NAMES.get(reference.kind)
    return elsewhere is not None and elsewhere.find(snapshot.account_id, reference.id)


def unresolved(
    references: Iterable[Reference], snapshot: Snapshot, own: Key | None = None
) -> Iterator[Detail]:
    """Every reference to what does not exist, with its path and the nearest name that does."""
    for reference in references:
        if not is_there(reference, snapshot, own):
            yield Detail(reference.path, missing(reference, snapshot))


def missing(reference: Reference, snapshot: Snapshot) -> Reason:
    """``there is no tags/vpi (did you mean "vip"?)``."""
    known = [id_ for kind in kinds_of(reference) for id_ in snapshot.all(kind)]
    elsewhere = NAMES.get(reference.kind)
    known += elsewhere.ids(snapshot.account_id) if elsewhere else ()
    return did_you_mean(Reason("no_path", path=f"{reference.kind}/{reference.id}"), reference.id, known)
