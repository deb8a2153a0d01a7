"""What reports count of a form on the web: the questions that were shown, answered and passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.gateways import clock
from chalicelib.reports import journal
from chalicelib.reports.questions import lines
from chalicelib.shared.times import iso
from chalicelib.webforms.store import Sitting


def shown(account: str, user: str, sitting: Sitting, questions: Iterable[str]) -> None:
    """These were shown for the first time in a sitting."""
    events = [(lines.ASKED, sitting.form, question) for question in questions]
    journal.put(account, lines.made(user, iso(clock.now()), sitting.id, events, "web"))


def answered(account: str, user: str, sitting: Sitting, answers: Mapping[str, Any]) -> None:
    """These were answered; None: passed over. Again is counted once for each friend. Who answers a question
    has had it before them, also where no page was seen: all answers may come at once.
    """
    events = [(lines.ASKED, sitting.form, question) for question in answers if question not in sitting.seen]
    events += [
        (lines.SKIPPED if value is None else lines.ANSWERED, sitting.form, question)
        for question, value in answers.items()
    ]
    journal.put(account, lines.made(user, iso(clock.now()), sitting.id, events, "web"))
