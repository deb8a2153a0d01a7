"""A bundle's scenarios: what is drafted and what is in force, said by plans, applies, documents and lists."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.scenarios import publishing
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import quoted
from tests.api_client import a_key, an_account, an_api


def a_scenario(message: str = "hello") -> dict[str, Any]:
    return {
        "name": "S",
        "start": "a",
        "nodes": {"a": {"type": "message", "message": message, "next": None}},
    }


BUNDLE: dict[str, Any] = {
    "messages": {
        name: {"name": name, "messages": [{"type": "text", "text": "やあ"}]} for name in ("hello", "bye")
    },
    "scenarios": {"one": a_scenario(), "two": a_scenario()},
}


def test_a_bundle_says_what_it_leaves_unpublished_and_publishes_when_asked(cloud: None) -> None:
    """Plan and apply name the scenarios; a publisher's ``publish=true`` puts them in force, once."""
    api = an_api()
    base = an_account(api)
    assert api.ok("POST", f"{base}/catalog/plan", BUNDLE)["unpublished"] == ["one", "two"]
    assert api.ok("POST", f"{base}/catalog/apply", BUNDLE)["unpublished"] == ["one", "two"]
    assert api.ok("GET", f"{base}/scenarios/one")["published_version"] is None
    editor = a_key(api, "editor", "shop")
    editor.refused(403, "POST", f"{base}/catalog/apply?publish=true", BUNDLE)
    publisher = a_key(api, "publisher", "shop")
    done = publisher.ok("POST", f"{base}/catalog/apply?publish=true", BUNDLE)
    assert (done["unchanged"], done["published"]) == (4, {"one": 1, "two": 1})
    assert "unpublished" not in done
    again = publisher.ok("POST", f"{base}/catalog/apply?publish=true", BUNDLE)
    assert again["published"] == {}
    changed = {"scenarios": {"two": a_scenario("bye")}}
    assert api.ok("POST", f"{base}/catalog/plan", changed)["unpublished"] == ["two"]
    assert publisher.ok("POST", f"{base}/catalog/apply?publish=true", changed)["published"] == {"two": 2}
    assert "unpublished" not in api.ok("POST", f"{base}/catalog/plan", changed)


def test_a_scenario_shows_its_draft_and_what_is_in_force(cloud: None) -> None:
    """By itself and in the list; the answer can be put back; other kinds know no such fields."""
    api = an_api()
    base = an_account(api)
    api.ok("POST", f"{base}/catalog/apply", BUNDLE)
    api.ok("POST", f"{base}/scenarios/one/publish", {})
    api.ok("POST", f"{base}/scenarios/one/pause", {})

    def shown() -> list[dict[str, Any]]:
        listed = {item["id"]: item for item in api.ok("GET", f"{base}/scenarios")["items"]}
        by_itself = [api.ok("GET", f"{base}/scenarios/{name}") for name in ("one", "two")]
        assert [one | {"counts": listed[one["id"]]["counts"]} for one in by_itself] == [
            listed["one"],
            listed["two"],
        ]
        return by_itself

    names = ("published_version", "unpublished_changes", "paused")
    one, two = shown()
    assert [one[name] for name in names] == [1, False, True]
    assert [two[name] for name in names] == [None, True, False]
    assert (one["draft_revision"], two["draft_revision"]) == (one["revision"], two["revision"])
    saved = api.ok("PUT", f"{base}/scenarios/one", one | {"name": "Renamed"})
    assert [saved[name] for name in names] == [1, True, True]
    assert saved["draft_revision"] == saved["revision"] > one["revision"]
    message = api.ok("GET", f"{base}/messages/hello")
    assert names[0] not in message
    assert api.paths(400, "PUT", f"{base}/messages/hello", message | {"paused": False}) == ["paused"]


def test_what_cannot_be_published_now_is_reported_and_done_later(
    cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents are saved; the answer says what is left; applying again publishes it."""
    api = an_api()
    base = an_account(api)

    def busy(*_: Any) -> Any:
        raise Unavailable(quoted("other writers kept changing the catalog"))

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_next_version", busy)
        applied = api.ok("POST", f"{base}/catalog/apply?publish=true", BUNDLE)
    assert (applied["created"], applied["published"], applied["unpublished"]) == (4, {}, ["one", "two"])
    assert "kept changing" in applied["publish_failed"]
    done = api.ok("POST", f"{base}/catalog/apply?publish=true", BUNDLE)
    assert (done["unchanged"], done["published"]) == (4, {"one": 1, "two": 1})
    api.refused(400, "POST", f"{base}/catalog/apply?publish=yes", BUNDLE)
