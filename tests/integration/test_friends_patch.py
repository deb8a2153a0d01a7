"""What a change by hand is refused for, it is refused for at once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.gateways import inbox
from chalicelib.reaction import service
from tests.api_client import an_account, an_api
from tests.reaction_builders import an_event

FRIEND = "/v1/accounts/shop/friends/U1"


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("9999-12-31T23:00:00Z", False),
        ("9999-12-31T10:00:00Z", True),
        ("2026-02-30", False),
    ],
)
def test_a_date_is_checked_in_the_zone_in_which_it_will_be_kept(
    cloud: None, monkeypatch: pytest.MonkeyPatch, value: str, fits: bool
) -> None:
    """A moment that is no day of the account's calendar is a 400, not a change that is refused later."""
    api = an_api()
    base = an_account(api)
    api.ok("PUT", f"{base}/attributes/d", {"name": "d", "type": "date"})
    service.react(an_event("followed", is_unblocked=False))
    accepted: list[Any] = []
    monkeypatch.setattr(inbox, "put", lambda events: accepted.extend(events) or [])
    answer = api.call("PATCH", FRIEND, {"attributes": {"d": value}})
    assert answer.status_code == (202 if fits else 400), answer.body
    if fits:
        service.react(accepted[0])
        assert api.ok("GET", FRIEND)["attributes"]["d"] == value[:10]
    else:
        assert answer.json_body["error"]["details"][0]["path"] == "attributes.d"
        assert accepted == []
