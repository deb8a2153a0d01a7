"""The friend's own page behind the LIFF address: ``/p``."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit


def _open(visit: Visit) -> str:
    from chalicelib.accounts import page_tokens
    from chalicelib.links import page_addresses
    from chalicelib.shared.errors import NotFound
    from chalicelib.shared.reasons import Reason

    if visit.rest not in {"", visit.account.id}:
        raise NotFound(Reason("no_liff_place"))
    account, life = visit.account.id, page_tokens.OPENED
    return page_addresses.of_preferences(
        account, lambda page="": page_tokens.of_page(account, page, visit.user_id, life)
    )


LIFF_PLACES: dict[str, LiffPlace] = {"p": LiffPlace(_open)}
