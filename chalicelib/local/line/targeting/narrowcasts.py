"""Whom a narrowcast reaches, by LINE's rules, and how far it is.

https://developers.line.biz/en/reference/messaging-api/#send-narrowcast-message
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response, error
from chalicelib.local.line.routing import Route
from chalicelib.local.line.sending import Attempt, Refused
from chalicelib.local.line.targeting import audiences, persons
from chalicelib.shared.times import iso, parse_iso

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

DELAY_S = "narrowcast_delay_s"
"""The setting: so many seconds after it was accepted a narrowcast is through."""
_DEFAULT_DELAY_S = 3
LEAST_REACH, LEAST = 100, 50
_MOST_LISTS = _MOST_FILTERS = 10
_LIFE = timedelta(days=14)
_TOO_FEW, _SMALL_AUDIENCE = 2, 4


def _bad(message: str, name: str) -> Refused:
    return Refused(400, "The request body has 1 error(s)", [{"message": message, "property": name}])


def choose(sim: Simulator, attempt: Attempt, body: dict[str, Any]) -> list[str]:
    """Who gets it; notes what its progress will say. Raises Refused."""
    most = _limit(body)
    lists = list(_leaves(body.get("recipient"), "recipient"))
    filters = list(_leaves((body.get("filter") or {}).get("demographic"), "filter.demographic"))
    if len(lists) > _MOST_LISTS or len(filters) > _MOST_FILTERS:
        raise _bad("Size must be between 1 and 10", "recipient" if len(lists) > _MOST_LISTS else "filter")
    everybody = set(sim.people.following(attempt.account))
    found = _of(sim, attempt, body.get("recipient"), everybody) if lists else everybody
    if filters:
        found = {user for user in found if _fits(body["filter"]["demographic"], user)}
        if len(found) < LEAST_REACH:
            raise Refused(403, "The number of recipients is below the minimum for demographic filters")
    chosen = sorted(found)[:most]
    failure = _failure(sim, attempt, lists, bool(filters), chosen)
    sim.store.run(
        "INSERT OR REPLACE INTO narrowcasts VALUES (?, ?, ?, ?, ?)",
        *(attempt.account, attempt.request_id, iso(attempt.now), len(chosen), failure),
    )
    return [] if failure else chosen


def _limit(body: dict[str, Any]) -> int | None:
    limit = body.get("limit")
    limit = limit if isinstance(limit, dict) else {}
    most = limit.get("max")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise _bad("Must be at least 1", "limit.max")
    if limit.get("forbidPartialDelivery") and not limit.get("upToRemainingQuota"):
        raise _bad("Requires upToRemainingQuota", "limit.forbidPartialDelivery")
    return most


def _leaves(node: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The nodes that are no operators. Raises Refused for an operator of a wrong shape."""
    if node is None:
        return
    if not isinstance(node, dict):
        raise _bad("must be an object", path)
    if node.get("type") != "operator":
        yield node, path
        return
    given = [name for name in ("and", "or", "not") if name in node]
    if len(given) != 1:
        raise _bad("must have exactly one of and, or, not", path)
    inner = node[given[0]]
    if given != ["not"] and (not isinstance(inner, list) or not inner):
        raise _bad("must not be empty", f"{path}.{given[0]}")
    for one in inner if isinstance(inner, list) else [inner]:
        yield from _leaves(one, f"{path}.{given[0]}")


def _of(sim: Simulator, attempt: Attempt, node: Any, everybody: set[str]) -> set[str]:
    if node.get("type") == "operator":
        if "not" in node:
            return everybody - _of(sim, attempt, node["not"], everybody)
        parts = [_of(sim, attempt, one, everybody) for one in node.get("and") or node.get("or")]
        return set.intersection(*parts) if "and" in node else set.union(*parts)
    return everybody & _list(sim, attempt, node)


def _list(sim: Simulator, attempt: Attempt, node: dict[str, Any]) -> set[str]:
    if node.get("type") == "audience":
        if not audiences.is_ready(sim, attempt.account, node.get("audienceGroupId")):
            raise _bad("The audience is not ready", "recipient")
        return audiences.users_of(sim, attempt.account, node["audienceGroupId"])
    if node.get("type") != "redelivery":
        raise _bad("invalid type", "recipient.type")
    row = _row(sim, attempt.account, str(node.get("requestId") or ""))
    if row is None or row["failure"] or sim.now() - parse_iso(row["at"]) > _LIFE:
        raise _bad("The request to redeliver was not found", "recipient.requestId")
    return set(audiences.reached(sim, attempt.account, node["requestId"]))


def _fits(node: Any, user: str) -> bool:
    kind, person = node.get("type"), persons.persona(user)
    if kind == "operator":
        if "not" in node:
            return not _fits(node["not"], user)
        inner: Iterable[Any] = node.get("and") or node.get("or") or []
        return all(_fits(one, user) for one in inner) if "and" in node else any(_fits(o, user) for o in inner)
    if kind in {"gender", "area"}:
        return person[kind] in (node.get("oneOf") or [])
    if kind == "appType":
        return person["app"] in (node.get("oneOf") or [])
    if kind not in {"age", "subscriptionPeriod"}:
        raise _bad("invalid type", "filter.demographic.type")
    value = person["age" if kind == "age" else "days"]
    least, below = node.get("gte"), node.get("lt")
    if least is None and below is None:
        raise _bad("gte or lt is required", "filter.demographic")
    return (least is None or value >= _value(least)) and (below is None or value < _value(below))


def _value(text: Any) -> int:
    number = str(text).rpartition("_")[2]
    if not number.isdigit():
        raise _bad("invalid value", "filter.demographic")
    return int(number)


def _failure(
    sim: Simulator,
    attempt: Attempt,
    lists: list[tuple[dict[str, Any], str]],
    filtered: bool,
    chosen: list[str],
) -> int:
    """The ``errorCode`` that its progress will report, 0 for none: LINE says it later, not in its answer."""
    types = []
    for node, _ in lists:
        if node.get("type") == "audience":
            row = sim.store.one(
                "SELECT type FROM audiences WHERE account = ? AND id = ?",
                attempt.account,
                node["audienceGroupId"],
            )
            types.append(row["type"] if row else "")
            size = len(audiences.users_of(sim, attempt.account, node["audienceGroupId"]))
            if len(lists) > 1 and types[-1] not in audiences.EXEMPT and size < LEAST:
                return _SMALL_AUDIENCE
    is_exempt = not filtered and all(type_ in audiences.EXEMPT for type_ in types)
    return 0 if is_exempt or len(chosen) >= LEAST else _TOO_FEW


def _row(sim: Simulator, account: str, request: str) -> Any:
    return sim.store.one("SELECT * FROM narrowcasts WHERE account = ? AND request_id = ?", account, request)


def _progress(call: Call) -> Response:
    row = _row(call.sim, call.account, call.request.query.get("requestId", ""))
    if row is None or call.sim.now() - parse_iso(row["at"]) > _LIFE:
        return error(404, "Not found")
    delay = timedelta(seconds=float(call.sim.store.meta(DELAY_S, _DEFAULT_DELAY_S)))
    accepted = parse_iso(row["at"])
    body: dict[str, Any] = {"phase": "waiting", "acceptedTime": row["at"]}
    if call.sim.now() < accepted + delay / 2:
        return Response(body=body)
    target = row["target"]
    if call.sim.now() < accepted + delay:
        half = target // 2
        counts = {"successCount": half, "failureCount": 0, "targetCount": target}
        return Response(body=body | counts | {"phase": "sending"})
    ended = {"completedTime": iso(accepted + delay)}
    if row["failure"]:
        why = {"failedDescription": "too few recipients", "errorCode": row["failure"]}
        return Response(body=body | ended | why | {"phase": "failed"})
    counts = {"successCount": target, "failureCount": 0, "targetCount": target}
    return Response(body=body | ended | counts | {"phase": "succeeded"})


ROUTES: list[Route[Handler]] = [
    Route("GET", "/v2/bot/message/progress/narrowcast", "narrowcast_progress", _progress)
]
