"""Why somebody gets nothing because of a stamp card."""

from __future__ import annotations

from chalicelib.deliveries.model import SkipReason

SKIP_REASONS: dict[str, SkipReason] = {"card_full": SkipReason("F")}
