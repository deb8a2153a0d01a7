"""The clinic of ``examples/clinic``: applied as it is, tried under a simulated clock, and its file loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.friends import store as friends
from chalicelib.gateways import seam
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from tests.api_client import Api, an_account, an_api
from tests.integration.test_reservations_import import work_off

CLINIC = Path(__file__).parents[2] / "examples" / "clinic"
BASE, USER = "/v1/accounts/shop", "U0000000000000000000000000000000c"
START = "2026-12-01T01:00:00Z"


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    def outside(name: str, _detail: Any, call: Callable[[], Any]) -> Any:
        if name == "line:quota":
            return 1000, 0
        return None if name.startswith("line:") else call()

    with seam.guarded(outside):
        api = an_api()
        login = {"login_channel_id": "1234567890", "login_channel_secret": "5" * 32}
        an_account(api, shards=4, liff_id="1234567890-abcd", **login)
        reaction.react(FriendEvent("f", "shop", USER, "followed", "2026-11-22T00:00:00.000Z"))
        bundle = (CLINIC / "bundle.yaml").read_text()
        path = f"{BASE}/catalog/apply?publish=true"
        answer = api.call("POST", path, bundle, content_type="application/yaml")
        assert answer.status_code == 200, answer.json_body
        warned = answer.json_body.get("warnings") or {}
        assert all("has no default" in one for found in warned.values() for one in found), warned
        yield api


def reserved(at: str, reservation: str, takes_place: str | None, status: str) -> dict[str, Any]:
    event = {"at": at, "type": "reserved", "props": {"reservation_id": reservation, "status": status}}
    return event | ({"takes_place": takes_place} if takes_place else {})


def test_each_reservation_goes_its_own_way(api: Api) -> None:
    """a is moved and comes, b is cancelled, c does not come."""
    events = [
        reserved("2026-12-01T02:00:00Z", "a", "2026-12-20T05:00:00Z", "booked"),
        reserved("2026-12-01T03:00:00Z", "b", "2026-12-05T05:00:00Z", "booked"),
        reserved("2026-12-02T03:00:00Z", "c", "2026-12-04T05:00:00Z", "booked"),
        reserved("2026-12-02T05:00:00Z", "a", "2026-12-09T05:00:00Z", "moved"),
        reserved("2026-12-03T05:00:00Z", "b", None, "cancelled"),
        reserved("2026-12-04T07:00:00Z", "c", None, "no_show"),
        reserved("2026-12-09T06:00:00Z", "a", None, "done"),
    ]
    asked = {"friends": {"user_ids": [USER]}, "start": START, "days": 20, "events": events}
    played = api.ok("POST", f"{BASE}/scenarios/visit/rehearse", asked)
    entries = played["timelines"][USER]
    sent = [
        (e["at"][5:16], e["value"], e["message"]) for e in entries if e["what"] == "sent" and "value" in e
    ]
    assert sent == [
        ("12-01T02:00", "a", "booked"),
        ("12-01T03:00", "b", "booked"),
        ("12-02T03:00", "c", "booked"),
        ("12-03T09:00", "c", "tomorrow"),
        ("12-04T03:00", "c", "soon"),
        ("12-08T09:00", "a", "tomorrow"),
        ("12-09T03:00", "a", "soon"),
        ("12-10T01:00", "a", "thanks"),
    ]
    ends = {e["value"]: (e["what"], e.get("why")) for e in entries if e["what"] in {"finished", "exited"}}
    assert ends == {"a": ("finished", None), "b": ("exited", "cancelled"), "c": ("exited", "goal")}
    assert played["funnel"]["entered"] == 3


def test_its_file_enters_the_friend_for_each_line(api: Api) -> None:
    """With fire, the two runs wait for their own days; the API shows both."""
    csv = (CLINIC / "reservations.csv").read_text()
    answer = api.call("POST", f"{BASE}/reservations/import?fire=true", csv, content_type="text/csv")
    assert answer.status_code == 202, answer.json_body
    work_off()
    shown = api.ok("GET", f"{BASE}/friends/{USER}/enrollments")["items"]
    assert [(one["scenario"], one["value"], one["state"]) for one in shown] == [
        ("visit", "r-1001", "active"),
        ("visit", "r-1002", "active"),
    ]
    friend = api.ok("GET", f"{BASE}/friends/{USER}")
    assert friend["scenarios"]["visit"]["runs"].keys() == {"r-1001", "r-1002"}
    assert friends.load("shop", 4, USER) is not None
    ask = {"condition": {"scenario": {"id": "visit", "state": "active"}}, "user_id": USER}
    assert api.ok("POST", f"{BASE}/segments/explain", ask)["matches"]
    assert api.ok("GET", f"{BASE}/scenarios/visit/funnel")["entered"] == 2
