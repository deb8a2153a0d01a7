"""A trial by hand: a LINE that fails in every way it can, and a platform that is killed meanwhile.

    python -m tests.e2e.faulty_line [--friends 2000] [--testers 2000] [--minutes 30] [--decide-after 120]

LINE here is an outsider's (``strict_line``), and one request in twenty is answered 500 although it was taken,
one in fifty hangs or is cut off (before or after it was taken), and every half minute it refuses all with 429
for two seconds. To so many friends goes an A/B broadcast with a hold-out, while the platform is killed three
times: in the sample, before the decision, and in the rest. Then: whoever is held out or has opted out got
nothing and everybody else one message; the winner, with its numbers, is the one that the trial's own clicks
and its own test name; the ledger balances at every look. In a second account, of so many testers, two
broadcasts, a schedule and a scenario meet in one cap at once, while a rule says the same again and again:
nobody gets more than the cap, nor the same twice, who is out gets nothing, and the rule is paused.
"""

from __future__ import annotations

import argparse
import http.client
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.shared.times import parse_iso
from tests.e2e.strict_line import StrictLine
from tests.e2e.trial import Trial, run, user

TOKEN = "token"
_LINK = re.compile(r"http://127\.0\.0\.1:\d+(/r/\S+)")
_CLICKS = {"a": 0.08, "b": 0.2}
OUT, LOOPING = 25, 200


class FaultyLine(StrictLine):
    """Takes what LINE would, and then does not always say so. ``on``: whether it fails."""

    def __init__(self, token: str, seed: int) -> None:
        self.dice, self.on, self.faults = random.Random(seed), True, Counter[str]()
        self.began = time.monotonic()
        super().__init__(token)
        self.server.handle_error = lambda *_: None  # whoever asked was killed

    def take(self, kind: str, body: bytes, key: str | None) -> tuple[int, Any, dict[str, str], bool]:
        """As the strict one, with what happens on the way."""
        if not self.on or kind not in {"push", "multicast"}:
            return super().take(kind, body, key)
        with self.lock:
            chance = self.dice.random()
        if (time.monotonic() - self.began) % 30 < 2:
            return self._failed("429", 429, "The API rate limit has been exceeded. Try again later.")
        if chance < 0.005:
            self.faults["cut before"] += 1
            return 0, {}, {}, True
        status, answer, headers, lose = super().take(kind, body, key)
        if chance < 0.01:
            self.faults["hang"] += 1
            time.sleep(12)
            return status, answer, headers, True
        if chance < 0.02:
            self.faults["cut after"] += 1
            return status, answer, headers, True
        if chance < 0.07:
            return self._failed("500 after it was taken", 500, "Internal server error")
        return status, answer, headers, lose

    def _failed(self, name: str, status: int, message: str) -> tuple[int, Any, dict[str, str], bool]:
        self.faults[name] += 1
        return status, {"message": message}, {}, False

    def got(self, of: Callable[[str], bool]) -> Counter[str]:
        """How often each friend got a message whose words are so."""
        with self.lock:
            return Counter(who for words, who in _each(self.delivered) if of(words))


def _each(delivered: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["messages"][0].get("text", ""), who) for one in delivered for who in one.get("to", ())]


def _open(trial: Trial, account: str, **documents: dict[str, Any]) -> str:
    path = f"/v1/accounts/{account}"
    trial.api.put(
        path, {"name": account, "channel_secret": "s" * 32, "channel_access_token": TOKEN, "shards": 4}
    )
    for name, body in documents.items():
        trial.api.put(f"{path}/{name.replace('__', '/')}", {"name": name, **body})
    return path


def _text(words: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"type": "text", "text": words}], **fields}


# The A/B broadcast


def _compare(trial: Trial, line: FaultyLine, friends: int, decide_after: int) -> None:
    link = {"url": "https://shop.example/spring"}
    shop = _open(trial, "shop", links__spring=link)
    for name in _CLICKS:
        trial.api.put(
            f"{shop}/messages/{name}", {"name": name, **_text(f'案{name} {{{{ link("spring") }}}} ')}
        )
    trial.import_lines(shop, friends)
    out = _opt_out(trial, shop, friends)
    test = {
        "sample_percent": 40,
        "hold_out_percent": 10,
        "metric": "click",
        "decide_after": f"{decide_after}s",
    }
    variants = [{"id": name, "message": name} for name in _CLICKS]
    body = {"name": "ab", "audience": {"everyone": True}, "variants": variants, "test": test}
    trial.api.put(f"{shop}/broadcasts/b", body)
    trial.api.post(f"{shop}/broadcasts/b/send", {})
    _kill_when(trial, "in the sample", lambda: len(_reached(line)) > friends * 0.1)
    trial.until("the sample is sent", lambda: _look(trial, shop)["decides_at"])
    clicked = _click(trial, line)
    _kill_when(trial, "before the decision", lambda: True)
    decision = trial.until("the decision", lambda: _look(trial, shop)["decision"])
    _check_winner(decision, _reached(line, before=parse_iso(decision["at"])), clicked)
    _kill_when(trial, "in the rest", lambda: len(_reached(line)) > friends * 0.6)
    found = trial.until("the end", lambda: (one := _look(trial, shop))["status"] == "done" and one)
    _check_once(line, found, friends, set(out))


def _opt_out(trial: Trial, shop: str, friends: int) -> list[str]:
    """Some friends want no marketing."""
    out = [user(n) for n in range(0, friends, friends // OUT)][:OUT]
    asked = {"user_ids": out, "then": [{"opt_out": "marketing"}]}
    trial.job(shop, f"{OUT} opt out", trial.api.post(f"{shop}/friends/bulk", asked)["job_id"])
    trial.until("opted out", trial.idle)
    return out


def _reached(line: FaultyLine, before: datetime | None = None) -> dict[str, str]:
    """Who got which variant."""
    until = before.timestamp() if before else math.inf
    with line.lock:
        taken = [one for one in line.delivered if one["at"] < until]
        return {who: words[1] for words, who in _each(taken) if words.startswith("案")}


def _kill_when(trial: Trial, when: str, reached: Callable[[], bool]) -> None:
    trial.until(f"kill {when}", reached, every_s=0.2)
    trial.platform.kill()
    trial.platform.start(timeout_s=300)


def _look(trial: Trial, shop: str) -> dict[str, Any]:
    """The broadcast; its numbers balance."""
    found: dict[str, Any] = trial.api.get(f"{shop}/broadcasts/b")
    numbers = found["progress"]
    rest = sum(numbers[name] for name in ("pending", "accepted", "unknown", "held_out"))
    rest += sum(numbers["skipped"].values()) + sum(numbers["failed"].values())
    assert numbers["planned"] == rest, numbers
    trial.last = f"{found['status']}: {numbers}"
    return found


def _click(trial: Trial, line: FaultyLine) -> Counter[str]:
    """Friends follow their links, more of one variant; how many of each."""
    dice, chosen = random.Random(1), []
    with line.lock:
        for words, _ in _each(line.delivered):
            if words.startswith("案") and dice.random() < _CLICKS[words[1]]:
                chosen.append(words)

    def follow(words: str) -> None:
        path = _LINK.search(words)
        assert path is not None, words
        connection = http.client.HTTPConnection("127.0.0.1", trial.platform.port, timeout=60)
        connection.request("GET", path[1], headers={"User-Agent": "Line/14"})
        assert connection.getresponse().status == 302
        connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(follow, chosen))
    print(f"{len(chosen)} clicks: {time.monotonic() - began:.0f} s", flush=True)
    return Counter(words[1] for words in chosen)


def _check_winner(decision: dict[str, Any], sample: dict[str, str], clicked: Counter[str]) -> None:
    """By the trial's own test of two proportions."""
    sent = Counter(sample.values())
    numbers = {arm["id"]: (arm["sent"], arm["successes"]) for arm in decision["arms"]}
    assert numbers == {name: (sent[name], clicked[name]) for name in _CLICKS}, (numbers, sent, clicked)
    pooled = clicked.total() / sent.total()
    spread = math.sqrt(pooled * (1 - pooled) * (1 / sent["a"] + 1 / sent["b"]))
    z = (clicked["b"] / sent["b"] - clicked["a"] / sent["a"]) / spread
    p = math.erfc(abs(z) / math.sqrt(2))
    wanted = None if p >= 0.05 else "b" if z > 0 else "a"
    assert decision["winner"] == wanted, (decision, p)
    assert abs(decision["p"] - p) < 1e-6 or min(clicked.values()) < 5, (decision["p"], p)
    print(f"winner {wanted}: {dict(clicked)} of {dict(sent)}, p = {p:.2g}", flush=True)


def _check_once(line: FaultyLine, found: dict[str, Any], friends: int, out: set[str]) -> None:
    got, numbers = line.got(lambda words: words.startswith("案")), found["progress"]
    assert set(got.values()) == {1}, f"{sum(n > 1 for n in got.values())} got it twice"
    assert not out & got.keys(), "somebody who has opted out got it"
    skipped = numbers["skipped"].get("opted_out", 0)
    assert numbers["skipped"].keys() <= {"opted_out"}, numbers
    assert (len(got), numbers["unknown"], numbers["failed"]) == (numbers["accepted"], 0, {}), numbers
    assert len(got) + numbers["held_out"] + skipped == friends == numbers["planned"], numbers
    print(f"{len(got)} once each, {numbers['held_out']} held out, {skipped} opted out", flush=True)


# The cap, who is out, and the loop


def _together(trial: Trial, line: FaultyLine, friends: int) -> None:
    """Two broadcasts, a schedule and a scenario in one minute, and a rule that says the same again."""
    caps = {"caps": [{"category": "marketing", "max": 2, "per": "day"}]}
    shop = _open(trial, "cap", messages__same=_text("同じ文", category="transactional"))
    trial.api.put(f"{shop}/policies/default", caps)
    for n in range(4):
        trial.api.put(f"{shop}/messages/m{n}", {"name": f"m{n}", **_text(f"枠{n}")})
    rule = {"name": "r", "when": {"event": "custom:again"}, "then": [{"send": {"message": "same"}}]}
    trial.api.put(f"{shop}/rules/r", rule)
    trial.import_lines(shop, friends)
    out = set(_opt_out(trial, shop, friends))
    at = _four_at_once(trial, shop)
    trial.until("the minute", lambda: datetime.now(UTC) >= at)
    trial.api.post(f"{shop}/scenarios/c/enroll", {"condition": {"everyone": True}})
    _loop(trial, shop)
    wanted = 2 * (friends - len(out))
    trial.until("two of four for each", lambda: line.got(lambda w: w.startswith("枠")).total() >= wanted)
    trial.until("the rule is paused", lambda: trial.api.get(f"{shop}/rules/r").get("status") == "paused")
    trial.until("nothing moves", lambda: trial.idle() and not trial.api.get("/v1/status")["runs_open"])
    got = line.got(lambda words: words.startswith("枠"))
    assert (set(got.values()), len(got)) == ({2}, friends - len(out)), Counter(got.values())
    assert not out & got.keys(), "somebody who has opted out got it"
    print(
        f"four deliveries, {len(got)} friends, two messages each; none to {len(out)} who are out", flush=True
    )
    again = line.got(lambda words: words == "同じ文")
    assert set(again.values()) == {1}, Counter(again.values())
    print(f"the loop: {len(again)} of {LOOPING} got it, once; the rule is paused", flush=True)


def _four_at_once(trial: Trial, shop: str) -> datetime:
    """A schedule and two broadcasts for one minute, and a scenario that may be entered then."""
    at = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    every = {"time": f"{at + timedelta(hours=9):%H:%M}"}
    everyone = {"audience": {"everyone": True}}
    trial.api.put(
        f"{shop}/schedules/s",
        {"name": "s", **everyone, "every": every, "then": [{"send": {"message": "m0"}}]},
    )
    nodes = {"m": {"type": "message", "message": "m1", "next": None}}
    trial.api.put(f"{shop}/scenarios/c", {"name": "c", "start": "m", "nodes": nodes})
    trial.api.post(f"{shop}/scenarios/c/publish", {})
    for n in (2, 3):
        trial.api.put(f"{shop}/broadcasts/b{n}", {"name": "b", **everyone, "message": f"m{n}"})
        trial.api.post(f"{shop}/broadcasts/b{n}/schedule", {"at": at.isoformat()})
    return at


def _loop(trial: Trial, shop: str) -> None:
    """Another system reports the same of so many friends five times."""
    for turn in range(5):
        events = [
            {"event_id": f"{turn}-{n}", "user_id": user(n), "type": "custom:again", "props": {}}
            for n in range(LOOPING)
        ]
        trial.api.post(f"{shop}/events", {"events": events})


def main() -> int:
    """Everything, in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.faulty_line")
    parser.add_argument("--friends", type=int, default=2000)
    parser.add_argument("--testers", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--decide-after", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    line = FaultyLine(TOKEN, asked.seed)

    def work(trial: Trial) -> None:
        if asked.friends:
            _compare(trial, line, asked.friends, asked.decide_after)
        _together(trial, line, asked.testers)
        assert line.refused == [], line.refused[:3]
        print(f"LINE failed: {dict(line.faults)}", flush=True)

    return run(work, asked.minutes, TODOKU_LINE_API_URL=line.url)


if __name__ == "__main__":
    sys.exit(main())
