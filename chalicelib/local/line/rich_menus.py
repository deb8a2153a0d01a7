"""Rich menus: created, given a picture, and linked; per user above the default."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.local.line.bot_api import read_object
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Request, Response, dumps, error
from chalicelib.local.line.people import USER_ID
from chalicelib.local.line.routing import Route
from chalicelib.local.line.sending import Refused
from chalicelib.local.line.store import EVERYBODY
from chalicelib.local.line.validation.richmenus import check_rich_menu

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

_ALIAS = re.compile(r"[a-z0-9_-]{1,32}\Z")
_FORGET = "DELETE FROM {} WHERE account = ? AND id = ?"
_MOST_MENUS = 1000
_MOST_BYTES = 1024 * 1024
_SIGNATURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8"}


def _menu(sim: Simulator, account: str, menu: Any) -> Any:
    row = sim.store.one("SELECT * FROM rich_menus WHERE account = ? AND id = ?", account, menu)
    if row is None:
        raise Refused(404, "Not found")
    return row


def _checked(request: Request) -> dict[str, Any]:
    body = read_object(request)
    refusal = check_rich_menu(body)
    if refusal:
        raise Refused(400, refusal.message, refusal.details)
    return body


def _create(call: Call) -> Response:
    body = _checked(call.request)
    count = call.sim.store.one("SELECT COUNT(*) AS n FROM rich_menus WHERE account = ?", call.account)
    if count and count["n"] >= _MOST_MENUS:
        return error(400, "The maximum number of rich menus is reached")
    menu = f"richmenu-{secrets.token_hex(16)}"
    call.sim.store.run("INSERT INTO rich_menus VALUES (?, ?, ?, NULL, NULL)", call.account, menu, dumps(body))
    return Response(body={"richMenuId": menu})


def _validate(call: Call) -> Response:
    _checked(call.request)
    return Response()


def _list(call: Call) -> Response:
    rows = call.sim.store.all("SELECT id, menu FROM rich_menus WHERE account = ?", call.account)
    return Response(body={"richmenus": [{"richMenuId": r["id"], **orjson.loads(r["menu"])} for r in rows]})


def _get(call: Call) -> Response:
    row = _menu(call.sim, call.account, call.names["menu"])
    return Response(body={"richMenuId": call.names["menu"], **orjson.loads(row["menu"])})


def _delete(call: Call) -> Response:
    _menu(call.sim, call.account, call.names["menu"])
    with call.sim.store.write() as db:
        for table in ("rich_menus", "rich_menu_links", "rich_menu_aliases"):
            db.execute(_FORGET.format(table), (call.account, call.names["menu"]))
    return Response()


def _upload(call: Call) -> Response:
    row = _menu(call.sim, call.account, call.names["menu"])
    kind = call.request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in _SIGNATURES:
        return error(415, "Unsupported media type")
    if row["image"] is not None:
        return error(400, "An image has already been uploaded to the rich menu")
    if len(call.request.body) > _MOST_BYTES or not call.request.body.startswith(_SIGNATURES[kind]):
        return error(413 if len(call.request.body) > _MOST_BYTES else 400, "The image is invalid")
    call.sim.store.run(
        "UPDATE rich_menus SET content_type = ?, image = ? WHERE account = ? AND id = ?",
        kind,
        call.request.body,
        call.account,
        call.names["menu"],
    )
    return Response()


def _download(call: Call) -> Response:
    row = _menu(call.sim, call.account, call.names["menu"])
    if row["image"] is None:
        return error(404, "Not found")
    return Response(body=bytes(row["image"]), content_type=row["content_type"])


# links ----------------------------------------------------------------------------------------------------


def _link(call: Call) -> Response:
    row = _menu(call.sim, call.account, call.names["menu"])
    if row["image"] is None:
        return error(400, "must upload richmenu image before applying it to user")
    link(call.sim, call.account, [call.names["user"]], call.names["menu"])
    return Response()


def _unlink(call: Call) -> Response:
    link(call.sim, call.account, [call.names["user"]], None)
    return Response()


def _linked(call: Call) -> Response:
    row = call.sim.store.one(
        "SELECT id FROM rich_menu_links WHERE account = ? AND user_id = ?", call.account, call.names["user"]
    )
    if row is None:
        return error(404, "the user has no richmenu")
    return Response(body={"richMenuId": row["id"]})


def _bulk_link(call: Call) -> Response:
    body = read_object(call.request)
    _menu(call.sim, call.account, body.get("richMenuId"))
    link(call.sim, call.account, _users(body), body["richMenuId"])
    return Response(202)


def _bulk_unlink(call: Call) -> Response:
    link(call.sim, call.account, _users(read_object(call.request)), None)
    return Response(202)


def _users(body: dict[str, Any]) -> list[str]:
    users = body.get("userIds")
    if not isinstance(users, list) or not 1 <= len(users) <= 500:
        details = [{"message": "Size must be between 1 and 500", "property": "userIds"}]
        raise Refused(400, "The request body has 1 error(s)", details)
    for index, user in enumerate(users):
        if not isinstance(user, str) or not USER_ID.match(user):
            raise Refused(400, f"The property, userIds[{index}], in the request body is invalid")
    return users


def link(sim: Simulator, account: str, users: list[str], menu: str | None) -> None:
    """Link a menu to those of the users who are friends; None unlinks."""
    friends = [u for u in users if sim.people.status(account, u) == "following"]
    with sim.store.write() as db:
        for user in friends:
            if menu is None:
                db.execute("DELETE FROM rich_menu_links WHERE account = ? AND user_id = ?", (account, user))
            else:
                db.execute("INSERT OR REPLACE INTO rich_menu_links VALUES (?, ?, ?)", (account, user, menu))
    sim.hub.publish(account, friends, {"news": "rich_menu"})


def _set_default(call: Call) -> Response:
    row = _menu(call.sim, call.account, call.names["menu"])
    if row["image"] is None:
        return error(400, "must upload richmenu image before applying it to user")
    call.sim.store.run(
        "INSERT OR REPLACE INTO rich_menu_links VALUES (?, ?, ?)", call.account, EVERYBODY, call.names["menu"]
    )
    call.sim.hub.publish(call.account, call.sim.people.following(call.account), {"news": "rich_menu"})
    return Response()


def _get_default(call: Call) -> Response:
    return _linked(replace(call, names={"user": EVERYBODY}))


def _clear_default(call: Call) -> Response:
    call.sim.store.run(
        "DELETE FROM rich_menu_links WHERE account = ? AND user_id = ?", call.account, EVERYBODY
    )
    call.sim.hub.publish(call.account, call.sim.people.following(call.account), {"news": "rich_menu"})
    return Response()


# aliases --------------------------------------------------------------------------------------------------


def _create_alias(call: Call) -> Response:
    body = read_object(call.request)
    alias = body.get("richMenuAliasId")
    if not isinstance(alias, str) or not _ALIAS.match(alias):
        details = [{"message": "invalid property", "property": "richMenuAliasId"}]
        return error(400, "The request body has 1 error(s)", details)
    menu = _menu(call.sim, call.account, body.get("richMenuId"))["id"]
    if call.sim.store.one(
        "SELECT 1 FROM rich_menu_aliases WHERE account = ? AND alias = ?", call.account, alias
    ):
        return error(400, "conflict richmenu alias id")
    call.sim.store.run("INSERT INTO rich_menu_aliases VALUES (?, ?, ?)", call.account, alias, menu)
    return Response()


def _update_alias(call: Call) -> Response:
    menu = _menu(call.sim, call.account, read_object(call.request).get("richMenuId"))["id"]
    changed = call.sim.store.run(
        "UPDATE rich_menu_aliases SET id = ? WHERE account = ? AND alias = ?",
        menu,
        call.account,
        call.names["alias"],
    )
    return Response() if changed else error(404, "richmenu alias not found")


def _get_alias(call: Call) -> Response:
    row = call.sim.store.one(
        "SELECT id FROM rich_menu_aliases WHERE account = ? AND alias = ?", call.account, call.names["alias"]
    )
    if row is None:
        return error(404, "richmenu alias not found")
    return Response(body={"richMenuAliasId": call.names["alias"], "richMenuId": row["id"]})


def _delete_alias(call: Call) -> Response:
    gone = call.sim.store.run(
        "DELETE FROM rich_menu_aliases WHERE account = ? AND alias = ?", call.account, call.names["alias"]
    )
    return Response() if gone else error(404, "richmenu alias not found")


def _list_aliases(call: Call) -> Response:
    rows = call.sim.store.all("SELECT alias, id FROM rich_menu_aliases WHERE account = ?", call.account)
    return Response(body={"aliases": [{"richMenuAliasId": r["alias"], "richMenuId": r["id"]} for r in rows]})


def shown_menu(sim: Simulator, account: str, user: str) -> dict[str, Any] | None:
    """The rich menu a friend sees: their own, else the default, else none."""
    row = sim.store.one(
        "SELECT id, m.menu FROM rich_menu_links l JOIN rich_menus m USING (account, id)"
        " WHERE l.account = ? AND l.user_id IN (?, ?) ORDER BY l.user_id DESC LIMIT 1",
        account,
        user,
        EVERYBODY,
    )
    return None if row is None else {"richMenuId": row["id"], **orjson.loads(row["menu"])}


ROUTES: list[Route[Handler]] = [
    Route("POST", "/v2/bot/richmenu", "richmenu_create", _create),
    Route("POST", "/v2/bot/richmenu/validate", "richmenu", _validate),
    Route("GET", "/v2/bot/richmenu/list", "richmenu_list", _list),
    Route("GET", "/v2/bot/richmenu/alias/list", "richmenu", _list_aliases),
    Route("POST", "/v2/bot/richmenu/alias", "richmenu", _create_alias),
    Route("GET", "/v2/bot/richmenu/alias/{alias}", "richmenu", _get_alias),
    Route("POST", "/v2/bot/richmenu/alias/{alias}", "richmenu", _update_alias),
    Route("DELETE", "/v2/bot/richmenu/alias/{alias}", "richmenu_alias_delete", _delete_alias),
    Route("POST", "/v2/bot/richmenu/bulk/link", "richmenu", _bulk_link),
    Route("POST", "/v2/bot/richmenu/bulk/unlink", "richmenu", _bulk_unlink),
    Route("GET", "/v2/bot/richmenu/{menu}", "richmenu", _get),
    Route("DELETE", "/v2/bot/richmenu/{menu}", "richmenu_delete", _delete),
    Route("POST", "/v2/bot/richmenu/{menu}/content", "richmenu", _upload),
    Route("GET", "/v2/bot/richmenu/{menu}/content", "richmenu", _download),
    Route("POST", "/v2/bot/user/all/richmenu/{menu}", "richmenu", _set_default),
    Route("GET", "/v2/bot/user/all/richmenu", "richmenu", _get_default),
    Route("DELETE", "/v2/bot/user/all/richmenu", "richmenu", _clear_default),
    Route("POST", "/v2/bot/user/{user}/richmenu/{menu}", "richmenu", _link),
    Route("DELETE", "/v2/bot/user/{user}/richmenu", "richmenu", _unlink),
    Route("GET", "/v2/bot/user/{user}/richmenu", "richmenu", _linked),
]
