"""Whose an order is, refunds through the door, one currency, and events that are history."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.friends import orders, store
from chalicelib.gateways import aws, inbox
from chalicelib.intake import service
from chalicelib.jobs.kinds import JOBS
from chalicelib.privacy import erasure
from chalicelib.reaction import batch
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from tests.api_client import Api
from tests.conftest import drain

SHOP = Account("shop", "店", "Asia/Tokyo", 4)
AT = "2026-11-22T00:00:00Z"


@pytest.fixture
def shop(cloud: None) -> Api:
    accounts.put_account(SHOP, {"channel_secret": "s", "channel_access_token": "t"}, shards=4, by="test")
    accounts.ensure_key("k", "admin", "admin", None, "key")
    return Api("key")


def order(name: str = "o1", user: str = "U1", amount: float = 100, **more: Any) -> dict[str, Any]:
    return {"order_id": name, "user_id": user, "at": AT, "amount": amount, **more}


def post(shop: Api, *items: Any, endpoint: str = "purchases", **more: Any) -> list[dict[str, Any]]:
    answer = shop.ok("POST", f"/v1/accounts/shop/{endpoint}", {endpoint: list(items), **more})
    results: list[dict[str, Any]] = answer["results"]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [result["status"] for result in results]


def work_off() -> None:
    for message in drain("inbox"):
        reaction.react(FriendEvent.from_message(message))
    for body in drain("bulk"):
        if body["job"] == "events":
            JOBS["events"].run(body, 1)


def figures(user: str = "U1") -> tuple[int, float]:
    sheet = store.load("shop", 4, user)
    return (sheet["purchases"]["count"], sheet["purchases"]["total"]) if sheet else (0, 0)


def kept() -> str:
    """Everything in the control table, as text."""
    items = aws.client("dynamodb").scan(TableName=settings().table("control"))["Items"]
    return repr([item for item in items if "#ORDER#" in item["pk"]["S"]])


def test_an_order_belongs_to_whom_it_was_reported_for_first(shop: Api) -> None:
    """For another friend it is rejected and says of whom: at once, later, in one request, from any door."""
    assert statuses(post(shop, order(), order("o2", "U2"), order("o2", "U1"))) == [
        "accepted", "accepted", "rejected",
    ]  # fmt: skip
    (again,) = post(shop, order(user="U2"))
    assert (again["status"], again["error"]["code"]) == ("rejected", "rule_violation")
    assert "o1 is an order of friend U1" in again["error"]["message"]
    single = shop.ok("POST", "/v1/accounts/shop/purchases", order(user="U2"))
    assert statuses(single["results"]) == ["rejected"]
    props = {"order_id": "o1", "amount": 5}
    event = {"event_id": "e1", "type": "purchased", "props": props, "at": AT}
    assert statuses(post(shop, event | {"user_id": "U2"}, endpoint="events")) == ["rejected"]
    assert statuses(post(shop, event | {"user_id": "U1"}, endpoint="events")) == ["duplicate"]
    assert statuses(post(shop, order(), order("o2", "U2"))) == ["duplicate", "duplicate"]
    work_off()
    assert (figures("U1"), figures("U2")) == ((1, 100), (1, 100))


def test_who_dies_between_claim_and_queue_has_lost_nothing(
    shop: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is claimed, the process dies: for the same friend it is accepted, for another it is not."""

    def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(service, "_put", dies)
        assert shop.call("POST", "/v1/accounts/shop/purchases", order()).status_code == 500
    assert statuses(post(shop, order(user="U2"))) == ["rejected"]
    assert statuses(post(shop, order())) == ["accepted"]
    work_off()
    assert (figures("U1"), figures("U2")) == ((1, 100), (0, 0))


@pytest.mark.parametrize("is_known", [False, True])
def test_an_erasure_reaches_an_order_that_came_no_further(
    shop: Api, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """Claimed, and the process died before the queue: the order no longer says whose it was."""

    def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    if is_known:
        post(shop, order("o0"))
        work_off()
    with monkeypatch.context() as patch:
        patch.setattr(service, "_put", dies)
        assert shop.call("POST", "/v1/accounts/shop/purchases", order()).status_code == 500
    post(shop, order("o2", "U2"))
    assert "'U1'" in kept()
    status = shop.call("DELETE", "/v1/accounts/shop/friends/U1?erase=true").status_code
    assert status == (200 if is_known else 404)
    for body in drain("bulk"):
        if body["job"] == "erase":
            JOBS["erase"].run(body, 1)
    assert "'U1'" not in kept()
    assert "'U2'" in kept()
    assert statuses(post(shop, order())) == ["rejected"]


def test_an_order_of_a_friend_who_came_back_stays_theirs(shop: Api) -> None:
    """What was reported after the erasure is not the erasure's."""
    post(shop, order())
    orders.forget(SHOP, "U1", AT)
    assert "'U1'" in kept()


def test_two_who_report_at_once_have_one_holder(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both found nobody, one wrote first: the other sees whose it is."""
    mine, theirs = orders.Holder("U1", "order:o1"), orders.Holder("U2", "order:o1")
    look = orders.holders
    raced: list[Any] = []

    def meanwhile(account: str, names: Any) -> Any:
        found = look(account, names)
        if not raced:
            raced.append(orders._put("shop", "o1", theirs, AT))
        return found

    monkeypatch.setattr(orders, "holders", meanwhile)
    assert orders.claim("shop", {"o1": mine}) == {"o1": theirs}


def test_a_refund_of_another_s_order_is_rejected(shop: Api) -> None:
    """Also in one request with the order; its own id stays free for whom it is meant."""
    refund = order("r1", "U2", 40, refund_of="o1")
    results = post(shop, refund, order())
    assert statuses(results) == ["rejected", "accepted"]
    assert "o1 is an order of friend U1" in results[0]["error"]["message"]
    assert statuses(post(shop, refund | {"user_id": "U1"}, order("r2", "U1", 60, refund_of="o1"))) == [
        "accepted", "accepted",
    ]  # fmt: skip
    work_off()
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert (figures(), sheet["facts"]["purchased"]["count"]) == ((0, 0), 1)
    assert sheet["facts"]["refunded"]["count"] == 2


def test_parts_come_back_exactly(shop: Api) -> None:
    """Cents through the door, the queue, the store and the answer."""
    parts = [order(f"r{n}", amount=0.1, refund_of="o1") for n in range(2)]
    assert set(
        statuses(post(shop, order(amount=0.3), order("o2", amount=0.1), order("o3", amount=0.2), *parts))
    ) == {"accepted"}
    work_off()
    answer = shop.call("GET", "/v1/accounts/shop/friends/U1")
    assert answer.json_body["purchases"] == {"count": 3, "total": 0.4}
    assert b'"total":0.4}' in answer.body.replace(b" ", b"")


def test_an_account_has_one_currency(shop: Api) -> None:
    """Another one is 422 for one order and rejected among many; left out it is the account's."""
    answer = shop.call("POST", "/v1/accounts/shop/purchases", order(currency="USD"))
    assert answer.status_code == 422
    assert "currency: is USD, and the account's money is JPY" in answer.json_body["error"]["message"]
    assert statuses(post(shop, order(currency="USD"), order("o2", currency="JPY"))) == [
        "rejected",
        "accepted",
    ]
    props = {"order_id": "o3", "amount": 1, "currency": "EUR"}
    (result,) = post(
        shop, {"event_id": "e", "user_id": "U1", "type": "purchased", "props": props}, endpoint="events"
    )
    assert result["error"]["details"][0]["path"] == "events[0].props.currency"
    secrets = {"channel_secret": "s", "channel_access_token": "t"}
    given = {"name": "店", "currency": "USD", "react_within": "2h"}
    assert shop.ok("PUT", "/v1/accounts/cafe", given | secrets)["currency"] == "USD"
    kept_on = shop.ok("PUT", "/v1/accounts/cafe", {"name": "店"})
    assert (kept_on["currency"], kept_on["react_within"]) == ("USD", "2h")
    there = shop.ok("POST", "/v1/accounts/cafe/purchases", order("o4"))
    assert statuses(there["results"]) == ["accepted"]
    (message,) = [body for body in drain("inbox") if body["event_id"] == "order:o4"]
    assert message["props"]["currency"] == "USD"


@pytest.mark.parametrize("still_queued", [False, True])
def test_erasing_leaves_no_name_on_an_order(shop: Api, still_queued: bool) -> None:
    """Whether the order was applied or waits in the queue; its id stays refused, and says so."""
    post(shop, order(), order("r1", amount=5, refund_of="o1"))
    reaction.react(FriendEvent("e0", "shop", "U1", "followed", AT))
    if not still_queued:
        work_off()
    erasure.erase(SHOP, "U1", "2026-11-28T00:00:00.000Z")
    work_off()
    assert "U1" not in kept()
    assert "o1" in kept()
    (result,) = post(shop, order(user="U2"))
    assert "o1 is an order of a friend who was erased" in result["error"]["message"]


def test_fire_goes_with_each_event(shop: Api) -> None:
    """``fire`` of an item, else of its batch, else true: from the door to the reaction."""
    event = {"user_id": "U1", "type": "custom:x"}
    items = [event | {"event_id": "e1"}, event | {"event_id": "e2", "fire": True}]
    post(shop, *items, endpoint="events", fire=False)
    post(shop, order(fire=False), order("o2"))
    fires = {m["event_id"]: FriendEvent.from_message(m).fire for m in drain("inbox")}
    assert fires == {"e1": False, "e2": True, "order:o1": False, "order:o2": True}
    assert shop.call("POST", "/v1/accounts/shop/events", {"events": [], "fire": 1}).status_code == 400


@pytest.mark.parametrize("many", [1, 12])
def test_a_request_is_applied_in_the_order_of_its_timestamps(shop: Api, many: int) -> None:
    """The purchase stands before the cart in the request; through the inbox and through ``bulk``."""
    event = {"user_id": "U1", "type": "custom:x"}
    more = [event | {"event_id": f"m{n}", "at": "2026-11-22T00:00:30Z"} for n in range(many)]
    bought = order("o1", at="2026-11-22T00:00:30Z")
    bought = {"event_id": "buys", "user_id": "U1", "type": "custom:buys", "at": "2026-11-22T09:00:30+09:00"}
    cart = event | {"event_id": "cart", "at": "2026-11-22T00:00:00Z"}
    post(shop, bought, *more, cart, endpoint="events")
    came = [m["event_id"] for m in drain("inbox")] + [
        m["event_id"] for b in drain("bulk") for m in b["events"]
    ]
    assert came == ["cart", "buys", *(f"m{n}" for n in range(many))]


def test_a_batch_of_the_queue_is_applied_in_the_order_of_its_timestamps(shop: Api) -> None:
    """What waited together, each friend's; a failure holds back what is later, and only that."""
    records = [
        {
            "messageId": f"{user}{second}",
            "body": f'{{"user": "{user}", "at": "2026-11-22T00:00:{second:02d}.000Z", "n": {n}}}',
            "attributes": {"MessageGroupId": user, "ApproximateReceiveCount": "1"},
        }
        for n, (user, second) in enumerate([("a", 30), ("b", 5), ("a", 10), ("b", 5), ("a", 20)])
    ]
    done: list[tuple[str, int]] = []

    def work(body: dict[str, Any]) -> None:
        if body["n"] == 4:
            raise RuntimeError("not now")
        done.append((body["user"], body["n"]))

    answer = batch.run(records, work, lambda *_: None)
    assert [name["itemIdentifier"] for name in answer["batchItemFailures"]] == ["a20", "a30"]
    assert [n for user, n in done if user == "a"] == [2]
    assert [n for user, n in done if user == "b"] == [1, 3], "of one moment, as they came"


def test_the_inbox_says_which_it_refused(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their place in what was given, not in the order in which it was sent."""
    events = [
        FriendEvent(f"e{n}", "shop", "U1", "custom:x", f"2026-11-2{at}T00:00:00.000Z")
        for n, at in enumerate((5, 1, 3))
    ]
    sent: list[str] = []

    def send_all(_queue: str, messages: Any) -> list[int]:
        sent.extend(message.body["event_id"] for message in messages)
        return [0, 2]

    monkeypatch.setattr(inbox.queues, "send_all", send_all)
    assert inbox.put(events) == [0, 1]
    assert sent == ["e1", "e2", "e0"]


def test_what_was_accepted_is_remembered_without_names(shop: Api) -> None:
    """A duplicate is known by a hash: no friend's id outlives the friend, and no id is too long for a key."""
    long = {"event_id": "𠮷" * 128, "user_id": "𠮷" * 120, "type": "custom:x"}
    assert statuses(post(shop, long, long | {"event_id": "e"}, endpoint="events")) == ["accepted", "accepted"]
    assert statuses(post(shop, long, endpoint="events")) == ["duplicate"]
    alike = [long | {"user_id": "a|b", "event_id": "c"}, long | {"user_id": "a", "event_id": "b|c"}]
    assert [statuses(post(shop, one, endpoint="events")) for one in alike] == [["accepted"], ["accepted"]]
    items = aws.client("dynamodb").scan(TableName=settings().table("control"))["Items"]
    heard = [item for item in items if "#HEARD#" in item["pk"]["S"]]
    assert len(heard) == 4
    assert "𠮷" not in repr(heard)


def test_the_currency_is_fixed_by_the_first_order(shop: Api) -> None:
    """Before it may be changed; after it another one is refused, and nothing of that request is saved."""

    def put(**more: Any) -> int:
        return shop.call("PUT", "/v1/accounts/shop", {"name": "店", **more}).status_code

    assert put(currency="USD") == 200
    assert put(currency="JPY") == 200
    post(shop, order("注文😀"))
    work_off()
    other = {"name": "別の店", "currency": "USD"}
    assert shop.paths(422, "PUT", "/v1/accounts/shop", other) == ["currency"]
    assert put(currency="JPY", react_within="2d") == 200
    assert shop.ok("GET", "/v1/accounts/shop")["name"] == "店"
    erasure.erase(SHOP, "U1", "2026-11-28T00:00:00.000Z")
    assert put(currency="USD") == 422
