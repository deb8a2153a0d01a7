"""The typed error tree. Rooms raise these; each door translates them once.

HTTP status and code of each kind are those of the public contract (docs/api.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """One thing that is wrong: where (a path such as ``then[0].add_tag``) and a sentence to act on."""

    path: str
    message: str


class TodokuError(Exception):
    """Base of every error that a caller can act on."""

    status = 500
    code = "internal"

    def __init__(self, message: str, details: Sequence[Detail] = (), **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The answer's body: ``{"error": {"code", "message", "details"}}``."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": [{"path": d.path, "message": d.message} for d in self.details],
                **self.extra,
            }
        }


class InvalidInput(TodokuError):
    """Shape, type or range is wrong."""

    status, code = 400, "invalid_input"


class Unauthenticated(TodokuError):
    """No key, or one that is not known."""

    status, code = 401, "unauthenticated"


class NotAllowed(TodokuError):
    """The key is known, and may not do this."""

    status, code = 403, "forbidden"


class NotFound(TodokuError):
    """There is no such thing."""

    status, code = 404, "not_found"


class Conflict(TodokuError):
    """Stale ``If-Match``, wrong state for an action, or a reused idempotency key."""

    status, code = 409, "conflict"


class TooLarge(TodokuError):
    """The request is larger than this door takes."""

    status, code = 413, "too_large"


class RuleViolation(TodokuError):
    """Well-formed but cannot work: an unknown reference, a cycle, a document in use."""

    status, code = 422, "rule_violation"


class LimitReached(TodokuError):
    """A limit of ours or of LINE is reached; later may work."""

    status, code = 429, "limit_reached"


class Unavailable(TodokuError):
    """Something we depend on did not take it; nothing was accepted, try again."""

    status, code = 503, "unavailable"
