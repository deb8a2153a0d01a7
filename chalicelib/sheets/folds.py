"""What an event says of a friend besides that it happened, folded by the event's own time. Pure: the sheet is
changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.sheets.model import CLICKED_RUNS_KEPT, Fact
from chalicelib.sheets.purchases import fold_purchase, fold_refund


def status(sheet: Sheet, *, follows: bool, at: str) -> list[Fact]:
    """Whether the friend follows, by the latest that is known."""
    latest = at >= (sheet.get("status_at") or "")
    if follows:
        sheet["followed_at"] = max(at, sheet.get("followed_at") or "")
    if latest:
        sheet["status"] = "following" if follows else "blocked"
        sheet["status_at"] = at
        sheet["blocked_at"] = None if follows else at
    return []


def contact(sheet: Sheet, at: str) -> None:
    """Who writes is a friend then, unless a block of the same moment or a later one is known. When they
    followed stays unknown.
    """
    if at > (sheet.get("status_at") or ""):
        sheet.update({"status": "following", "status_at": at, "blocked_at": None})


def route(sheet: Sheet, name: str | None, at: str) -> list[Fact]:
    """By which way the friend came: the first and the latest."""
    if not name:
        return []
    source = sheet["source"]
    if at < source.get("first_at", "~"):
        source.update(first=name, first_at=at)
    if at >= source.get("latest_at", ""):
        source.update(latest=name, latest_at=at)
    return []


def consent(
    sheet: Sheet, topic: str, *, out: bool, at: str, by: str, wording: str | None = None
) -> list[Fact]:
    """That the friend wants nothing of a topic any more, or wants it again; ``opted_out`` or ``opted_in``
    when they did not say so before. Void if the opposite was said later than ``at``. ``wording``: how they
    put it.
    """
    topics = sheet.setdefault("topics", {})
    known = topics.get(topic)
    if known is not None and at < known["at"]:
        return []
    if known is not None and known["out"] is out:
        known["at"] = at
        return []
    topics[topic] = {"out": out, "since": at, "by": by, "at": at}
    props = {"topic": topic} | ({"wording": wording} if wording else {})
    return [("opted_out" if out else "opted_in", topic, props)]


def run_of(props: Mapping[str, Any]) -> str:
    """The run of a delivery that a click is of; of a scenario, which has none, the node."""
    return str(props.get("run") or props.get("node") or "")


def click(sheet: Sheet, props: Mapping[str, Any], at: str) -> list[Fact]:
    """The newest runs of a delivery in which the friend has clicked."""
    delivery = props.get("delivery")
    if not isinstance(delivery, str) or not delivery:
        return []
    clicked, run = sheet.setdefault("clicked", {}), run_of(props)
    known = clicked.get(delivery)
    runs = {**known.get("before", {}), known["run"]: known["at"]} if known else {}
    firsts = {**runs, known["run"]: known.get("first", known["at"])} if known else {}
    firsts[run], runs[run] = min(at, firsts.get(run, at)), max(at, runs.get(run, ""))
    *before, last = sorted(runs, key=lambda one: (runs[one], one))[-CLICKED_RUNS_KEPT:]
    clicked[delivery] = {"at": runs[last], "run": last}
    if firsts[last] < runs[last]:
        clicked[delivery]["first"] = firsts[last]
    if before:
        clicked[delivery]["before"] = {one: runs[one] for one in before}
    return []


def answers(sheet: Sheet, form: str | None, given: Any, at: str) -> list[Fact]:
    """That a form was answered, and each answer by its own time; those that are not given any more go."""
    if not form:
        return []
    entry = sheet.setdefault("forms", {}).setdefault(form, {})
    entry["at"] = max(at, entry.get("at") or "")
    known_answers = entry.setdefault("answers", {})
    for question, value in given.items() if isinstance(given, Mapping) else ():
        known = known_answers.get(question)
        if known is None or at >= known["at"]:
            known_answers[question] = {"value": value, "at": at}
    if isinstance(given, Mapping):
        for question in [one for one, known in known_answers.items() if one not in given]:
            if known_answers[question]["at"] <= at:
                del known_answers[question]
    return []


def purchase(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    """An order. Which stage it leads to is the account's to say."""
    fold_purchase(sheet, event.props, event.at)
    return []


def refund(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    """An order taken back, likewise."""
    fold_refund(sheet, event.props, event.at)
    return []
