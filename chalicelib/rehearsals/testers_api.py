"""``POST …/scenarios/{scenario}/test``: a whole scenario to testers for real, at once or at speed.

The way through it is rehearsed, and each message that a tester would get goes out as a test: nothing of the
tester moves, nothing is counted, and policies hold nothing back. The messages are in the ledger before the
answer, each with the time at which it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once_named
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.rehearsals import sampling
from chalicelib.rehearsals import service as rehearsal
from chalicelib.rehearsals.api import RehearsedEvent, by_friend, check_events, judging, reacting
from chalicelib.rehearsals.posting import Sent
from chalicelib.rehearsals.simulation import Simulation, Stage
from chalicelib.shared.fields import UserId
from chalicelib.shared.ids import digest, friend_shard
from chalicelib.shared.times import iso, parse_iso

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/scenarios/{scenario}/test"
_APART = timedelta(seconds=2)
"""So far apart messages go at least, so that they arrive in their order."""
_MOST = 100
"""So many messages a tester gets of one test."""


class TestRequest(BaseModel):
    """Testers by id, who all enter now; ``speed``: how many times faster than in earnest time passes between
    messages (86400: a day is a second), or everything at once. ``days`` and ``events`` as in a rehearsal.
    """

    model_config = ConfigDict(extra="forbid")

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=5)]
    speed: Literal["at_once"] | Annotated[int, Field(ge=2, le=1_000_000)] = "at_once"
    days: int = Field(default=90, ge=1, le=rehearsal.MAX_DAYS)
    events: list[RehearsedEvent] = Field(default=[], max_length=rehearsal.MAX_EVENTS)
    version: Literal["draft", "published"] = "draft"


class TestMessage(BaseModel):
    """A message of the test: when it goes, and when it would have gone. ``node`` null: a rule sends it."""

    user_id: str
    at: str
    in_earnest_at: str
    node: str | None
    message: str | None


class TestAnswer(BaseModel):
    """What goes to the testers; ``cut``: the scenario goes on beyond what a test sends."""

    run: str
    messages: list[TestMessage]
    cut: bool


OPERATIONS = [
    Operation(
        "POST", _PATH, "Send a whole scenario to testers, at once or at speed", "publisher", TestRequest,
        TestAnswer, 202,
    )
]  # fmt: skip


@bp.route(_PATH, methods=["POST"])
@http_errors
def test(account: str, scenario: str) -> Response:
    """``POST …/test``: 202 with what goes out when."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    found, id_ = get_account(account), path_id(scenario, "scenario")
    snapshot(account).get("scenarios", id_)
    asked = json_body(request, TestRequest)

    def run(name: str) -> Response:
        start = parse_iso(iso(clock.now()))
        played = _play(found, id_, asked, start)
        run_id = f"tst.{id_}.{digest(name)[:16]}"
        shown = []
        for number, one in enumerate(played):
            for index, (at, sent) in enumerate(_timed(one.post.sent or [], start, asked.speed)):
                _put(found, run_id, f"{number}-{index:03d}", id_, one.sheet["user_id"], sent, at)
                shown.append(_shown(one.sheet["user_id"], sent, at))
        cut = any(len(one.post.sent or ()) > _MOST for one in played)
        return json_response({"run": run_id, "messages": shown, "cut": cut}, 202)

    return once_named(request, principal, run)


def _play(account: Account, scenario: str, asked: TestRequest, start: datetime) -> list[Simulation]:
    """The testers' ways through the scenario. Raises NotFound, RuleViolation, Conflict, InvalidInput."""
    catalog, end = snapshot(account.id), start + timedelta(days=asked.days)
    program, _ = rehearsal.program_of(catalog, scenario, account.zone, asked.version)
    check_events(asked.events, start, end)
    sheets = sampling.named(account, asked.user_ids)
    events = by_friend(account.id, asked.events, sheets)
    steps, entries = rehearsal.limits(len(sheets))
    policy, react, anew = policies.current(account.id), reacting(account, catalog), judging(account, catalog)
    stage = Stage(account, program, catalog, policy, react, anew, start, end, steps, entries)
    played = [Simulation(stage, sheet, events[sheet["user_id"]]) for sheet in sheets]
    for one in played:
        one.post.sent = []
        one.run()
    return played


def _timed(
    sent: Sequence[Sent], start: datetime, speed: int | Literal["at_once"]
) -> Iterator[tuple[datetime, Sent]]:
    """The messages with the times at which they go: in their order, and never two at once."""
    at = start - _APART
    for one in sent[:_MOST]:
        wanted = start if speed == "at_once" else start + (one.at - start) / speed
        at = max(wanted, at + _APART)
        yield at, one


def _put(account: Account, run: str, chunk: str, scenario: str, user: str, sent: Sent, at: datetime) -> None:
    what = deliveries.Chunk(
        account=account.id,
        run=run,
        chunk=chunk,
        kind="push",
        recipients=[user],
        payloads={user: list(map(dict, sent.words))},
        category="internal",
        cause={"scenario": scenario, "node": sent.node, "message": sent.message, "test": True},
        shard=friend_shard(user, account.shards),
    )
    deliveries.put_at(what, at)


def _shown(user: str, sent: Sent, at: datetime) -> dict[str, Any]:
    return {
        "user_id": user,
        "at": iso(at),
        "in_earnest_at": iso(sent.at),
        "node": sent.node,
        "message": sent.message,
    }
