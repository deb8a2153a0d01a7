"""From a phone to Todoku: the webhooks the simulated LINE makes, signs, sends and sends again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Response, Server
from chalicelib.local.line.simulator import Simulator
from chalicelib.local.line.webhooks import sign
from chalicelib.webhook.parse import parse

ANNA = "U" + "a" * 32
BEN = "U" + "b" * 32
SECRET = "shop-secret"


class Todoku:
    """What stands at the other end of the webhook: keeps what it got, answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self.server = Server(0, self._answer)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(self.status, {} if self.status == 200 else {"error": "no"})

    def events(self) -> list[dict[str, Any]]:
        return [event for request in self.requests for event in orjson.loads(request.body)["events"]]


@pytest.fixture
def todoku() -> Iterator[Todoku]:
    there = Todoku()
    yield there
    there.server.shutdown()
    there.server.server_close()


@pytest.fixture
def sim(tmp_path: Path, todoku: Todoku) -> Iterator[Simulator]:
    made = Simulator(tmp_path, todoku.url)
    ask(made, "PUT", "channels/shop", {"channel_secret": SECRET, "channel_access_token": "t", "name": "店"})
    yield made
    made.courier._http.clear()
    made.close()


def ask(sim: Simulator, method: str, path: str, body: Any = None) -> Response:
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&")) if query else {}
    raw = b"" if body is None else orjson.dumps(body)
    return serve(sim, Request(method, f"/_sim/{path}", pairs, {}, raw))


def act(sim: Simulator, user: str, verb: str, body: dict[str, Any] | None = None) -> Response:
    return ask(sim, "POST", f"friends/{user}/{verb}", {"account": "shop"} | (body or {}))


def reply(sim: Simulator, token: str) -> int:
    body = orjson.dumps({"replyToken": token, "messages": [{"type": "text", "text": "どうも"}]})
    headers = {"authorization": "Bearer t"}
    return sim.answer(Request("POST", "/v2/bot/message/reply", {}, headers, body)).status


def test_a_webhook_is_signed_over_its_raw_body(sim: Simulator, todoku: Todoku) -> None:
    """The signature is HMAC-SHA256 of the bytes that travelled, and the destination is the bot."""
    answer = act(sim, ANNA, "message", {"text": "予約したい 😀"})
    assert answer.status == 200
    assert answer.body["webhook"]["status"] == 200
    (request,) = todoku.requests
    assert request.path == "/webhook/shop"
    assert request.headers["x-line-signature"] == sign(SECRET, request.body)
    assert orjson.loads(request.body)["destination"] == sim.people.channel("shop").bot_id
    event = todoku.events()[0]
    assert event["message"]["text"] == "予約したい 😀"
    assert event["source"] == {"type": "user", "userId": ANNA}
    assert len(event["webhookEventId"]) == 26


def test_following_and_blocking_change_who_gets_messages(sim: Simulator, todoku: Todoku) -> None:
    """follow, unfollow, follow again with isUnblocked; a blocked friend can do nothing else."""
    act(sim, ANNA, "follow", {"display_name": "あんな"})
    act(sim, ANNA, "block")
    assert sim.people.status("shop", ANNA) == "blocked"
    assert act(sim, ANNA, "message", {"text": "?"}).status == 409
    act(sim, ANNA, "unblock")
    assert sim.people.status("shop", ANNA) == "following"
    kinds = [(event["type"], event.get("follow")) for event in todoku.events()]
    assert kinds == [
        ("follow", {"isUnblocked": False}),
        ("unfollow", None),
        ("follow", {"isUnblocked": True}),
    ]
    assert "replyToken" not in todoku.events()[1]
    assert sim.people.person(ANNA)["name"] == "あんな"


def test_a_reply_token_of_a_webhook_answers_that_friend(sim: Simulator, todoku: Todoku) -> None:
    """The token works once, and the reply stands in that friend's conversation."""
    act(sim, ANNA, "postback", {"data": "skin=dry", "display_text": "乾燥肌"})
    token = todoku.events()[0]["replyToken"]
    assert [reply(sim, token), reply(sim, token)] == [200, 400]
    items = ask(sim, "GET", f"friends/{ANNA}/timeline?account=shop").body["items"]
    assert [item["from"] for item in items] == ["friend", "account"]
    assert items[0]["shown"] == {"text": "乾燥肌"}
    assert ask(sim, "GET", f"friends/{BEN}/timeline?account=shop").body["items"] == []


def test_what_was_not_received_can_be_sent_again(sim: Simulator, todoku: Todoku) -> None:
    """A redelivered event is the same but for isRedelivery; what was received is not sent again."""
    todoku.status = 503
    act(sim, ANNA, "message", {"text": "一"})
    todoku.status = 200
    act(sim, ANNA, "message", {"text": "二"})
    answer = ask(sim, "POST", "webhooks/shop/redeliver", {})
    first, _, again = todoku.events()
    assert answer.body["event_ids"] == [first["webhookEventId"]]
    assert again == first | {"deliveryContext": {"isRedelivery": True}}
    assert ask(sim, "POST", "webhooks/shop/redeliver", {}).body["event_ids"] == []
    assert ask(sim, "POST", "webhooks/shop/redeliver", {"event_ids": answer.body["event_ids"]}).status == 200


def test_a_recorded_day_can_be_played(sim: Simulator, todoku: Todoku) -> None:
    """Raw events go out as they are, many in one request, and follows and blocks in them are learnt."""
    source = {"type": "user", "userId": ANNA}
    happened = [
        {"type": "follow", "source": source, "timestamp": 1, "replyToken": "r", "webhookEventId": "e1"},
        {"type": "somethingNew", "source": {"type": "user", "userId": BEN}, "webhookEventId": "e2"},
        {"type": "unfollow", "source": source, "timestamp": 3, "webhookEventId": "e3"},
    ]
    assert ask(sim, "POST", "webhooks/shop", {"events": happened[:2]}).body["webhook"]["status"] == 200
    assert reply(sim, "r") == 200
    ask(sim, "POST", "webhooks/shop", {"events": happened[2:]})
    assert todoku.events() == happened
    assert len(todoku.requests) == 2
    assert sim.people.status("shop", ANNA) == "blocked"
    again = happened[0] | {"deliveryContext": {"isRedelivery": True}}
    ask(sim, "POST", "webhooks/shop", {"events": [again]})
    assert todoku.events()[3:] == [again]
    assert len(ask(sim, "GET", "events").body["items"]) == 3, "a recorded redelivery is the same event"
    assert sim.people.status("shop", BEN) == "following"


def test_friends_are_listed_by_what_they_did_last(sim: Simulator, todoku: Todoku) -> None:
    """Who wrote last comes first, before friends of whom nothing was heard; names and ids can be searched."""
    silent = [{"user_id": f"U{n:032x}"} for n in range(3)]
    act(sim, ANNA, "follow", {"display_name": "安奈"})
    act(sim, BEN, "follow", {"display_name": "勉"})
    ask(sim, "POST", "friends", {"account": "shop", "friends": silent})
    act(sim, ANNA, "message", {"text": "こんにちは"})
    found = ask(sim, "GET", "friends?account=shop").body
    assert [friend["user_id"] for friend in found["items"]][:2] == [ANNA, BEN]
    assert found["total"] == 5
    assert [f["user_id"] for f in ask(sim, "GET", "friends?account=shop&q=勉").body["items"]] == [BEN]


def test_empty_and_badly_signed_webhooks_can_be_made(sim: Simulator, todoku: Todoku) -> None:
    """LINE's verify request has no events; a wrong signature shows that the door checks it."""
    ask(sim, "POST", "webhooks/shop", {"events": []})
    ask(sim, "POST", "webhooks/shop", {"events": [], "signature": "bad"})
    good, bad = todoku.requests
    assert good.headers["x-line-signature"] == sign(SECRET, good.body)
    assert bad.headers["x-line-signature"] != sign(SECRET, bad.body)


def test_when_nobody_is_there_the_endpoint_says_so(sim: Simulator, todoku: Todoku) -> None:
    """No connection is status 0 and a 502 at the door; the event waits for redelivery."""
    channel = {"channel_secret": "s", "channel_access_token": "u", "webhook_url": "http://127.0.0.1:9/x"}
    ask(sim, "PUT", "channels/dead", channel)
    answer = ask(sim, "POST", f"friends/{ANNA}/follow", {"account": "dead"})
    assert (answer.status, answer.body["webhook"]["status"]) == (502, 0)
    assert ask(sim, "GET", "events?account=dead").body["items"][0]["status"] == 0


def test_contents_of_media_messages_can_be_fetched(sim: Simulator, todoku: Todoku) -> None:
    """An image has its bytes, a drawn one when none were given; text has none; unsent is gone."""
    picture = {"message": {"type": "image"}, "content_base64": "aGVsbG8=", "content_type": "image/jpeg"}
    act(sim, ANNA, "message", picture)
    act(sim, ANNA, "message", {"message": {"type": "image"}})
    act(sim, ANNA, "message", {"text": "字"})
    given, drawn, text = (event["message"]["id"] for event in todoku.events())

    def content(message: str) -> Response:
        path = f"/v2/bot/message/{message}/content"
        return sim.answer(Request("GET", path, {}, {"authorization": "Bearer t"}, b""))

    assert (content(given).body, content(given).content_type) == (b"hello", "image/jpeg")
    assert content(drawn).body.startswith(b"\x89PNG")
    assert content(text).status == 404
    act(sim, ANNA, "unsend", {"message_id": given})
    assert content(given).status == 410


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("message", {"message": {"type": "hologram"}}),
        ("message", {"text": ""}),
        ("postback", {"data": ""}),
        ("postback", {"data": "a", "params": 5}),
        ("account_link", {}),
        ("beacon", {}),
        ("beacon", {"hwid": "d41d8cd98f", "type": "leave"}),
        ("beacon", {"hwid": "ここ", "type": "enter"}),
        ("beacon", {"hwid": "d41d8cd98f", "dm": "0"}),
        ("event", {"event": {}}),
    ],
)
def test_what_line_could_not_send_is_refused(sim: Simulator, todoku: Todoku, verb: str, body: Any) -> None:
    """The door answers 400 and nothing leaves."""
    assert act(sim, ANNA, verb, body).status == 400
    assert todoku.requests == []


def test_a_beacon_is_an_event_that_rules_match(sim: Simulator, todoku: Todoku) -> None:
    """What the door makes of a beacon is the event ``beacon``, with a reply token, for each type."""
    for kind in ("enter", "stay", "banner"):
        assert act(sim, ANNA, "beacon", {"hwid": "d41d8cd98f", "type": kind, "dm": "00ff"}).status == 200
    found = [one for r in todoku.requests for one in parse(r.body, "shop", datetime.now(UTC))]
    assert [(one.type, one.props["action"]) for one in found] == [
        ("beacon", "enter"), ("beacon", "stay"), ("beacon", "banner")
    ]  # fmt: skip
    assert all(one.reply_token and one.props["hwid"] == "d41d8cd98f" for one in found)
    assert found[0].props["dm"] == "00ff"


def test_news_reach_the_pages_that_show_the_phone(sim: Simulator, todoku: Todoku) -> None:
    """A page hears of its own phones only: the friend's words with their answer, then the account's."""
    page = sim.hub.stream(frozenset({("shop", ANNA)}))
    next(page)
    act(sim, BEN, "message", {"text": "他人"})
    act(sim, ANNA, "message", {"text": "本人"})
    reply(sim, todoku.events()[-1]["replyToken"])
    news = [orjson.loads(next(page).removeprefix(b"data: ")) for _ in range(3)]
    assert [one["item"]["from"] for one in news] == ["friend", "friend", "account"]
    assert [one["item"].get("status") for one in news] == [None, 200, None]
    assert {one["user_id"] for one in news} == {ANNA}
    page.close()  # type: ignore[attr-defined]


def test_the_whole_thing_speaks_http(sim: Simulator, todoku: Todoku) -> None:
    """API, door and page answer on one port; what is unknown is 404, a wrong method 405."""
    app = application(sim)

    def status(method: str, path: str) -> int:
        return app(Request(method, path, {}, {"authorization": "Bearer t"}, b"")).status

    assert status("GET", "/v2/bot/info") == 200
    assert status("GET", "/_sim/health") == 200
    assert status("GET", "/") == 200
    assert status("GET", "/v2/bot/nothing") == 404
    assert status("GET", "/_sim/nothing") == 404
    assert status("DELETE", "/v2/bot/info") == 405
    assert status("DELETE", "/_sim/health") == 405
    assert status("GET", "/../people.py") == 404
