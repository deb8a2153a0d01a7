"""The simulated LINE against line-bot-sdk: what the SDK sends is taken, what it reads parses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from linebot.v3 import webhooks as sdk_events
from linebot.v3.messaging import (
    ApiClient,
    ApiException,
    BroadcastRequest,
    Configuration,
    CreateRichMenuAliasRequest,
    MessagingApi,
    MessagingApiBlob,
    MulticastRequest,
    NarrowcastRequest,
    PushMessageRequest,
    ReplyMessageRequest,
    RichMenuBulkLinkRequest,
    RichMenuRequest,
    ShowLoadingAnimationRequest,
    TestWebhookEndpointRequest,
    ValidateMessageRequest,
)
from linebot.v3.webhook import SignatureValidator, WebhookParser

from chalicelib.local.line import pictures
from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Response, Server
from chalicelib.local.line.simulator import Simulator

TestWebhookEndpointRequest.__test__ = False
ANNA = "U" + "a" * 32
SECRET = "shop-secret"
HELLO: dict[str, Any] = {"messages": [{"type": "text", "text": "こんにちは"}]}
EVENTS: dict[str, tuple[str, dict[str, Any], type]] = {
    "follow": ("follow", {}, sdk_events.FollowEvent),
    "unfollow": ("block", {}, sdk_events.UnfollowEvent),
    "text": ("message", {"text": "予約"}, sdk_events.TextMessageContent),
    "image": ("message", {"message": {"type": "image"}}, sdk_events.ImageMessageContent),
    "video": ("message", {"message": {"type": "video"}}, sdk_events.VideoMessageContent),
    "audio": ("message", {"message": {"type": "audio"}}, sdk_events.AudioMessageContent),
    "file": ("message", {"message": {"type": "file"}}, sdk_events.FileMessageContent),
    "location": ("message", {"message": {"type": "location"}}, sdk_events.LocationMessageContent),
    "sticker": ("message", {"message": {"type": "sticker"}}, sdk_events.StickerMessageContent),
    "postback": (
        "postback",
        {"data": "a=1", "params": {"datetime": "2026-11-22T10:00"}},
        sdk_events.PostbackEvent,
    ),
    "switch": ("switch", {"data": "a", "alias": "b"}, sdk_events.PostbackEvent),
    "video complete": ("video_complete", {"tracking_id": "t"}, sdk_events.VideoPlayCompleteEvent),
    "account link": ("account_link", {"nonce": "n"}, sdk_events.AccountLinkEvent),
    "failed link": ("account_link", {"nonce": "n", "result": "failed"}, sdk_events.AccountLinkEvent),
    "unsend": ("unsend", {"message_id": "1"}, sdk_events.UnsendEvent),
    "beacon": ("beacon", {"hwid": "d41d8cd98f", "dm": "00ff"}, sdk_events.BeaconEvent),
    "banner": ("beacon", {"hwid": "d41d8cd98f", "type": "banner"}, sdk_events.BeaconEvent),
    "membership": (
        "event",
        {"event": {"type": "membership", "membership": {"type": "joined", "membershipId": 1}}},
        sdk_events.MembershipEvent,
    ),
}


class Shop:
    """A simulator on a port, the SDK before it, and a receiver of webhooks behind it."""

    def __init__(self, directory: Path) -> None:
        self.webhooks: list[Request] = []
        self.receiver = Server(0, self._receive)
        self.sim = Simulator(directory, f"http://127.0.0.1:{self.receiver.server_port}")
        self.server = Server(0, application(self.sim))
        for server in (self.receiver, self.server):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.sim_request("PUT", "channels/shop", {"channel_secret": SECRET, "channel_access_token": "token"})
        self.sim_request("POST", "friends", {"account": "shop", "user_id": ANNA, "display_name": "安奈"})
        url = f"http://127.0.0.1:{self.server.server_port}"
        configuration = Configuration(host=url, access_token="token")
        configuration.retries = False
        self.client = ApiClient(configuration)
        self.api = MessagingApi(self.client)
        self.blob = MessagingApiBlob(self.client)

    def _receive(self, request: Request) -> Response:
        self.webhooks.append(request)
        return Response()

    def sim_request(self, method: str, path: str, body: Any) -> Response:
        return serve(self.sim, Request(method, f"/_sim/{path}", {}, {}, orjson.dumps(body)))

    def close(self) -> None:
        self.client.rest_client.pool_manager.clear()
        self.sim.courier._http.clear()
        for server in (self.server, self.receiver):
            server.shutdown()
            server.server_close()
        self.sim.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


def test_the_five_ways_to_send_work_for_the_sdk(shop: Shop) -> None:
    """Every answer fits the SDK's models, and sentMessages come where LINE gives them."""
    pushed = shop.api.push_message(PushMessageRequest.from_dict({"to": ANNA, **HELLO}))
    assert pushed.sent_messages[0].id
    replied = shop.api.reply_message(ReplyMessageRequest.from_dict({"replyToken": "r", **HELLO}))
    assert replied.sent_messages[0].quote_token
    shop.api.multicast(MulticastRequest.from_dict({"to": [ANNA], **HELLO}))
    shop.api.broadcast(BroadcastRequest.from_dict(HELLO))
    shop.sim_request("PUT", "delays", {"narrowcast_delay_s": 0})
    answer = shop.api.narrowcast_with_http_info(NarrowcastRequest.from_dict(HELLO))
    assert answer.status_code == 202
    progress = shop.api.get_narrowcast_progress(answer.headers["x-line-request-id"])
    assert progress.phase == "succeeded"
    shop.api.validate_push(ValidateMessageRequest.from_dict(HELLO))


def test_a_repeated_retry_key_is_the_sdks_409(shop: Shop) -> None:
    """The SDK raises with the accepted request id in its headers."""
    key = str(uuid.uuid4())
    request = PushMessageRequest.from_dict({"to": ANNA, **HELLO})
    first = shop.api.push_message_with_http_info(request, x_line_retry_key=key)
    with pytest.raises(ApiException) as caught:
        shop.api.push_message(request, x_line_retry_key=key)
    assert caught.value.status == 409
    assert caught.value.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert orjson.loads(caught.value.body)["sentMessages"][0]["id"] == first.data.sent_messages[0].id


def test_the_calls_around_sending_work_for_the_sdk(shop: Shop) -> None:
    """Profile, followers, bot info, quota, counts, loading, link token, webhook settings."""
    shop.api.push_message(PushMessageRequest.from_dict({"to": ANNA, **HELLO}))
    assert shop.api.get_profile(ANNA).display_name == "安奈"
    assert shop.api.get_followers().user_ids == [ANNA]
    assert shop.api.get_bot_info().chat_mode == "bot"
    assert shop.api.get_message_quota().type == "none"
    assert shop.api.get_message_quota_consumption().total_usage == 1
    assert shop.api.get_number_of_sent_push_messages("20990101").success == 0
    assert shop.api.get_aggregation_unit_usage().num_of_custom_aggregation_units == 0
    shop.api.show_loading_animation(ShowLoadingAnimationRequest(chat_id=ANNA, loading_seconds=5))
    assert shop.api.issue_link_token(ANNA).link_token
    assert shop.api.get_webhook_endpoint().endpoint.endswith("/webhook/shop")
    tested = shop.api.test_webhook_endpoint(TestWebhookEndpointRequest())
    assert (tested.success, tested.reason) == (True, "OK")
    assert orjson.loads(shop.webhooks[-1].body)["events"] == []


def test_rich_menus_work_for_the_sdk(shop: Shop) -> None:
    """Create, give a picture, link, alias, default, list, unlink, delete."""
    menu = RichMenuRequest.from_dict(
        {
            "size": {"width": 2500, "height": 843},
            "selected": True,
            "name": "main",
            "chatBarText": "メニュー",
            "areas": [
                {
                    "bounds": {"x": 0, "y": 0, "width": 2500, "height": 843},
                    "action": {"type": "message", "text": "予約"},
                }
            ],
        }
    )
    shop.api.validate_rich_menu_object(menu)
    made = shop.api.create_rich_menu(menu).rich_menu_id
    with pytest.raises(ApiException):
        shop.api.link_rich_menu_id_to_user(ANNA, made)
    headers = {"Content-Type": "image/png"}
    shop.blob.set_rich_menu_image(made, body=bytearray(pictures.photo("menu")), _headers=headers)
    assert bytes(shop.blob.get_rich_menu_image(made)).startswith(b"\x89PNG")
    shop.api.link_rich_menu_id_to_user(ANNA, made)
    assert shop.api.get_rich_menu_id_of_user(ANNA).rich_menu_id == made
    shop.api.create_rich_menu_alias(CreateRichMenuAliasRequest(richMenuAliasId="main", richMenuId=made))
    assert shop.api.get_rich_menu_alias("main").rich_menu_id == made
    shop.api.set_default_rich_menu(made)
    assert shop.api.get_default_rich_menu_id().rich_menu_id == made
    assert [found.rich_menu_id for found in shop.api.get_rich_menu_list().richmenus] == [made]
    shop.api.unlink_rich_menu_id_from_user(ANNA)
    shop.api.link_rich_menu_id_to_users(RichMenuBulkLinkRequest(richMenuId=made, userIds=[ANNA]))
    shop.api.delete_rich_menu(made)
    with pytest.raises(ApiException):
        shop.api.get_rich_menu_id_of_user(ANNA)


@pytest.mark.parametrize("name", EVENTS)
def test_the_sdk_accepts_every_webhook(shop: Shop, name: str) -> None:
    """The signature validates and the parser finds the event's own class, not an unknown one."""
    verb, body, expected = EVENTS[name]
    answer = shop.sim_request("POST", f"friends/{ANNA}/{verb}", {"account": "shop", **body})
    assert answer.body["webhook"]["status"] == 200
    raw = shop.webhooks[-1].body.decode()
    signature = shop.webhooks[-1].headers["x-line-signature"]
    assert SignatureValidator(SECRET).validate(raw, signature)
    assert not SignatureValidator(SECRET).validate(raw + " ", signature)
    (event,) = WebhookParser(SECRET).parse(raw, signature)
    assert isinstance(event.message if verb == "message" else event, expected)


def test_the_signature_is_the_documented_one(shop: Shop) -> None:
    """base64(HMAC-SHA256(channel secret, raw body)), computed here by hand."""
    shop.sim_request("POST", f"friends/{ANNA}/message", {"account": "shop", "text": "a"})
    request = shop.webhooks[-1]
    expected = base64.b64encode(hmac.new(SECRET.encode(), request.body, hashlib.sha256).digest()).decode()
    assert request.headers["x-line-signature"] == expected


def test_contents_come_back_through_the_sdk(shop: Shop) -> None:
    """What a friend sent as a picture can be downloaded."""
    answer = shop.sim_request(
        "POST", f"friends/{ANNA}/message", {"account": "shop", "message": {"type": "image"}}
    )
    message = answer.body["events"][0]["message"]["id"]
    assert bytes(shop.blob.get_message_content(message)).startswith(b"\x89PNG")
    assert shop.blob.get_message_content_transcoding_by_message_id(message).status == "succeeded"
