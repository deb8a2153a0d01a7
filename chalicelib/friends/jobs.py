"""What is learnt of friends later: their names and languages."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _profile(body: Body, _received: int) -> None:
    """Fetch a friend's name and language from LINE and keep them. A friend LINE does not show stays as is."""
    from chalicelib.friends import profiles

    profiles.fetch(body["account"], body["user"])


JOBS: dict[str, JobKind] = {"profile": JobKind(_profile)}
