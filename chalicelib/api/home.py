"""What a person looks at first: names of documents, what is left of the quota, the summary of an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.api.kinds import KINDS
from chalicelib.broadcasts import listing
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.plans import quota
from chalicelib.catalog import stops
from chalicelib.catalog.service import snapshot
from chalicelib.gateways import clock, queues
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.queries import query_bool
from chalicelib.http.routes import Operation
from chalicelib.rules import health
from chalicelib.segments import audience, by_shard, mirror_queries, trend
from chalicelib.shared.settings import QUEUES
from chalicelib.shared.times import iso, local_date, to_ms

bp = Blueprint(__name__)

_ACCOUNT = "/v1/accounts/{account}"
_DAYS = 30
_WITHIN_S, _QUICK_S = 8.0, 0.4
_RULES_LOOKED_AT = 50


class Quota(BaseModel):
    """Messages of this month. ``limit`` null: none, or LINE does not report it (then ``used`` is null too).

    ``reserved``: what runs that are under way have still to send. ``left`` is less those.
    """

    limit: int | None
    used: int | None
    reserved: int
    left: int | None
    yen_per_message: int
    month: str


class Named(BaseModel):
    """A document by its id."""

    id: str
    name: str
    more: dict[str, Any]


class Names(BaseModel):
    """Every document's id and name by kind; ``more``: a few fields that pickers need."""

    names: dict[str, list[Named]]


class Day(BaseModel):
    """Of a local day: who came and who blocked, by the sheets now (a return hides the block before)."""

    date: str
    followed: int
    blocked: int


class Friends(BaseModel):
    """How many there are. Not ``exact``: more than could be read in time; multiplied from what was."""

    following: int
    blocked: int
    exact: bool
    days: list[Day]


class Need(BaseModel):
    """Something that waits for a person: ``kind`` approval, quota, runaway, missed, rule, dead_letters;
    ``document``: what kind of document has the id (broadcasts, rules, schedules, scenarios), if any.
    """

    kind: str
    document: str | None
    id: str
    name: str
    detail: str


class Summary(BaseModel):
    """What the home page shows."""

    as_of: str
    friends: Friends
    quota: Quota
    sending: list[dict[str, Any]]
    coming: list[dict[str, Any]]
    needs: list[Need]


@bp.route(f"{_ACCOUNT}/quota", methods=["GET"])
@http_errors
def get_quota(account: str) -> Response:
    """``GET /quota``: this month's messages, as LINE reports them."""
    require(bp.current_request, "viewer", account)
    return json_response(_quota(account, _runs(account)))


@bp.route(f"{_ACCOUNT}/catalog/names", methods=["GET"])
@http_errors
def get_names(account: str) -> Response:
    """``GET /catalog/names``: id and name of every document, and of every broadcast."""
    require(bp.current_request, "viewer", account)
    catalog = snapshot(account)
    named = {
        kind: [
            {
                "id": document.id,
                "name": str(document.body.get("name") or document.id),
                "more": _more(document.body),
            }
            for document in catalog.all(kind).values()
        ]
        for kind in KINDS
    }
    named["broadcasts"] = [
        {"id": id_, "name": str(body["name"]), "more": {}} for id_, body in listing.bodies(account)
    ]
    return json_response({"names": named})


_SHOWN = ("type", "choices", "folder", "category", "enabled", "url")


def _more(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _SHOWN if name in body}


@bp.route(f"{_ACCOUNT}/summary", methods=["GET"])
@http_errors
def get_summary(account: str) -> Response:
    """``GET /summary``: friends, quota, what is being sent, what comes next, what waits for a person."""
    principal = require(bp.current_request, "viewer", account)
    is_quick = query_bool(bp.current_request, "quick")
    runs = _runs(account)
    moving = [one for one in runs if one["status"] not in {"scheduled", "missed"}]
    coming = sorted((one for one in runs if one["status"] == "scheduled"), key=lambda one: str(one["at"]))
    needs = [*_broadcast_needs(runs), *_stopped_needs(account), *_rule_needs(account)]
    if principal.account is None:
        needs += _dead_letters()
    return json_response(
        {
            "as_of": iso(clock.now()),
            "friends": _friends(account, _QUICK_S if is_quick else _WITHIN_S),
            "quota": _quota(account, runs),
            "sending": [_shown(one) for one in moving],
            "coming": [_shown(one) for one in coming[:10]],
            "needs": needs,
        }
    )


def _runs(account: str) -> list[dict[str, Any]]:
    """The broadcasts whose runs are not at their end."""
    return list(broadcasts.open_broadcasts(account))


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "name", "status", "status_reason", "at", "every", "progress", "started_at")
    return {name: one[name] for name in names}


def _quota(account: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **quota.with_reservations(account, runs),
        "yen_per_message": quota.YEN_PER_MESSAGE,
        "month": local_date(clock.now(), get_account(account).zone).strftime("%Y-%m"),
    }


def _friends(account_id: str, within_s: float) -> dict[str, Any]:
    account, now = get_account(account_id), clock.now()
    today = local_date(now, account.zone)
    dates = [today - timedelta(days=n) for n in reversed(range(-1, _DAYS))]
    bounds = [to_ms(datetime.combine(day, time.min, account.zone)) for day in dates]
    counted = mirror_queries.by_days(account, now, bounds, is_quick=within_s < _WITHIN_S)
    if counted is None:
        found, shards = _walked(account, bounds, within_s)
        is_whole = shards == account.shards
    else:
        found, shards, is_whole = trend.of(counted[0], bounds), account.shards, counted[1]
    factor = account.shards / shards
    return {
        **{name: round(found.statuses.get(name, 0) * factor) for name in ("following", "blocked")},
        "exact": is_whole,
        "days": [
            {"date": day.isoformat(), "followed": round(came * factor), "blocked": round(left * factor)}
            for day, (came, left) in zip(dates, found.days, strict=False)
        ],
    }


def _walked(account: Account, bounds: list[int], within_s: float) -> tuple[trend.Trend, int]:
    """The same of the table, and how many shards of it there was time for."""
    found, shards, left = trend.of({}, bounds), 0, by_shard.within(within_s)
    for shard in range(account.shards):
        if shards > 1 and left.is_over:
            break
        shards += 1
        for sheets in audience.walk_shard(account.id, shard, needs=("followed_at", "blocked_at")):
            for sheet in sheets:
                found.count(trend.key_of(sheet, bounds))
    return found, shards


_STOPPED = ("rules", "schedules")
_WAITING = {"quota": "quota", "runaway": "runaway"}


def _broadcast_needs(runs: list[dict[str, Any]]) -> Iterator[dict[str, str | None]]:
    for one in runs:
        kind = {"awaiting_approval": "approval", "missed": "missed"}.get(one["status"])
        if one["status"] == "paused":
            kind = _WAITING.get(str(one["status_reason"]))
        if kind is not None:
            yield {
                "kind": kind,
                "document": "broadcasts",
                "id": one["id"],
                "name": one["name"],
                "detail": str(one["status_reason"] or ""),
            }


def _stopped_needs(account: str) -> Iterator[dict[str, str | None]]:
    """What the brake has paused and a person lets go on: rules, schedules, scenarios."""
    seen = snapshot(account)
    found = [
        (kind, doc, stops.reason(kind, doc.id, seen)) for kind in _STOPPED for doc in seen.all(kind).values()
    ]
    found += [("scenarios", doc, doc.body.get("status_reason")) for doc in seen.all("published").values()]
    for kind, document, why in found:
        if why is not None:
            name = seen.get(kind, document.id).body.get("name") or document.id
            yield {"kind": "runaway", "document": kind, "id": document.id, "name": str(name), "detail": why}


def _rule_needs(account: str) -> Iterator[dict[str, str | None]]:
    rules = [rule for rule in snapshot(account).all("rules").values() if rule.body.get("enabled", True)]
    for rule in rules[:_RULES_LOOKED_AT]:
        trouble = health.read(account, rule.id, 1)
        if trouble:
            name = str(rule.body["name"])
            detail = f"{sum(int(line['n']) for line in trouble)} × {trouble[0]['why']}"
            yield {"kind": "rule", "document": "rules", "id": rule.id, "name": name, "detail": detail}


def _dead_letters() -> Iterator[dict[str, str | None]]:
    for queue in QUEUES:
        count = queues.counts(queue)["dlq"]
        if count:
            yield {"kind": "dead_letters", "document": None, "id": queue, "name": queue, "detail": str(count)}


_QUICK = {"quick": "true: friends are counted for half a second at most, and multiplied (exact false)."}
OPERATIONS = [
    Operation("GET", f"{_ACCOUNT}/quota", "What is left of this month's messages", "viewer", None, Quota),
    Operation("GET", f"{_ACCOUNT}/catalog/names", "Id and name of every document", "viewer", None, Names),
    Operation(
        "GET", f"{_ACCOUNT}/summary", "What a person looks at first", "viewer", None, Summary, query=_QUICK
    ),
]
