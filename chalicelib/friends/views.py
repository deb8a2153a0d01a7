"""Friends as the contract answers them. Derived values are computed here, at the read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.sheets import positions, reservations
from chalicelib.sheets.purchases import limits_of, stage
from chalicelib.sheets.scores import score_value


class Source(BaseModel):
    """Where the friend came from: the first and the latest route."""

    first: str | None = None
    latest: str | None = None


class TagView(BaseModel):
    """Since when the friend has the tag, and what gave it."""

    since: str
    by: str


class TopicView(BaseModel):
    """Whether the friend is out of the topic, since when, and by what."""

    out: bool
    since: str
    by: str


class ScoreView(BaseModel):
    """``value`` is decayed to now and within the score's limits, ``raw`` is what was stored at ``at``."""

    value: float
    raw: float
    at: str


class FactView(BaseModel):
    """How often, first and last."""

    count: int
    first_at: str
    last_at: str


class PurchasesView(BaseModel):
    """Orders and their amount, refunds taken back."""

    count: int
    total: float


class RunView(BaseModel):
    """Where the friend is in one run of a scenario."""

    state: str
    node: str | None = None


class ScenarioView(BaseModel):
    """Where the friend is in a scenario; ``runs``: in each of its runs, by the value that each is for."""

    model_config = ConfigDict(extra="allow")

    state: str
    node: str | None = None
    run: str | None = None
    runs: dict[str, RunView] | None = None


class ReservationView(BaseModel):
    """When a reservation takes place, and its status."""

    at: str
    status: str
    props: dict[str, Any]


class FormView(BaseModel):
    """A form's answers so far, and when it was answered to the end (None: never)."""

    answered_at: str | None
    answers: dict[str, Any]


class FormSessionView(BaseModel):
    """The question that waits for the friend's answer."""

    form: str
    question: str
    at: str


class Friend(BaseModel):
    """A friend as known now."""

    user_id: str
    status: str
    display_name: str | None
    language: str | None
    followed_at: str | None
    blocked_at: str | None
    last_active_at: str | None
    source: Source
    tags: dict[str, TagView]
    scores: dict[str, ScoreView]
    attributes: dict[str, Any]
    facts: dict[str, FactView]
    purchases: PurchasesView
    stage: str
    member_id: str | None
    rank: str | None
    scenarios: dict[str, ScenarioView]
    reservations: dict[str, ReservationView]
    forms: dict[str, FormView]
    asking: FormSessionView | None
    topics: dict[str, TopicView]
    revision: int


def friend_body(sheet: Sheet, catalog: Snapshot, now: datetime) -> dict[str, Any]:
    """A sheet as ``Friend``; a tombstone has nothing but its id and status."""
    purchases = sheet.get("purchases") or {}
    source = sheet.get("source") or {}
    return {
        "user_id": sheet["user_id"],
        "status": sheet["status"],
        "display_name": sheet.get("display_name"),
        "language": sheet.get("language"),
        "followed_at": sheet.get("followed_at"),
        "blocked_at": sheet.get("blocked_at"),
        "last_active_at": sheet.get("last_active_at"),
        "source": {"first": source.get("first"), "latest": source.get("latest")},
        "tags": {tag: {"since": e["since"], "by": e["by"]} for tag, e in (sheet.get("tags") or {}).items()},
        "scores": {
            score: {
                "value": score_value(entry, _definition(catalog, score), now),
                "raw": float(entry["value"]),
                "at": entry["at"],
            }
            for score, entry in (sheet.get("scores") or {}).items()
        },
        "attributes": dict(sheet.get("attributes") or {}),
        "facts": {
            name: {"count": fact["count"], "first_at": fact["first_at"], "last_at": fact["last_at"]}
            for name, fact in (sheet.get("facts") or {}).items()
        },
        "purchases": {"count": purchases.get("count", 0), "total": purchases.get("total", 0)},
        "stage": stage(purchases, now, limits_of(catalog)),
        "member_id": sheet.get("member_id"),
        "rank": (sheet.get("member") or {}).get("rank"),
        "scenarios": {scenario: _scenario(found) for scenario, found in positions.scenarios(sheet).items()},
        "reservations": {
            id_: {"at": one["at"], "status": one["status"], "props": one.get("props") or {}}
            for id_, one in reservations.of_sheet(sheet).items()
        },
        "forms": {
            form: {
                "answered_at": e.get("at"),
                "answers": {name: given["value"] for name, given in (e.get("answers") or {}).items()},
            }
            for form, e in (sheet.get("forms") or {}).items()
        },
        "asking": _form_session(sheet.get("form_session")),
        "topics": {
            topic: {name: consent[name] for name in ("out", "since", "by")}
            for topic, consent in (sheet.get("topics") or {}).items()
        },
        "revision": sheet["rev"],
    }


def _scenario(found: Mapping[str | None, dict[str, Any]]) -> dict[str, Any]:
    """Where the friend is, and in a scenario that runs for each value of something, in each run."""
    shown = {value: {name: e.get(name) for name in ("state", "node", "run")} for value, e in found.items()}
    runs = {value: position for value, position in shown.items() if value is not None}
    one = positions.together(found) or {}
    return {name: one.get(name) for name in ("state", "node", "run")} | ({"runs": runs} if runs else {})


def _form_session(session: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: session[name] for name in ("form", "question", "at")} if session else None


def _definition(catalog: Snapshot, score: str) -> dict[str, Any]:
    document = catalog.find("scores", score)
    return document.body if document else {}
