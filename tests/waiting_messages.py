"""The messages that ``tests.shop`` keeps in place of SQS. Every emulated AWS begins without any."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

NOW: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
LATER: dict[str, deque[dict[str, Any]]] = defaultdict(deque)


def forget() -> None:
    """Forget what other tests have left."""
    NOW.clear()
    LATER.clear()
