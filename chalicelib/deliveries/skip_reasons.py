"""Why somebody gets nothing: what we leave out, and what LINE refuses."""

from __future__ import annotations

from chalicelib.deliveries.model import SkipReason

SKIP_REASONS: dict[str, SkipReason] = {
    "invalid_recipient": SkipReason("i"),
    "cap": SkipReason("c"),
    "cancelled": SkipReason("x"),
    "quiet_hours": SkipReason("q"),
    "blackout": SkipReason("b"),
    "erased": SkipReason("e"),
    "opted_out": SkipReason("O"),
    "runaway": SkipReason("r"),
    "line_400": SkipReason("f", "failed"),
    "line_403": SkipReason("3", "failed"),
    "line_404": SkipReason("4", "failed"),
    "line_413": SkipReason("L", "failed"),
    "line_4xx": SkipReason("o", "failed"),
}
