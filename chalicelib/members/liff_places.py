"""The LIFF address itself: whoever comes with a member site's token is linked with its member."""

from __future__ import annotations

from chalicelib.liff.places import LiffPlace, Visit
from chalicelib.shared.reasons import Reason


def _link(visit: Visit) -> Reason:
    from chalicelib.members import signing_in
    from chalicelib.shared.errors import NotFound

    if visit.rest or not visit.query.get("t"):
        raise NotFound(Reason("no_liff_place"))
    signing_in.by_sign_in(visit.account, visit.user_id, visit.query["t"])
    return Reason("linked_in_liff")


LIFF_PLACES: dict[str, LiffPlace] = {"": LiffPlace(_link)}
