"""The topics of an account as a friend sees them, and what the friend says of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.topics import consent
from chalicelib.topics.consent import IN, MARKETING, OUT


@dataclass(frozen=True)
class Topic:
    """One line of the page: what is offered, in which words, and whether the friend is out of it now."""

    id: str
    label: str
    out: bool


def shown(sheet: Mapping[str, Any], catalog: Snapshot) -> list[Topic]:
    """What the friend may switch, ``marketing`` first: it is above all others."""
    names = {MARKETING: Reason("page_marketing").text()}
    names |= {id_: str(document.body["name"]) for id_, document in catalog.all("topics").items()}
    return [
        Topic(id_, Reason("page_topic", name=name).text(), consent.is_out(sheet, id_, catalog))
        for id_, name in names.items()
    ]


def changed(topics: Collection[Topic], offered: Collection[str], wanted: Collection[str]) -> dict[str, str]:
    """What is different now: of those that the page had offered, those that the friend wants are in."""
    choices = {topic.id: IN if topic.id in wanted else OUT for topic in topics if topic.id in offered}
    now = {topic.id: OUT if topic.out else IN for topic in topics}
    return {id_: state for id_, state in choices.items() if state != now[id_]}


def all_off(sheet: Mapping[str, Any], topics: Collection[Topic]) -> dict[str, str]:
    """Everything off, in so many words also where somebody is out by default."""
    known = sheet.get("topics") or {}
    return {topic.id: OUT for topic in topics if not topic.out or topic.id not in known}


def wording(topics: Collection[Topic], choices: Mapping[str, str], button: str) -> dict[str, str]:
    """In which words the friend has chosen: the line of the page and its answer, or the button."""
    labels = {topic.id: topic.label for topic in topics}
    if button:
        return dict.fromkeys(choices, button)
    answers = {IN: Reason("page_yes").text(), OUT: Reason("page_no").text()}
    return {id_: f"{labels[id_]}: {answers[state]}" for id_, state in choices.items()}


def event(
    account: str,
    user: str,
    at: str,
    nonce: str,
    choices: Mapping[str, str],
    words: Mapping[str, str],
    rev: str,
) -> FriendEvent:
    """What the friend has chosen, as an event: sent twice from one page, it is the same one.

    ``rev``: the state of the sheet that it changes. Back and forth on one page are different events.
    """
    name = digest("preferences", user, nonce, json.dumps(choices, sort_keys=True), rev)[:32]
    props = {"topics": dict(choices), "wording": dict(words)}
    return FriendEvent(
        f"preferences:{name}", account, user, "preferences_set", at, props=props, source="page"
    )
