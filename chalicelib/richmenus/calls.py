"""LINE's calls about rich menus, by the official SDK: made, shown to everybody or to many, and taken away.

Every function raises ``line_admin.Refused``. To show one friend another menu is ``line.link_rich_menu``.
Rules: https://developers.line.biz/en/reference/messaging-api/#rich-menu
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.gateways.line_admin import Refused, ask, ask_data

MOST_AT_ONCE = 500
"""So many friends are linked in one call."""
MOST_IMAGE_BYTES = 1 << 20


def validate(token: str, menu: Mapping[str, Any]) -> None:
    """Whether LINE would take a menu."""
    ask(token, "richmenu_validate", lambda api, s: _with_object(api.validate_rich_menu_object, menu, s))


def create(token: str, menu: Mapping[str, Any]) -> str:
    """A new menu, without a picture; returns its id. 100 an hour."""
    made = ask(token, "richmenu_create", lambda api, s: _with_object(api.create_rich_menu, menu, s), menu)
    return str(made["richMenuId"])


def _with_object(call: Any, menu: Mapping[str, Any], seconds: float) -> Any:
    """Send a menu as it is written: the SDK's model counts characters in another way than LINE, and drops
    what it does not know yet.
    """
    from linebot.v3.messaging import RichMenuRequest

    class AsWritten(RichMenuRequest):  # type: ignore[misc]
        def to_dict(self) -> dict[str, Any]:
            return dict(menu)

    return call(AsWritten.construct(), _request_timeout=seconds)


def menus(token: str) -> dict[str, str]:
    """Every menu made by API: its name by its id."""
    found = ask(token, "richmenu_list", lambda api, s: api.get_rich_menu_list(_request_timeout=s))
    return {str(menu["richMenuId"]): str(menu["name"]) for menu in found["richmenus"]}


def delete(token: str, menu: str) -> None:
    """One menu less; one that is not there is fine. 100 an hour."""
    kind = "richmenu_delete"
    _unless_gone(token, kind, lambda api, s: api.delete_rich_menu(menu, _request_timeout=s), menu)


def has_image(token: str, menu: str) -> bool:
    """Whether a menu has its picture."""
    try:
        ask_data(
            token,
            "richmenu_image",
            lambda api, s: api.get_rich_menu_image(menu, _request_timeout=s),
            {"menu": menu},
        )
    except Refused as error:
        if error.status == 404:
            return False
        raise
    return True


def set_image(token: str, menu: str, image: bytes, content_type: str) -> None:
    """A menu's picture, once and for all."""

    def call(api: Any, seconds: float) -> Any:
        headers = {"Content-Type": content_type}
        return api.set_rich_menu_image(
            menu, body=bytearray(image), _headers=headers, _request_timeout=seconds
        )

    ask_data(token, "richmenu_upload", call, {"menu": menu})


def default(token: str) -> str | None:
    """The menu that whoever is linked to none sees, if it was set by API."""
    kind = "richmenu_default"
    try:
        found = ask(token, kind, lambda api, s: api.get_default_rich_menu_id(_request_timeout=s))
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return str(found["richMenuId"])


def set_default(token: str, menu: str | None) -> None:
    """Show this menu to whoever is linked to none; None: no menu."""
    if menu is None:
        ask(token, "richmenu_default_clear", lambda api, s: api.cancel_default_rich_menu(_request_timeout=s))
        return
    detail = {"menu": menu}
    ask(
        token,
        "richmenu_default_set",
        lambda api, s: api.set_default_rich_menu(menu, _request_timeout=s),
        detail,
    )


def aliases(token: str) -> dict[str, str]:
    """Which menu each alias leads to."""
    found = ask(token, "richmenu_alias_list", lambda api, s: api.get_rich_menu_alias_list(_request_timeout=s))
    return {str(one["richMenuAliasId"]): str(one["richMenuId"]) for one in found["aliases"]}


def put_alias(token: str, alias: str, menu: str, *, is_new: bool) -> None:
    """Let an alias lead to a menu."""

    def call(api: Any, seconds: float) -> Any:
        from linebot.v3.messaging import CreateRichMenuAliasRequest, UpdateRichMenuAliasRequest

        if is_new:
            wanted = CreateRichMenuAliasRequest(richMenuAliasId=alias, richMenuId=menu)
            return api.create_rich_menu_alias(wanted, _request_timeout=seconds)
        changed = UpdateRichMenuAliasRequest(richMenuId=menu)
        return api.update_rich_menu_alias(alias, changed, _request_timeout=seconds)

    ask(token, "richmenu_alias", call, {"alias": alias, "menu": menu})


def delete_alias(token: str, alias: str) -> None:
    """One alias less; one that is not there is fine. 100 an hour."""
    kind = "richmenu_alias_delete"
    _unless_gone(token, kind, lambda api, s: api.delete_rich_menu_alias(alias, _request_timeout=s), alias)


def link(token: str, menu: str | None, users: Sequence[str]) -> None:
    """Show a menu to these friends, 500 at most (None: whatever is the default); LINE takes some seconds.
    Whoever is no friend is left as they are.
    """

    def call(api: Any, seconds: float) -> Any:
        from linebot.v3.messaging import RichMenuBulkLinkRequest, RichMenuBulkUnlinkRequest

        if menu is None:
            wanted = RichMenuBulkUnlinkRequest(userIds=list(users))
            return api.unlink_rich_menu_id_from_users(wanted, _request_timeout=seconds)
        linked = RichMenuBulkLinkRequest(richMenuId=menu, userIds=list(users))
        return api.link_rich_menu_id_to_users(linked, _request_timeout=seconds)

    kind = "richmenu_bulk_unlink" if menu is None else "richmenu_bulk_link"
    ask(token, kind, call, {"menu": menu, "users": list(users)})


def of_friend(token: str, user: str) -> str | None:
    """The menu a friend is linked to, by whatever means; None: to none."""
    try:
        found = ask(
            token,
            "richmenu_of_friend",
            lambda api, s: api.get_rich_menu_id_of_user(user, _request_timeout=s),
            {"user": user},
        )
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return str(found["richMenuId"])


def _unless_gone(token: str, kind: str, call: Any, name: str) -> None:
    try:
        ask(token, kind, call, {"id": name})
    except Refused as error:
        if error.status != 404:
            raise
