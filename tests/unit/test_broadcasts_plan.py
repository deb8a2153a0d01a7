"""Planning is pure: every friend is judged once, and whoever packs, packs the same."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.broadcasts import model
from chalicelib.broadcasts.model import Arm, Slice, Totals
from chalicelib.broadcasts.plans import plan
from chalicelib.broadcasts.plans.plan import CannotRender, Judge, Piece

STATIC = Arm("a", 1, {"messages": []}, static=True, variant="a")
OWN = Arm("b", 2, {"messages": []}, static=False, variant="b")


def a_judge(*arms: Arm, hold_out: float = 0, payload_bytes: int = 10) -> Judge:
    def render(arm: Arm, sheet: dict[str, Any]) -> list[dict[str, Any]]:
        if sheet.get("mute"):
            raise CannotRender("no name")
        return [{"type": "text", "text": "x" * payload_bytes}]

    return Judge(
        broadcast="b",
        arms=arms or (STATIC,),
        hold_out_percent=hold_out,
        included=lambda sheet: bool(sheet.get("in", True)),
        excluded=lambda sheet: bool(sheet.get("out", False)),
        render=render,
    )


def a_sheet(user: str, **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "status": "following", **fields}


SHEETS = st.lists(
    st.builds(
        lambda n, status, **flags: {"user_id": f"U{n:05d}", "status": status, **flags},
        n=st.integers(0, 99999),
        status=st.sampled_from(["following", "blocked", "unknown", "erased"]),
        mute=st.booleans(),
        out=st.booleans(),
        **{"in": st.booleans()},
    ),
    max_size=60,
    unique_by=lambda sheet: sheet["user_id"],
).map(lambda sheets: sorted(sheets, key=lambda sheet: sheet["user_id"]))


def cut_all(sheets: list[dict[str, Any]], judge: Judge, page: int) -> list[Slice]:
    """A shard's slices, read by pages as the worker does."""
    made: list[Slice] = []
    key: str | None = None
    while not made or key is not None:
        rest = [sheet for sheet in sheets if key is None or sheet["user_id"] > key]
        read, more = rest[:page], len(rest) > page
        made.append(plan.make_slice(key, read, read[-1]["user_id"] if more else None, judge))
        key = made[-1].next_key
    return made


def pack(arms: Sequence[Arm], shards: Sequence[Sequence[Slice]], stops: Iterator[bool]) -> list[Piece]:
    """The chunks of every part. Where ``stops`` says so somebody stops, and another goes on from there."""
    done = {n: plan.totals(slices) for n, slices in enumerate(shards)}
    pieces: dict[str, Piece] = {}
    for part in plan.parts(done):
        at: plan.Position | None = plan.beginning(part, arms)
        while at is not None:
            at = pack_on(shards, plan.Packer(arms, part, at), at, pieces, stops)
    return sorted(pieces.values(), key=lambda piece: (piece.arm.id, piece.start))


def pack_on(
    shards: Sequence[Sequence[Slice]],
    packer: plan.Packer,
    since: plan.Position,
    pieces: dict[str, Piece],
    stops: Iterator[bool],
) -> plan.Position | None:
    """One invocation on a part: where it stopped, or None at the part's end."""
    for shard in range(since.shard, len(shards)):
        for number, made in enumerate(shards[shard]):
            if shard == since.shard and number < since.slice:
                continue
            if packer.is_complete:
                return None
            if next(stops) and packer.chunks > since.chunks:
                return plan.Position(**json.loads(json.dumps(vars(packer.position(shard, number)))))
            for piece in packer.take(shard, number, made):
                assert piece.name not in pieces, "a chunk was cut twice"
                pieces[piece.name] = piece
    assert packer.is_complete
    return None


def never() -> Iterator[bool]:
    return itertools.repeat(False)


@given(
    shards=st.lists(SHEETS, min_size=1, max_size=4),
    page=st.integers(1, 20),
    payload=st.sampled_from([10, 40_000, 120_000, 260_000]),
    hold_out=st.sampled_from([0, 30, 100]),
    most=st.sampled_from([1, 20, 10_000]),
    stops=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_every_friend_is_covered_exactly_once(
    shards: list[list[dict[str, Any]]],
    page: int,
    payload: int,
    hold_out: float,
    most: int,
    stops: list[bool],
) -> None:
    """Whatever the pages, sizes and parts, wherever somebody stops: each friend who is meant is in one chunk,
    skipped, or held out.
    """
    judge = a_judge(STATIC, OWN, hold_out=hold_out, payload_bytes=payload)
    shards = [[{**s, "user_id": f"{i}{s['user_id']}"} for s in sheets] for i, sheets in enumerate(shards)]
    cut = [cut_all(sheets, judge, page) for sheets in shards]
    slices = [part for of_shard in cut for part in of_shard]
    with mock.patch.object(plan, "PART_RECIPIENTS", most):
        pieces = pack(judge.arms, cut, itertools.cycle(stops))
    meant = {
        sheet["user_id"]
        for sheets in shards
        for sheet in sheets
        if sheet["in"] and not sheet["out"] and sheet["status"] != "erased"
    }
    sent = [user for piece in pieces for user in piece.users]
    others = [user for part in slices for users in part.skipped.values() for user in users]
    others += [user for part in slices for user in part.held_out]
    assert sorted(sent + others) == sorted(meant)
    counted = plan.totals(slices)
    assert counted.planned == len(meant)
    assert counted.recipients == len(sent)
    assert pack(judge.arms, cut, never()) == pieces
    for piece in pieces:
        assert len(piece.users) <= (500 if piece.arm.static else 100)
        assert set(piece.payloads) == (set() if piece.arm.static else set(piece.users))
    names = [piece.name for piece in pieces]
    assert len(set(names)) == len(names)


@given(st.lists(st.integers(0, 1300), min_size=1, max_size=5), st.integers(1, 2000), st.lists(st.booleans()))
def test_chunks_are_packed_across_shards_and_parts(sizes: list[int], most: int, stops: list[bool]) -> None:
    """Requests = the sum over arms of ceil(N / 500), however friends lie in shards and parts; names sort."""
    users = [[f"{shard}-{n}" for n in range(size)] for shard, size in enumerate(sizes)]
    shards = [[Slice(None, arms={"a": of[n : n + 300]}) for n in range(0, len(of), 300)] for of in users]
    slices = [part for of_shard in shards for part in of_shard]
    with mock.patch.object(plan, "PART_RECIPIENTS", most):
        pieces = pack([STATIC], shards, itertools.cycle([*stops, True]))
    assert len(pieces) == ceil(sum(sizes) / 500)
    everybody = [user for part in slices for user in part.arms["a"]]
    assert [user for piece in pieces for user in piece.users] == everybody
    assert [piece.name for piece in pieces] == sorted(piece.name for piece in pieces)
    for piece in pieces:
        assert everybody[piece.start] == piece.users[0]


def test_judging_one_friend() -> None:
    """Not meant: None. Blocked, unrenderable: skipped with why. The rest has an arm."""
    judge = a_judge(OWN)
    assert plan.judge(a_sheet("u", **{"in": False}), judge) is None
    assert plan.judge(a_sheet("u", out=True), judge) is None
    assert plan.judge(a_sheet("u", status="blocked"), judge) == plan.Verdict("skipped", reason="blocked")
    assert plan.judge(a_sheet("u", mute=True), judge) == plan.Verdict("skipped", reason="unrenderable")
    found = plan.judge(a_sheet("u"), judge)
    assert found is not None
    assert (found.kind, found.arm) == ("arm", OWN)
    assert plan.judge(a_sheet("u"), a_judge(OWN, hold_out=100)) == plan.HELD_OUT


def test_arms_follow_their_weights_and_never_change() -> None:
    """Of 3,000 friends about a third has the arm of weight 1; asked again, everybody has the same arm."""
    users = [f"U{n}" for n in range(3000)]
    first = [plan.arm_of("b", [STATIC, OWN], user).id for user in users]
    assert first == [plan.arm_of("b", [STATIC, OWN], user).id for user in users]
    assert 900 <= first.count("a") <= 1100


def test_refused_by_a_cap() -> None:
    """Who is refused is skipped, and is in no arm any more."""
    made = Slice(None, None, {"b": ["u1", "u2"]}, {"u1": [], "u2": []}, {"blocked": ["u3"]}, ["u4"])
    left = plan.without(made, {"u1": "cap"})
    assert (left.arms, left.payloads) == ({"b": ["u2"]}, {"u2": []})
    assert left.skipped == {"blocked": ["u3"], "cap": ["u1"]}
    assert plan.without(made, {}) is made


def test_progress_balances_while_chunks_come() -> None:
    """Recipients that are in no chunk yet are pending."""
    planned = Totals({"a": 10}, {"blocked": 2}, 1)
    chunks = {
        "total": 4,
        "pending": 1,
        "accepted": 2,
        "skipped": {"cancelled": 1},
        "failed": {},
        "unknown": 0,
    }
    found = plan.progress(planned, chunks)
    assert (found["planned"], found["pending"], found["skipped"]) == (13, 7, {"blocked": 2, "cancelled": 1})


def test_too_late() -> None:
    """An hour unless the document says otherwise; counted anew from when a person let it go on."""
    at, now = "2026-11-22T03:00:00.000Z", datetime(2026, 11, 22, 4, 1, tzinfo=UTC)
    assert model.is_too_late({}, at, None, now)
    assert not model.is_too_late({"max_lateness": "2h"}, at, None, now)
    assert not model.is_too_late({}, at, "2026-11-22T03:30:00.000Z", now)
    assert model.machine_time("2026-11-22T03:00:00.001Z") == "2026-11-22T03:00:01Z"
    assert model.machine_time("2026-11-22T03:00:00.000Z") == "2026-11-22T03:00:00Z"


def test_sample_and_hold_out_are_shares_of_the_audience() -> None:
    """Half of those who are not held out: the arms, and who waits for the decision. Nobody is left over."""
    judge = replace(a_judge(STATIC, OWN, hold_out=20), sample_percent=50)
    (made,) = cut_all([a_sheet(f"U{n:05d}") for n in range(4000)], judge, 5000)
    counts = plan.totals([made])
    assert counts.planned == 4000
    for part, share in ((counts.held_out, 0.2), (counts.recipients, 0.4), (counts.rest, 0.4)):
        assert abs(part / 4000 - share) < 0.03


def test_the_rest_is_judged_to_its_end() -> None:
    """Whoever waits and is gone or blocked when it is decided is skipped; the numbers balance all the way."""
    judge = replace(a_judge(replace(STATIC, id="a+")), is_rest=True)
    sheets = [a_sheet("U1"), a_sheet("U2", status="erased"), a_sheet("U3", status="blocked")]
    judged = plan.totals(cut_all(sheets, judge, 10))
    first = Totals({"a": 5}, {"blocked": 1}, 2, rest=4)
    assert plan.with_rest(first, Totals({}, {}, 0), None) == first
    now = plan.with_rest(first, judged, None)
    assert now == Totals({"a": 6}, {"blocked": 2, "erased": 1}, 2, rest=1)
    assert plan.with_rest(first, Totals({}, {}, 0), "no_winner").skipped == {"blocked": 1, "no_winner": 4}
    assert first.planned == now.planned == 12
