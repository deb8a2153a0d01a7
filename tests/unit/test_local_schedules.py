"""EventBridge's schedule expressions, as the local platform ticks them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.local.schedules import is_due

FIRST = datetime(2026, 11, 22, 6, 6, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "at", "due"),
    [
        ("rate(1 minute)", FIRST, True),
        ("rate(5 minutes)", FIRST + timedelta(minutes=4), False),
        ("rate(5 minutes)", FIRST + timedelta(minutes=10), True),
        ("rate(1 hour)", FIRST + timedelta(hours=2), True),
        ("rate(1 day)", FIRST + timedelta(hours=2), False),
        ("cron(6 6 * * ? *)", FIRST, True),
        ("cron(0/15 * * * ? *)", FIRST, False),
        ("cron(0/15 * * * ? *)", FIRST.replace(minute=45), True),
        ("cron(6 6 ? * SUN *)", FIRST, True),
        ("cron(6 6 ? * MON-FRI *)", FIRST, False),
        ("cron(6 6 ? * 1 2026)", FIRST, True),
        ("cron(* * 1,22 NOV ? *)", FIRST, True),
        ("cron(* * 22 DEC ? *)", FIRST, False),
        ("cron(*/2 5-7 * * ? *)", FIRST, True),
    ],
)
def test_is_due(expression: str, at: datetime, due: bool) -> None:
    """A schedule fires in exactly its minutes."""
    assert is_due(expression, at, FIRST) is due


def test_what_is_no_schedule_is_reported() -> None:
    """An expression that EventBridge would refuse is refused."""
    with pytest.raises(ValueError, match="every day"):
        is_due("every day", FIRST, FIRST)
