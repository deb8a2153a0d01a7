"""How fast a decision is, and what an event costs in AWS calls.

    python -m benchmarks.decide

Prints the median time of ``decide`` for 200 rules that all wait for the event at hand (50 with a
condition), its ratio to a bare loop that calls an empty function as often, and the AWS and LINE calls of
typical events against an emulated AWS. Exits 1 when the median is above 1 ms.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from typing import Any

from moto import mock_aws

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.gateways import line, seam
from chalicelib.local import resources
from chalicelib.reaction import service
from chalicelib.reaction.decide import decide
from tests.reaction_builders import DOCUMENTS, NOW, a_program, a_rule, an_event

LIMIT_MS = 1.0
RULES = 200


def rules() -> dict[str, Any]:
    """200 rules on messages: words, expressions, conditions; two of them match."""
    found: dict[str, Any] = {}
    for n in range(RULES):
        match: dict[str, Any] = [
            {"text": {"contains": f"キーワード{n}"}},
            {"text": f"言葉{n}"},
            {"text": {"regex": f"予約.*{n}番"}},
            {"message_type": "text"},
        ][n % 4]
        more: dict[str, Any] = {}
        if n % 4 == 3:
            more["condition"] = {"all": [{"score": {"id": "interest", "gte": 1000 + n}}, {"tag": "vip"}]}
        then = [{"add_score": {"score": "interest", "points": 1}}]
        found[f"r{n:03d}"] = a_rule(match=match, then=then, **more)
    found["hit"] = a_rule(match={"text": {"contains": "髪"}}, then=[{"add_tag": "vip"}], priority=1)
    return found


def median_ms(run: Any, times: int = 400) -> float:
    """The median of so many runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def speed() -> float:
    """Time one decision."""
    program, event = a_program(rules()), an_event(text="髪を切りたいです、土曜日は空いていますか")
    sheet = decide(an_event("followed", id="f", is_unblocked=False), None, program, NOW).after
    text = "x"
    bare = median_ms(lambda: [None for _ in range(RULES) if text])
    found = median_ms(lambda: decide(event, sheet, program, NOW))
    print(f"decide, {RULES} rules on one event: {found:.3f} ms p50 ({found / bare:.0f} x a bare loop)")
    return found


def calls() -> None:
    """Count the calls of typical events."""
    seen: Counter[str] = Counter()

    def guard(name: str, _detail: Any, call: Any) -> Any:
        seen[name] += 1
        if name == "clock:now":
            return NOW
        return line.Answer(200) if name.startswith("line:") else call()

    with mock_aws(), seam.guarded(guard):
        resources.create_tables()
        resources.create_queues()
        credentials = {"channel_secret": "s", "channel_access_token": "t"}
        accounts.put_account(Account("shop", "店", "Asia/Tokyo", 64), credentials, shards=64, by="bench")
        writes = [Write(kind, name, body) for kind, docs in DOCUMENTS.items() for name, body in docs.items()]
        then = [
            {"add_tag": "vip"},
            {"add_score": {"score": "interest", "points": 1}},
            {"reply": {"message": "hello"}},
        ]
        writes.append(Write("rules", "keen", a_rule(then=then, match={"text": "好き"})))
        catalog.save("shop", writes, lambda _: None, "bench")
        account = accounts.get_account("shop")
        program = service.program_for(account)
        service.react(an_event("followed", is_unblocked=False), account, program)
        for name, text in (("a message that matches no rule", "やあ"), ("tag + score + reply", "好き")):
            seen.clear()
            service.react(an_event(text=text, id=text), account, program)
            counts = {k: n for k, n in sorted(seen.items()) if not k.startswith("clock:")}
            print(f"{name}: {counts}")


def main() -> int:
    """Time, count, judge."""
    took = speed()
    calls()
    return int(took > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
