"""What a caller may say of a reservation, and how it is filled in for the reaction. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit, unfit_name
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import reservations

LONGEST = 128
"""Characters of a reservation's id."""


def _id(text: str) -> str:
    found = unfit(text)
    why = unfit_name(text) if found is None else found[1]
    if why:
        raise ValueError(why)
    return text


def _timestamp(text: str) -> str:
    return iso(parse_iso(text))


ReservationId = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_id)]
Status = Literal["booked", "moved", "cancelled", "done", "no_show"]


class Reservation(BaseModel):
    """What the props of ``reserved`` may hold that is ours; they may hold more. ``updated_at``: when this was
    so in the booking system; of two words about a reservation the one that was reported later counts.
    """

    model_config = ConfigDict(extra="ignore")

    reservation_id: ReservationId | None = None
    status: Status = "booked"
    updated_at: Annotated[str | None, AfterValidator(lambda text: text and _timestamp(text))] = None


def props(
    event_id: str, given: Mapping[str, Any], reported_at: datetime, *, has_time: bool
) -> dict[str, Any]:
    """The props as the reaction has them, of a reservation that is right (``Reservation``).

    ``reported_at``: when it was reported unless it says so itself; never in the future, because a wrong clock
    would outdate whatever comes after it. ``has_time``: it says when the reservation takes place; a
    change of status alone leaves that as it is.
    """
    reported = Reservation.model_validate(dict(given))
    keeps_time = {reservations.KEEPS_TIME: True} if not has_time and reported.status != "booked" else {}
    return {
        **{name: value for name, value in given.items() if name != reservations.KEEPS_TIME},
        reservations.ID: reservations.composed_name(reported.reservation_id or "") or event_id,
        reservations.STATUS: reported.status,
        reservations.REPORTED: min(reported.updated_at or iso(reported_at), iso(reported_at)),
        **keeps_time,
    }


WORDS = {
    "予約": "booked",
    "予約済み": "booked",
    "変更": "moved",
    "日時変更": "moved",
    "キャンセル": "cancelled",
    "取消": "cancelled",
    "来店": "done",
    "来店済み": "done",
    "受診済み": "done",
    "完了": "done",
    "無断キャンセル": "no_show",
    "来店なし": "no_show",
}
"""What Japanese booking systems call a status, in a file."""


def status_in(cell: str) -> str:
    """The status that a cell of a file says. Raises ValueError with the reason."""
    status = WORDS.get(cell, cell.lower())
    if status not in reservations.STATUSES:
        raise ValueError(Reason("must_be_one_of", choices=[*reservations.STATUSES, *WORDS]))
    return status
