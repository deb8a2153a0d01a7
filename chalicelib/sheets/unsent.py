"""Messages that a friend took back: which ones the sheet remembers. Pure.

LINE may bring the taking back before the message, whose delivery it repeats, or a message may wait for long
among the dead letters: the sheet knows by then that its text is not to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timeline.unsend import Answer

REMEMBERED = 100
LIFE = timedelta(days=30)
"""Longer than any queue keeps a message, dead letters (14 days) and their redrive included."""


def fold(sheet: Sheet, message_id: Any, at: str) -> None:
    """Remember a message as taken back: the newest ones, for a while. The form's answer that it was goes."""
    if not isinstance(message_id, str) or not message_id:
        return
    for answers in _answers(sheet).values():
        for question in [name for name, given in answers.items() if given.get("message_id") == message_id]:
            del answers[question]
    known = {**(sheet.get("unsent") or {}), message_id: at}
    oldest = iso(parse_iso(max(known.values())) - LIFE)
    newest = sorted(known.items(), key=lambda entry: entry[1])[-REMEMBERED:]
    sheet["unsent"] = {name: timestamp for name, timestamp in newest if timestamp >= oldest}


def taken_back_at(sheet: Sheet | None, props: Mapping[str, Any]) -> str | None:
    """When the message with these props was taken back; None: it was not, as far as the sheet remembers."""
    message_id = props.get("message_id")
    unsent: dict[str, str] = (sheet or {}).get("unsent") or {}
    return unsent.get(message_id) if isinstance(message_id, str) else None


def note_answers(sheet: Sheet, message_id: Any, at: str) -> None:
    """Keep with the answers that a message of that timestamp has given which message it was."""
    if isinstance(message_id, str) and message_id:
        for answers in _answers(sheet).values():
            for given in answers.values():
                if given["at"] == at:
                    given["message_id"] = message_id


def answers_gone(before: Sheet | None, after: Sheet) -> set[Answer]:
    """The answers that one sheet has of messages which were taken back by the other."""
    left, unsent = _answers(after), after.get("unsent") or {}
    return {
        (form, question)
        for form, answers in _answers(before or {}).items()
        for question, given in answers.items()
        if given.get("message_id") in unsent and question not in left.get(form, {})
    }


def _answers(sheet: Sheet) -> dict[str, dict[str, Any]]:
    forms: dict[str, Any] = sheet.get("forms") or {}
    return {form: entry.get("answers") or {} for form, entry in forms.items()}
