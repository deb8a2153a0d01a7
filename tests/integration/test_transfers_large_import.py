"""A file that is too large to be cut at once: sorted into bins, then cut, from place to place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.gateways import objects, seam
from chalicelib.jobs import service as jobs
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.transfers import bins, imports, splitting, uploads
from chalicelib.transfers.beginning import Wish
from tests import roles
from tests.api_client import an_account, an_api
from tests.conftest import drain

UPLOAD = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
USERS = [f"U{n % 17}" if n % 5 == 0 else f"U{n + 100}" for n in range(120)]
TEXT = "user_id,display_name\n\n" + "".join(f'{user},"客{n}\n"\n' for n, user in enumerate(USERS)) + "\n\n"


@pytest.fixture(autouse=True)
def small_pieces(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    an_account(an_api(), shards=1)
    monkeypatch.setattr(uploads, "AT_ONCE", 100)
    monkeypatch.setattr(bins, "PIECE_BYTES", 400)
    monkeypatch.setattr(splitting.chunking, "CHUNK_LINES", 10)


def started(text: str = TEXT, encoding: str = "utf-8") -> str:
    objects.put(uploads.upload_key("shop", UPLOAD), text.encode(encoding), "text/csv")
    with roles.role_of("api_handler"):
        job = str(imports.start("shop", uploads.find("shop", UPLOAD), Wish("test")))
    assert jobs.get("shop", job).state == "running"
    return job


def hurried() -> TimeLeft:
    """The time of an invocation that is over as soon as it has done anything."""
    return TimeLeft(lambda: 0.0)


chunks: dict[str, list[Any]] = defaultdict(list)
"""What came of each chunk, by its name: the same lines however often."""


def cut(body: dict[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """One message, as the function does it."""
    with roles.role_of("bulk"):
        imports.work(body, left=left)


def messages() -> Iterator[dict[str, Any]]:
    """What is to be cut, one message after the other; chunks are kept in ``chunks``."""
    while waiting := drain("bulk"):
        for body in waiting:
            if "rows" in body:
                chunks[body["chunk"]].append(body["rows"])
            else:
                yield body


def assert_cut(job: str) -> None:
    """Every line once, a friend's in order and in one chunk; the job counts them; no file is left."""
    assert all(len({str(rows) for rows in copies}) == 1 for copies in chunks.values())
    lines = [line for copies in chunks.values() for line, _ in copies[0]]
    assert sorted(lines) == [3 + 2 * n for n in range(120)]
    homes = defaultdict(set)
    for name, copies in chunks.items():
        for user in {cells[0] for _, cells in copies[0]}:
            homes[user].add(name)
            mine = [line for line, cells in copies[0] if cells[0] == user]
            assert mine == sorted(mine)
    assert all(len(names) == 1 for names in homes.values())
    header = jobs.header("shop", job)
    assert (header.failure, header.total, header.chunk_count) == (None, 120, len(chunks))
    assert list(objects.keys("imports/")) == list(objects.keys("uploads/")) == []


@pytest.mark.parametrize("hurry", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp932"])
def test_it_is_cut_from_place_to_place(encoding: str, hurry: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one go, or with hardly any time: the same chunks, in every encoding."""
    monkeypatch.setattr(bins, "PIECE_BYTES", 1200 if hurry else 400)
    chunks.clear()
    job = started(encoding=encoding)
    invocations = 0
    for body in messages():
        cut(body, hurried() if hurry else NO_LIMIT)
        invocations += 1
    assert_cut(job)
    assert invocations > 6 if hurry else invocations > 3


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("after_the_call", [False, True])
def test_a_crash_anywhere_costs_no_line(after_the_call: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at any call, before or after it, and delivered again: the same chunks."""
    monkeypatch.setattr(bins, "PIECE_BYTES", 1200)
    monkeypatch.setattr(splitting.chunking, "CHUNK_LINES", 40)
    crashed, step = True, 0
    while crashed:
        chunks.clear()
        crashed, crossings = False, 0
        job = started()

        def guard(_name: str, _detail: Any, call: Any, step: int = step) -> Any:
            nonlocal crossings, crashed
            crossings += 1
            if crossings != step + 1:
                return call()
            crashed = True
            if after_the_call:
                call()
            raise Crash

        left = hurried() if step % 2 else NO_LIMIT
        for body in messages():
            try:
                with seam.guarded(guard):
                    cut(body, left)
            except Crash:
                cut(body, left)
        assert_cut(job)
        step += 1 + step // 6
    assert step > 20


def test_a_message_that_comes_twice_does_no_harm() -> None:
    """Each twice at a time, the last ones when all is over: a job that is cut stays it."""
    chunks.clear()
    job, seen = started(), []
    for body in messages():
        if body not in seen:
            cut(body)
            cut(body)
            seen.append(body)
    assert_cut(job)
    for body in seen:
        cut(body)
    assert list(messages()) == []
    assert_cut(job)


def test_a_line_that_cannot_be_read_ends_the_job_before_any_friend_changes() -> None:
    """The last line is no CSV: the job says which, and no chunk of it is on its way."""
    chunks.clear()
    job = started(TEXT.rstrip("\n") + '\n"U1" x,\n')
    for body in messages():
        cut(body)
    body = jobs.get("shop", job).body()
    assert (body["state"], chunks) == ("failed", {})
    assert body["errors"][0]["message"].startswith("line 243: ")


def test_a_missing_piece_ends_the_job() -> None:
    """A piece named somebody who was erased: the import says so and leaves nothing out in silence."""
    chunks.clear()
    job = started()
    for number, body in enumerate(messages()):
        if number == 6:
            objects.delete(f"imports/shop/{job}/0003-0000")
        cut(body, hurried())
    assert "file is gone" in (jobs.header("shop", job).failure or "")
