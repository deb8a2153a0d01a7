"""Reports against the books of an outsider: a fortnight of a shop, before and after a rebuild."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.jobs.kinds import JOBS
from chalicelib.reports import journal, store
from chalicelib.reports.table import Report
from tests.api_client import Api, an_api
from tests.conftest import emulated_aws
from tests.deliveries_builders import a_world
from tests.reports_world import DAYS, LINKS, SHOP, START, Books, Shop, by, grouped

A = "/v1/accounts/shop"
NUMBERS = ("clicks", "clickers", "conversions", "converters", "revenue", "blocked_after")


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with emulated_aws(), a_world(receipts=True, account=SHOP) as world:
        writes = [Write("tags", "even", {"name": "even"})]
        writes.append(Write("segments", "even", {"name": "even", "condition": {"tag": "even"}}))
        writes += [Write("links", link, {"url": f"https://x.example/{link}"}) for link in LINKS]
        catalog.save("shop", writes, lambda snapshot: None, "test")
        world.lose = lambda queue, body: queue == "bulk" and body["job"] != "receipts"
        found = Shop(world, seed=7)
        found.fortnight()
        yield found


@pytest.fixture(scope="module")
def api(shop: Shop) -> Api:
    return an_api()


def everything() -> list[Any]:
    return [line for part in range(journal.PARTS) for line in journal.lines("shop", part)]


def span(first: int = 0, last: int = DAYS) -> str:
    days = [(START + timedelta(days=n)).date().isoformat() for n in (first, last)]
    return f"from={days[0]}&to={days[1]}"


def people(api: Api, query: str) -> dict[str, float]:
    """Everybody behind a number, a few on a page."""
    found: dict[str, float] = {}
    cursor = ""
    while True:
        page = api.ok("GET", f"{A}/reports/people?{query}&limit=15{cursor}")
        for one in page["items"]:
            found[one["user_id"]] = found.get(one["user_id"], 0) + one["amount"]
        assert all("display_name" in one for one in page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_friends(shop: Shop, api: Api) -> None:
    """Who came, blocked and came back on each local day, and how many follow at its end."""
    books = shop.books
    report = api.ok("GET", f"{A}/reports/friends?{span()}")
    assert (report["exact"], report["inexact"]) == (False, ["following", "block_rate"])
    assert len(report["items"]) == DAYS + 1
    for row in report["items"]:
        for what in ("followed", "unblocked", "unfollowed"):
            assert row[what] == len(books.of_day(row["day"], what)), row
        assert row["following"] == len(books.following_after(row["day"])), row
    left = report["total"]["unfollowed"]
    assert report["total"]["followed"] == len({user for _, user, kind in books.follows if kind == "followed"})
    assert report["total"]["block_rate"] == round(left / (left + len(shop.following)), 4)
    busy = max(report["items"], key=lambda row: row["unfollowed"])
    asked = f"report=friends&number=unfollowed&row={busy['day']}&{span()}"
    assert people(api, asked).keys() == set(books.of_day(busy["day"], "unfollowed"))
    months = api.ok("GET", f"{A}/reports/friends?group_by=month&{span()}")["items"]
    assert sum(row["unfollowed"] for row in months) == left
    earlier = api.ok("GET", f"{A}/reports/friends?{span(2, 6)}")["items"]
    assert earlier == report["items"][2:7]


def test_links(shop: Shop, api: Api) -> None:
    """Clicks and different friends, by link and by delivery; who they are."""
    books = shop.books
    report = api.ok("GET", f"{A}/reports/links?{span()}")
    assert report["exact"]
    clicks = grouped([(link, user) for _, user, link, _, _ in books.clicks])
    for row in report["items"]:
        users = clicks[row["link"]]
        assert (row["clicks"], row["clickers"]) == (len(users), len(set(users)))
        asked = f"report=links&number=clicks&row={row['link']}&{span()}"
        assert people(api, asked) == {user: users.count(user) for user in users}
    assert report["total"]["clickers"] == len({user for _, user, *_ in books.clicks})
    name = next(iter(clicks))
    asked = f"report=links&number=clickers&link={name}&{span()}"
    assert people(api, asked).keys() == set(clicks[name])
    [row] = api.ok("GET", f"{A}/reports/links?link={name}&{span()}")["items"]
    assert (row["link"], row["clicks"]) == (name, len(clicks[name]))
    of_delivery = grouped([(delivery or "-", user) for _, user, _, delivery, _ in books.clicks])
    rows = by(api.ok("GET", f"{A}/reports/links?group_by=delivery&{span()}")["items"], "delivery")
    assert {name: row["clicks"] for name, row in rows.items()} == {
        name: len(users) for name, users in of_delivery.items()
    }
    delivery = next(name for name in of_delivery if name != "-")
    found = api.ok("GET", f"{A}/reports/links?delivery={delivery}&{span()}")["total"]
    assert found["clicks"] == len(of_delivery[delivery])
    rows = api.ok("GET", f"{A}/reports/deliveries?group_by=delivery&delivery={delivery}&{span()}")["items"]
    assert {row["delivery"] for row in rows} <= {delivery}


def outcome(books: Books, name: str, variant: str | None = None) -> dict[str, Any]:
    """What the books say came of a delivery."""
    [sent] = [one for one in books.sent if one.id == name]
    clicks = [c[1] for c in books.clicks if c[3] == name and (variant is None or c[4] == variant)]
    orders = [
        (books.orders[order][1], left)
        for order, (delivery, arm, left) in books.credited().items()
        if delivery == name and (variant is None or arm == variant)
    ]
    blocked = [user for user in books.blocked_after(sent) if variant in {None, sent.got[user][1]}]
    return {
        "accepted": len([1 for _, arm in sent.got.values() if variant in {None, arm}]),
        "clicks": len(clicks),
        "clickers": len(set(clicks)),
        "conversions": len(orders),
        "converters": len({user for user, _ in orders}),
        "revenue": sum(left for _, left in orders),
        "blocked_after": len(blocked),
    }


def test_deliveries(shop: Shop, api: Api) -> None:
    """What each delivery reached and what came of it; by day, variant and segment; in all."""
    books = shop.books
    assert len(books.sent) == 6
    assert len(books.credited()) > 9
    report = api.ok("GET", f"{A}/reports/deliveries?group_by=delivery&{span()}")
    rows = by(report["items"], "delivery")
    wanted = {sent.id: outcome(books, sent.id) for sent in books.sent}
    for name, numbers in wanted.items():
        row = rows[name]
        assert {number: row[number] for number in numbers} == numbers, name
        assert row["planned"] == row["accepted"]
        assert row["cost_yen"] == 3 * row["accepted"]
        assert row["click_rate"] == round(row["clickers"] / row["accepted"], 4)
        asked = f"report=deliveries&group_by=delivery&row={name}&number=blocked_after&{span()}"
        [sent] = [one for one in books.sent if one.id == name]
        assert people(api, asked).keys() == books.blocked_after(sent)
        asked = f"report=deliveries&group_by=delivery&row={name}&{span()}"
        assert people(api, f"{asked}&number=accepted") == dict.fromkeys(sent.got, 1)
        assert people(api, f"{asked}&number=planned").keys() == sent.got.keys()
        assert not people(api, f"{asked}&number=skipped")
    total = report["total"]
    got = Counter(user for sent in books.sent for user in sent.got)
    assert people(api, f"report=deliveries&number=accepted&{span()}") == got
    for number in ("accepted", "clicks", "conversions", "revenue"):
        assert total[number] == sum(numbers[number] for numbers in wanted.values())
    assert total["clickers"] == len({user for _, user, _, delivery, _ in books.clicks if delivery})
    assert sum(row["blocked_after"] for row in rows.values()) > 3


def test_deliveries_in_other_groups(shop: Shop, api: Api) -> None:
    """The same numbers by variant, segment and the day on which each began."""
    books = shop.books
    report = api.ok("GET", f"{A}/reports/deliveries?group_by=variant&{span()}")
    for arm in "ab":
        [row] = [row for row in report["items"] if (row["delivery"], row["variant"]) == ("b3", arm)]
        numbers = outcome(books, "b3", arm)
        assert {number: row[number] for number in numbers} == numbers
        assert row["skipped"] is None
        asked = f"report=deliveries&group_by=variant&row=b3:{arm}&number=accepted&{span()}"
        assert len(people(api, asked)) == row["accepted"]
    rows = by(api.ok("GET", f"{A}/reports/deliveries?group_by=segment&{span()}")["items"], "segment")
    assert {number: rows["even"][number] for number in NUMBERS} == {
        number: outcome(books, "b2")[number] for number in NUMBERS
    }
    days = by(api.ok("GET", f"{A}/reports/deliveries?group_by=day&{span()}")["items"], "day")
    assert days.keys() == {books.day(sent.at) for sent in books.sent}
    first, last = ((books.sent[n].at - START).days for n in (2, 3))
    some = api.ok("GET", f"{A}/reports/deliveries?group_by=delivery&{span(first, last)}")["items"]
    assert [row["delivery"] for row in some] == ["b2", "b3"]
    assert some[0]["revenue"] == outcome(books, "b2")["revenue"]


def test_a_rebuild_comes_to_the_same(shop: Shop, api: Api) -> None:
    """Of nothing, of half, and of what is there: the same lines, and so the same answers."""
    asked = [f"{report}?{span()}" for report in ("friends", "links", "deliveries")]
    before = everything()
    answers = [api.call("GET", f"{A}/reports/{query}").json_body for query in asked]
    for part in range(0, journal.PARTS, 2):
        store.delete("shop", journal.lines("shop", part))
    assert len(everything()) < len(before)
    job = api.ok("POST", f"{A}/reports/rebuild")["job_id"]
    for shard in [*range(SHOP.shards), 0]:
        JOBS["rebuild_reports"].run({"account": "shop", "id": job, "shard": shard}, 1)
    assert everything() == before
    assert api.ok("GET", f"{A}/jobs/{job}")["result"] == {"lines": len(before)}
    assert [api.call("GET", f"{A}/reports/{query}").json_body for query in asked] == answers


def test_csv_and_what_is_refused(shop: Shop, api: Api) -> None:
    """The rows as a spreadsheet reads them; a word that is none, a day that is none, too many of them."""
    answer = api.call("GET", f"{A}/reports/links?format=csv&bom=true&{span()}")
    assert answer.headers["Content-Type"].startswith("text/csv")
    header, *lines = answer.body.decode("utf-8-sig").splitlines()
    assert answer.body.startswith(b"\xef\xbb\xbf")
    assert header == "row,link,name,clicks,clickers"
    assert [line.split(",")[0] for line in lines] == sorted(LINKS)
    assert api.paths(400, "GET", f"{A}/reports/links?group_by=week") == ["group_by"]
    assert api.paths(400, "GET", f"{A}/reports/friends?from=yesterday") == ["from"]
    assert api.paths(400, "GET", f"{A}/reports/friends?from=2020-01-01&to=2026-01-01") == ["to"]
    assert api.paths(400, "GET", f"{A}/reports/people?report=friends&number=clicks") == ["number"]


def test_a_cell_runs_nothing() -> None:
    """A name that a spreadsheet would take for a formula is text."""
    report = Report([{"name": "=1+1", "n": -1, "inner": {"a": None, "b": [1]}}])
    assert report.csv(bom=False) == "name,n,inner.a\r\n'=1+1,-1,\r\n"


def bought(books: Books) -> dict[str, list[int]]:
    """What is left of each friend's orders."""
    kept = [(user, amount - books.refunds[order]) for order, (_, user, amount) in books.orders.items()]
    return {user: [left for one, left in kept if one == user and left > 0] for user, _ in kept}


def test_stages_and_cohorts(shop: Shop, api: Api) -> None:
    """Orders, revenue, what a friend is worth and how many come back; the condition finds just these."""
    orders = bought(shop.books)
    known = {user for _, user, _ in shop.books.follows}
    stages = {user: len(orders.get(user, ())) for user in known}
    names = {0: "prospect", 1: "first", **dict.fromkeys((2, 3, 4), "repeat")}
    report = api.ok("GET", f"{A}/reports/stages")
    assert (report["exact"], report["job_id"]) == (True, None)
    for row in report["items"]:
        users = {user for user, n in stages.items() if names.get(n, "loyal") == row["stage"]}
        assert row["friends"] == len(users)
        assert row["following"] == len(users & shop.following)
        assert row["orders"] == sum(stages[user] for user in users)
        assert row["revenue"] == sum(sum(orders.get(user, ())) for user in users)
        found = api.ok("POST", f"{A}/friends/search", {"condition": row["condition"], "limit": 200})["items"]
        assert {one["user_id"] for one in found} == users
    months: dict[str, set[str]] = {}
    for user, amounts in orders.items():
        firsts = [at for at, one, _ in shop.books.orders.values() if one == user]
        if amounts:
            months.setdefault(shop.books.day(min(firsts))[:7], set()).add(user)
    rows = by(api.ok("GET", f"{A}/reports/cohorts")["items"], "month")
    assert rows.keys() == months.keys()
    for month, users in months.items():
        revenue = sum(sum(orders[user]) for user in users)
        again = [user for user in users if len(orders[user]) > 1]
        assert (rows[month]["friends"], rows[month]["revenue"]) == (len(users), revenue)
        assert rows[month]["ltv"] == round(revenue / len(users), 2)
        assert rows[month]["repeat_rate"] == round(len(again) / len(users), 4)
        condition = {"condition": rows[month]["condition"], "limit": 200}
        found = api.ok("POST", f"{A}/friends/search", condition)["items"]
        assert {one["user_id"] for one in found} == users
