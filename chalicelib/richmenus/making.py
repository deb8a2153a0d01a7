"""LINE's side of menus: each is made once, with its picture, and known by the name that we give it.

A menu at LINE never changes, so a changed document is another menu there. Its name is ``todoku <document>
<what it was made of> <when>``: whoever was killed between LINE's answer and our commit finds it again by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from chalicelib.accounts import service as accounts
from chalicelib.catalog.kinds import Body
from chalicelib.gateways import clock, objects
from chalicelib.gateways.line_admin import Refused
from chalicelib.links.liff_addresses import ForEverybody
from chalicelib.media import pictures
from chalicelib.richmenus import addresses, calls
from chalicelib.richmenus.documents import made_of
from chalicelib.shared.errors import Detail, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import from_ms, to_ms

_NAME = re.compile(r"todoku (\S+) ([0-9a-f]{20}) ([0-9]{1,15})\Z")
_KEPT = timedelta(hours=1)
"""A menu that nothing shows may have been made by a publication that is under way."""
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Ours:
    """A menu of ours at LINE: of which document, made of what, and when."""

    id: str
    document: str
    made: str
    at: datetime


@dataclass(frozen=True)
class Image:
    """A picture as it goes to LINE."""

    data: bytes
    content_type: str


def with_token(account: str, call: Callable[..., Answer], *given: Any, **named: Any) -> Answer:
    """Ask LINE with an account's token; once more when it was a stale one. Raises Refused."""
    try:
        return call(accounts.line_credentials(account)["channel_access_token"], *given, **named)
    except Refused as error:
        if error.status != 401:
            raise
    token = accounts.line_credentials(account, refresh=True)["channel_access_token"]
    return call(token, *given, **named)


def ours(account: str) -> list[Ours]:
    """Our menus at LINE, the oldest first."""
    named = with_token(account, calls.menus)
    found = [(id_, _NAME.match(name)) for id_, name in named.items()]
    menus = [Ours(id_, m[1], m[2], from_ms(int(m[3]))) for id_, m in found if m is not None]
    return sorted(menus, key=lambda menu: (menu.at, menu.id))


def object_of(account: str, document: str, body: Body) -> Body:
    """The object that LINE is asked to make of a document."""
    name = f"todoku {document} {made_of(body)} {to_ms(clock.now())}"
    liff = ForEverybody(accounts.get_account(account).liff_id or "")
    return {"selected": False, **addresses.filled(body["rich_menu"], account, liff), "name": name}


def image_of(account: str, body: Body) -> Image:
    """A menu's picture. Raises RuleViolation when LINE would not take it."""
    media, size = str(body["image"]), body["rich_menu"]["size"]
    image = _stored(account, media)
    if image is None:
        raise RuleViolation.at("image", Reason("no_media", media=media))
    if len(image.data) > calls.MOST_IMAGE_BYTES:
        most = calls.MOST_IMAGE_BYTES
        raise RuleViolation.at("image", Reason("menu_image_bytes", has=len(image.data), most=most))
    width, height = pictures.size_of(image.data)
    if (width, height) != (size["width"], size["height"]):
        wanted = f"{int(size['width'])}×{int(size['height'])}"
        raise RuleViolation.at("image", Reason("menu_image_size", has=f"{width}×{height}", wanted=wanted))
    return image


def _stored(account: str, media: str) -> Image | None:
    for suffix, content_type in _TYPES.items():
        data = objects.find(f"media/{account}/{media}/original.{suffix}")
        if data is not None:
            return Image(data, content_type)
    return None


def make(account: str, document: str, body: Body, known: Mapping[tuple[str, str], str]) -> str:
    """LINE's id of a document's menu: of the one that is there, or of a new one, with its picture.

    ``known``: our menus at LINE, by document and what they were made of. Raises Refused, RuleViolation.
    """
    image = image_of(account, body)
    menu = known.get((document, str(made_of(body))))
    if menu is None:
        menu = with_token(account, calls.create, object_of(account, document, body))
    elif with_token(account, calls.has_image, menu):
        return menu
    with_token(account, calls.set_image, menu, image.data, image.content_type)
    return menu


def faults(account: str, document: str, body: Body) -> list[Detail]:
    """What is wrong with a menu that is to be made, by LINE's own judgement too. Raises Refused."""
    try:
        image_of(account, body)
        with_token(account, calls.validate, object_of(account, document, body))
    except RuleViolation as error:
        return list(error.details)
    except Refused as error:
        if error.may_work_later or error.status == 401:
            raise
        return refusal(error)
    return []


def refusal(error: Refused) -> list[Detail]:
    """What LINE says is wrong with a menu."""
    problems = [(str(d.get("property") or ""), str(d.get("message") or "")) for d in error.details]
    found = [Detail(f"rich_menu.{path}", _line_says(error, message)) for path, message in problems if path]
    return found or [Detail("rich_menu", _line_says(error, error.line_message))]


def _line_says(error: Refused, message: str) -> Reason:
    return Reason("line_answered", status=error.status or 0, message=message)


def show_aliases(account: str, wanted: Mapping[str, str]) -> None:
    """Let each alias lead to its menu. Raises Refused."""
    if not wanted:
        return
    standing = with_token(account, calls.aliases)
    for alias, menu in wanted.items():
        if standing.get(alias) != menu:
            with_token(account, calls.put_alias, alias, menu, is_new=alias not in standing)


def show_default(account: str, menu: str | None, mine: frozenset[str]) -> None:
    """Let this be what whoever is linked to none sees. Raises Refused.

    Where we have none, one that is not ours is left alone.
    """
    standing = with_token(account, calls.default)
    if standing != menu and (menu is not None or standing in mine):
        with_token(account, calls.set_default, menu)


def tidy(account: str, shown: frozenset[str]) -> int:
    """Delete our menus at LINE that nothing shows any more, with the aliases that lead there; how many.

    Raises Refused: 100 of them an hour.
    """
    oldest = clock.now() - _KEPT
    gone = {menu.id for menu in ours(account) if menu.id not in shown and menu.at < oldest}
    if not gone:
        return 0
    for alias, menu in with_token(account, calls.aliases).items():
        if menu in gone:
            with_token(account, calls.delete_alias, alias)
    for menu in sorted(gone):
        with_token(account, calls.delete, menu)
    return len(gone)
