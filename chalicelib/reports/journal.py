"""The journal: one line for each event that reports count, kept and read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.accounts.model import Account
from chalicelib.reports import store
from chalicelib.reports.lines import Line, line_of
from chalicelib.reports.rollups import marks
from chalicelib.shared.events import FriendEvent

PARTS = store.PARTS
BEGINNING, END = "0", "~"
"""Before every moment, and after."""


def note(event: FriendEvent) -> None:
    """Keep the line of an event that is being reacted to. Again, at once or much later, is the same.

    An effect of the reaction: it comes before the activity, and is repeated until it is done.
    """
    line = line_of({"user_id": event.user_id, **vars(event)})
    if line is not None:
        marks.before_writing(event.account_id, store.part_of(line.user), [line])
        store.put(event.account_id, line)


def put(account: str, lines: Sequence[Line]) -> None:
    """Keep lines of one friend that were made anew."""
    for part in {store.part_of(line.user) for line in lines}:
        marks.before_writing(account, part, lines)
    store.put_all(account, lines)


def lines(account: str, part: int, since: str = BEGINNING, until: str = END) -> Iterator[Line]:
    """The lines of a part of the friends, of a time, oldest first."""
    for page in store.pages(account, part, since, until):
        yield from page


def forget(account: Account, user: str, until: str) -> None:
    """Delete what is kept of a friend up to a moment; reads the lines of their part."""
    part = store.part_of(user)
    for page in store.pages(account.id, part, BEGINNING, until + END):
        own = [line for line in page if line.user == user]
        marks.before_deleting(account.id, part, own)
        store.delete(account.id, own)
