"""What a friend waits for who opens a tracked link, beside a bare route of the same platform.

    python -m benchmarks.redirect [--opens 200]

Starts the local platform, sends a link to so many friends, and then asks in turn, each the first as often as
the others, so that whatever else the machine does meets all alike: a bare route (``GET /health``), the link
without a token, the link with a friend's token, whose click is in the queue before the answer, and a webhook
with one event, which is in the same queue before its answer. Each click is worked off before the next round.
Then all the links are opened once more, one after the other, while earlier clicks are worked off: after as
many requests of the bare route alone. States the quickest tenth and the median as multiples of the bare
route's.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import re
import statistics
import sys
import time
from collections.abc import Callable

from tests.e2e.trial import Trial, run, user

SECRET = "s" * 32
_LINK = re.compile(r"/r/\S+")


def _links(trial: Trial, opens: int) -> list[str]:
    """The paths of links that were sent, one for each friend."""
    shop = trial.open("shop")
    trial.api.put(f"{shop}/links/spring", {"url": "https://shop.example/spring"})
    words = [{"type": "text", "text": '{{ link("spring") }}'}]
    trial.api.put(f"{shop}/messages/m", {"name": "m", "messages": words})
    trial.import_lines(shop, opens)
    trial.broadcast(shop, opens, {"audience": {"everyone": True}, "message": "m"})
    found = [_LINK.search(str(item["messages"])) for item in trial.sent("&kind=push")]
    return [one[0].rstrip("'}]") for one in found if one]


def _event(n: int) -> bytes:
    event = {
        "type": "message",
        "mode": "active",
        "timestamp": int(time.time() * 1000),
        "source": {"type": "user", "userId": user(n)},
        "webhookEventId": f"{n:026d}",
        "deliveryContext": {"isRedelivery": False},
        "message": {"id": str(n), "type": "text", "text": "x", "quoteToken": "q"},
    }
    return json.dumps({"destination": "U" + "0" * 32, "events": [event]}).encode()


def _measure(trial: Trial, opens: int) -> None:
    links = _links(trial, opens)
    connection = http.client.HTTPConnection("127.0.0.1", trial.platform.port, timeout=60)

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> None:
        connection.request(method, path, body, {"User-Agent": "Line/14", **headers})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in {200, 302}, (path, answer.status)

    def webhook(n: int) -> None:
        body = _event(n)
        signed = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        ask(
            "POST",
            "/webhook/shop",
            body,
            **{"x-line-signature": signed, "Content-Type": "application/json"},
        )

    asked: dict[str, Callable[[int], None]] = {
        "a bare route": lambda _: ask("GET", "/health"),
        "a link": lambda _: ask("GET", "/r/shop.spring"),
        "a link with a token": lambda n: ask("GET", links[n]),
        "a webhook": webhook,
    }
    taken: dict[str, list[float]] = {name: [] for name in asked}

    def measure(name: str, n: int) -> None:
        began = time.perf_counter()
        asked[name](n)
        taken[name].append(time.perf_counter() - began)

    for n in range(len(links)):
        first = n % len(asked)
        for name in [*asked, *asked][first : first + len(asked)]:
            measure(name, n)
        while not trial.idle():
            time.sleep(0.01)
    _print("each click worked off before the next", taken)
    taken = {"a bare route": [], "a link with a token": []}
    for name in taken:
        for n in range(len(links)):
            measure(name, n)
    _print("one after the other", taken)


def _print(title: str, taken: dict[str, list[float]]) -> None:
    print(title)
    bare = _points(taken["a bare route"])
    for name, some in taken.items():
        multiples = ", ".join(
            f"{what} {found / than:5.2f} × ({found * 1000:.1f} ms)"
            for what, found, than in zip(("tenth", "median"), _points(some), bare, strict=True)
        )
        print(f"  {name:22} {multiples}")


def _points(some: list[float]) -> tuple[float, float]:
    """What a tenth takes at most, and half of all."""
    return statistics.quantiles(some, n=10)[0], statistics.median(some)


def main() -> int:
    """Start, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redirect")
    parser.add_argument("--opens", type=int, default=200)
    asked = parser.parse_args()
    return run(lambda trial: _measure(trial, asked.opens), 20)


if __name__ == "__main__":
    sys.exit(main())
