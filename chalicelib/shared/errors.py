"""The typed error tree. Rooms raise these; each endpoint translates them once.

HTTP status and code of each kind are those of the public contract (docs/api.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from chalicelib.shared.reasons import Reason, Reasoned

MAX_DETAILS = 100
"""An answer names this many details, and says how many more there are."""
MAX_SENTENCE = 1_000
"""A message or path in an answer is cut after this many characters."""


@dataclass(frozen=True, init=False)
class Detail:
    """One thing that is wrong: where (a path such as ``then[0].add_tag``) and why, in words to act on."""

    path: str
    reason: Reason

    def __init__(self, path: str, reason: Reason) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "reason", reason)

    @property
    def message(self) -> str:
        """The sentence."""
        return self.reason.text()

    @property
    def sentence(self) -> str:
        """The sentence behind its path."""
        return _shortened(Reason("at", path=self.path, why=self.reason).text() if self.path else self.message)

    def below(self, prefix: str) -> Detail:
        """The same, at a place within another one."""
        return Detail(f"{prefix}.{self.path}", self.reason)

    def body(self) -> dict[str, Any]:
        """``{"path", "message", "reason"}``, bounded in size."""
        return {"path": _shortened(self.path), **_reason_body(self.reason)}


def summary(details: Sequence[Detail], whole: str = "") -> Reason:
    """The first detail, and how many more there are; ``whole`` replaces an empty path."""
    first, more = details[0], len(details) - 1
    why = Reason("and_more", why=first.reason, more=more) if more else first.reason
    where = first.path or whole
    return Reason("at", path=where, why=why) if where else why


def warned(found: Iterable[Detail]) -> dict[str, Any]:
    """What an answer has of warnings, when there are any: ``{"warnings": [sentence with its path],
    "warning_details": [{"path", "message", "reason"}]}``.
    """
    details = list(found)
    if not details:
        return {}
    return {
        "warnings": [detail.sentence for detail in details],
        "warning_details": [detail.body() for detail in details],
    }


class TodokuError(Reasoned):
    """Base of every error that a caller can act on."""

    status = 500
    code = "internal"

    def __init__(self, reason: Reason, details: Sequence[Detail] = (), **extra: Any) -> None:
        super().__init__(reason)
        self.details = list(details)
        self.extra = extra

    @classmethod
    def at(cls, path: str, reason: Reason) -> Self:
        """The error about one place."""
        return cls(Reason("at", path=path, why=reason), [Detail(path, reason)])

    @classmethod
    def of(cls, details: Sequence[Detail], whole: str = "") -> Self:
        """The error about some places; its sentence is the first one's."""
        return cls(summary(details, whole), details)

    @property
    def message(self) -> str:
        """The sentence."""
        return self.reason.text()

    def body(self) -> dict[str, Any]:
        """The answer's body, bounded in size: ``{"error": {"code", "message", "reason", "details"}}``."""
        shown = [detail.body() for detail in self.details[:MAX_DETAILS]]
        if len(self.details) > MAX_DETAILS:
            more = Reason("more_wrong", more=len(self.details) - MAX_DETAILS)
            shown.append({"path": "", **_reason_body(more)})
        return {"error": {"code": self.code, **_reason_body(self.reason), "details": shown, **self.extra}}


def _reason_body(reason: Reason) -> dict[str, Any]:
    return {"message": _shortened(reason.text()), "reason": reason.value()}


def _shortened(text: str) -> str:
    """A text that can be answered: not endless, and without half surrogate pairs."""
    short = text if len(text) <= MAX_SENTENCE else text[:MAX_SENTENCE] + "…"
    return short if short.isascii() else short.encode("utf-8", "replace").decode()


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
    """The request is larger than this endpoint takes."""

    status, code = 413, "too_large"


class UnsupportedMediaType(TodokuError):
    """The body is of a kind that this endpoint does not take."""

    status, code = 415, "unsupported_media_type"


class RuleViolation(TodokuError):
    """Well-formed but cannot work: an unknown reference, a cycle, a document in use."""

    status, code = 422, "rule_violation"


class LimitReached(TodokuError):
    """A limit of ours or of LINE is reached; later may work."""

    status, code = 429, "limit_reached"


class Unavailable(TodokuError):
    """Something we depend on did not take it; nothing was accepted, try again."""

    status, code = 503, "unavailable"
