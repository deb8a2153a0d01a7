"""What the sweep asks for now and then, for each account."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _tidy(body: Body, _received: int) -> None:
    """Delete the secrets that no document names, and old files that nothing shows."""
    from chalicelib.catalog import kept_secrets
    from chalicelib.gateways import clock
    from chalicelib.media import tidying

    kept_secrets.tidy(body["account"], clock.now())
    tidying.tidy(body["account"], clock.now())


def _ask_quota(body: Body, _received: int) -> None:
    """Ask LINE what is left of the account's month; without an answer a number is missing until the next."""
    from chalicelib.deliveries import limits
    from chalicelib.shared.observability import logger

    try:
        limits.left(body["account"])
    except Exception:  # noqa: BLE001 (only a number for the dashboard is missing)
        logger.warning("the quota is not known", exc_info=True)


# A few accounts' turn at a time: what takes long, and what asks LINE.
JOBS: dict[str, JobKind] = {
    "tidy": JobKind(
        _tidy, is_asked=lambda minute: minute.now.minute == 17 and minute.now.hour == minute.turn(24)
    ),
    "ask_quota": JobKind(
        _ask_quota, is_asked=lambda minute: divmod(minute.now.minute, 10) == (minute.turn(6), 1)
    ),
}
