"""The story ``make run`` tells: a salon's day, through public endpoints only, every number compared.

It speaks HTTP like any outside program: applies ``examples/salon``, imports its friends, replays a recorded
day of webhooks with real signatures, counts and explains a segment, broadcasts to it, and waits for the
scenario's second step a minute after its first.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.local.client import Client, Refused, until

SALON = Path(__file__).resolve().parents[2] / "examples" / "salon"
ACCOUNT = "salon"
A = f"/v1/accounts/{ACCOUNT}"
SECRET = "salon-channel-secret"  # noqa: S105 (the simulated channel's)
TOKEN = "salon-channel-access-token"  # noqa: S105
BROADCAST = "winter-care"


class Story:
    """Tells the story step by step and remembers whether every number was as expected."""

    def __init__(self, api: Client, sim: Client | None, out: Callable[[str], None]) -> None:
        self.api, self.sim, self.out = api, sim, out
        self.expected = json.loads((SALON / "expected.json").read_text(encoding="utf-8"))
        self.good = True

    def compare(self, what: str, seen: Any, wanted: Any) -> None:
        """Print a number; one that is not as expected is marked and remembered."""
        if seen == wanted:
            self.out(f"  ✓ {what}: {seen}")
        else:
            self.good = False
            self.out(f"  ✗ {what}: {seen}, expected {wanted}")

    def play(self) -> bool:
        """The whole story; returns whether every number was as expected."""
        started = time.monotonic()
        self.set_up()
        self.import_friends()
        self.replay_day()
        self.segment()
        self.broadcast()
        self.steps()
        self.out(
            f"  {time.monotonic() - started:.0f} s, {'all as expected' if self.good else 'NOT as expected'}"
        )
        return self.good

    def set_up(self) -> None:
        """The account and the salon's documents."""
        self.out("1. The salon connects its LINE account and applies examples/salon/bundle.yaml")
        account = {"name": "サロン届", "channel_secret": SECRET, "channel_access_token": TOKEN}
        self.api.put(A, account)
        bundle = (SALON / "bundle.yaml").read_text(encoding="utf-8")
        self.api.call("POST", f"{A}/catalog/apply", bundle, content_type="application/yaml")
        published = self.api.post(f"{A}/scenarios/welcome/publish", {})
        self.compare("the scenario is published as version", published["version"], 1)

    def import_friends(self) -> None:
        """300 friends from a CSV."""
        self.out("2. 300 friends come from a CSV")
        text = (SALON / "friends.csv").read_text(encoding="utf-8")
        if self.sim:
            lines = [line.split(",") for line in text.splitlines()[1:]]
            self.sim.post(
                "/_sim/friends",
                {"account": ACCOUNT, "friends": [{"user_id": c[0], "display_name": c[1]} for c in lines]},
            )
        job = self.api.call("POST", f"{A}/friends/import", text, content_type="text/csv")["job_id"]
        done = until("the import", lambda: self._finished(job), 60)
        self.compare("imported", [done["state"], done["done"], done["errors"]], ["done", 300, []])

    def _finished(self, job: str) -> Any:
        state = self.api.get(f"{A}/jobs/{job}")
        return state if state["state"] != "running" else None

    def replay_day(self) -> None:
        """A day of webhooks, signed; every event stored and applied once."""
        self.out(
            "3. A recorded day of LINE webhooks is replayed (each event stamped with the time it is sent)"
        )
        answered: Counter[int] = Counter()
        for line in (SALON / "day.jsonl").read_text(encoding="utf-8").splitlines():
            request = json.loads(line)
            now_ms = int(time.time() * 1000)
            for event in request["events"]:
                event["timestamp"] += now_ms
            answered[self._deliver(request)] += 1
        self.compare("webhooks answered 200", answered[200], self.expected["requests"])
        until("the inbox is empty", self._inbox_empty, 90)
        self.compare("events in = applied, each once", self._activities(), self.expected["events"])
        for tag, wanted in self.expected["tags"].items():
            self.compare(f"friends tagged {tag}", self._count({"tag": tag}), wanted)
        self.compare("following", self._count({"everyone": True}), self.expected["following"])
        if self.sim:
            replies = [m for m in self._sent() if m["kind"] == "reply"]
            self.compare("replies by the free reply token", len(replies), self.expected["replies"])

    def _deliver(self, request: dict[str, Any]) -> int:
        """Deliver a webhook to the public endpoint; the simulator signs it and learns who follows."""
        if self.sim is None:
            return self.api.webhook(ACCOUNT, SECRET, request)
        status: int = self.sim.post(f"/_sim/webhooks/{ACCOUNT}", {"events": request["events"]})["webhook"][
            "status"
        ]
        return status

    def _inbox_empty(self) -> bool:
        status = self.api.get("/v1/status")
        return not any(status[queue][n] for queue in ("inbox", "bulk") for n in ("waiting", "in_flight"))

    def _activities(self) -> int:
        """How many of the day's events are on their friends' timelines exactly once."""
        users: dict[str, set[str]] = {}
        for line in (SALON / "day.jsonl").read_text(encoding="utf-8").splitlines():
            for event in json.loads(line)["events"]:
                users.setdefault(event["source"]["userId"], set()).add(event["webhookEventId"])
        found = 0
        for user, ids in users.items():
            timeline = self.api.items(f"{A}/friends/{user}/activities?limit=100")
            seen = Counter(activity["event_id"] for activity in timeline)
            found += sum(seen[event_id] == 1 for event_id in ids)
        return found

    def _count(self, condition: dict[str, Any]) -> Any:
        return self.api.post(f"{A}/segments/count", {"condition": condition})["count"]

    def _sent(self) -> list[dict[str, Any]]:
        assert self.sim is not None
        items: list[dict[str, Any]] = self.sim.get("/_sim/messages?since=0")["items"]
        return [item for item in items if item["status"] == 200]

    def segment(self) -> None:
        """The segment is counted, and one friend explained."""
        self.out("4. Segment: dry skin AND interest ≥ 3 AND not booked")
        self.compare(
            "in the segment",
            self.api.get(f"{A}/segments/dry-and-keen/count")["count"],
            self.expected["segment"],
        )
        user = self.expected["explained"]
        condition = {"segment": "dry-and-keen"}
        explained = self.api.post(f"{A}/segments/explain", {"condition": condition, "user_id": user})
        self.compare(f"explained: {user[:8]}… is in", explained["matches"], True)

    def broadcast(self) -> None:
        """A broadcast to exactly the segment."""
        self.out("5. A broadcast goes to exactly that segment")
        self.api.put(
            f"{A}/broadcasts/{BROADCAST}",
            {"name": "冬の保湿フェア", "audience": {"segment": "dry-and-keen"}, "message": "dry-campaign"},
        )
        self.api.post(f"{A}/broadcasts/{BROADCAST}/send", {})
        done = until("the broadcast", self._broadcast_over, 90)
        progress = done["progress"]
        self.compare(
            "planned = accepted", [progress["planned"], progress["accepted"]], [self.expected["segment"]] * 2
        )
        if self.sim:
            pushed = [
                m
                for m in self._sent()
                if m["kind"] == "multicast"
                and "冬の保湿フェア" in json.dumps(m["messages"], ensure_ascii=False)
            ]
            to = Counter(user for m in pushed for user in m["to"])
            self.compare("nobody twice", max(to.values(), default=0), 1)
            members = hashlib.sha256("".join(sorted(to)).encode()).hexdigest()
            self.compare("exactly the segment's friends", members == self.expected["segment_members"], True)

    def _broadcast_over(self) -> Any:
        state = self.api.get(f"{A}/broadcasts/{BROADCAST}")
        return state if state["status"] in {"done", "failed", "cancelled", "missed"} else None

    def steps(self) -> None:
        """The scenario's first step came at once, its second a minute later."""
        self.out("6. Scenario: step 1 at once, step 2 a minute later (one Step Functions execution a minute)")
        if not self.sim:
            funnel = until("step 2", self._all_finished, 120)
            self.compare("finished", funnel, self.expected["newcomers"])
            return
        first = until("step 1", lambda: self._step("ステップ1"), 30)
        due = {user: self._enrollment(user) for user in first}
        second = until("step 2", lambda: self._step("ステップ2"), 120, 0.5)
        self.compare(
            "steps sent",
            sum(map(len, first.values())) + sum(map(len, second.values())),
            self.expected["steps"],
        )
        self._lateness(
            "step 1 (in the rush of the replay)", first, {u: e["entered_at"] for u, e in due.items()}
        )
        late = self._lateness("step 2", second, {u: e["due_at"] for u, e in due.items()})
        self.compare("every timed step within 2 s", all(abs(seconds) <= 2 for seconds in late), True)

    def _enrollment(self, user: str) -> dict[str, Any]:
        items: list[dict[str, Any]] = self.api.get(f"{A}/friends/{user}/enrollments")["items"]
        return next(item for item in items if item["scenario"] == "welcome")

    def _lateness(self, step: str, sent: dict[str, list[float]], due: dict[str, str]) -> list[float]:
        """How long after its due time LINE had each friend's message, in seconds."""
        late = sorted(at - datetime.fromisoformat(due[user]).timestamp() for user, (at, *_) in sent.items())
        worst = max(late, key=abs)
        self.out(f"  lateness of {step}: median {late[len(late) // 2]:+.2f} s, worst {worst:+.2f} s")
        return late

    def _step(self, mark: str) -> dict[str, list[float]] | None:
        at: dict[str, list[float]] = {}
        for message in self._sent():
            if mark in json.dumps(message["messages"], ensure_ascii=False):
                for user in message["to"]:
                    at.setdefault(user, []).append(datetime.fromisoformat(message["at"]).timestamp())
        return at if len(at) >= self.expected["newcomers"] else None

    def _all_finished(self) -> int | None:
        finished = self._count({"scenario": {"id": "welcome", "state": "finished"}})
        return self.expected["newcomers"] if finished >= self.expected["newcomers"] else None


def run(api_url: str, api_key: str, sim_url: str | None, out: Callable[[str], None]) -> bool:
    """Tell the story, or, when the salon is here already, what it looks like now. True when all was well."""
    api = Client(api_url, api_key)
    try:
        api.get(A)
    except Refused as refused:
        if refused.status != 404:
            raise
        return Story(api, Client(sim_url) if sim_url else None, out).play()
    following = api.post(f"{A}/segments/count", {"condition": {"everyone": True}})["count"]
    out(f"The salon is here from before: {following} friends follow it.")
    return True
