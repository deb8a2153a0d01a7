"""Coupons: made once whatever dies, sent by their documents' names, closed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.coupons import documents, publishing, store
from chalicelib.gateways import seam
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.jobs.kinds import JOBS
from chalicelib.messages import render
from chalicelib.messages.model import Unrenderable
from chalicelib.sheets.model import new_sheet
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.roles import role_of

A = "/v1/accounts/shop"
NOW = datetime(2026, 2, 20, 3, 0, tzinfo=UTC)
SPRING: dict[str, Any] = {
    "name": "春",
    "title": "春の 500 円引き 🌸",
    "from": "2026-03-01T00:00:00+09:00",
    "until": "2026-04-01T00:00:00+09:00",
    "reward": {"type": "discount", "amount": 500},
}
SENT = {"name": "春", "messages": [{"type": "coupon", "couponId": '{{ coupon("spring") }}'}]}


class Crashed(BaseException):
    """The process died here."""


class Line:
    """The seam's guard: a clock, LINE's coupons, where to die, which answers are lost."""

    def __init__(self) -> None:
        self.now = NOW
        self.coupons: dict[str, dict[str, Any]] = {}
        self.crossings, self.crash_at, self.lost = 0, 0, 0
        self.refuse: list[Exception] = []
        self.later: list[dict[str, Any]] = []

    def guard(self, name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name == "clock:now":
            return self.now
        if name in {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"}:
            return call()
        if name == "sqs:SendMessageBatch":
            entries = (detail.get("params") or detail)["Entries"]
            self.later += [json.loads(one["MessageBody"]) for one in entries if one.get("DelaySeconds")]
        self.crossings += 1
        if self.crossings == self.crash_at:
            raise Crashed
        return getattr(self, name.replace("line:", "on_"))(detail) if name.startswith("line:") else call()

    def on_coupon_create(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        if self.refuse:
            raise self.refuse.pop()
        made = f"01K{len(self.coupons):023d}"
        created = int(self.now.timestamp())
        self.coupons[made] = {**detail["coupon"], "status": "RUNNING", "createdTimestamp": created}
        if self.lost:
            self.lost -= 1
            raise NoAnswer("timeout")
        return {"couponId": made}

    def on_coupons(self, _detail: Mapping[str, Any]) -> dict[str, Any]:
        open_ = {id_: c for id_, c in self.coupons.items() if c["status"] == "RUNNING"}
        return {"items": [{"couponId": id_, "title": c["title"]} for id_, c in open_.items()]}

    def on_coupon(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        return self.coupons[detail["coupon"]]

    def on_coupon_close(self, detail: Mapping[str, Any]) -> None:
        if self.coupons[detail["coupon"]]["status"] == "CLOSED":
            raise Refused(410, "closed")
        self.coupons[detail["coupon"]]["status"] = "CLOSED"

    @property
    def open(self) -> list[str]:
        return [id_ for id_, coupon in self.coupons.items() if coupon["status"] == "RUNNING"]


@pytest.fixture
def world(cloud: None) -> Iterator[Line]:
    found = Line()
    with seam.guarded(found.guard):
        yield found


@pytest.fixture
def api(world: Line) -> Api:
    made = an_api()
    an_account(made)
    made.ok("PUT", f"{A}/coupons/spring", SPRING)
    made.ok("PUT", f"{A}/messages/spring", SENT)
    return made


def work(world: Line, *, times: int = 1) -> None:
    """Do what waits, each message so often; whoever dies, or has to wait, comes again a while later."""
    bodies = drain("bulk")
    for _ in range(5):
        for body in bodies * times:
            _run(world, body)
        bodies, world.later = world.later, []
        world.now += store.LEASE


def _run(world: Line, body: dict[str, Any]) -> None:
    try:
        with role_of("bulk"):
            JOBS[body["job"]].run(body, 1)
    except Crashed:
        world.now += store.LEASE
        world.crash_at = 0
        _run(world, body)


def dies_at(world: Line, crossing: int) -> bool:
    """Do what waits, dying there; False: it never came so far."""
    world.crossings, world.crash_at = 0, crossing
    work(world, times=2)
    died, world.crash_at = world.crash_at == 0, 0
    return died


def publish(api: Api, world: Line, *, times: int = 1) -> dict[str, Any]:
    """Publish, do all of it, and answer the job."""
    job = api.ok("POST", f"{A}/coupons/spring/publish", {})["job_id"]
    work(world, times=times)
    found: dict[str, Any] = api.ok("GET", f"{A}/jobs/{job}")
    return found


def sent(world: Line) -> Any:
    """What the message that names it is for a friend."""
    snapshot = catalog.snapshot("shop")
    body = snapshot.get("messages", "spring").body
    return render.render(body, new_sheet("shop", "U1", "2026-02-01T00:00:00Z"), snapshot, world.now)


def test_a_coupon_from_its_draft_to_its_end(api: Api, world: Line) -> None:
    """Published, it has LINE's id, which messages are given; as long as it is open its document stays;
    closed, it may be published again as another one.
    """
    warned = api.ok("PUT", f"{A}/messages/spring", SENT)["warning_details"]
    assert [(one["path"], one["reason"]["code"]) for one in warned] == [
        ("messages[0].couponId", "coupon_unpublished")
    ]
    with pytest.raises(Unrenderable):
        sent(world)
    job = publish(api, world)
    (made,) = world.open
    assert (job["state"], job["done"], job["result"]) == ("done", 1, {"coupon_id": made})
    assert world.coupons[made] | {"status": "", "createdTimestamp": 0} == {
        "title": SPRING["title"],
        "timezone": "ASIA_TOKYO",
        "startTimestamp": 1772290800,
        "endTimestamp": 1774969200,
        "visibility": "UNLISTED",
        "maxUseCountPerTicket": 1,
        "acquisitionCondition": {"type": "normal"},
        "reward": {"type": "discount", "priceInfo": {"type": "fixed", "fixedAmount": 500}},
        "status": "",
        "createdTimestamp": 0,
    }
    shown = api.ok("GET", f"{A}/coupons/spring")
    assert (shown["state"], shown["coupon_id"], shown["unpublished_changes"]) == ("published", made, False)
    assert sent(world) == [{"type": "coupon", "couponId": made}]
    assert "warnings" not in api.ok("PUT", f"{A}/messages/spring", SENT)
    changed = api.ok("PUT", f"{A}/coupons/spring", {**SPRING, "title": "夏"})
    assert (changed["unpublished_changes"], changed["warning_details"][0]["reason"]["code"]) == (
        True,
        "coupon_stays_as_it_is",
    )
    api.refused(409, "POST", f"{A}/coupons/spring/publish", {})
    api.refused(422, "DELETE", f"{A}/coupons/spring")
    listed = api.ok("GET", f"{A}/coupons/at-line?status=running")["items"]
    assert listed == [{"coupon_id": made, "title": SPRING["title"], "coupon": "spring"}]
    api.ok("POST", f"{A}/coupons/spring/close", {})
    work(world, times=2)
    assert (api.ok("GET", f"{A}/coupons/spring")["state"], world.open) == ("closed", [])
    with pytest.raises(Unrenderable):
        sent(world)
    api.refused(409, "POST", f"{A}/coupons/spring/close", {})
    assert publish(api, world)["state"] == "done"
    assert [world.coupons[one]["title"] for one in world.open] == ["夏"]
    assert api.ok("GET", f"{A}/coupons/at-line")["items"][0]["coupon"] == "spring"


def test_one_coupon_is_made_wherever_the_process_dies(api: Api, world: Line) -> None:
    """At every crossing, now and then with LINE's answer lost, each message delivered twice."""
    died = True
    crash_at = 0
    while died:
        crash_at, died = crash_at + 1, False
        for begin, state in ((publishing.begin, "published"), (publishing.begin_closing, "closed")):
            begin("shop", "spring", "me", f"{state}-{crash_at}")
            world.lost = int(crash_at % 3 == 0)
            died |= dies_at(world, crash_at)
            shown = documents.state("spring", catalog.snapshot("shop"))
            expected = [shown["coupon_id"]] if state == "published" else []
            assert (shown["state"], world.open) == (state, expected), crash_at
    assert crash_at > 10


def test_what_line_refuses_ends_the_job(api: Api, world: Line) -> None:
    """With LINE's words; a rate is waited for; the next attempt is a new one."""
    world.refuse = [Refused(400, "invalid", ("title",)), Refused(429, "rate")]
    job = publish(api, world)
    assert (job["state"], job["errors"][0]["code"]) == ("failed", "line_answered")
    assert job["errors"][0]["message"] == "LINE answered 400: invalid title"
    assert (world.open, api.ok("GET", f"{A}/coupons/spring")["state"]) == ([], "draft")
    assert publish(api, world)["state"] == "done"


def test_the_same_content_twice_is_two_coupons(api: Api, world: Line) -> None:
    """What another document has become is not taken for what was lost on the way."""
    publish(api, world)
    api.ok("PUT", f"{A}/coupons/twin", SPRING)
    world.lost = 1
    api.ok("POST", f"{A}/coupons/twin/publish", {})
    work(world)
    ids = {api.ok("GET", f"{A}/coupons/{name}")["coupon_id"] for name in ("spring", "twin")}
    assert ids == set(world.open)
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"reward": {"type": "discount"}}, "reward"),
        ({"reward": {"type": "cash_back", "prices": {"before": 9, "after": 1}}}, "reward"),
        ({"reward": {"type": "free", "percent": 5}}, "reward"),
        ({"reward": {"type": "discount", "prices": {"before": 9, "after": 9}}}, "reward.prices"),
        ({"until": SPRING["from"]}, ""),
        ({"image": "javascript:alert(1)"}, "image"),
        ({"title": ""}, "title"),
        ({"lottery": {"percent": 100}}, "lottery.percent"),
    ],
)
def test_what_no_coupon_can_be_is_refused(api: Api, change: dict[str, Any], path: str) -> None:
    """With its path."""
    assert api.paths(400, "PUT", f"{A}/coupons/x", {**SPRING, **change}) == [path]


def test_who_may_and_when(api: Api, world: Line) -> None:
    """Publishing is a publisher's; nothing is published that nobody could use; a broadcast does not begin
    with a coupon that is not published.
    """
    editor = a_key(api, "editor", "shop")
    editor.ok(
        "PUT", f"{A}/coupons/old", SPRING | {"from": "2025-01-01T00:00:00Z", "until": "2025-02-01T00:00:00Z"}
    )
    editor.refused(403, "POST", f"{A}/coupons/spring/publish", {})
    assert api.paths(422, "POST", f"{A}/coupons/old/publish", {}) == ["until"]
    api.refused(404, "POST", f"{A}/coupons/nope/close", {})
    api.ok("PUT", f"{A}/broadcasts/b", {"name": "b", "audience": {"everyone": True}, "message": "spring"})
    assert api.paths(422, "POST", f"{A}/broadcasts/b/send", {}) == ["message"]
    world.now += timedelta(seconds=1)
