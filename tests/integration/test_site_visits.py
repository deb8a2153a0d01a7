"""What was done as a stranger becomes the friend's: all of it, once, at its own time, whatever crashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.gateways import aws
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import workers
from chalicelib.shared.settings import settings
from chalicelib.site import visits
from chalicelib.timeline import service as activities
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_transfers_import import sqs_event
from tests.reaction_world import Crash, World, world
from tests.site_world import BASE, Browser, a_site, cart, open_link, page, sheet, views, work_off

__all__ = ["world"]

CART = {"name": "cart", "when": {"event": "cart_changed"}, "then": [{"add_tag": "keen"}]}


@pytest.fixture
def api(world: World) -> Api:
    api = a_site()
    api.ok("PUT", f"{BASE}/rules/cart", CART)
    work_off()
    return api


def items(*kinds: str) -> list[str]:
    """The items of these kinds in the table, as text."""
    found = aws.client("dynamodb").scan(TableName=settings().table("control"))["Items"]
    return [str(item) for item in found if any(f"#{kind}" in item["pk"]["S"] for kind in kinds)]


def run(jobs: list[dict[str, Any]]) -> None:
    for body in jobs:
        JOBS[body["job"]].run(body, 1)


def work_off_later() -> None:
    """What waits, and what was left for when every request is over."""
    work_off()
    run(laters)
    laters.clear()
    work_off()


laters: list[dict[str, Any]] = []


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs for later are put aside."""
    laters.clear()
    send = visits.queues.send

    def put(queue: str, body: dict[str, Any], *, delay_s: int = 0, **more: Any) -> None:
        if delay_s:
            # As a queue would: the call is made, and may be what the process dies of.
            send(queue, {"job": "join_visits", "account": "shop", "browser": "nobody"}, **more)
            laters.append(body)
        else:
            send(queue, body, **more)

    monkeypatch.setattr(visits.queues, "send", put)


def test_a_stranger_touches_no_sheet(api: Api) -> None:
    """And costs little: pages that nobody named leave nothing at all."""
    Browser().send(page("/about"))
    assert items("VISIT#") == []
    Browser().send(page(), cart())
    work_off()
    assert len(items("VISIT#")) == 3
    assert drain("inbox") == []
    assert not any("U1" in item for item in items("VISIT"))


def test_a_visitor_who_turns_out_to_be_a_friend(api: Api, world: World) -> None:
    """The visits of before come at their own times; what is late wakes nothing, what is not does."""
    browser, began = Browser(), world.now
    browser.send(page("/products/1"), cart(500))
    world.now += timedelta(days=3)
    browser.send(page("/products/2", age=60_000))
    assert views() == 0
    browser.send(page("/products/3"), t=open_link())
    work_off()
    assert views() == 3
    fact = sheet()["facts"]["page_viewed:products"]
    assert fact["first_at"][:19] == began.isoformat()[:19]
    assert "keen" not in sheet()["tags"]
    activities = api.ok("GET", f"{BASE}/friends/U1/activities")["items"]
    assert {one["at"][:10] for one in activities if one["type"] == "cart_changed"} == {
        began.date().isoformat()
    }
    assert not any("'E#" in item for item in items("VISIT#"))
    browser.send(cart(700))
    work_off()
    assert "keen" in sheet()["tags"]


def test_a_cart_of_today_wakes_rules_when_the_visitor_is_known(api: Api, world: World) -> None:
    """Within ``react_within`` it is still news."""
    browser = Browser()
    browser.send(cart(500))
    world.now += timedelta(hours=3)
    browser.send(t=open_link())
    work_off()
    assert sheet()["tags"]["keen"]["by"] == "rule:cart"


def test_what_is_sent_again_counts_once(api: Api, world: World) -> None:
    """Before and after the visitor is known, at once or a day later, in whatever order."""
    browser, view, other = Browser(), page(), page("/products/2")
    browser.send(view)
    browser.send(view, other)
    browser.send(view, t=open_link())
    work_off()
    browser.send(other, view)
    work_off()
    world.now += timedelta(days=1)
    browser.send(other, view)
    work_off()
    assert views() == 2
    another = Browser()
    another.send(view)
    another.send(t=open_link(delivery="d"))
    work_off()
    assert views() == 3


def test_so_much_is_kept_of_a_stranger(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more, whatever is sent."""
    monkeypatch.setattr(visits, "MOST_KEPT", 30)
    browser = Browser()
    for _ in range(4):
        assert browser.send(*(page() for _ in range(10)))["known"] is False
    browser.send(t=open_link())
    work_off()
    assert views() == 30


def test_after_thirty_days_it_is_gone(api: Api, world: World) -> None:
    """Although the store still has it; who was known for ninety days is a stranger again."""
    browser = Browser()
    browser.send(page())
    world.now += timedelta(days=31)
    assert browser.send(page(), t=open_link())["known"] is True
    work_off()
    assert views() == 1
    world.now += timedelta(days=91)
    assert browser.send(page())["known"] is False
    assert browser.send(t=open_link("U1", delivery="d"))["known"] is True


@pytest.mark.timeout(300)
@pytest.mark.parametrize("before", [True, False])
def test_whoever_dies_loses_nothing(api: Api, world: World, before: bool) -> None:
    """At every crossing of becoming known, and of the job, before and after it happens: the browser asks
    again or is gone for good, and the job for later comes.
    """
    n, wanted = 0, views()
    while True:
        browser = Browser()
        browser.send(page(), page("/products/2"))
        token = open_link(delivery=f"d{n}-{before}")
        work_off()
        wanted += 2
        crashed = died(world, n, before, lambda browser=browser, token=token: browser.call(t=token))
        if crashed and n % 2:
            browser.send(t=token)
        jobs = drain("bulk")
        crashed |= died(world, n, before, lambda jobs=jobs: run(jobs))
        run(jobs)
        work_off_later()
        if not visits.is_known(visits_account(), browser.visitor):
            wanted -= 2  # nobody has said that it was done
        assert views() == wanted, n
        if not crashed:
            assert n > 7
            return
        n += 1


def visits_account() -> Any:
    from chalicelib.accounts.service import get_account

    return get_account("shop")


def died(world: World, at: int, before: bool, act: Any) -> bool:
    """Let the process die at a crossing; whether it came so far."""
    world.crash_at, world.before = len(world.calls) + at, before
    try:
        act()
    except Crash:
        return True
    finally:
        world.crash_at = None
    return False


def test_a_sender_who_looked_before(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose request saw nobody, and is kept after everybody else is done: the job for later finds it."""
    browser, keep, waiting = Browser(), visits.store.keep, []
    with monkeypatch.context() as patched:
        patched.setattr(visits.store, "keep", lambda *given: waiting.append(given))
        assert browser.send(page())["known"] is False
    browser.send(t=open_link())
    work_off()
    keep(*waiting[0])
    work_off()
    assert views() == 0
    work_off_later()
    assert views() == 1


def test_who_is_erased_is_known_in_no_browser(api: Api, world: World) -> None:
    """Nothing names them, what was kept is gone, and nothing brings them back; a link of before neither."""
    browser = Browser()
    browser.send(page())
    browser.send(page(), t=open_link())
    token = open_link(delivery="d")
    world.now += timedelta(seconds=1)
    api.ok("DELETE", f"{BASE}/friends/U1?erase=true")
    work_off()
    assert not any("'U1'" in item for item in items("VISIT", "VISITSOF", "SITELINK"))
    world.now += timedelta(seconds=1)
    assert browser.send(page())["known"] is False
    assert browser.send(page(), t=token)["known"] is False
    work_off()
    assert sheet()["status"] == "erased"
    assert activities.recent("shop", "U1", 10)[0] == []


def test_the_job_is_one_of_the_queue(api: Api) -> None:
    """As the function gets it."""
    browser = Browser()
    browser.send(page())
    browser.send(t=open_link())
    workers.bulk(sqs_event(drain("bulk")), None)
    work_off()
    assert views() == 1
