"""``/segments`` beyond its documents (count, explain), and the list of friends, which asks conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalice.app import Blueprint, Request
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.model import Account, Principal
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Predicate
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.friends.views import Friend, friend_body
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.segments import audience, mirror_queries, service, sorting, waterfall
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.fields import UserId
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import is_named_like

bp = Blueprint(__name__)

_ACCOUNT = "/v1/accounts/{account}"
_LOOKED_AT = 2_000
"""A page of the list of friends looks at this many sheets, then answers what it found."""


class CountRequest(BaseModel):
    """A condition to count; ``waterfall``: also how many are left after each part of its outermost all."""

    model_config = ConfigDict(extra="forbid")

    condition: dict[str, Any]
    waterfall: bool = False


class ExplainRequest(BaseModel):
    """A condition, and the friend in question."""

    model_config = ConfigDict(extra="forbid")

    condition: dict[str, Any]
    user_id: UserId


class Left(BaseModel):
    """How many are left after a part of a condition; ``path`` empty: who follows."""

    path: str
    condition: dict[str, Any]
    left: int


class CountAnswer(BaseModel):
    """How many friends satisfy the condition now."""

    count: int
    exact: bool
    as_of: str
    waterfall: list[Left] | None = None


class Tree(BaseModel):
    """A condition with its truth and the value seen; leaves repeat what they ask."""

    model_config = ConfigDict(extra="allow")

    kind: str
    value: bool
    seen: Any
    children: list[Tree]


class Explanation(BaseModel):
    """Whether and why; ``looked_at`` false: the friend does not follow, and no status is asked for."""

    matches: bool
    tree: Tree
    looked_at: bool


OPERATIONS = [
    Operation(
        "POST",
        f"{_ACCOUNT}/segments/count",
        "Count the friends who satisfy a condition (202: an estimate and a job)",
        "viewer",
        request=CountRequest,
        response=CountAnswer,
    ),
    Operation(
        "GET",
        f"{_ACCOUNT}/segments/{{segment}}/count",
        "Count the friends of a segment",
        "viewer",
        response=CountAnswer,
    ),
    Operation(
        "POST",
        f"{_ACCOUNT}/segments/explain",
        "Why a friend is in or out",
        "viewer",
        request=ExplainRequest,
        response=Explanation,
    ),
    Operation(
        "GET",
        f"{_ACCOUNT}/friends",
        "List friends, optionally those of a segment, with a tag, or by name",
        "viewer",
        response=Friend,
        query={
            "segment": "only friends of this segment",
            "tag": "only friends with this tag",
            "q": "only friends whose name or id holds this text",
            "limit": "1 to 200",
            "cursor": "next_cursor of the page before",
        },
    ),
]


@bp.route(f"{_ACCOUNT}/segments/count", methods=["POST"])
@http_errors
def count_condition(account: str) -> Any:
    """``POST /segments/count``."""
    request = bp.current_request
    principal = require(request, "viewer", account)
    asked = json_body(request, CountRequest)
    language.check(asked.condition, snapshot(account))

    def run() -> Any:
        more = {"waterfall": waterfall.waterfall(account, asked.condition)} if asked.waterfall else {}
        return _count(account, asked.condition, principal, more)

    return once(request, principal, run)


@bp.route(f"{_ACCOUNT}/segments/{{segment}}/count", methods=["GET"])
@http_errors
def count_segment(account: str, segment: str) -> Any:
    """``GET /segments/{id}/count``."""
    principal = require(bp.current_request, "viewer", account)
    document = snapshot(account).get("segments", path_id(segment, "segment"))
    return _count(account, document.body["condition"], principal)


def _count(account: str, condition: Any, principal: Principal, more: dict[str, Any] | None = None) -> Any:
    now = clock.now()
    found = service.count(account, condition, now)
    if found.exact:
        return json_response(found.body() | (more or {}))
    job = service.start_count(account, condition, now, principal.who)
    return json_response(
        {"job_id": job, "estimate": {"low": found.low, "high": found.high}} | (more or {}), 202
    )


@bp.route(f"{_ACCOUNT}/segments/explain", methods=["POST"])
@http_errors
def explain_condition(account: str) -> Any:
    """``POST /segments/explain``."""
    request = bp.current_request
    require(request, "viewer", account)
    body = json_body(request, ExplainRequest)
    language.check(body.condition, snapshot(account))
    return json_response(service.explain(account, body.condition, body.user_id, clock.now()))


@bp.route(f"{_ACCOUNT}/friends", methods=["GET"])
@http_errors
def list_friends(account: str) -> Any:
    """``GET /friends``: no order is promised; a page may hold fewer than asked for."""
    request = bp.current_request
    require(request, "viewer", account)
    found, catalog, now = get_account(account), snapshot(account), clock.now()
    limit, position = query_int(request, "limit", 50), _position(request)
    segment, tag = query_text(request, "segment"), query_text(request, "tag")
    test = _filter(found, segment, tag)
    wanted = query_text(request, "q") or ""
    if segment or tag or wanted:
        mirrored = _mirrored(found, segment, tag, wanted, limit, position, now)
        if mirrored is not None:
            shown, onward = mirrored
            bodies = [friend_body(sheet, catalog, now) for sheet in shown]
            return json_response(page(bodies, onward.cursor() if onward else None, request))
    items: list[Sheet] = []
    looked_at = 0
    while position.shard < found.shards and len(items) < limit and looked_at < _LOOKED_AT:
        sheets, following = audience.read_shard(account, position.shard, position.after)
        looked_at += len(sheets) + 50
        matching = [s for s in sheets if test(s, now) and _named(s, wanted)]
        taken = matching[: limit - len(items)]
        items += taken
        if len(taken) < len(matching):
            position = _Position(position.shard, taken[-1]["user_id"])
        else:
            position = (
                _Position(position.shard, following) if following else _Position(position.shard + 1, None)
            )
    more = position.cursor() if position.shard < found.shards else None
    return json_response(page([friend_body(sheet, catalog, now) for sheet in items], more, request))


def _mirrored(
    account: Account,
    segment: str | None,
    tag: str | None,
    wanted: str,
    limit: int,
    position: _Position,
    now: datetime,
) -> tuple[list[Sheet], _Position | None] | None:
    """A page by the mirror in the table's own order, and where the next begins; None: there is no mirror."""
    asked = {
        "condition": {"segment": segment} if segment else None,
        "also": {"tag": tag} if tag else None,
        "q": wanted,
        "sort": sorting.SHARD,
        "order": "asc",
        "limit": limit + 1,
        "after": [position.shard, position.after or ""],
    }
    found = mirror_queries.find(account, now, asked)
    if found is None:
        return None
    shown = found.items[:limit]
    sheets = friends.load_many(account.id, account.shards, [user for _, user in shown])
    living = [sheets[user] for _, user in shown if user in sheets and sheets[user]["status"] != "erased"]
    return living, _Position(int(shown[-1][0]), shown[-1][1]) if len(found.items) > limit else None


@dataclass(frozen=True)
class _Position:
    """Where the list continues: in a shard, after a user id (None: at its beginning)."""

    shard: int
    after: str | None

    def cursor(self) -> dict[str, Any]:
        """The position for ``next_cursor``."""
        return {"shard": str(self.shard), "after": self.after or ""}


def _position(request: Request) -> _Position:
    cursor = query_cursor(request, "shard", "after")
    if cursor is None:
        return _Position(0, None)
    if not re.fullmatch("[0-9]{1,6}", cursor["shard"]):
        raise InvalidInput(Reason("at", path="cursor", why=Reason("cursor_unknown")))
    return _Position(int(cursor["shard"]), cursor["after"] or None)


def _filter(account: Account, segment: str | None, tag: str | None) -> Predicate:
    """The test of ``segment=`` (as an audience) and ``tag=``. Raises RuleViolation for unknown ones."""
    catalog = snapshot(account.id)
    ground = service.context(account, catalog)
    tests: list[Predicate] = []
    if segment is not None:
        language.check({"segment": segment}, catalog, "query")
        tests.append(language.compile_audience({"segment": segment}, ground))
    if tag is not None:
        language.check({"tag": tag}, catalog, "query")
        tests.append(language.compile({"tag": tag}, ground))
    return lambda sheet, now: all(test(sheet, now) for test in tests)


def _named(sheet: Sheet, wanted: str) -> bool:
    return not wanted or is_named_like(wanted, sheet.get("display_name"), sheet["user_id"])
