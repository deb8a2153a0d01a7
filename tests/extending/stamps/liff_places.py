"""Where friends see their stamps."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit


def _card(visit: Visit) -> str:
    return f"https://shop.example/stamps/{visit.rest}?size={visit.query.get('size', '10')}"


LIFF_PLACES: dict[str, LiffPlace] = {"stamps": LiffPlace(_card)}
