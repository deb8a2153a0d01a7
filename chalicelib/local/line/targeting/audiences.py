"""Audiences: uploaded, made of clicks and impressions, listed, deleted; with LINE's limits and words.

https://developers.line.biz/en/reference/messaging-api/#manage-audience-group
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.local.line.bot_api import read_object
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response, dumps, error
from chalicelib.local.line.people import USER_ID
from chalicelib.local.line.routing import Route
from chalicelib.local.line.sending import Refused
from chalicelib.local.line.targeting import persons
from chalicelib.shared.times import iso, parse_iso, to_ms

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

TYPES = (
    *("UPLOAD", "CLICK", "IMP", "CHAT_TAG", "FRIEND_PATH", "RESERVATION", "APP_EVENT", "VIDEO_VIEW"),
    *("WEBTRAFFIC", "IMAGE_CLICK", "RICHMENU_IMP", "RICHMENU_CLICK", "POP_AD_IMP", "TRACKINGTAG_WEBTRAFFIC"),
)
EXEMPT = ("UPLOAD", "CHAT_TAG")
"""Types that may be as small as they are."""
LEAST = 50
HIDDEN_BELOW = 20
_MOST_USERS, _MOST_AUDIENCES, _MOST_DESCRIPTION = 10_000, 1_000, 120
_LIFE = timedelta(days=180)
_REQUEST_LIFE = timedelta(days=60)
DELAY_S = "audience_delay_s"
"""The setting: so many seconds after the last upload an audience is ready."""
_DEFAULT_DELAY_S = 2
_UPLOAD = "/v2/bot/audienceGroup/upload"


def _refuse(code: str) -> Refused:
    return Refused(400, "The request body has 1 error(s)", [{"message": code, "property": ""}])


def _row(sim: Simulator, account: str, group: Any) -> Any:
    row = sim.store.one("SELECT * FROM audiences WHERE account = ? AND id = ?", account, group)
    if row is None:
        raise _refuse("AUDIENCE_GROUP_NOT_FOUND")
    return row


def users_of(sim: Simulator, account: str, group: Any) -> set[str]:
    """Who is in an audience. Raises Refused."""
    row = _row(sim, account, group)
    if row["type"] in {"CLICK", "IMP"}:
        return _of_request(sim, account, row)
    found = sim.store.all("SELECT user_id FROM audience_users WHERE account = ? AND id = ?", account, group)
    return {one["user_id"] for one in found}


def _of_request(sim: Simulator, account: str, row: Any) -> set[str]:
    test = persons.has_clicked if row["type"] == "CLICK" else persons.has_seen
    return {user for user in reached(sim, account, row["request_id"]) if test(user, row["request_id"])}


def reached(sim: Simulator, account: str, request: str) -> list[str]:
    """Who was sent what a narrowcast or broadcast brought."""
    row = sim.store.one("SELECT users FROM reached WHERE account = ? AND request_id = ?", account, request)
    return list(orjson.loads(row["users"])) if row else []


def status(sim: Simulator, row: Any, size: int) -> str:
    """What LINE says of an audience now."""
    if parse_iso(row["expires_at"]) <= sim.now():
        return "EXPIRED"
    if row["status"]:
        return str(row["status"])
    least = 1 if row["type"] in EXEMPT else LEAST
    delay = timedelta(seconds=float(sim.store.meta(DELAY_S, _DEFAULT_DELAY_S)))
    is_ready = size >= least and parse_iso(row["changed_at"]) + delay <= sim.now()
    return "READY" if is_ready else "IN_PROGRESS"


def is_ready(sim: Simulator, account: str, group: Any) -> bool:
    """Whether a narrowcast may name it. Raises Refused for one that is not there."""
    row = _row(sim, account, group)
    return status(sim, row, len(users_of(sim, account, group))) == "READY"


def _shown(sim: Simulator, row: Any) -> dict[str, Any]:
    size = len(users_of(sim, row["account"], row["id"]))
    is_shown = row["type"] in EXEMPT or size >= HIDDEN_BELOW
    found = {
        "audienceGroupId": row["id"],
        "type": row["type"],
        "description": row["description"],
        "status": status(sim, row, size),
        "audienceCount": size if is_shown else 0,
        "created": to_ms(parse_iso(row["created_at"])) // 1000,
        "isIfaAudience": False,
        "permission": "READ_WRITE" if row["route"] == "MESSAGING_API" else "READ",
        "createRoute": row["route"],
        "expireTimestamp": to_ms(parse_iso(row["expires_at"])) // 1000,
    }
    more = {"requestId": row["request_id"], "clickUrl": row["click_url"]}
    return found | {name: value for name, value in more.items() if value}


# making and filling ---------------------------------------------------------------------------------------


def _description(body: dict[str, Any]) -> str:
    text = body.get("description")
    if not isinstance(text, str) or not text:
        raise _refuse("AUDIENCE_GROUP_NAME_EMPTY")
    if len(text.encode("utf-16-le")) // 2 > _MOST_DESCRIPTION:
        raise _refuse("AUDIENCE_GROUP_NAME_SIZE_OVER")
    return text


def _users(sim: Simulator, account: str, body: dict[str, Any]) -> list[str]:
    """Whom an upload names: one id of a wrong form, or of another provider, refuses all of them."""
    given = body.get("audiences") or []
    if not isinstance(given, list) or len(given) > _MOST_USERS:
        raise _refuse("UPLOAD_AUDIENCE_GROUP_TOO_MANY_AUDIENCE_IDS")
    users = [one.get("id") if isinstance(one, dict) else None for one in given]
    if not all(isinstance(user, str) and USER_ID.match(user) for user in users):
        raise _refuse("UPLOAD_AUDIENCE_GROUP_INVALID_AUDIENCE_ID_FORMAT")
    return [str(user) for user in users if sim.people.status(account, str(user)) != "foreign"]


@dataclass(frozen=True)
class New:
    """An audience to be made. ``fixed``: its status, whatever it holds."""

    type: str
    description: str
    users: Sequence[str] = ()
    request: str = ""
    url: str = ""
    route: str = "MESSAGING_API"
    fixed: str = ""


def _make(call: Call, new: New) -> dict[str, Any]:
    count = call.sim.store.one("SELECT COUNT(*) AS n FROM audiences WHERE account = ?", call.account)
    if count and count["n"] >= _MOST_AUDIENCES:
        raise _refuse("AUDIENCE_GROUP_COUNT_MAX_OVER")
    return made(call.sim, call.account, new)


def made(sim: Simulator, account: str, new: New) -> dict[str, Any]:
    """Make an audience; returns it as LINE shows it."""
    now, group = sim.now(), 10**12 + secrets.randbelow(9 * 10**12)
    what = (new.type, new.description, new.fixed, new.request, new.url, new.route)
    with sim.store.write() as db:
        db.execute(
            "INSERT INTO audiences VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (account, group, *what, iso(now), iso(now), iso(now + _LIFE)),
        )
        db.executemany(
            "INSERT OR IGNORE INTO audience_users VALUES (?, ?, ?)", ((account, group, u) for u in new.users)
        )
    return _shown(sim, _row(sim, account, group))


def _upload(call: Call) -> Response:
    body = read_object(call.request)
    description = _description(body)
    found = _make(call, New("UPLOAD", description, _users(call.sim, call.account, body)))
    return Response(202, found)


def _add(call: Call) -> Response:
    body = read_object(call.request)
    group = body.get("audienceGroupId")
    row = _row(call.sim, call.account, group)
    if row["type"] != "UPLOAD" or row["route"] != "MESSAGING_API":
        raise _refuse("AUDIENCE_GROUP_CAN_NOT_UPLOAD_STATUS_EXPIRED")
    users = _users(call.sim, call.account, body)
    if not users:
        raise _refuse("UPLOAD_AUDIENCE_GROUP_NO_VALID_AUDIENCE_IDS")
    with call.sim.store.write() as db:
        db.executemany(
            "INSERT OR IGNORE INTO audience_users VALUES (?, ?, ?)",
            ((call.account, group, user) for user in users),
        )
        db.execute(
            "UPDATE audiences SET changed_at = ? WHERE account = ? AND id = ?",
            (iso(call.sim.now()), call.account, group),
        )
    return Response(202)


def _of_clicks(call: Call) -> Response:
    return _of_what_was_sent(call, "CLICK")


def _of_impressions(call: Call) -> Response:
    return _of_what_was_sent(call, "IMP")


def _of_what_was_sent(call: Call, type_: str) -> Response:
    body = read_object(call.request)
    description, request = _description(body), str(body.get("requestId") or "")
    row = call.sim.store.one(
        "SELECT at FROM sends WHERE account = ? AND request_id = ? AND kind IN ('narrowcast', 'broadcast')"
        " AND status IN (200, 202)",
        call.account,
        request,
    )
    if row is None:
        raise _refuse("REQUEST_NOT_FOUND")
    if call.sim.now() - parse_iso(row["at"]) > _REQUEST_LIFE:
        raise _refuse("TOO_OLD_MESSAGES")
    if call.sim.store.one(
        "SELECT id FROM audiences WHERE account = ? AND request_id = ? AND type = ?",
        call.account,
        request,
        type_,
    ):
        raise _refuse("AUDIENCE_GROUP_REQUESTID_DUPLICATE")
    url = str(body.get("clickUrl") or "") if type_ == "CLICK" else ""
    return Response(202, _make(call, New(type_, description, request=request, url=url)))


# looking and deleting -------------------------------------------------------------------------------------


def _number(call: Call) -> Any:
    text = call.names["group"]
    return int(text) if text.isdigit() and len(text) < 19 else text


def _get(call: Call) -> Response:
    row = _row(call.sim, call.account, _number(call))
    shown = _shown(call.sim, row)
    is_over = shown["status"] in {"READY", "EXPIRED"}
    job = {
        "audienceGroupJobId": row["id"] + 1,
        "audienceGroupId": row["id"],
        "type": "DIFF_ADD",
        "jobStatus": "FINISHED" if is_over else "WORKING",
        "audienceCount": shown["audienceCount"],
        "created": shown["created"],
    }
    return Response(
        body={"audienceGroup": shown, "jobs": [job] if row["type"] == "UPLOAD" else [], "adaccount": None}
    )


def _list(call: Call) -> Response:
    query = call.request.query
    try:
        page, size = int(query.get("page", "0")), int(query.get("size", "20"))
    except ValueError:
        page = size = 0
    if page < 1 or not 1 <= size <= 40:
        raise Refused(400, "The value for the 'page' or 'size' parameter is invalid")
    rows = call.sim.store.all(
        "SELECT * FROM audiences WHERE account = ? AND instr(lower(description), lower(?))"
        " ORDER BY created_at DESC, id DESC",
        call.account,
        query.get("description", ""),
    )
    shown = [_shown(call.sim, row) for row in rows]
    wanted = [one for one in shown if query.get("status", one["status"]) == one["status"]]
    body = {
        "audienceGroups": wanted[(page - 1) * size : page * size],
        "hasNextPage": len(wanted) > page * size,
        "totalCount": len(wanted),
        "readWriteAudienceGroupTotalCount": sum(one["permission"] == "READ_WRITE" for one in wanted),
        "page": page,
        "size": size,
    }
    return Response(body=body)


def _rename(call: Call) -> Response:
    row, text = _row(call.sim, call.account, _number(call)), _description(read_object(call.request))
    call.sim.store.run(
        "UPDATE audiences SET description = ? WHERE account = ? AND id = ?", text, call.account, row["id"]
    )
    return Response()


def _delete(call: Call) -> Response:
    row = _row(call.sim, call.account, _number(call))
    if row["route"] != "MESSAGING_API":
        return error(400, "The audience cannot be deleted by this channel")
    with call.sim.store.write() as db:
        db.execute("DELETE FROM audiences WHERE account = ? AND id = ?", (call.account, row["id"]))
        db.execute("DELETE FROM audience_users WHERE account = ? AND id = ?", (call.account, row["id"]))
    return Response(202)


def keep_reached(sim: Simulator, account: str, request: str, users: Sequence[str]) -> None:
    """Remember whom a narrowcast or broadcast has gone to."""
    sim.store.run("INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", account, request, dumps(list(users)))


ROUTES: list[Route[Handler]] = [
    Route("POST", _UPLOAD, "audience", _upload),
    Route("PUT", _UPLOAD, "audience", _add),
    Route("POST", "/v2/bot/audienceGroup/click", "audience", _of_clicks),
    Route("POST", "/v2/bot/audienceGroup/imp", "audience", _of_impressions),
    Route("GET", "/v2/bot/audienceGroup/list", "audience", _list),
    Route("GET", "/v2/bot/audienceGroup/{group}", "audience", _get),
    Route("DELETE", "/v2/bot/audienceGroup/{group}", "audience", _delete),
    Route("PUT", "/v2/bot/audienceGroup/{group}/updateDescription", "audience", _rename),
]
