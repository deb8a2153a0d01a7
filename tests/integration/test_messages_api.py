"""Messages over HTTP: what is refused and how, previews for a friend, tracked links."""

from __future__ import annotations

import pytest

from chalicelib.friends import store
from chalicelib.sheets.model import new_sheet
from tests.api_client import Api, a_key, an_account, an_api
from tests.messages_corpus import VALID

AT = "2026-11-20T00:00:00.000Z"
GREETING = {
    "type": "text",
    "text": '{{ friend.display_name | default("お客様") }}さん {{ attribute.skin }} {{ link("spring") }}',
}


@pytest.fixture
def shop(cloud) -> tuple[Api, str]:
    """An account with an attribute, a link and the friend 花子."""
    api = an_api()
    base = an_account(api, shards=4)
    api.ok("PUT", f"{base}/attributes/skin", {"name": "肌", "type": "choice", "choices": ["dry", "oily"]})
    api.ok("PUT", f"{base}/links/spring", {"url": "https://shop.example/spring"})
    sheet = new_sheet("shop", "U1", AT)
    sheet |= {"status": "following", "display_name": "花子", "attributes": {"skin": "dry"}}
    store.create_or_update("shop", 4, "U1", None, sheet, None)
    store.create_or_update("shop", 4, "U2", None, new_sheet("shop", "U2", AT), None)
    return api, base


def test_every_type_of_message_can_be_saved(shop) -> None:
    """Raw LINE JSON comes back as it was written, with the category filled in."""
    api, base = shop
    # In a document, a literal opening brace of textV2 is written as a literal.
    braces = {"textV2": {**VALID["textV2"], "text": "{smile} {{ '{' }}波括弧}}"}}
    for name, message in (VALID | braces).items():
        saved = api.ok("PUT", f"{base}/messages/{name.lower()}", {"name": name, "messages": [message]})
        assert saved["messages"] == [message]
        assert saved["category"] == "marketing"


def test_shape_is_400_and_logic_is_422_each_with_its_path(shop) -> None:
    """LINE's limits of fixed parts are shape; variables and references are logic."""
    api, base = shop

    def refused(status: int, *messages: object, **more: object) -> list[str]:
        return api.paths(status, "PUT", f"{base}/messages/m", {"name": "x", "messages": messages, **more})

    assert refused(400, {"type": "text", "text": "x" * 5001}) == ["messages[0].text"]
    assert refused(400, {"type": "hologram"}) == ["messages[0].type"]
    assert refused(400, *[VALID["sticker"]] * 6) == ["messages"]
    assert refused(400) == ["messages"]
    assert refused(400, VALID["sticker"], category="spam") == ["category"]
    assert refused(422, {"type": "text", "text": "{{ attribute.unknown }}"}) == ["messages[0].text"]
    assert refused(422, {"type": "text", "text": "{{ link('unknown') }}"}) == ["messages[0].text"]
    assert refused(422, {"type": "text", "text": "{{ friend.phone }}"}) == ["messages[0].text"]
    assert refused(422, {"type": "text", "text": "{{ attribute.skin }}" + "x" * 5001}) == ["messages[0].text"]


def test_what_a_message_names_cannot_be_deleted(shop) -> None:
    """An attribute in a text is in use."""
    api, base = shop
    api.ok("PUT", f"{base}/messages/hello", {"name": "x", "messages": [GREETING]})
    api.refused(422, "DELETE", f"{base}/attributes/skin")
    api.refused(422, "DELETE", f"{base}/links/spring")


def test_previews_show_what_a_friend_would_get(shop) -> None:
    """Drafts and saved messages alike; who lacks a value would get nothing, and why."""
    api, base = shop
    draft = api.ok("POST", f"{base}/messages/preview", {"messages": [GREETING], "user_id": "U1"})
    assert draft["messages"][0]["text"] == "花子さん dry http://127.0.0.1:8000/r/shop.spring"
    assert draft["unrenderable"] is None
    assert draft["static"] is False
    assert [warning["path"] for warning in draft["warnings"]] == ["messages[0].text"]

    api.ok("PUT", f"{base}/messages/hello", {"name": "x", "messages": [GREETING]})
    saved = api.ok("POST", f"{base}/messages/hello/preview", {"user_id": "U2"})
    assert saved["messages"] is None
    assert "attribute.skin is missing" in saved["unrenderable"]

    echo = {"type": "text", "text": "{{ event.text }}"}
    heard = {"messages": [echo], "user_id": "U1", "event": {"text": "予約"}}
    assert api.ok("POST", f"{base}/messages/preview", heard)["messages"] == [{"type": "text", "text": "予約"}]


def test_saving_reports_what_a_preview_would_warn_of(shop) -> None:
    """Overflows, emptiness, values some friends lack, hidden quick replies: by path; none, no warnings."""
    api, base = shop
    quick = VALID["text"] | {"text": "$", "emojis": []}
    long = {"type": "text", "text": "x" * 4_999 + '{{ attribute.skin | default("-") }}'}
    saved = api.ok("PUT", f"{base}/messages/m", {"name": "x", "messages": [quick, long, GREETING]})
    assert [warning.partition(":")[0] for warning in saved["warnings"]] == [
        "messages[1].text",
        "messages[2].text",
        "messages[0].quickReply",
    ]
    assert "with the longest values" in saved["warnings"][0]
    assert "warnings" not in api.ok(
        "PUT", f"{base}/messages/m", {"name": "x", "messages": [VALID["sticker"]]}
    )
    again = api.ok("PUT", f"{base}/messages/m", saved)
    assert again["warnings"] == saved["warnings"]


def test_previews_refuse_what_saving_refuses_and_strangers(shop) -> None:
    """The same errors as PUT; 404 for an unknown friend or message; a viewer may look."""
    api, base = shop
    url = f"{base}/messages/preview"
    assert api.paths(400, "POST", url, {"messages": [{"type": "x"}], "user_id": "U1"}) == ["messages[0].type"]
    unknown = {"messages": [{"type": "text", "text": "{{ score.none }}"}], "user_id": "U1"}
    assert api.paths(422, "POST", url, unknown) == ["messages[0].text"]
    api.refused(404, "POST", url, {"messages": [GREETING], "user_id": "U9"})
    api.refused(404, "POST", f"{base}/messages/none/preview", {"user_id": "U1"})
    a_key(api, "viewer", "shop").ok("POST", url, {"messages": [GREETING], "user_id": "U1"})


def test_a_tracked_link_leads_to_its_registered_url_and_nowhere_else(shop) -> None:
    """No key is needed; changing the document changes where sent links lead."""
    api, base = shop
    stranger = Api(None)
    answer = stranger.call("GET", "/r/shop.spring")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/spring")
    api.ok("PUT", f"{base}/links/spring", {"url": "https://shop.example/summer"})
    assert stranger.call("GET", "/r/shop.spring").headers["Location"] == "https://shop.example/summer"
    for code in ("shop.none", "none.spring", "shop", "shop.spring.x", "https%3A%2F%2Fevil.example"):
        stranger.refused(404, "GET", f"/r/{code}")


def test_no_message_takes_the_name_of_the_preview(shop) -> None:
    """A bundle cannot bring a document that its own route would hide."""
    api, base = shop
    bundle = {"messages": {"preview": {"name": "x", "messages": [VALID["sticker"]]}}}
    assert api.paths(422, "POST", f"{base}/catalog/apply", bundle) == ["messages.preview.id"]
