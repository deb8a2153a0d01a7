"""The shape of a fact sheet: what is known of one friend. Whoever folds an event into it is in ``sheets``.

It is in the lowest room that speaks of sheets. A capability that keeps more on the sheet says so with a
TypedDict of its own below this one.
"""

from __future__ import annotations

from typing import Any, TypedDict


class Sheet(TypedDict, total=False):
    """One friend's fact sheet: plain values, times as ISO text of fixed width (text order = time order).

    Every field may be missing: sheets are read in part, and a tombstone has little. ``rev`` counts its
    writes. Maps are by id. Counters of caps are beside, by names that hold their period
    (``deliveries/policies.py``). What is in the maps is described where it is made: ``sheets/sheet.py``
    (tags, scores, attributes), ``sheets/purchases.py``, ``forms/flow.py`` (forms, form_session),
    ``enrollments`` (scenarios), ``reaction/model.py`` (pending).
    """

    account: str
    user_id: str
    status: str
    status_at: str | None
    followed_at: str | None
    blocked_at: str | None
    display_name: str | None
    language: str | None
    member_id: str | None
    created_at: str
    last_active_at: str | None
    rev: int

    source: dict[str, Any]
    tags: dict[str, Any]
    untagged: dict[str, str]
    scores: dict[str, Any]
    attributes: dict[str, Any]
    attributes_at: dict[str, str]
    facts: dict[str, Any]
    purchases: dict[str, Any]
    forms: dict[str, Any]
    clicked: dict[str, Any]
    scenarios: dict[str, Any]
    received: dict[str, Any]
    limits: dict[str, Any]
    pending: dict[str, Any]

    form_session: dict[str, Any]
    topics: dict[str, Any]
    reservations: dict[str, Any]
    member: dict[str, Any]
    unsent: dict[str, Any]
    erased_at: str
    due_at: str
    due_pace: Any
    name_by: str
    handing_over: list[list[Any]]
    status_reason: str
    chat_read_at: str
    anchor: dict[str, Any]
    reservation: dict[str, Any]
    menu: dict[str, Any]
