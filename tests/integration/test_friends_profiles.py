"""Profiles from LINE, written beside everything else."""

from __future__ import annotations

from chalicelib.friends import profiles, store
from chalicelib.gateways import seam
from chalicelib.sheets.model import new_sheet
from tests.api_client import an_account, an_api

AT = "2026-11-20T00:00:00.000Z"


def test_a_profile_is_written_by_path(cloud):
    """Name, language and picture; the revision stays, unknown and erased friends stay as they are."""
    an_account(an_api(), shards=4)
    store.create_or_update("shop", 4, "U1", None, new_sheet("shop", "U1", AT), None)
    answers = {"U1": {"displayName": "花子", "language": "ja", "userId": "U1"}, "U2": {"displayName": "x"}}

    def guard(name, detail, call):
        return answers.get(detail["user_id"]) if name == "line:profile" else call()

    with seam.guarded(guard):
        assert profiles.fetch("shop", "U1")
        assert not profiles.fetch("shop", "U2")
        assert not profiles.fetch("shop", "U3")
    sheet = store.load("shop", 4, "U1")
    assert (sheet["display_name"], sheet["language"], sheet["rev"]) == ("花子", "ja", 1)
    assert store.load("shop", 4, "U2") is None
    store.erase("shop", 4, "U1", AT)
    assert not profiles.apply("shop", "U1", answers["U1"])
    assert "display_name" not in store.load("shop", 4, "U1")
