"""The journal: one line for each event that reports count, kept and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.reports import store
from chalicelib.reports.delivered import effect_lines
from chalicelib.reports.lines import Line, line_of
from chalicelib.reports.questions import lines as questions
from chalicelib.reports.rollups import marks
from chalicelib.shared.events import FriendEvent

PARTS = store.PARTS
BEGINNING, END = "0", "~"
"""Before every moment, and after."""


def note(event: FriendEvent, answered: Sequence[questions.QuestionEvent] = ()) -> None:
    """Keep the lines of an event that is being reacted to. Again, at once or much later, is the same.

    An effect of the reaction: it comes before the activity, and is repeated until it is done. ``answered``:
    what it has answered and put of forms.
    """
    activity = {"user_id": event.user_id, **vars(event)}
    own, on = line_of(activity), questions.on_of(activity)
    lines = questions.made(event.user_id, event.at, event.event_id, answered, on) + ([own] if own else [])
    marks.before_writing(event.account_id, store.part_of(event.user_id), lines)
    for line in lines:
        store.put(event.account_id, line)


def note_sent(activity: Mapping[str, Any]) -> None:
    """Keep what an event's effects sent, by its activity: before it is kept, and when it is corrected."""
    account, lines = activity["account"], effect_lines.lines(activity, activity.get("effects") or ())
    if lines:
        marks.before_writing(account, store.part_of(activity["user_id"]), lines)
    for line in lines:
        store.put(account, line)


def of_activity(activity: Mapping[str, Any]) -> list[Line]:
    """The lines of an event, by its activity."""
    own = line_of(activity)
    answered = questions.of_event(activity) if activity.get("state") != "failed" else ()
    on = questions.on_of(activity)
    more = questions.made(activity["user_id"], activity["at"], activity["event_id"], answered, on)
    more += effect_lines.lines(activity, activity.get("effects") or ())
    return more + ([own] if own else [])


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
