"""Whoever LINE has signed in follows a tracked link."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit


def _follow(visit: Visit) -> str:
    from chalicelib.links import opening

    return opening.by_visit(visit)


LIFF_PLACES: dict[str, LiffPlace] = {"r": LiffPlace(_follow)}
