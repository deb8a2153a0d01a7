"""The month against an outsider's books; what it cost and saved; and the page, which runs nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.gateways.line import NoAnswer
from chalicelib.reports.monthly.savings import ByLine, Reach, yen
from tests.api_client import Api, an_api
from tests.conftest import emulated_aws
from tests.deliveries_builders import a_world
from tests.reports_world import LINKS, SHOP, Shop

PATH = "/v1/accounts/shop/reports/monthly"
PER_DAY = {"reply": 12, "push": 2, "multicast": 30, "broadcast": 0}
UNCOUNTED = "20261128"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A fortnight from the 20th of November on, seen on the 4th of December; LINE has not counted one day."""
    with emulated_aws(), a_world(receipts=True, account=SHOP) as world:
        writes = [Write("tags", "even", {"name": "even"})]
        writes.append(Write("segments", "even", {"name": "even", "condition": {"tag": "even"}}))
        writes += [Write("links", link, {"url": f"https://x.example/{link}"}) for link in LINKS]
        catalog.save("shop", writes, lambda snapshot: None, "test")
        world.lose = lambda queue, body: queue == "bulk" and body["job"] != "receipts"
        found, answer = Shop(world, seed=11), world.line.answer

        def counts(name: str, detail: dict[str, Any]) -> Any:
            if name != "line:sent":
                return answer(name, detail)
            ready = detail["date"] != UNCOUNTED
            return {"status": "ready", "success": PER_DAY[detail["way"]]} if ready else {"status": "unready"}

        with patch.object(world.line, "answer", counts):
            found.fortnight()
            yield found


@pytest.fixture(scope="module")
def api(shop: Shop) -> Api:
    return an_api()


def test_its_numbers_are_those_of_the_books(shop: Shop, api: Api) -> None:
    """Friends and deliveries of November, and of October nothing."""
    report, books = api.ok("GET", f"{PATH}?month=2026-11"), shop.books
    november = [f"2026-11-{n:02}" for n in range(1, 31)]
    for what in ("followed", "unblocked", "unfollowed"):
        assert report["friends"][what] == sum(len(books.of_day(day, what)) for day in november)
    assert report["friends"]["following"] == len(books.following_after("2026-11-30"))
    sent = [one for one in books.sent if books.day(one.at) <= "2026-11-30"]
    assert report["deliveries"]["accepted"] == sum(len(one.got) for one in sent) > 0
    assert report["before"]["month"] == "2026-10"
    assert (report["before"]["friends"]["followed"], report["before"]["deliveries"]["planned"]) == (0, None)
    assert report["is_over"]
    assert {row["delivery"] for row in report["best"]} <= {one.id for one in sent}
    revenues = [row["revenue"] for row in report["best"]]
    assert revenues == sorted(revenues, reverse=True)


def test_what_it_cost_and_saved(shop: Shop, api: Api) -> None:
    """LINE's own count of 29 days; the segment's broadcasts against who followed on their day."""
    report, books = api.ok("GET", f"{PATH}?month=2026-11"), shop.books
    assert report["line"] == {"reply": 348, "push": 58, "multicast": 870, "broadcast": 0, "missing_days": 1}
    sent = [one for one in books.sent if books.day(one.at) <= "2026-11-30"]
    left_out = sum(len(books.following_after(books.day(one.at))) - len(one.got) for one in sent)
    saved = {"replies": 348 * 3, "segments": left_out * 3, "caps": 0, "topics": 0}
    assert report["yen"]["saved"] == saved
    assert report["yen"]["saved_total"] == sum(saved.values())
    ledger = sum(len(one.got) for one in sent) * 3
    assert (report["yen"]["by_ledger"], report["yen"]["by_line"]) == (ledger, 928 * 3)
    assert report["yen"]["spent"] == max(ledger, 928 * 3)


def test_when_line_does_not_answer_the_ledger_speaks(shop: Shop, api: Api) -> None:
    """What replies saved is not known then, and is no nought."""

    def silent(name: str, _detail: Any) -> Any:
        assert name == "line:sent"
        raise NoAnswer("ReadTimeoutError")

    with patch.object(shop.world.line, "answer", silent):
        report = api.ok("GET", f"{PATH}?month=2026-11")
        page = api.call("GET", f"{PATH}?month=2026-11&format=html&lang=en").body.decode()
    assert report["line"]["reply"] is None
    assert (report["yen"]["by_line"], report["yen"]["saved"]["replies"]) == (None, None)
    assert report["yen"]["spent"] == report["yen"]["by_ledger"]
    assert "LINE could not be asked" in page


def test_the_examples_of_the_page() -> None:
    """docs/reports.md's November; a broadcast that reached nobody saved nothing, nor one to more."""
    line = ByLine({"reply": 144, "push": 10, "multicast": 60, "broadcast": 0})
    reaches = [Reach("2026-11-05", 69, 60), Reach("2026-11-06", 40, 0), Reach("2026-11-07", 401, 390)]
    following = dict.fromkeys(("2026-11-05", "2026-11-06", "2026-11-07"), 400)
    found = yen(reaches, following, {"cap": 5, "opted_out": 4, "blocked": 9}, 60 * 3, line)
    assert found.answer() == {
        "spent": 210,
        "by_ledger": 180,
        "by_line": 210,
        "per_message": 3,
        "saved": {"replies": 432, "segments": 993, "caps": 15, "topics": 12},
        "saved_total": 1452,
    }
    assert yen([Reach("2026-12-01", 1, 1)], {"2026-12-01": None}, {}, 3, ByLine()).total == 0


def test_which_month(shop: Shop, api: Api) -> None:
    """Without one the last that is over; the running one says so; no month to come, and nothing else."""
    assert api.ok("GET", PATH)["month"] == "2026-11"
    running = api.ok("GET", f"{PATH}?month=2026-12")
    assert (running["is_over"], running["line"]["missing_days"]) == (False, 28)
    for wrong in ("2027-01", "2026-13", "2026-1", "1999-01", "x", "2026-11-01", "20261101"):
        assert api.paths(400, "GET", f"{PATH}?month={wrong}") == ["month"], wrong
    assert api.paths(400, "GET", f"{PATH}?format=csv") == ["format"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_month_as_a_file(shop: Shop, api: Api, language: str) -> None:
    """One page, all of it ASCII, whose table of objects is where it says; it runs and opens nothing."""
    answer = api.call("GET", f"{PATH}?month=2026-11&format=pdf&lang={language}")
    text = answer.body.decode("ascii")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert text.startswith("%PDF-1.4")
    assert text[int(text.rpartition("startxref")[2].split()[0]) :].startswith("xref")
    assert "/Count 1" in text
    assert not re.search(r"/(JavaScript|JS|URI|Launch|OpenAction|EmbeddedFile)\b", text)


class Page(HTMLParser):
    """Tags, and what they have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_runs_nothing_and_fetches_nothing(shop: Shop, api: Api) -> None:
    """Its one style is named by its hash; names of the shop and of broadcasts are texts."""
    body = {"name": "<script>alert(1)</script>", "channel_secret": "s", "channel_access_token": "token"}
    api.ok("PUT", "/v1/accounts/shop", body)
    answer = api.call("GET", f"{PATH}?month=2026-11&format=html&lang=ja")
    text = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "form", "a", "object"}
    assert not any(
        name.startswith("on") or name in {"style", "src", "href"} for _, has in page.tags for name in has
    )
    assert {"svg", "table", "main", "h1"} <= names
    assert "&lt;script&gt;" in text
    assert "2026年11月" in text
    assert "@page { size: A4" in text
    english = api.call("GET", f"{PATH}?month=2026-11&format=html&lang=en").body.decode()
    assert "LINE report, November 2026" in english
