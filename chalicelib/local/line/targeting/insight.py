"""What LINE reports of what was sent: who looked and who tapped, drawn by ``persons``; nothing below 20."""

from __future__ import annotations

from typing import Any

import orjson

from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response, error
from chalicelib.local.line.routing import Route
from chalicelib.local.line.targeting import audiences, persons

_LEAST = 20


def _overview(users: list[str], what: str, more: dict[str, Any]) -> Response:
    def shown(count: int) -> int | None:
        return count if count >= _LEAST else None

    overview = {
        **more,
        "uniqueImpression": shown(sum(persons.has_seen(user, what) for user in users)),
        "uniqueClick": shown(sum(persons.has_clicked(user, what) for user in users)),
        "uniqueMediaPlayed": None,
        "uniqueMediaPlayed100Percent": None,
    }
    return Response(body={"overview": overview, "messages": [], "clicks": []})


def _of_request(call: Call) -> Response:
    request = call.request.query.get("requestId", "")
    users = audiences.reached(call.sim, call.account, request)
    more = {"requestId": request, "delivered": len(users) if len(users) >= _LEAST else None}
    return _overview(users, request, more)


def _of_unit(call: Call) -> Response:
    query = call.request.query
    unit, days = query.get("customAggregationUnit", ""), (query.get("from", ""), query.get("to", ""))
    if not unit or not all(len(day) == 8 and day.isdigit() for day in days) or days[0] > days[1]:
        return error(400, "The value for a parameter is invalid")
    rows = call.sim.store.all(
        "SELECT body, skipped FROM sends WHERE account = ? AND kind IN ('push', 'multicast')"
        " AND status = 200 AND instr(body, ?) AND strftime('%Y%m%d', at, '+9 hours') BETWEEN ? AND ?",
        *(call.account, f'"{unit}"', *days),
    )
    users: list[str] = []
    for row in rows:
        to = orjson.loads(row["body"])["to"]
        skipped = set(orjson.loads(row["skipped"])) if row["skipped"] else set()
        users += [user for user in (to if isinstance(to, list) else [to]) if user not in skipped]
    return _overview(sorted(set(users)), unit, {"requestId": None})


ROUTES: list[Route[Handler]] = [
    Route("GET", "/v2/bot/insight/message/event", "insight", _of_request),
    Route("GET", "/v2/bot/insight/message/event/aggregation", "insight", _of_unit),
]
