"""What LINE's answers mean, whether a chunk may be attempted, how long to wait. Pure.

Status codes: https://developers.line.biz/en/reference/messaging-api/#status-codes and the retry rules of
https://developers.line.biz/en/docs/messaging-api/retrying-api-request/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.deliveries.model import KEY_LIFE, SKIP_REASONS, Control, Manifest, Status, letter
from chalicelib.gateways.line import Answer
from chalicelib.shared.times import iso, parse_iso

_BACKOFF_MAX_S = 900


@dataclass(frozen=True)
class Verdict:
    """What an answer means for the attempt that it answers.

    ``accepted`` · ``no_answer`` (LINE may have accepted) · ``later`` (nothing accepted, try again) ·
    ``quota``, ``credentials`` (nothing accepted, nothing will be until a person acts) · ``refused``
    (as ``status``/``reason``) · ``split`` (these recipients, by index, are invalid; nobody got it).
    """

    kind: Literal["accepted", "no_answer", "later", "quota", "credentials", "refused", "split"]
    status: str = "failed"
    reason: str | None = None
    request_id: str | None = None
    drop: tuple[int, ...] = ()


NO_ANSWER = Verdict("no_answer")
OTHER_REFUSAL = "line_4xx"
"""Why a push came to nothing that LINE refused with a status that is not declared."""


def read_answer(answer: Answer, kind: str, recipients: int = 1) -> Verdict:
    """The meaning of LINE's answer to one push or multicast call."""
    status = answer.status
    if 200 <= status < 300:
        return Verdict("accepted", request_id=answer.request_id)
    if status == 409:
        return Verdict("accepted", request_id=answer.accepted_request_id or answer.request_id)
    if status == 429:
        return Verdict("quota" if answer.is_over_quota else "later")
    if status == 401:
        return Verdict("credentials")
    if status == 400:
        return _bad_request(answer, kind, recipients)
    if 400 <= status < 500 and status != 408:
        return Verdict("refused", reason=f"line_{status}")
    return NO_ANSWER  # 5xx, and whatever is between us and LINE


def _bad_request(answer: Answer, kind: str, recipients: int) -> Verdict:
    if kind == "multicast":
        named = answer.wrong_recipients
        if named and max(named) < recipients:
            return Verdict("split", drop=named)
    elif answer.refuses_recipient:
        return Verdict("refused", status="skipped", reason="invalid_recipient")
    return Verdict("refused", reason="line_400")


Step = Literal["done", "held", "leased", "cancel", "expired", "split", "attempt"]


def next_step(status: Status, control: Control, now: datetime) -> Step:
    """What a worker has to do with a chunk that it has read together with its run's control.

    ``cancel``: the run is cancelled and LINE cannot have accepted anything of the chunk. A chunk with an
    unanswered attempt runs to its end even then.
    """
    at = iso(now)
    if not status.is_open:
        return "done"
    if status.lease_until is not None and status.lease_until > at:
        return "leased"
    if status.state == "split":
        return "split"
    if control.state == "cancelled" and untouched(status):
        return "cancel"
    if status.not_before is not None and status.not_before > at:
        return "held"
    if control.state == "paused" and (control.until is None or control.until > at):
        return "held"
    if status.first_attempt_at is not None and now - parse_iso(status.first_attempt_at) > KEY_LIFE:
        return "expired"
    return "attempt"


def untouched(status: Status) -> bool:
    """Whether no attempt at anybody still waiting in this chunk can have been accepted."""
    return "?" not in status.chars if status.kind == "push" else status.state == "pending"


def untried(status: Status, manifest: Manifest) -> list[str]:
    """The recipients of a chunk whom nobody has tried and nothing has ended."""
    users = manifest["recipients"]
    if status.kind == "push":
        return [user for user, char in zip(users, status.chars, strict=True) if char == "."]
    skips = manifest.get("skips") or {}
    return [user for user in users if user not in skips] if untouched(status) else []


def to_be_tried(status: Status, manifest: Manifest) -> list[str]:
    """The recipients of a chunk that is not at its end, tried or not."""
    users = manifest["recipients"]
    if status.kind == "push":
        return [user for user, char in zip(users, status.chars, strict=True) if char in ".?"]
    skips = manifest.get("skips") or {}
    return [user for user in users if user not in skips]


def backoff_s(attempts: int) -> int:
    """Seconds to wait after so many attempts: 1, 2, 4 … up to 15 minutes."""
    return min(_BACKOFF_MAX_S, 1 << min(max(attempts - 1, 0), 16))


def to_attempt(chars: str) -> list[int]:
    """The recipients of a push chunk that are still to be tried, those that were never tried first."""
    return [i for i, char in enumerate(chars) if char == "."] + [i for i, c in enumerate(chars) if c == "?"]


def marked(chars: Sequence[str], indexes: Sequence[int]) -> list[str]:
    """The characters once these recipients are about to be attempted."""
    found = list(chars)
    for index in indexes:
        found[index] = "?"
    return found


def after_answer(verdict: Verdict, *, was_open: bool) -> str:
    """The character of a push recipient after an answer; ``.`` and ``?`` are to be tried again.

    ``was_open``: an earlier attempt at this recipient may still be accepted, so a refusal is not final.
    """
    if verdict.kind == "accepted":
        return "a"
    if verdict.kind == "refused" and not was_open:
        return letter(verdict.status, verdict.reason if verdict.reason in SKIP_REASONS else OTHER_REFUSAL)
    if verdict.kind == "no_answer" or was_open:
        return "?"
    return "."
