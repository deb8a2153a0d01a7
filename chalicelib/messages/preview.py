"""What one friend would get, for a person to look at: the objects or the reason, and the warnings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.references import unresolved
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages import checks, render, variables
from chalicelib.messages.together import arranged
from chalicelib.messages.tracking import tracked
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.reasons import Reason


def preview(
    body: dict[str, Any],
    sheet: Mapping[str, Any],
    snapshot: Snapshot,
    now: datetime,
    event: Mapping[str, Any] | None,
    zone: ZoneInfo,
) -> dict[str, Any]:
    """``{"messages": [...] or None, "unrenderable": None or why, "reason", "static", "warnings"}``."""
    body = tracked(body)
    rendered: list[dict[str, Any]] | None = None
    why: Reason | None = None
    try:
        rendered = arranged(render.render(body, sheet, snapshot, now, event, zone))
    except render.Unrenderable as refused:
        why = refused.reason
    warned = checks.warnings(body["messages"], snapshot)
    return {
        "messages": rendered,
        "unrenderable": None if why is None else why.text(),
        "reason": None if why is None else why.value(),
        "static": render.is_static(body),
        "warnings": [detail.body() for detail in warned],
    }


def require_savable(messages: list[dict[str, Any]], snapshot: Snapshot) -> None:
    """Raises what saving these messages would raise: InvalidInput or RuleViolation."""
    _raise_if(InvalidInput, checks.check_shape(messages))
    unknown = list(unresolved(variables.references(messages), snapshot))
    _raise_if(RuleViolation, [*checks.check_templates(messages), *unknown])


def _raise_if(error: type[InvalidInput | RuleViolation], details: list[Detail]) -> None:
    if details:
        raise error.of(details)
