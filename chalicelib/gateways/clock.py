"""The clock. Shells read it; decisions take ``now`` as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from chalicelib.gateways import seam


def now() -> datetime:
    """The current time, aware, UTC."""
    return seam.cross("clock:now", {}, lambda: datetime.now(UTC))


def sleep(seconds: float) -> None:
    """Wait; only for short pauses inside a worker (a rate limit, a polling client)."""
    seam.cross("clock:sleep", {"seconds": seconds}, lambda: time.sleep(seconds))
