"""A friend's answers on their way: begun, kept as they come, sent once, reported until it is known.

The order is what ``tests/model/test_sittings.py`` proves: a job is left first, then the answers are frozen,
then they are put in the inbox, then they count as reported. A next sitting begins only on one that is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.gateways import clock, inbox, queues
from chalicelib.shared.errors import Conflict
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.webforms import store
from chalicelib.webforms.store import Sitting

LIFE = timedelta(days=30)
"""So long answers that were not sent are kept, and it is known that they were."""
SOURCE = "form"
_ATTEMPTS = 10
_AFTER_S = 120
"""Longer than a request may take."""


def current(account: str, user: str, form: str) -> Sitting:
    """The friend's sitting; a new one, which is kept nowhere yet, where there is none or it is over."""
    found, now = store.find(account, user, form), clock.now()
    if found is not None and (found.until > iso(now) or not _is_done(found)):
        return found
    fresh = Sitting(form, new_ulid(), iso(now), iso(now + LIFE))
    return replace(fresh, rev=found.rev) if found is not None else fresh


def change(account: str, user: str, form: str, make: Callable[[Sitting], Sitting]) -> Sitting:
    """Keep what ``make`` makes of the friend's open sitting; one that is sent stays as it is."""
    for _ in range(_ATTEMPTS):
        seen = current(account, user, form)
        if seen.sent_at:
            return seen
        wanted = make(seen)
        if wanted == seen or store.put(account, user, wanted):
            return replace(wanted, rev=wanted.rev + (wanted != seen))
    raise Conflict(Reason("form_busy"))


def answer(account: str, user: str, form: str, given: Mapping[str, Any]) -> Sitting:
    """Keep answers by question; None: skipped."""
    at = iso(clock.now())
    new = {question: {"value": value, "at": at} for question, value in given.items()}
    return change(account, user, form, lambda seen: replace(seen, answers={**seen.answers, **new}))


def show(account: str, user: str, form: str, questions: tuple[str, ...]) -> tuple[Sitting, tuple[str, ...]]:
    """Note that these were shown; also answers which of them for the first time."""
    first: tuple[str, ...] = ()

    def make(seen: Sitting) -> Sitting:
        nonlocal first
        first = tuple(question for question in questions if question not in seen.seen)
        return replace(seen, seen=(*seen.seen, *first)) if first else seen

    found = change(account, user, form, make)
    return found, () if found.sent_at else first


def send(
    account: str, user: str, read: Sitting, final: Collection[str], outcome: dict[str, Any]
) -> Sitting | None:
    """Send a sitting with its answers to these questions, and what they come to; None when it is not what was
    read any more. Safe to repeat.
    """
    _leave_job(account, user, read)
    answers = {question: entry for question, entry in read.answers.items() if question in final}
    sent = replace(read, answers=answers, outcome=outcome, sent_at=iso(clock.now()))
    if not store.put(account, user, sent):
        return None
    return report_soon(account, user, replace(sent, rev=sent.rev + 1))


def report_soon(account: str, user: str, sent: Sitting) -> Sitting:
    """Report it now, or leave that to the job: the answers are kept, and the friend need not know."""
    try:
        return report(account, user, sent)
    except Exception:  # noqa: BLE001 (the job that was left does it)
        logger.exception("a form is reported later", extra={"account": account, "form": sent.form})
        return sent


def report(account: str, user: str, sent: Sitting) -> Sitting:
    """Put what was sent in the inbox, unless that is known to be done. Safe to repeat."""
    if sent.is_reported:
        return sent
    inbox.put_all([event_of(account, user, sent)], Reason("form_not_taken"))
    done = replace(sent, is_reported=True)
    store.put(account, user, done)  # where it is another one by now, somebody else has reported it
    return replace(done, rev=done.rev + 1)


def report_left(account: str, user: str, form: str, sitting: str) -> None:
    """Report a sitting whose sender has died, if it was sent."""
    found = store.find(account, user, form)
    if found is not None and found.id == sitting and found.sent_at:
        report(account, user, found)


def again(account: str, user: str, done: Sitting) -> None:
    """Begin anew after a sitting that is sent; whoever comes second finds the new one."""
    reported = report(account, user, done)
    now = clock.now()
    fresh = Sitting(done.form, new_ulid(), iso(now), iso(now + LIFE), rev=reported.rev)
    store.put(account, user, fresh)


def event_of(account: str, user: str, sent: Sitting) -> FriendEvent:
    """The event that a sitting is: always the same one."""
    return FriendEvent(
        f"form:{sent.form}:{sent.id}",
        account,
        user,
        "form_answered",
        sent.sent_at,
        key=sent.form,
        props={"form": sent.form, "answers": given(sent), **sent.outcome},
        source=SOURCE,
    )


def given(sitting: Sitting) -> dict[str, Any]:
    """What was answered, by question; what was skipped is not."""
    return {q: entry["value"] for q, entry in sitting.answers.items() if entry["value"] is not None}


def _is_done(sitting: Sitting) -> bool:
    return sitting.is_reported or not sitting.sent_at


def _leave_job(account: str, user: str, sitting: Sitting) -> None:
    """For after whoever sends it: a job reports it if they did not come to that."""
    body = {"job": "report_form", "account": account, "user": user, "form": sitting.form}
    queues.send("bulk", body | {"sitting": sitting.id}, delay_s=_AFTER_S)
