"""Whoever LINE has signed in has opened a route."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit


def _enter(visit: Visit) -> str:
    from chalicelib.routes import service

    return service.enter(visit)


LIFF_PLACES: dict[str, LiffPlace] = {"q": LiffPlace(_enter, is_once=True)}
