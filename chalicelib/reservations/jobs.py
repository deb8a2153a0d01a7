"""What reservations leave for later: a booking system's file, chunk by chunk."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _import_reservations(body: Body, _received: int) -> None:
    """Cut a file, or have the reaction take a chunk of it."""
    from chalicelib.reservations import imports
    from chalicelib.shared import time_left
    from chalicelib.shared.tables import handed_down

    imports.work(body, handed_down("react"), time_left.current())


JOBS: dict[str, JobKind] = {"import_reservations": JobKind(_import_reservations)}
