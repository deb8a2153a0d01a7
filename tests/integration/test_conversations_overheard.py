"""What is taken back in a group or room is gone, whoever wrote it, edits too, in whatever order it comes."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.gateways import aws
from chalicelib.jobs.kinds import JOBS
from chalicelib.privacy import erasure
from chalicelib.reaction import service
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from chalicelib.webhook.parse import parse
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_privacy_unsend import api
from tests.laptop import both_stores, laptop_store
from tests.reaction_builders import NOW

__all__ = ["api", "both_stores", "laptop_store"]

SECRET = "暗証番号は9871です"
EDITED = "やっぱり9872でした"
GROUP = {"type": "group", "groupId": "C1"}
ROOM = {"type": "room", "roomId": "R1"}


def event(kind: str, source: dict[str, Any], seconds: float = 0, **payload: Any) -> FriendEvent:
    """A webhook event as the engine gets it."""
    raw = {"type": kind, "source": source, "webhookEventId": f"{kind}-{seconds}", **payload}
    raw["timestamp"] = int(NOW.timestamp() * 1000 + seconds * 1000)
    (found,) = parse(json.dumps({"events": [raw]}).encode(), "shop", NOW)
    return found


def events(source: dict[str, Any], writer: str | None) -> list[FriendEvent]:
    """A message, its edit, and its unsending, which does not say who wrote it."""
    by = source | ({"userId": writer} if writer else {})
    return [
        event("message", by, 0, message={"id": "m1", "type": "text", "text": SECRET}),
        event("messageEdited", by, 1, message={"id": "m1", "type": "text", "text": EDITED}),
        event("unsend", source, 2, unsend={"messageId": "m1"}),
    ]


def stored() -> str:
    """Every item of the timeline's table, as text."""
    items = aws.client("dynamodb").scan(TableName=settings().table("activities"))["Items"]
    return json.dumps(items, ensure_ascii=False, default=str)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize(("source", "writer"), [(GROUP, "U1"), (ROOM, "U1"), (GROUP, None)])
def test_nothing_is_left_in_whatever_order_it_comes(
    api: Api, source: dict[str, Any], writer: str | None, order: tuple[int, ...]
) -> None:
    """The lines stay, and say that they were taken back; twice is like once."""
    found = events(source, writer)
    for n in (*order, *order):
        service.react(found[n])
    assert SECRET not in stored()
    assert EDITED not in stored()
    line = activities.find("shop", writer or source.get("groupId", ""), "message-0")
    assert line is not None
    chat = source.get("groupId") or source.get("roomId")
    assert line["props"] == {
        "message_id": "m1", "message_type": "text", "chat": chat, "unsent_at": found[2].at
    }  # fmt: skip


def test_what_was_not_taken_back_stays(api: Api) -> None:
    """Another message of the group, and one of the same number in another chat."""
    message, _, unsend = events(GROUP, "U1")
    service.react(message)
    other = event(
        "message", ROOM | {"userId": "U1"}, 5, message={"id": "m1", "type": "text", "text": "のこる"}
    )
    service.react(other)
    service.react(unsend)
    assert SECRET not in stored()
    assert "のこる" in stored()


def test_an_edit_in_the_chat_with_the_account_goes_too(api: Api) -> None:
    """Where LINE tells of one, the friend's unsending takes it, before or after."""
    one = {"type": "user", "userId": "U1"}
    message = event("message", one, 0, message={"id": "m1", "type": "text", "text": SECRET})
    edit = event("messageEdited", one, 1, message={"id": "m1", "type": "text", "text": EDITED})
    unsend = event("unsend", one, 2, unsend={"messageId": "m1"})
    for found in (message, edit, unsend):
        service.react(found)
    again = event("messageEdited", one, 3, message={"id": "m1", "type": "text", "text": EDITED})
    service.react(again)
    assert SECRET not in stored()
    assert EDITED not in stored()


def test_one_that_is_being_worked_on_is_looked_for_again(api: Api) -> None:
    """Its record is put, its activity comes after the unsending: the job finds it."""
    message, _, unsend = events(GROUP, "U1")
    for found in (message, unsend):
        service.react(found)
    (job,) = [body for body in drain("bulk") if body["job"] == "hide_overheard"] or [
        {"account": "shop", "chat": "C1", "message_id": "m1", "at": unsend.at}
    ]
    late = {"account": "shop", "user_id": "U1", "event_id": "message-0", "type": "group:message"}
    activities.delete([("shop", "U1", "message-0")])
    activities.put(late | {"at": message.at, "props": message.props})
    assert SECRET in stored()
    JOBS["hide_overheard"].run(job, 1)
    assert SECRET not in stored()


def test_a_message_among_the_dead_letters_says_nothing_either(api: Api) -> None:
    """Given up before or after it was taken back."""
    message, edit, unsend = events(GROUP, "U1")
    service.give_up(message, "poison")
    service.react(unsend)
    service.give_up(edit, "poison")
    service.react(message)
    assert SECRET not in stored()
    assert EDITED not in stored()


def test_the_records_of_an_erased_friend_go_with_the_timeline(api: Api) -> None:
    """Nothing names the friend any more."""
    message, edit, _ = events(GROUP, "U1")
    one = {"type": "user", "userId": "U1"}
    service.react(event("message", one, 0, message={"id": "m5", "type": "text", "text": SECRET}))
    service.react(event("unsend", one, 6, unsend={"messageId": "m5"}))
    for found in (message, edit):
        service.react(found)
    assert "OVERHEARD#shop#C1" in stored()
    assert "OVERHEARD#shop#U1" in stored()
    erasure.erase(get_account("shop"), "U1", event("unsend", one, 60).at)
    assert "U1" not in stored()
    assert SECRET not in stored()
