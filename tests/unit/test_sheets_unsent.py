"""What a sheet remembers of messages that were taken back: enough for whatever comes late, and no more."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from chalicelib.sheets import unsent as taken_back
from chalicelib.sheets.model import new_sheet
from chalicelib.sheets.sheet import fold_event
from chalicelib.timeline import unsend
from tests.reaction_builders import an_event

TOKYO = ZoneInfo("Asia/Tokyo")


def test_the_newest_hundred_of_thirty_days() -> None:
    """In whatever order they come; one that names no message changes nothing."""
    sheet = new_sheet("shop", "U1", an_event().at)
    for n in [*range(50, 105), *range(50)]:
        fold_event(sheet, an_event("unsent", id=f"u{n}", minutes=n, message_id=f"m{n}"), TOKYO)
    assert sorted(sheet["unsent"], key=lambda name: int(name[1:])) == [f"m{n}" for n in range(5, 105)]
    fold_event(sheet, an_event("unsent", id="none", minutes=200), TOKYO)
    assert len(sheet["unsent"]) == taken_back.REMEMBERED
    month = 60 * 24 * 31
    fold_event(sheet, an_event("unsent", id="later", minutes=month, message_id="m-later"), TOKYO)
    assert list(sheet["unsent"]) == ["m-later"]


def test_what_was_taken_back_is_known_by_its_message() -> None:
    """Only that message; of it stays that there was one."""
    sheet = new_sheet("shop", "U1", an_event().at)
    taken_back.fold(sheet, "m1", an_event(minutes=1).at)
    assert taken_back.taken_back_at(sheet, {"message_id": "m1"}) == an_event(minutes=1).at
    for other in ({"message_id": "m2"}, {"message_id": None}, {}):
        assert taken_back.taken_back_at(sheet, other) is None
    assert taken_back.taken_back_at(None, {"message_id": "m1"}) is None
    props = {"message_type": "text", "message_id": "m1", "text": "x", "raw": {}, "quoted_message_id": "m0"}
    kept = {"message_type": "text", "message_id": "m1", "unsent_at": "t"}
    assert unsend.without_content(props, "t") == kept
