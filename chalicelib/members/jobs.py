"""What members leave for later."""

from __future__ import annotations

from chalicelib.jobs import kinds
from chalicelib.jobs.kinds import Body, JobKind

_AT_ONCE = 200


def _settle(body: Body, _received: int) -> None:
    """Whoever changed a link or a member is over by now, dead or not."""
    from chalicelib.members import service

    service.settle_left(body["account"], body["users"], body["members"])


def _catch_up(body: Body, _received: int) -> None:
    """Who was linked gets what was reported of the member before; more than fits at once is gone on with."""
    from chalicelib.gateways import queues
    from chalicelib.members import service

    start = int(body.get("from", 0))
    following = service.catch_up(body["account"], body["user"], body["member"], start, _AT_ONCE)
    if following is not None:
        queues.send("bulk", {**body, "from": following})


def _withdraw(body: Body, _received: int) -> None:
    """A link by LINE Login has ended: what the friend has allowed is taken back at LINE."""
    from chalicelib.members import grants

    if not grants.withdraw(body["account"], body["user"]):
        kinds.retry_later(body, "LINE does not take a grant back now")


_ATTEMPTS = 200
"""With 15 minutes between them two days."""

JOBS: dict[str, JobKind] = {
    "settle_member": JobKind(_settle),
    "catch_up_member": JobKind(_catch_up),
    "withdraw_grants": JobKind(_withdraw, attempts=_ATTEMPTS),
}
