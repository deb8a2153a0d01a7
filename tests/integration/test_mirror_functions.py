"""The mirror's two functions by their handlers, and who asks them: their roles are enough."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.catalog import service as catalog
from chalicelib.friends import store
from chalicelib.gateways import clock, seam
from chalicelib.mirror import compaction, local_copy, reader, workers
from chalicelib.segments import mirror_queries
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import new_sheet
from tests.api_client import an_account, an_api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.roles import role_of

pytest.importorskip("duckdb")
SHARDS = 4
VIP = {"tag": "vip"}


@pytest.fixture
def shop(cloud: None) -> Iterator[str]:
    """Four friends, of whom one is a VIP."""
    api = an_api()
    an_account(api, shards=SHARDS)
    api.ok("PUT", "/v1/accounts/shop/tags/vip", {"name": "vip"})
    for number in range(4):
        one = new_sheet("shop", f"U{number}", iso(clock.now())) | {"status": "following"}
        assert store.create_or_update("shop", SHARDS, one["user_id"], None, one, None)
    make_vip("U0")
    reader.forget_copies()
    yield "shop"
    reader.forget_copies()


def make_vip(user: str) -> None:
    before = store.load("shop", SHARDS, user)
    assert before is not None
    after = {**before, "tags": dict(before["tags"])}
    folding.add_tag(after, "vip", iso(clock.now()), "test")
    assert store.create_or_update("shop", SHARDS, user, before, after, before["rev"])


def compact(looks: int) -> None:
    """A message of the queue ``mirror``, with time for so many looks."""
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps({"account": "shop"})}
    record |= {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:r:1:mirror"}
    event = {"Records": [{**record, "attributes": {"ApproximateReceiveCount": "1"}}]}
    assert workers.compact(event, FewLooks(looks)) == {"batchItemFailures": []}


def ask(condition: dict[str, Any]) -> Any:
    """A question to the function that has DuckDB."""
    asked = {"account": "shop", "condition": condition, "at": iso(clock.now())}
    return mirror_queries.ask_mirror(asked, None)


def test_the_functions_make_and_ask_it(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is there; who asks has it made; it takes several messages; later ones only take the changes."""
    catalog.forget()  # as in a new process
    assert ask(VIP) is None
    assert drain("mirror") == [{"account": "shop"}]
    compact(looks=0)
    assert drain("mirror") == [{"account": "shop"}], "it goes on with the same message"
    compact(looks=99)
    assert ask(VIP) == 1
    make_vip("U1")
    assert ask(VIP) == 2
    monkeypatch.setattr(compaction, "KEPT_FOR", timedelta())
    compact(looks=99)
    assert ask(VIP) == 2


def test_the_api_asks_the_function_where_it_has_no_duckdb(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And may invoke that one."""
    compact(looks=99)
    monkeypatch.setattr(local_copy, "is_installed", lambda: False)
    monkeypatch.setattr(mirror_queries, "settings", lambda: SimpleNamespace(mirror=True, is_local=False))

    def invoked(name: str, detail: Any, call: Any) -> Any:
        if name != "lambda:Invoke":
            return call()
        with monkeypatch.context() as there:
            there.setattr(local_copy, "is_installed", lambda: True)
            answer = mirror_queries.ask_mirror(json.loads(detail["Payload"]), None)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    with seam.guarded(invoked), role_of("api_handler"):
        assert mirror_queries.count(get_account("shop"), VIP, clock.now()) == 1
