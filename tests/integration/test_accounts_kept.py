"""What an account is shown and saved with is what is kept, whatever another process has saved meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.accounts import service, store
from tests.api_client import an_account, an_api


def test_what_another_process_has_saved_is_shown_and_stays(cloud: None) -> None:
    """This one has read the account shortly before: what it shows is saved again, and what it leaves out
    stays.
    """
    api, base = an_api(), "/v1/accounts/shop"
    an_account(api)
    known = service.get_account("shop")
    store.update_account(
        replace(known, react_within=timedelta(days=2), member_site_origins=("https://shop.example.jp",))
    )
    assert service.get_account("shop") == known
    shown = api.ok("GET", base)
    assert (shown["react_within"], shown["member_site_origins"]) == ("2d", ["https://shop.example.jp"])
    store.update_account(replace(service.get_account("shop"), react_within=timedelta(days=3)))
    saved = api.ok("PUT", base, {"name": "店", "channel_secret": "s", "channel_access_token": "t"})
    assert saved["react_within"] == "3d"
