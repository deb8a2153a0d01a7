"""What a condition costs per friend: parsing a page, the compiled predicate, and the store's capacity.

    python -m benchmarks.segments

Measures pure work on one core; nothing is read from a store. The last lines say how many calls and read
units the count of 10,000 friends takes, from the sizes of the same sheets.
"""

from __future__ import annotations

import gc
import json
import math
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from botocore.parsers import create_parser
from botocore.session import get_session

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import language as conditions
from chalicelib.conditions.model import Context
from chalicelib.gateways.dynamo import from_av, to_av
from chalicelib.segments import audience
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import new_sheet

FRIENDS, SHARDS = 10_000, 64
NOW = datetime(2026, 11, 22, 6, 6, 38, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
SCORE = {"name": "Interest", "half_life": "30d"}
SKIN = {"name": "Skin", "type": "choice", "choices": ["dry", "oily"]}
CONDITIONS: dict[str, dict[str, Any]] = {
    "one tag": {"tag": "dry"},
    "salon": {
        "all": [
            {"attribute": {"id": "skin", "eq": "dry"}},
            {"score": {"id": "interest", "gte": 3}},
            {"not": {"tag": "booked"}},
        ]
    },
    "wide": {
        "any": [
            {"event": {"type": "messaged", "count": {"gte": 2}, "within": "30d"}},
            {"friend": {"last_active": {"within": "7d"}}},
            {"purchase": {"category": "lotion", "last": {"days_ago": [25, 35]}}},
            {"random": {"salt": "x", "from": 0, "to": 10}},
        ]
    },
}


def a_catalog() -> Snapshot:
    """The documents that the conditions name."""
    bodies = {
        ("tags", "dry"): {"name": "Dry"},
        ("tags", "booked"): {"name": "Booked"},
        ("scores", "interest"): SCORE,
        ("attributes", "skin"): SKIN,
    }
    documents = {key: Document(*key, 1, body, iso(NOW)) for key, body in bodies.items()}
    return Snapshot("salon", 1, "", {}, documents)


def a_friend(chance: random.Random, number: int) -> dict[str, Any]:
    """A friend with a handful of messages, a tag, a score, an attribute, perhaps a purchase."""
    sheet = new_sheet("salon", f"U{number:032x}", iso(NOW - timedelta(days=100)))
    sheet["status"], sheet["display_name"], sheet["language"] = "following", f"友だち {number}", "ja"
    for _ in range(chance.randrange(1, 6)):
        at = iso(NOW - timedelta(hours=chance.randrange(2000)))
        event = FriendEvent("e", "salon", "U", "messaged", at, props={"message_type": "text"})
        folding.fold_event(sheet, event, TOKYO)
    at = iso(NOW - timedelta(hours=chance.randrange(2000)))
    folding.add_tag(sheet, chance.choice(["dry", "booked"]), at, "rule:skin")
    folding.add_score(sheet, "interest", SCORE, chance.randrange(10), at)
    folding.set_attribute(sheet, "skin", SKIN, chance.choice(["dry", "oily"]), at, zone=TOKYO)
    if chance.random() < 0.3:
        items = [{"product": "p1", "category": "lotion", "amount": 1200}]
        bought = FriendEvent("e", "salon", "U", "purchased", at, props={"amount": 1200, "items": items})
        folding.fold_event(sheet, bought, TOKYO)
    return sheet


def seconds(work: Callable[[], Any], rounds: int = 5) -> float:
    """The median time of ``work``."""
    times = []
    for _ in range(rounds):
        gc.collect()
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def raw(sheet: dict[str, Any], names: frozenset[str] | None = None) -> dict[str, Any]:
    """A sheet as the store answers it; ``names``: with a projection."""
    item = {k: v for k, v in sheet.items() if names is None or k in names | {"status"}}
    item.pop("account", None)
    item.pop("user_id", None)
    return {"sk": {"S": sheet["user_id"]}, **{name: to_av(value) for name, value in item.items()}}


def say(what: str, took: float) -> None:
    """One line: per friend, and friends per second."""
    print(f"  {what:<44} {took / FRIENDS * 1e6:8.2f} µs  {FRIENDS / took:12,.0f}/s")


def main() -> None:
    """Measure and print."""
    chance = random.Random(1)
    sheets = [a_friend(chance, n) for n in range(FRIENDS)]
    catalog = a_catalog()
    context = Context(catalog, TOKYO)
    items = [raw(sheet) for sheet in sheets]
    body = json.dumps({"Items": items, "Count": FRIENDS}).encode()
    print(f"{FRIENDS:,} friends, {len(body) / FRIENDS:,.0f} bytes each as answered by the store")

    print("\nparsing a page, per friend")
    shape = get_session().get_service_model("dynamodb").operation_model("Query").output_shape
    answer = {"status_code": 200, "headers": {}, "body": body}
    say("botocore's parser, then plain values", seconds(lambda: botocore_way(answer, shape), 3))
    say("plain JSON, then plain values", seconds(lambda: our_way(body), 3))
    salon = conditions.needs(CONDITIONS["salon"], catalog)
    projected = json.dumps({"Items": [raw(sheet, salon) for sheet in sheets]}).encode()
    say("the same, only what 'salon' needs", seconds(lambda: our_way(projected), 3))

    print("\nevaluating, per friend")
    bare = seconds(lambda: sum(1 for _ in sheets))
    say("a bare loop", bare)
    for name, condition in CONDITIONS.items():
        test = conditions.compile_audience(condition, context)
        took = seconds(lambda test=test: sum(test(sheet, NOW) for sheet in sheets))
        say(f"compiled: {name} (bare loop × {took / bare:.1f})", took)
    explained = seconds(
        lambda: [conditions.explain(CONDITIONS["salon"], context, sheet, NOW) for sheet in sheets], 3
    )
    say("explained: salon", explained)

    stored = sum(len(json.dumps(sheet, ensure_ascii=False).encode()) for sheet in sheets)
    calls = SHARDS * math.ceil(stored / SHARDS / 1e6)
    units = sum(math.ceil(stored / SHARDS / 4096) for _ in range(SHARDS)) / 2
    print(f"\ncounting {FRIENDS:,} friends in {SHARDS} shards: {calls} Query calls, {units:,.0f} read units")


def botocore_way(answer: dict[str, Any], shape: Any) -> list[dict[str, Any]]:
    """How the client parses by itself."""
    parsed = create_parser("json").parse(answer, shape)
    return [{name: from_av(value) for name, value in item.items()} for item in parsed["Items"]]


def our_way(body: bytes) -> list[dict[str, Any]]:
    """How audiences are read."""
    return [audience.sheet_of("salon", item) for item in orjson.loads(body)["Items"]]


if __name__ == "__main__":
    main()
