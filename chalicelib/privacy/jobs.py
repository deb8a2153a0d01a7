"""What is forgotten later: what was being worked on when somebody was erased, or a message was unsent."""

from __future__ import annotations

from chalicelib.jobs import kinds
from chalicelib.jobs.kinds import Body, JobKind

_LEDGER_ATTEMPTS = 2_000
"""With 15 minutes between them three weeks: longer than anything stays paused without anybody looking."""


def _hide_message(body: Body, _received: int) -> None:
    """An unsent message that was being worked on when the unsending came."""
    from chalicelib.privacy import service

    service.hide_message(body["account"], body["user"], body["message_id"], body["since"], body["at"])


def _forget_sent(body: Body, _received: int) -> None:
    """What was unsent, or sent to a friend who was erased, is taken out of the ledger, once it has ended."""
    from chalicelib.privacy import service

    left = service.forget_sent(body)
    if left is not None:
        kinds.retry_later(left, "chunks of the ledger do not come to their end")


def _erase(body: Body, _received: int) -> None:
    """A friend was erased, just now or a while ago: what others keep goes, and nothing that was being worked
    on then stays either.
    """
    from chalicelib.accounts.service import get_account
    from chalicelib.enrollments import service as enrollments
    from chalicelib.privacy import erasure

    enrollments.forget(body["account"], body["user"], body["at"])
    account = get_account(body["account"])
    erasure.finish(account, body["user"])
    erasure.forget_elsewhere(account, body["user"])


JOBS: dict[str, JobKind] = {
    "hide_message": JobKind(_hide_message),
    "forget_sent": JobKind(_forget_sent, attempts=_LEDGER_ATTEMPTS),
    "erase": JobKind(_erase),
}
