"""A history of purchases from a file: orders and their items, refunds, once however often it comes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.gateways import line, objects, seam
from chalicelib.intake import order_imports
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.time_left import NO_LIMIT
from chalicelib.transfers import uploads
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_intake_orders import figures, shop

__all__ = ["shop"]

BASE = "/v1/accounts/shop"
ITEMS = (
    "注文番号,顧客,注文日時,商品,カテゴリ,数量,金額,返品元,備考\r\n"
    "o1,U1,2026/10/01 10:00,化粧水,lotion,2,\"2,400円\",,贈り物\r\n"
    "o2,U2,2026/10/02,乳液,milk,1,1500,,\r\n"
    "o1,,,クリーム,cream,１,0.5,,\r\n"
    "r1,U1,2026/10/05,,,,,o1,\r\n"
    "o3,U3,2026/10/02,,,1,1500,,\r\n"
    "o4,U1,きのう,化粧水,lotion,1,10,,\r\n"
    "o5,U1,2026/10/02,化粧水,lotion,1,10,,\r\n"
    "o5,U2,2026/10/02,乳液,milk,1,10,,\r\n"
    ",U1,2026/10/02,化粧水,lotion,1,10,,\r\n"
)  # fmt: skip
MAP = "?map=" + quote(
    "注文番号:order_id,顧客:user_id,注文日時:at,商品:product,カテゴリ:category,数量:quantity,金額:item_amount,"
    "返品元:refund_of,備考:"
)


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "profile", lambda *_: None)


def imported(shop: Api, raw: bytes | str, query: str = "") -> Any:
    path = f"{BASE}/purchases/import{query}"
    return shop.call("POST", path, raw, content_type="text/csv").json_body


def work() -> None:
    """The file's chunks, and then their events."""
    while bodies := drain("bulk"):
        for body in bodies:
            JOBS[body["job"]].run(body, 1)
    react()


def react() -> None:
    """What few orders leave in the inbox."""
    for message in drain("inbox"):
        reaction.react(FriendEvent.from_message(message))


def test_lines_of_an_order_are_one_order(shop: Api) -> None:
    """Items of one order stand apart, in cp932; what is wrong is named, and the rest is counted, once."""
    job = imported(shop, ITEMS.encode("cp932"), MAP)["job_id"]
    work()
    body = shop.ok("GET", f"{BASE}/jobs/{job}")
    assert (body["state"], body["done"], body["total"]) == ("done", 9, 9)
    assert [(e["line"], e.get("column"), e["code"]) for e in body["errors"]] == [
        (6, "product", "is_missing"),
        (7, "at", "cell_time"),
        (8, "user_id", "order_lines_differ"),
        (10, "order_id", "is_missing"),
    ]
    assert figures("U1") == (1, 2400.5)  # r1 gives nothing back: its amount is nothing
    assert figures("U2") == (1, 1500)
    imported(shop, ITEMS.encode("utf-16"), MAP)
    work()
    assert (figures("U1"), figures("U2")) == ((1, 2400.5), (1, 1500))


def test_orders_by_the_line_and_their_refunds(shop: Api) -> None:
    """A part of one and the whole of another go back; an order of somebody else is refused with its line."""
    imported(shop, "order_id,user_id,at,amount\no1,U1,2026-10-01T00:00:00Z,1000\no2,U1,2026/10/02,500\n")
    work()
    text = (
        "order_id,user_id,at,amount,refund_of\nr1,U1,2026/10/03,300,o1\nr2,U1,2026/10/03,500,o2\n"
        "o1,U9,2026/10/03,5,\n"
    )
    job = imported(shop, text)["job_id"]
    work()
    (error,) = shop.ok("GET", f"{BASE}/jobs/{job}")["errors"]
    assert (error["line"], error["column"]) == (4, "order_id")
    assert "U1" not in error["message"]
    assert figures("U1") == (1, 700)


def test_it_is_tried_first_and_the_header_is_understood(shop: Api) -> None:
    """A dry run names the lines that are wrong by themselves and takes in nothing."""
    tried = imported(shop, ITEMS.encode("cp932"), MAP + "&dry_run=true")
    found = [(p["line"], p["column"]) for p in tried["problems"]]
    assert found == [(6, "商品"), (7, "注文日時"), (10, "注文番号")]
    assert (figures("U1"), drain("bulk")) == ((0, 0), [])
    error = shop.refused(
        400, "POST", f"{BASE}/purchases/import", "order_id,price\no1,5\n", content_type="text/csv"
    )
    paths = [detail["path"] for detail in error["details"]]
    assert paths == ["header.price", "header.at", "header.user_id", "header.amount"]


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("after_the_call", [False, True])
def test_a_crash_anywhere_counts_each_order_once(
    shop: Api, after_the_call: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large upload, stopped at a call of a chunk and delivered again."""
    monkeypatch.setattr(uploads, "AT_ONCE", 60)
    crashed, step = True, 0
    while crashed:
        crashed, crossings, user = False, 0, f"U{step}"
        upload = shop.ok("POST", f"{BASE}/uploads")["upload_id"]
        text = "order_id,user_id,at,amount\n" + "".join(
            f"{step}-{n},{user},2026/10/0{n + 1},10\n" for n in range(5)
        )
        objects.put(uploads.upload_key("shop", upload), text.encode(), "text/csv")
        shop.ok("POST", f"{BASE}/purchases/import", {"upload_id": upload})

        def guard(name: str, _detail: Any, call: Any, step: int = step) -> Any:
            nonlocal crossings, crashed
            crossings += not name.startswith("clock:")
            if name.startswith("clock:") or crossings != step + 1:
                return call()
            crashed = True
            if after_the_call:
                call()
            raise Crash

        while bodies := drain("bulk"):
            for body in bodies:
                if body["job"] != order_imports.JOB:
                    JOBS[body["job"]].run(body, 1)
                    continue
                try:
                    with seam.guarded(guard):
                        order_imports.work(body, NO_LIMIT)
                except Crash:
                    order_imports.work(body, NO_LIMIT)
        react()
        assert figures(user) == (5, 50)
        step += 1 + step
    assert step > 10
