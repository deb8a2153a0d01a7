"""The local platform as a process: starts, stops, is killed, keeps what it should, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.client import Refused, until
from tests.e2e.platform import KEY, ROOT, Platform, open_to_others

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Platform]:
    """The platform under the smallest app, with no LINE."""
    platform = Platform(tmp_path, TODOKU_LOCAL_APP="tests.e2e.tiny", TODOKU_LINE_API_URL="http://127.0.0.1:9")
    yield platform
    if platform.process is not None:
        platform.kill()


def notes(platform: Platform, kind: str) -> list[dict[str, Any]]:
    """What the tiny app's handlers wrote."""
    path = Path(platform.env["TODOKU_LOCAL_DIR"]) / "notes.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [note for note in map(json.loads, lines) if kind in note]


def processes(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                found.append(int(entry.name))
    return found


def put(platform: Platform, queue: str, *items: dict[str, Any]) -> None:
    assert platform.api.post(f"/put/{queue}", {"items": list(items)}) == {"refused": []}


def test_start_and_stop(tiny: Platform) -> None:
    """READY comes when health answers and queues are polled; SIGTERM exits 0 and leaves no process."""
    tiny.start()
    assert tiny.api.get("/health") == {"status": "ok"}
    put(tiny, "bulk", {"n": 1})
    until("bulk", lambda: notes(tiny, "bulk"), 5)
    until("a tick", lambda: notes(tiny, "tick"), 5)
    group = tiny.process.pid
    children = " ".join(find(group))
    assert all(f"chalicelib.local.{name}" in children for name in ("cloud", "api", "workers"))
    assert "dynalite" in children
    assert tiny.stop() == 0
    assert processes(group) == []
    shown = "\n".join(tiny.lines)
    assert tiny.api.host in shown
    assert KEY in shown


def test_ctrl_c_is_a_stop(tiny: Platform) -> None:
    """Ctrl-C reaches every process of the group; the platform still stops in order, with status 0."""
    tiny.start()
    group = tiny.process.pid
    os.killpg(group, signal.SIGINT)
    assert tiny.process.wait(30) == 0
    assert processes(group) == []


def test_failures_come_again_in_order_and_poison_ends_among_the_dead(tiny: Platform) -> None:
    """A failing event holds up its own friend only, comes again, and goes to the dead letters in the end."""
    tiny.start()
    items = [{"n": n, "group": "a", "dedup": str(n), "fail": 1 if n == 2 else 0} for n in range(1, 5)]
    put(tiny, "inbox", *items, {"n": 9, "group": "b", "dedup": "9"})
    until("the inbox", lambda: len(notes(tiny, "inbox")) == 5, 15)
    order = [note["inbox"] for note in notes(tiny, "inbox")]
    assert [n for n in order if n != 9] == [1, 2, 3, 4]
    put(tiny, "inbox", {"n": 66, "group": "c", "dedup": "66", "fail": 99})
    put(tiny, "inbox", {"n": 67, "group": "c", "dedup": "67"})
    until("the next event", lambda: 67 in [note["inbox"] for note in notes(tiny, "inbox")], 30)
    assert 66 not in [note["inbox"] for note in notes(tiny, "inbox")]


def test_sigkill_to_everything_loses_nothing(tiny: Platform) -> None:
    """Killed with messages waiting, delayed and being worked on, it does all of them after the next start."""
    tiny.start()
    put(tiny, "bulk", *({"n": n, "delay": 4} for n in range(30)))
    put(tiny, "inbox", *({"n": n, "group": f"g{n % 3}", "dedup": str(n), "fail": 1} for n in range(9)))
    group = tiny.process.pid
    tiny.kill()
    until("all gone", lambda: processes(group) == [], 5)
    tiny.start()
    until("bulk", lambda: {note["bulk"] for note in notes(tiny, "bulk")} == set(range(30)), 20)
    until("inbox", lambda: {note["inbox"] for note in notes(tiny, "inbox")} == set(range(9)), 20)
    assert tiny.stop() == 0


@pytest.mark.parametrize("victim", ["supervisor", "dynalite", "chalicelib.local.cloud"])
def test_a_store_or_the_supervisor_takes_the_rest_along(tiny: Platform, victim: str) -> None:
    """Without its supervisor or a store the platform ends, says why, and leaves no process."""
    tiny.start()
    group = tiny.process.pid
    chosen = (
        next(pid for name, pid in find(group).items() if victim in name) if victim != "supervisor" else group
    )
    os.kill(chosen, signal.SIGKILL)
    status = tiny.process.wait(30)
    until("all gone", lambda: processes(group) == [], 5)
    if victim != "supervisor":
        assert status == 1
        assert "ended (status -9" in "\n".join(tiny.lines)


def test_a_worker_or_the_api_is_started_again(tiny: Platform) -> None:
    """The API and the workers keep nothing: when one is killed, another takes over."""
    tiny.start()
    group = tiny.process.pid
    for name, pid in find(group).items():
        if "chalicelib.local.api" in name or "chalicelib.local.workers" in name:
            os.kill(pid, signal.SIGKILL)
    until("again", lambda: "It is started again." in "\n".join(tiny.lines) and healthy(tiny), 30)
    put(tiny, "bulk", {"n": 5})
    until("bulk", lambda: notes(tiny, "bulk"), 30)
    assert tiny.stop() == 0


def test_a_handler_is_stopped_at_its_functions_timeout(tmp_path: Path) -> None:
    """It is killed, said in the log; others go on, and its message comes again."""
    line = {"TODOKU_LOCAL_APP": "tests.e2e.tiny", "TODOKU_LINE_API_URL": "http://127.0.0.1:9"}
    platform = Platform(tmp_path, TODOKU_LOCAL_TIME_SCALE="0.05", **line)
    try:
        platform.start()
        put(platform, "bulk", {"n": 1, "sleep": 100})
        log = Path(platform.env["TODOKU_LOCAL_DIR"]) / "logs" / "workers.log"
        until("stopped", lambda: "bulk: Task timed out after 3.00 seconds" in log.read_text(), 30)
        put(platform, "bulk", {"n": 2})
        until("the next", lambda: [note["bulk"] for note in notes(platform, "bulk")] == [2], 20)
        assert platform.stop() == 0
        platform.start()
        until("again", lambda: [note["receives"] for note in notes(platform, "sleeping")] == [1, 2], 30)
        assert platform.stop() == 0
    finally:
        if platform.process is not None:
            platform.kill()


def find(supervisor: int) -> dict[str, int]:
    """The supervisor's children by their command lines (each has forked others with its own)."""
    found = {}
    for pid in processes(supervisor):
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if parent == supervisor:
            found[Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")] = pid
    return found


def healthy(platform: Platform) -> bool:
    try:
        return bool(platform.api.get("/health") == {"status": "ok"})
    except (OSError, Refused):
        return False


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """A taken port ends with status 1 and a sentence, before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        done = run_with(TODOKU_PORT=taken, TODOKU_LOCAL_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.strip().splitlines() == [
        f"Port {taken} is taken by another program: stop it or set TODOKU_PORT to a free one."
    ]


def run_with(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chalicelib.local"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TODOKU_DEMO": "0", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_platform_in_the_same_folder_is_refused(tiny: Platform) -> None:
    """Two platforms never share one folder."""
    tiny.start()
    folder = tiny.env["TODOKU_LOCAL_DIR"]
    done = run_with(TODOKU_LOCAL_DIR=folder, TODOKU_PORT="1", TODOKU_LINE_API_URL="http://127.0.0.1:9")
    assert (done.returncode, "Another platform runs in" in done.stdout) == (1, True)
    assert tiny.stop() == 0


def job_done(platform: Platform, job: str) -> dict[str, Any]:
    """The job once it is over."""

    def look() -> Any:
        found = platform.api.get(f"/v1/accounts/shop/jobs/{job}")
        return found if found["state"] != "running" else None

    done: dict[str, Any] = until(f"job {job}", look)
    return done


def a_file(platform: Platform) -> str:
    """Import a file as Japanese Excel saves it, and export it again; returns the export's job."""
    text = "user_id;display_name\r\nU1;髙橋\r\nU2;=1+1\r\n".encode("cp932")
    headers = {"Content-Type": "text/csv"}
    status, answer = platform.api.raw("POST", "/v1/accounts/shop/friends/import", text, headers)
    assert status == 202
    assert job_done(platform, json.loads(answer)["job_id"])["errors"] == []
    job: str = platform.api.post("/v1/accounts/shop/exports", {"bom": True})["job_id"]
    return job


def downloaded(platform: Platform, job: str) -> bytes:
    """The file of an export."""
    with urllib.request.urlopen(job_done(platform, job)["result"]["url"], timeout=30) as answer:
        found: bytes = answer.read()
    return found


def test_the_real_app_starts_empty_and_keeps_an_account(tmp_path: Path) -> None:
    """The whole platform becomes READY in a minute, refuses strangers, and remembers over a SIGKILL: accounts
    and files. Nobody but its owner reads its folder.
    """
    platform = Platform(tmp_path)
    try:
        platform.start(90)
        account = {"name": "店", "channel_secret": "s", "channel_access_token": "t"}
        platform.api.put("/v1/accounts/shop", account)
        job = a_file(platform)
        text = downloaded(platform, job)
        assert text.startswith(b"\xef\xbb\xbfuser_id,display_name")
        assert "U1,髙橋,".encode() in text
        assert b"U2,'=1+1," in text
        assert open_to_others(Path(platform.env["TODOKU_LOCAL_DIR"])) == []
        platform.kill()
        started = time.monotonic()
        platform.start(90)
        assert platform.api.get("/v1/accounts/shop")["name"] == "店"
        assert platform.api.get("/v1/status")["accounts"] == 1
        assert time.monotonic() - started < 60
        assert downloaded(platform, job) == text
        group = platform.process.pid  # type: ignore[union-attr]
        assert platform.stop() == 0
        assert processes(group) == []
    finally:
        if platform.process is not None:
            platform.kill()
