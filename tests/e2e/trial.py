"""What the trials by hand share: a platform, patience with an end, friends from a file, LINE's own word."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from chalicelib.local.client import Client, Refused
from tests.e2e.platform import Platform

_CREDENTIALS = {"channel_secret": "s" * 32}


def user(number: int) -> str:
    """The id of a friend of a number."""
    return f"U{number:032x}"


class Trial:
    """One platform, and until when it may work. ``last`` says where what is waited for has come to."""

    def __init__(self, platform: Platform, minutes: float) -> None:
        self.platform, self.last = platform, "nothing yet"
        self.ends_at = time.monotonic() + minutes * 60
        self.api = platform.api
        self.sim = Client(f"http://127.0.0.1:{platform.sim_port}")

    def until(self, what: str, look: Callable[[], Any], every_s: float = 1) -> Any:
        """What ``look`` answers once it is true. Raises TimeoutError when the trial's time is over."""
        began, answer = time.monotonic(), None
        while not answer:
            if time.monotonic() > self.ends_at:
                raise TimeoutError(f"{what}: not within the trial's time")
            time.sleep(every_s)
            try:
                answer = look()
            except Refused as error:
                if error.status != 503:  # a look that took longer than the API's scaled time is tried again
                    raise
        print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
        return answer

    def open(self, account: str, **documents: dict[str, Any]) -> str:
        """An account with documents (``messages__dear`` is the message dear); returns its path."""
        path = f"/v1/accounts/{account}"
        self.api.put(path, {"name": account, "channel_access_token": f"token-{account}", **_CREDENTIALS})
        for name, body in documents.items():
            self.api.put(f"{path}/{name.replace('__', '/')}", {"name": name, **body})
        return path

    def job(self, account: str, what: str, name: str) -> dict[str, Any]:
        """A job of an account (its path) at its end."""

        def look() -> Any:
            found = self.api.get(f"{account}/jobs/{name}")
            self.last = f"{found['done']} of {found['total']}"
            return found if found["state"] != "running" else None

        found: dict[str, Any] = self.until(what, look)
        assert found["state"] == "done", found
        assert found["error_count"] == 0, found["errors"][:3]
        return found

    def import_lines(self, account: str, lines: int, tagged: int = 0) -> None:
        """By an upload; the first so many friends get the tag ``meant``."""
        text = "user_id,display_name,tags\n" + "".join(
            f"{user(n)},客 {n},{'meant' if n < tagged else ''}\n" for n in range(lines)
        )
        found = self.load(account, "friends", f"import of {lines} lines", text.encode())
        assert found["total"] == lines, found

    def load(self, account: str, kind: str, what: str, file: bytes) -> dict[str, Any]:
        """The job of a file of friends, members, purchases or reservations, at its end."""
        upload = self.api.post(f"{account}/uploads", {})
        request = urllib.request.Request(upload["url"], file, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()
        job = self.api.post(f"{account}/{kind}/import", {"upload_id": upload["upload_id"]})["job_id"]
        return self.job(account, what, job)

    def wait_until(self, account: str, due: datetime, condition: dict[str, Any], friends: int) -> None:
        """Let so many friends wait in the scenario ``visit`` for a minute to come, and then get ``step``."""
        local, today = due + timedelta(hours=9), datetime.now(UTC) + timedelta(hours=9)
        day = (local.date() - today.date()).days
        nodes = {
            "until": {"type": "wait", "at": {"day": day, "time": f"{local:%H:%M}"}, "next": "step"},
            "step": {"type": "message", "message": "step", "next": None},
        }
        self.api.put(f"{account}/scenarios/visit", {"name": "visit", "start": "until", "nodes": nodes})
        self.until("publishing", lambda: self.api.post(f"{account}/scenarios/visit/publish", {}))
        job = self.api.post(f"{account}/scenarios/visit/enroll", {"condition": condition})["job_id"]
        self.job(account, f"entering of {friends}", job)

    def broadcast(self, account: str, friends: int, body: dict[str, Any]) -> None:
        """Sent to so many."""
        self.api.put(f"{account}/broadcasts/b", {"name": "b", **body})
        self.api.post(f"{account}/broadcasts/b/send", {})
        self.done(account, friends)

    def done(self, account: str, friends: int) -> None:
        """The broadcast has reached so many; its numbers balance whenever they are looked at."""

        def look() -> Any:
            found = self.api.get(f"{account}/broadcasts/b")
            numbers = found["progress"]
            rest = sum(numbers[name] for name in ("pending", "accepted", "unknown", "held_out"))
            rest += sum(numbers["skipped"].values()) + sum(numbers["failed"].values())
            assert numbers["planned"] == rest, numbers
            self.last = f"{found['status']}: {numbers}"
            return found if found["status"] == "done" else None

        found = self.until(f"broadcast to {friends}", look)
        assert found["progress"]["accepted"] == found["progress"]["planned"] == friends, found["progress"]

    def play(self, account: str, events: Iterable[tuple[datetime, Any]], kills: Iterable[datetime]) -> None:
        """Tell of each event at its moment, and kill the platform at others; what it does not hear is told
        again once it is back.
        """
        with ThreadPoolExecutor(33) as threads:
            futures = [threads.submit(self._kill, at) for at in kills]
            futures += [threads.submit(self._report, account, at, event) for at, event in events]
            for future in futures:
                future.result()

    def _report(self, account: str, at: datetime, event: dict[str, Any]) -> None:
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        api = Client(f"http://127.0.0.1:{self.platform.port}", self.api.api_key)
        for _ in range(100):
            try:
                (result,) = api.post(f"{account}/events", event)["results"]
            except (Refused, OSError):
                time.sleep(0.5)
            else:
                assert result["status"] in {"accepted", "duplicate"}, result
                break
        api.close()

    def _kill(self, at: datetime) -> None:
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        self.platform.kill()
        self.platform.start(timeout_s=120)

    def idle(self) -> bool:
        """Whether nothing is in a queue or in work."""
        status = self.api.get("/v1/status")
        queues = [counts for counts in status.values() if isinstance(counts, dict) and "waiting" in counts]
        return not any(counts[name] for counts in queues for name in ("waiting", "in_flight"))

    def sent(self, query: str = "") -> Iterator[dict[str, Any]]:
        """What LINE accepted, in its order."""
        since = 0
        while items := self.sim.get(f"/_sim/messages?since={since}&limit=1000{query}")["items"]:
            since = items[-1]["seq"]
            yield from (item for item in items if item["status"] in {200, 202})

    def stopped(self) -> Counter[str]:
        """How often each function was stopped by its timeout."""
        log = Path(self.platform.env["TODOKU_LOCAL_DIR"]) / "logs" / "workers.log"
        lines = log.read_text(encoding="utf-8").splitlines()
        return Counter(line.partition(":")[0] for line in lines if "Task timed out" in line)


_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _stopped(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def run(work: Callable[[Trial], None], minutes: float, **env: str) -> int:
    """Do it on a platform of its own; the exit status. What is not over in time is told as far as it came.

    Whatever stops the trial ends its platform too: Ctrl-C, a failed look, a signal.
    """
    for number in _SIGNALS:
        signal.signal(number, _stopped)
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder), **env)
        trial = Trial(platform, minutes)
        try:
            platform.start(timeout_s=300)
            work(trial)
        except TimeoutError as error:
            print(f"{error} ({trial.last}); stopped: {dict(trial.stopped())}")
            return 1
        finally:
            trial.sim.close()
            if platform.process is not None:
                platform.kill()
        print(f"good; functions that were stopped by their timeout: {dict(trial.stopped()) or 'none'}")
    return 0
