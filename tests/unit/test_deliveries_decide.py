"""What LINE's answers mean and what a worker may do: every status code thought through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.deliveries import decide, model
from chalicelib.deliveries.limits import Bucket
from chalicelib.deliveries.model import Control, Status
from chalicelib.gateways.line import Answer
from chalicelib.shared.times import iso

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TO = "The property, to[1], in the request body is invalid (line: -, column: -)"


@pytest.mark.parametrize(
    ("answer", "kind", "meaning"),
    [
        (Answer(200, request_id="r1"), "multicast", ("accepted", None)),
        (Answer(202), "push", ("accepted", None)),
        (Answer(409, "The retry key is already accepted"), "push", ("accepted", None)),
        (Answer(429, "The API rate limit has been exceeded. Try again later."), "push", ("later", None)),
        (Answer(429, "something new"), "push", ("later", None)),
        (Answer(429, "You have reached your monthly limit."), "multicast", ("quota", None)),
        (Answer(401, "Authentication failed"), "push", ("credentials", None)),
        (Answer(403, "Access to this API is not available"), "push", ("refused", "line_403")),
        (Answer(404), "push", ("refused", "line_404")),
        (Answer(413), "multicast", ("refused", "line_413")),
        (Answer(400, "The request body has 1 error(s)"), "push", ("refused", "line_400")),
        (Answer(400, "Failed to send messages"), "push", ("refused", "invalid_recipient")),
        (
            Answer(400, "The property, 'to', in the request body is invalid"),
            "push",
            ("refused", "invalid_recipient"),
        ),
        (Answer(400, details=[{"property": "to"}]), "push", ("refused", "invalid_recipient")),
        (Answer(400, details=[{"property": "messages[0].text"}]), "push", ("refused", "line_400")),
        (Answer(400, TO), "multicast", ("split", None)),
        (Answer(400, TO.replace("[1]", "[7]")), "multicast", ("refused", "line_400")),
        (Answer(408), "push", ("no_answer", None)),
        (Answer(500), "push", ("no_answer", None)),
        (Answer(503, "upstream"), "multicast", ("no_answer", None)),
        (Answer(302), "push", ("no_answer", None)),
    ],
)
def test_every_status_code(answer: Answer, kind: str, meaning: tuple[str, str | None]) -> None:
    """Each answer of LINE has one meaning."""
    verdict = decide.read_answer(answer, kind, 3)
    assert (verdict.kind, verdict.reason) == meaning


def test_the_request_id_of_an_accepted_send() -> None:
    """A 409 names the request that was accepted; that one is kept."""
    assert decide.read_answer(Answer(200, request_id="r1"), "push").request_id == "r1"
    conflict = Answer(409, request_id="r2", accepted_request_id="r1")
    assert decide.read_answer(conflict, "push").request_id == "r1"


def test_several_recipients_may_be_named() -> None:
    """Message and details together name who is invalid."""
    answer = Answer(400, TO, details=[{"property": "to[0]", "message": "invalid"}, {"property": "to[1]"}])
    assert decide.read_answer(answer, "multicast", 3).drop == (0, 1)


def a_status(**fields: object) -> Status:
    return Status(**{"chunk": "c", "kind": "multicast", "n": 3, **fields})  # type: ignore[arg-type]


RELEASED, PAUSED, CANCELLED = Control(), Control("paused", "operator"), Control("cancelled")
WAITING = Control("paused", "quiet_hours", iso(NOW + timedelta(hours=1)))
OVER = Control("paused", "quiet_hours", iso(NOW - timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("status", "control", "step"),
    [
        (a_status(), RELEASED, "attempt"),
        (a_status(), PAUSED, "held"),
        (a_status(), WAITING, "held"),
        (a_status(), OVER, "attempt"),
        (a_status(), CANCELLED, "cancel"),
        (a_status(state="sending"), CANCELLED, "attempt"),
        (a_status(state="sending"), PAUSED, "held"),
        (a_status(kind="push", state="sending", chars="a.."), CANCELLED, "cancel"),
        (a_status(kind="push", state="sending", chars="a.?"), CANCELLED, "attempt"),
        (a_status(state="split"), PAUSED, "split"),
        (a_status(lease_until=iso(NOW + timedelta(seconds=1))), RELEASED, "leased"),
        (a_status(lease_until=iso(NOW - timedelta(seconds=1))), RELEASED, "attempt"),
        (a_status(first_attempt_at=iso(NOW - timedelta(hours=21))), RELEASED, "expired"),
        (a_status(first_attempt_at=iso(NOW - timedelta(hours=19))), RELEASED, "attempt"),
        *[
            (a_status(state=state), RELEASED, "done")
            for state in ("accepted", "failed", "skipped", "unknown", "replaced", "done")
        ],
    ],
)
def test_what_a_worker_does(status: Status, control: Control, step: str) -> None:
    """Terminal, paused or cancelled: left alone. Held by somebody: left alone. Too old: given up."""
    assert decide.next_step(status, control, NOW) == step


def test_backoff_grows_to_a_quarter_of_an_hour() -> None:
    """1, 2, 4 … seconds; SQS delays at most 900."""
    assert [decide.backoff_s(n) for n in (0, 1, 2, 3, 10, 11, 500)] == [1, 1, 2, 4, 512, 900, 900]


def test_a_refusal_is_final_for_a_recipient_only_without_an_open_attempt() -> None:
    """After silence a refusal says nothing about the first request."""
    refused = decide.Verdict("refused", "failed", "line_400")
    assert decide.after_answer(refused, was_open=False) == "f"
    assert decide.after_answer(refused, was_open=True) == "?"
    assert decide.after_answer(decide.Verdict("accepted"), was_open=True) == "a"
    assert decide.after_answer(decide.NO_ANSWER, was_open=False) == "?"
    assert decide.after_answer(decide.Verdict("later"), was_open=False) == "."
    unheard_of = decide.Verdict("refused", "failed", "line_418")
    assert model.outcome_of(decide.after_answer(unheard_of, was_open=False)) == ("failed", "line_4xx")


def test_letters_are_one_to_one() -> None:
    """Every outcome has one character, and it reads back."""
    for char, outcome in model.letters().items():
        assert len(char) == 1
        assert char == model.UNANSWERED or model.letter(*outcome) == char


@pytest.mark.parametrize(
    "outcome",
    [("skipped", "no_such_reason"), ("skipped", None), ("accepted", "cap"), ("skipped", "line_400")],
)
def test_an_outcome_that_is_not_declared_has_no_letter(outcome: tuple[str, str | None]) -> None:
    """It is never taken for another one."""
    with pytest.raises(KeyError):
        model.letter(*outcome)


STATES = st.sampled_from(
    ["pending", "sending", "split", "replaced", "accepted", "failed", "skipped", "unknown"]
)


@given(
    state=STATES,
    n=st.integers(1, 20),
    dropped=st.integers(0, 19),
    caps=st.integers(0, 5),
    chars=st.text("".join(model.letters()), min_size=1, max_size=30),
    push=st.booleans(),
)
def test_tally_and_outcomes_agree(
    state: str, n: int, dropped: int, caps: int, chars: str, push: bool
) -> None:
    """The count of a chunk is the count of its recipients' lines, but for those a child has taken over."""
    if push:
        users = [f"u{i}" for i in range(len(chars))]
        manifest = {
            "recipients": users,
            "skips": {u: "cap" for u, c in zip(users, chars, strict=True) if c == "c"},
        }
        status = Status("c", "push", len(users), state=state, chars=chars)
        total = len(users)
    else:
        users = [f"u{i}" for i in range(n + caps)]
        drop = tuple(users[: min(dropped, n - 1)]) if state in {"split", "replaced"} else ()
        skips = dict.fromkeys(users[n:], "cap")
        manifest = {"recipients": users, "skips": skips}
        status = Status("c", "multicast", n, state=state, drop=drop, skipped={"cap": caps} if caps else {})
        total = caps + len(drop) if state == "replaced" else n + caps
    tally, lines = model.tally(status), model.delivery_results(status, manifest)
    assert tally.total() == len(lines) == total
    for (name, reason), count in tally.items():
        assert count == sum(1 for one in lines if (one["status"], one.get("reason")) == (name, reason))


@given(
    st.lists(st.sampled_from(["pending", "sending", "split", "replaced", "accepted"]), min_size=1, max_size=4)
)
def test_only_leaves_count(states: list[str]) -> None:
    """In a chain of splits every recipient is counted once, wherever the chain stands."""
    chain: list[Status] = []
    left = 10
    for depth, state in enumerate(states):
        drop = ("x",) if state in {"split", "replaced"} else ()
        name = "c" + ".1" * depth
        parent = chain[-1].chunk if chain else None
        chain.append(Status(name, "multicast", left, state=state, drop=drop, parent=parent))
        left -= len(drop)
        if state not in {"split", "replaced"}:
            break
    if chain[-1].state == "replaced":  # its child stands before it is replaced
        chain.append(Status(chain[-1].chunk + ".1", "multicast", left, parent=chain[-1].chunk))
    counted = model.sum_up(chain)
    assert counted["total"] == 10
    assert counted["total"] == counted["pending"] + counted["accepted"] + sum(counted["skipped"].values())


@given(st.lists(st.floats(0, 0.1), max_size=200))
def test_the_rate_is_never_exceeded(gaps: list[float]) -> None:
    """In any second there are at most a second's calls and the burst."""
    bucket, now, starts = Bucket(20), NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        wait = bucket.take(now)
        now += timedelta(seconds=wait)
        starts.append(now)
    for first in starts:
        within = [at for at in starts if timedelta() <= at - first < timedelta(seconds=1)]
        assert len(within) <= 20 + bucket.size + 1
