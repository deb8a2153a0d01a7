"""A form behind the LIFF address: ``/f/<form>``, or with the account before it."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit


def _open(visit: Visit) -> str:
    from chalicelib.accounts import page_tokens
    from chalicelib.links import page_addresses
    from chalicelib.shared.errors import NotFound
    from chalicelib.shared.reasons import Reason
    from chalicelib.webforms.visiting import open_form

    account, form = visit.account.id, visit.rest.removeprefix(f"{visit.account.id}/")
    program, _ = open_form(visit.account, form)
    where = page_addresses.of_form(
        program.snapshot,
        form,
        lambda page="": page_tokens.of_page(account, page, visit.user_id, page_tokens.OPENED),
    )
    if where is None:
        raise NotFound(Reason("page_no_form"))
    return where


LIFF_PLACES: dict[str, LiffPlace] = {"f": LiffPlace(_open)}
