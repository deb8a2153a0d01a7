"""What Todoku costs on AWS, beside LINE's own fees: ``docs/costs.md``, from counted units and a price list.

    python -m benchmarks.costs                    prints the page from what was counted and prices.json
    python -m benchmarks.costs --page             writes the page
    python -m benchmarks.costs --count            counts anew, some minutes; writes counts.json and the page

``tests/units.py`` counts, against emulated tables; ``prices.json`` is the one place with prices and their
date. Exits 1 when a broadcast to a million friends costs more than $2.50, or a step in a wave more than
5.3 write units.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests import units
from tests.units import Units, plus, times

HERE = Path(__file__).parent
PRICES, COUNTS = HERE / "prices.json", HERE / "counts.json"
PAGE = HERE.parent / "docs" / "costs.md"
MINUTES = 30 * 24 * 60
PER_BROADCAST = 12
"""Transitions of the state machine of a broadcast from its start to its end, rounded up."""
PER_MINUTE = 6
"""The same of a minute in which something is due."""
MILLION = 1_000_000
MOST_OF_A_MILLION, MOST_OF_A_STEP = 2.5, 5.3

FEATURES = {
    "event": "a message of a friend that matches no rule, from LINE to the timeline",
    "event_reply": "the same with a rule that adds a tag and points and replies",
    "enrolment": "a friend enters a scenario",
    "step": "a friend's step with a message, in a wave",
    "step_alone": "the same, of a friend who is alone in its minutes",
    "recipient": "a recipient of a broadcast, the same message for all",
    "recipient_own": "a recipient of a personalised broadcast",
    "row": "an imported row that makes a friend",
    "counted": "a friend looked at by a count",
}
"""What the table of features names."""

Stage = dict[str, Any]
STAGES: dict[str, Stage] = {
    "A shop with 10,000 friends": {
        "friends": 10_000,
        "happens": {
            "event": 10_000,
            "event_reply": 10_000,
            "enrolment": 500,
            "step_alone": 1_500,
            "recipient": 40_000,
            "row": 1_000,
            "counted": 200 * 10_000,
        },
        "broadcasts": 4,
        "due_minutes": 3_000,
    },
    "A chain with 1,000,000 friends": {
        "friends": 1_000_000,
        "happens": {
            "event": 1_600_000,
            "event_reply": 400_000,
            "enrolment": 50_000,
            "step": 250_000,
            "recipient": 4_000_000,
            "recipient_own": 1_000_000,
            "row": 100_000,
            "counted": 200 * 1_000_000,
        },
        "broadcasts": 5,
        "due_minutes": 20_000,
    },
}
"""A month of two businesses: what happens how often."""

LEFT = """\
- What runs in the background is in it: the sweep of each minute, the alarms and the dashboard.
- Free tiers are not taken off (25 GB of DynamoDB, a million requests of SQS and Lambda a month).
- A function is taken to be busy for 6 ms with each call to AWS and for 120 ms with one to LINE, one after the
  other, with 512 MB. Workers make many calls side by side, so it is less.
- Who is alone in its minutes pays for opening one and for draining and verifying another; others share them.
- Messages of more than some 500 bytes cost more units in a personalised broadcast, in no other.
- Not in it: traffic out of AWS, files that friends send, images of messages, KMS, what you add yourself.
"""


def price(found: Units, prices: dict[str, Any]) -> float:
    """Dollars for so many units."""
    return float(sum(prices["per_million"][name] * n for name, n in found.items()) / MILLION)


def month(stage: Stage, counts: dict[str, Units], prices: dict[str, Any]) -> dict[str, float]:
    """Dollars of a month by part."""
    parts = {
        FEATURES[name]: price(times(counts[name], n), prices) for name, n in stage.get("happens", {}).items()
    }
    runs = stage.get("broadcasts", 0)
    transitions = runs * PER_BROADCAST + stage.get("due_minutes", 0) * PER_MINUTE
    machines = plus(times(counts["broadcast"], runs), {"state_transition": transitions})
    parts["broadcasts as a whole, executions"] = price(machines, prices)
    parts["sweeping each minute"] = price(times(counts["idle_minute"], MINUTES), prices)
    return parts | _kept(stage, prices) | {"alarms, metrics, dashboard": sum(prices["watching"].values())}


def _kept(stage: Stage, prices: dict[str, Any]) -> dict[str, float]:
    """Storage of a year's timelines with recovery, and the month's logs."""
    happens, friends = stage.get("happens", {}), stage.get("friends", 0)
    lines = sum(n for name, n in happens.items() if name not in {"counted", "enrolment", "row"})
    gb = (friends * 1.5 + lines * 12 * 0.6) / MILLION
    of_a_gb = prices["per_gb_month"]["dynamodb"] + prices["per_gb_month"]["dynamodb_recovery"]
    invocations = MINUTES + 2 * (happens.get("event", 0) + happens.get("event_reply", 0))
    logs = invocations * 0.6 / MILLION * (prices["per_gb"]["logs"] + prices["per_gb_month"]["logs"])
    return {"storage (1.5 KB a friend, a year's timeline) with recovery": gb * of_a_gb, "logs": logs}


def line_fee(messages: int, prices: dict[str, Any]) -> tuple[str, float]:
    """The plan that a month's counted messages need at least, and its yen at the first extra price."""
    for plan in prices["line_plans"]:
        if messages <= plan["messages"]:
            return plan["name"], float(plan["yen"])
    extra = max(0, messages - plan["messages"]) * (plan["extra_yen"] or 0)
    return plan["name"], float(plan["yen"] + extra)


def million(counts: dict[str, Units], prices: dict[str, Any], name: str) -> dict[str, float]:
    """Dollars of a broadcast to a million friends, by service."""
    whole = plus(times(counts[name], MILLION), counts["broadcast"], {"state_transition": PER_BROADCAST})
    return {what: price({what: n}, prices) for what, n in whole.items()}


def page(counts: dict[str, Units], prices: dict[str, Any]) -> str:
    """``docs/costs.md``."""
    parts = [
        "# What it costs\n",
        "Written by `python -m benchmarks.costs --count` from counted calls and item sizes",
        f"(`benchmarks/counts.json`) and the list prices of {prices['region']} as of {prices['as_of']}",
        "(`benchmarks/prices.json`: check them before you rely on them). US dollars without tax; a dollar is",
        f"taken for ¥{prices['yen_per_dollar']}. A test holds the page to what is counted.\n",
        "## Each thing\n",
        "Units are DynamoDB's: a write of up to 1 KB, a consistent read of up to 4 KB.\n",
        *_features(counts, prices),
        "\n## A broadcast to a million friends\n",
        *_million(counts, prices),
        "\n## A month\n",
        *_months(counts, prices),
        "\n## What is counted\n",
        LEFT,
        "What watching costs in detail, and how to have less of it: [operations](operations/costs.md).\n",
    ]
    return "\n".join(parts)


def _features(counts: dict[str, Units], prices: dict[str, Any]) -> list[str]:
    rows = ["| for each | writes | reads | SQS requests | a million of it |", "|---|--:|--:|--:|--:|"]
    for name, what in FEATURES.items():
        one = counts[name]
        queued = one["sqs_standard"] + one["sqs_fifo"]
        figures = (one["dynamodb_write"], one["dynamodb_read"], queued)
        dollars = price(times(one, MILLION), prices)
        rows.append(f"| {what} | {' | '.join(f'{n:.2f}' for n in figures)} | ${dollars:,.2f} |")
    return rows


def _million(counts: dict[str, Units], prices: dict[str, Any]) -> list[str]:
    kinds = {"recipient": "the same message for all", "recipient_own": "personalised"}
    found = {name: million(counts, prices, name) for name in kinds}
    rows = [f"| | {' | '.join(kinds.values())} |", "|---|--:|--:|"]
    for what in sorted(found["recipient"], key=lambda one: -found["recipient"][one]):
        dollars = [found[name][what] for name in kinds]
        if max(dollars) >= 0.005:
            rows.append(f"| {_LABELS[what]} | {' | '.join(f'${one:.2f}' for one in dollars)} |")
    sums = " | ".join(f"**${sum(found[name].values()):.2f}**" for name in kinds)
    return [*rows, f"| **AWS** | {sums} |", f"| LINE, at ¥3 each | {' | '.join(['¥3,000,000'] * 2)} |"]


_LABELS = {
    "dynamodb_write": "DynamoDB, writes",
    "dynamodb_read": "DynamoDB, reads",
    "sqs_standard": "SQS",
    "sqs_fifo": "SQS, inbox",
    "lambda_request": "Lambda, requests",
    "lambda_gb_second": "Lambda, time",
    "state_transition": "Step Functions",
    "api_request": "API Gateway",
}


def _months(counts: dict[str, Units], prices: dict[str, Any]) -> list[str]:
    found = {"Idle": month({}, counts, prices)}
    found |= {name: month(stage, counts, prices) for name, stage in STAGES.items()}
    rows = [f"| | {' | '.join(found)} |", f"|---|{'--:|' * len(found)}"]
    for part in dict.fromkeys(part for one in found.values() for part in one):
        dollars = [f"${one[part]:,.2f}" if one.get(part) else "" for one in found.values()]
        if any(one.get(part, 0) >= 0.005 for one in found.values()):
            rows.append(f"| {part} | {' | '.join(dollars)} |")
    sums = [sum(one.values()) for one in found.values()]
    rows.append(f"| **AWS** | {' | '.join(f'**${one:,.2f}**' for one in sums)} |")
    yen = [one * prices["yen_per_dollar"] for one in sums]
    rows.append(f"| in yen | {' | '.join(f'¥{one:,.0f}' for one in yen)} |")
    return [*rows, _fees(prices), "", _what_happens()]


def _fees(prices: dict[str, Any]) -> str:
    sent = [_messages(stage) for stage in ({}, *STAGES.values())]
    fees = [(n, *line_fee(n, prices)) for n in sent]
    cells = [f"{plan}, {n:,} messages: ¥{yen:,.0f}" for n, plan, yen in fees]
    return f"| LINE's fee, at most | {' | '.join(cells)} |"


def _messages(stage: Stage) -> int:
    """What LINE counts: broadcasts and steps, no replies."""
    happens: dict[str, int] = stage.get("happens", {})
    return sum(happens.get(name, 0) for name in ("recipient", "recipient_own", "step", "step_alone"))


def _what_happens() -> str:
    lines = []
    for name, stage in STAGES.items():
        often = [f"{n:,} × {FEATURES[what]}" for what, n in stage["happens"].items()]
        lines.append(f"- {name}: {'; '.join(often)}.")
    return "\n".join(lines)


def rounded(counts: dict[str, Units]) -> dict[str, Units]:
    """Counts as they are kept."""
    return {name: {what: round(n, 4) for what, n in sorted(found.items())} for name, found in counts.items()}


def main() -> int:
    """Count, write, print, judge."""
    if "--count" in sys.argv:
        COUNTS.write_text(json.dumps(rounded(units.measured()), indent=1) + "\n", encoding="utf-8")
    counts = json.loads(COUNTS.read_text(encoding="utf-8"))
    prices = json.loads(PRICES.read_text(encoding="utf-8"))
    text = page(counts, prices)
    if {"--count", "--page"} & set(sys.argv):
        PAGE.write_text(text, encoding="utf-8")
    print(text)
    dear = sum(million(counts, prices, "recipient").values()) > MOST_OF_A_MILLION
    return int(dear or counts["step"]["dynamodb_write"] > MOST_OF_A_STEP)


if __name__ == "__main__":
    sys.exit(main())
