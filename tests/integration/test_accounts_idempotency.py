"""``Idempotency-Key``: the first answer again, never the work twice, and no key stuck after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import Request, Response

from chalicelib.accounts.idempotency import once, once_named
from chalicelib.accounts.model import Principal
from chalicelib.gateways import seam
from chalicelib.shared.errors import Conflict, InvalidInput, LimitReached, RuleViolation
from chalicelib.shared.reasons import quoted
from tests.api_client import Api, a_key, an_account, an_api

WHO = Principal("k1", "tests", "admin", None)


def a_request(
    key: str | None = "key-1", body: str = "{}", path: str = "/v1/x", account: str = "shop"
) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {} if key is None else {"idempotency-key": key},
            "pathParameters": {"account": account},
            "requestContext": {"httpMethod": "POST", "resourcePath": path},
            "stageVariables": {},
            "body": body,
        }
    )


class Work:
    """Counts how often it was done."""

    def __init__(self, status: int = 202, body: Any = None) -> None:
        self.done, self.status, self.body = 0, status, body

    def __call__(self) -> Response:
        self.done += 1
        return Response(body=self.body or {"n": self.done}, status_code=self.status)


def answer(response: Response) -> tuple[int, Any]:
    import json

    body = response.body
    return response.status_code, json.loads(body) if isinstance(body, str) else body


def at(offset: timedelta) -> Any:
    """The time of the block is later by this."""

    def guard(name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        return call() + offset if name == "clock:now" else call()

    return seam.guarded(guard)


def test_without_a_key_everything_is_done(cloud: None) -> None:
    """No header: no memory."""
    work = Work()
    assert [answer(once(a_request(None), WHO, work))[1] for _ in range(2)] == [{"n": 1}, {"n": 2}]


def test_the_same_request_gives_the_first_answer(cloud: None) -> None:
    """Status and body are those of the first time, and nothing is done again."""
    work = Work()
    answers = [answer(once(a_request(), WHO, work)) for _ in range(3)]
    assert answers == [(202, {"n": 1})] * 3
    assert work.done == 1


def test_another_request_under_the_key_is_a_conflict(cloud: None) -> None:
    """The same key with another body or path is refused and not done."""
    work = Work()
    once(a_request(), WHO, work)
    for other in (a_request(body='{"a":1}'), a_request(path="/v1/y")):
        with pytest.raises(Conflict):
            once(other, WHO, work)
    assert work.done == 1


def test_keys_belong_to_whoever_uses_them(cloud: None) -> None:
    """Another principal's request under the same text is another request."""
    work = Work()
    once(a_request(), WHO, work)
    once(a_request(), Principal("k2", "other", "admin", None), work)
    once(a_request(), Principal("k3", "one account's", "admin", "shop"), work)
    assert work.done == 3


def test_a_key_is_alone_per_account(cloud: None) -> None:
    """One word used for two accounts, by one key for all of them, is two requests, each with its answer."""
    work = Work()
    answers = [
        answer(once(a_request(account=name), WHO, work)) for name in ("shop", "salon", "shop", "salon")
    ]
    assert answers == [(202, {"n": 1}), (202, {"n": 2})] * 2
    with pytest.raises(Conflict):
        once(a_request(account="salon", body='{"a":1}'), WHO, work)


def test_one_word_for_two_accounts_does_both(cloud: None) -> None:
    """From outside: the same bundle applied to two shops under one Idempotency-Key stands in both."""
    admin = an_api()
    shops = [an_account(admin, "shop"), an_account(admin, "salon")]
    bundle = {"tags": {"vip": {"name": "VIP"}}}
    for shop in shops:
        assert admin.ok("POST", f"{shop}/catalog/apply", bundle, idempotency_key="w1")["created"] == 1
    assert [admin.ok("GET", f"{shop}/tags/vip")["name"] for shop in shops] == ["VIP", "VIP"]


def test_a_key_lasts_24_hours(cloud: None) -> None:
    """Within a day it is remembered; after that it is new."""
    work = Work()
    once(a_request(), WHO, work)
    with at(timedelta(hours=23, minutes=59)):
        once(a_request(), WHO, work)
    assert work.done == 1
    with at(timedelta(hours=24, minutes=1)):
        assert answer(once(a_request(body="{ }"), WHO, work)) == (202, {"n": 2})


def test_a_refusal_is_an_answer_and_not_now_is_not(cloud: None) -> None:
    """A 4xx is given again; 429 and 5xx leave the key free, so that trying again works."""

    def refuse() -> Response:
        raise RuleViolation(quoted("no such tag"))

    first = answer(once(a_request(), WHO, refuse))
    assert first[0] == 422
    assert answer(once(a_request(), WHO, Work())) == first

    def not_now() -> Response:
        raise LimitReached(quoted("later"))

    assert answer(once(a_request("key-2"), WHO, not_now))[0] == 429
    assert answer(once(a_request("key-2"), WHO, Work()))[0] == 202
    with pytest.raises(ZeroDivisionError):
        once(a_request("key-3"), WHO, lambda: 1 / 0)
    assert answer(once(a_request("key-3"), WHO, Work()))[0] == 202


def test_work_has_the_same_name_each_time_it_is_tried(cloud: None) -> None:
    """Refused for now, failed or dead: whoever goes on within the day does the same work. Another request,
    another day, another asker, no key: other work."""
    names: list[str] = []

    def work(status: int) -> Callable[[str], Response]:
        def run(name: str) -> Response:
            names.append(name)
            if status == 0:
                raise KeyboardInterrupt  # the process ends
            return Response(body={}, status_code=status)

        return run

    once_named(a_request(), WHO, work(503))
    with at(timedelta(hours=1)), pytest.raises(KeyboardInterrupt):
        once_named(a_request(), WHO, work(0))
    with at(timedelta(hours=2)):
        once_named(a_request(), WHO, work(202))
    with at(timedelta(hours=27)):
        once_named(a_request(), WHO, work(202))
    other = Principal("k2", "tests", "admin", None)
    for request, who in ((a_request("key-2"), WHO), (a_request(), other), (a_request(None), WHO)):
        once_named(request, who, work(202))
    assert len(names) == 7
    assert len(set(names[:3])) == 1
    assert len(set(names)) == 5
    assert all(len(name) <= 32 for name in names)


def test_a_request_that_was_put_off_leaves_its_key_to_another(cloud: None) -> None:
    """Nothing stands under the key: another request may have it, and is other work."""
    names: list[str] = []

    def not_now(name: str) -> Response:
        names.append(name)
        raise LimitReached(quoted("later"))

    def work(name: str) -> Response:
        names.append(name)
        return Response(body={}, status_code=202)

    once_named(a_request(), WHO, not_now)
    with at(timedelta(seconds=1)):
        assert answer(once_named(a_request(body="[]"), WHO, work))[0] == 202
        with pytest.raises(Conflict):
            once_named(a_request(), WHO, work)
    assert len(set(names)) == 2


def test_while_the_first_runs_the_second_is_refused(cloud: None) -> None:
    """A duplicate that overtakes the first request neither does the work nor waits without end."""
    inner = Work()

    def outer() -> Response:
        with pytest.raises(Conflict, match="still being worked on"):
            once(a_request(), WHO, inner)
        return Response(body={"n": "outer"}, status_code=202)

    assert answer(once(a_request(), WHO, outer)) == (202, {"n": "outer"})
    assert answer(once(a_request(), WHO, inner)) == (202, {"n": "outer"})
    assert inner.done == 0


def test_a_crash_in_the_middle_frees_the_key_after_its_lease(cloud: None) -> None:
    """Work that died is done again by the next request, once it cannot be running any more; one of several
    such requests does it."""

    class Crash(BaseException):
        pass

    def die() -> Response:
        raise Crash

    with pytest.raises(Crash):
        once(a_request(), WHO, die)
    work = Work()
    with pytest.raises(Conflict):
        once(a_request(), WHO, work)
    with at(timedelta(seconds=61)):
        assert answer(once(a_request(), WHO, work)) == (202, {"n": 1})
        assert answer(once(a_request(), WHO, work)) == (202, {"n": 1})


def test_an_attempt_that_was_taken_over_does_not_overwrite(cloud: None) -> None:
    """A first attempt that comes back from the dead does not replace the answer that was given."""
    second = Work(body={"who": "second"})

    def slow() -> Response:
        with at(timedelta(seconds=61)):
            once(a_request(), WHO, second)
        return Response(body={"who": "first"}, status_code=202)

    once(a_request(), WHO, slow)
    assert answer(once(a_request(), WHO, Work())) == (202, {"who": "second"})


def test_long_answers_are_kept(cloud: None) -> None:
    """An answer of 500 results, with characters of 4 bytes, comes back whole."""
    body = {"results": [{"event_id": f"e{n}", "status": "accepted", "note": "髪💇🏽‍♀️"} for n in range(500)]}
    work = Work(200, body)
    assert answer(once(a_request(), WHO, work)) == answer(once(a_request(), WHO, work)) == (200, body)


def test_keys_are_visible_ascii(cloud: None) -> None:
    """Anything else as a key is invalid input."""
    for key in ("", " ", "a" * 256, "é", "a b"):
        with pytest.raises(InvalidInput):
            once(a_request(key), WHO, Work())


def test_a_key_made_twice_is_one_key(cloud: None) -> None:
    """A repeated ``POST /v1/keys`` answers the same key, which is nowhere stored; it works."""
    admin = an_api()
    body = {"name": "k", "role": "viewer"}
    first = admin.ok("POST", "/v1/keys", body, idempotency_key="abc")
    assert admin.ok("POST", "/v1/keys", body, idempotency_key="abc") == first
    admin.refused(409, "POST", "/v1/keys", {**body, "role": "editor"}, idempotency_key="abc")
    assert admin.ok("POST", "/v1/keys", body, idempotency_key="abd") != first
    assert admin.ok("POST", "/v1/keys", body)["key"] != admin.ok("POST", "/v1/keys", body)["key"]
    Api(first["key"]).ok("GET", "/v1/accounts")


def test_an_apply_repeated_is_one_apply(cloud: None) -> None:
    """The answer to a repeated apply is the first one, although the catalog has moved on."""
    admin = an_api()
    base = an_account(admin)
    bundle = {"tags": {"a": {"name": "A"}}}
    first = admin.ok("POST", f"{base}/catalog/apply", bundle, idempotency_key="1")
    admin.ok("PUT", f"{base}/tags/a", {"name": "changed"})
    assert admin.ok("POST", f"{base}/catalog/apply", bundle, idempotency_key="1") == first
    assert admin.ok("GET", f"{base}/tags/a")["name"] == "changed"
    assert a_key(admin, "viewer").ok("GET", f"{base}/tags/a")["name"] == "changed"


def incompressible(length: int) -> str:
    import random

    return "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyz0123456789髪届", k=length))


def broken(*names: str) -> Any:
    """These crossings fail within the block."""

    def guard(name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name in names:
            raise RuntimeError(f"{name} is broken")
        return call()

    return seam.guarded(guard)


def test_answers_larger_than_an_item_are_kept(cloud: None) -> None:
    """A megabyte that cannot be compressed is answered, kept and answered again; the work is done once."""
    work = Work(200, {"timelines": incompressible(1_000_000)})
    first = answer(once(a_request(), WHO, work))
    assert first[0] == 200
    assert answer(once(a_request(), WHO, work)) == first
    assert work.done == 1


def test_work_whose_answer_cannot_be_kept_is_not_done_again(cloud: None) -> None:
    """Without the object store the first answer is given, and the second request is told what is true."""
    work = Work(200, {"timelines": incompressible(1_000_000)})
    with broken("s3:PutObject"):
        assert answer(once(a_request(), WHO, work))[0] == 200
    with pytest.raises(Conflict, match="was carried out at") as caught:
        once(a_request(), WHO, work)
    assert caught.value.extra["status"] == 200
    assert work.done == 1


def test_done_work_is_answered_even_if_the_record_cannot_be(cloud: None) -> None:
    """When the record cannot be completed the caller still hears that the work was done."""
    work = Work()
    with broken("dynamodb:UpdateItem"):
        assert answer(once(a_request(), WHO, work)) == (202, {"n": 1})
    with pytest.raises(Conflict, match="still being worked on"):
        once(a_request(), WHO, work)
    assert work.done == 1
