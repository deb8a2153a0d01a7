"""Data migrations: what must be changed in items that an earlier version wrote, once, by number.

A migration is a function that does a bounded piece of work from a position on and says where the next begins.
The position is saved after each piece, so a run that is cut off goes on where it was; the piece in which it
was cut off is done again, so **each piece must be safe to repeat**, beside running functions too. They run in
the order of their numbers, each once. A dry run looks at everything, changes nothing and saves nothing.

A number is never given twice, and a migration that was released is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.accounts import service as accounts
from chalicelib.catalog import kept_secrets
from chalicelib.gateways import clock
from chalicelib.ops import store
from chalicelib.shared.times import iso


@dataclass(frozen=True)
class Piece:
    """What came of a piece: items seen, those that needed a change, where the next begins (None: done)."""

    seen: int
    changed: int
    position: str | None


Work = Callable[[str | None, bool], Piece]
"""``work(position, write)``: position None is the beginning; without ``write`` it only counts."""


@dataclass(frozen=True)
class Migration:
    """A numbered migration; ``name`` says what is true after it."""

    number: int
    name: str
    work: Work


@dataclass(frozen=True)
class Progress:
    """How far a migration is, or would be."""

    number: int
    name: str
    seen: int
    changed: int
    done: bool


def _list_secrets(position: str | None, write: bool) -> Piece:
    """One account for each piece: secrets that were kept before there was a list of them."""
    following = [a.id for a in accounts.list_accounts() if position is None or a.id > position]
    if not following:
        return Piece(0, 0, None)
    seen, changed = kept_secrets.list_named(following[0], write=write)
    return Piece(seen, changed, following[0] if len(following) > 1 else None)


MIGRATIONS: Sequence[Migration] = (
    Migration(1, "every secret that a document names is in its account's list", _list_secrets),
)


def run(migrations: Sequence[Migration] = MIGRATIONS, *, dry_run: bool = False) -> Iterator[Progress]:
    """Do all that is not done, in order; returns after each piece. Stop asking, and it is cut off there."""
    begun = store.migrations()
    for migration in sorted(migrations, key=lambda one: one.number):
        item = begun.get(migration.number) or store.migration(migration.number, migration.name)
        while not item.done_at:
            piece = migration.work(item.position, not dry_run)
            item.seen = int(item.seen) + piece.seen
            item.changed = int(item.changed) + piece.changed
            item.position = piece.position
            if piece.position is None:
                item.done_at = iso(clock.now())
            if not dry_run:
                item.save()
            yield Progress(migration.number, migration.name, item.seen, item.changed, piece.position is None)
