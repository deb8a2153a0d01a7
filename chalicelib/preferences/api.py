"""``/p/{account}``: the friend's own page. Whose it is says a token that counts; nothing else does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from chalice.app import Blueprint, Response

from chalicelib.accounts.model import Account
from chalicelib.accounts.page_tokens import PREFERENCES, PageToken
from chalicelib.catalog.service import snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.friends.applied import is_applied
from chalicelib.gateways import clock, inbox
from chalicelib.http.routes import Operation
from chalicelib.members import service as members
from chalicelib.pages import page as pages
from chalicelib.pages import visits
from chalicelib.preferences import kept, topics
from chalicelib.shared.errors import InvalidInput, NotFound
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason, in_language
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet

bp = Blueprint(__name__)

_PATH = "/p/{account}"
_NONCE = re.compile(r"[0-9A-Z]{26}")
_NOTICES = {
    "saved": "page_saved",
    "soon": "page_saved_soon",
    "unlinked": "page_unlinked",
    "old": "page_data_old",
}


@bp.route(_PATH, methods=["GET"])
@pages.page_errors(bp)
def show(account: str) -> Response:
    """``GET /p/{account}?t=``: topics, the link with a member, what is kept; ``&view=unlink`` asks again."""
    request = bp.current_request
    found = visits.account_of(account)
    query = dict(request.query_params or {})
    token = visits.read(request, account, PREFERENCES)
    sheet = _sheet(found, token)
    link = members.link_of(account, token.user_id)
    shared: dict[str, Any] = {
        "account": found.name,
        "action": account,
        "token": query["t"],
        "member": _masked(link.member),
    }
    if query.get("view") == "unlink" and link.member:
        return pages.page(request, "unlink.html", place=link.place, **shared)
    with in_language(pages.language_of(request)):
        catalog = snapshot(account)
        notice = _NOTICES.get(query.get("done", ""))
        values: dict[str, Any] = {
            "notice": Reason(notice).text() if notice else "",
            "nonce": new_ulid(),
            "topics": topics.shown(sheet, catalog),
            "data": kept.lines(sheet, catalog, found),
        }
    return pages.page(request, "preferences.html", **shared, **values)


@bp.route(_PATH, methods=["POST"], content_types=[pages.FORM])
@pages.page_errors(bp)
def change(account: str) -> Response:
    """``POST /p/{account}``: what the page's buttons do; back to the page, which says so."""
    request = bp.current_request
    found = visits.account_of(account)
    fields = pages.fields(request)
    text = _one(fields, "t") or str(dict(request.query_params or {}).get("t") or "")
    token = visits.opened(account, text, PREFERENCES)
    visits.count(account, token.user_id)
    sheet = _sheet(found, token)
    button = _BUTTONS.get(_one(fields, "do"))
    if button is None:
        raise InvalidInput(Reason("page_unread"))
    with in_language(pages.language_of(request)):
        done = button(found, token, sheet, fields)
    if isinstance(done, Response):
        return done
    language = pages.language_of(request)
    return pages.go(f"{account}?{urlencode({'t': text, 'lang': language, 'done': done})}")


def _sheet(account: Account, token: PageToken) -> Sheet:
    """What is known of the friend. Raises NotFound when they were erased since the token was made."""
    sheet = friends.load(account.id, account.shards, token.user_id)
    if sheet is None:
        return new_sheet(account.id, token.user_id, iso(clock.now()))
    if visits.is_of_erased(sheet, token):
        raise NotFound(Reason("page_erased"))
    return sheet


def _save(account: Account, token: PageToken, sheet: Sheet, fields: Mapping[str, list[str]]) -> str:
    catalog = snapshot(account.id)
    offered = topics.shown(sheet, catalog)
    button = Reason("page_all_off").text() if _one(fields, "do") == "all_off" else ""
    choices = (
        topics.all_off(sheet, offered)
        if button
        else topics.changed(offered, fields.get("shown", ()), fields.get("in", ()))
    )
    if not choices:
        return "saved"
    nonce = _one(fields, "n")
    if not _NONCE.fullmatch(nonce):
        raise InvalidInput(Reason("page_unread"))
    words, state = (
        topics.wording(offered, choices, button),
        json.dumps(sheet.get("topics") or {}, sort_keys=True),
    )
    event = topics.event(account.id, token.user_id, iso(clock.now()), nonce, choices, words, state)
    inbox.put_all([event], Reason("change_not_taken"))
    return "saved" if is_applied(event) else "soon"


def _unlink(account: Account, token: PageToken, _sheet: Sheet, fields: Mapping[str, list[str]]) -> str:
    """This link and no later one: the page may be an old one."""
    link, place = members.link_of(account.id, token.user_id), _one(fields, "place")
    if link.member is not None and str(link.place) == place:
        with suppress(NotFound):  # ended by somebody else meanwhile
            members.unlink(account.id, link.member, token.user_id, "friend", place=link.place)
    return "unlinked"


def _data(
    account: Account, token: PageToken, sheet: Sheet, _fields: Mapping[str, list[str]]
) -> Response | str:
    """Everything as a file, for whoever has come from the chat just now."""
    if not visits.is_fresh(token):
        return "old"
    at = iso(clock.now())
    event = FriendEvent(new_ulid(), account.id, token.user_id, "data_requested", at, source="page")
    inbox.put_all([event], Reason("change_not_taken"))
    whole = kept.everything(account, sheet, snapshot(account.id), clock.now())
    headers: dict[str, Any] = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{account.id}-my-data.json"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body=json.dumps(whole, ensure_ascii=False, indent=1), headers=headers)


_BUTTONS: Mapping[str, Callable[..., Response | str]] = {
    "save": _save,
    "all_off": _save,
    "unlink": _unlink,
    "data": _data,
}


def _one(fields: Mapping[str, list[str]], name: str) -> str:
    return (fields.get(name) or [""])[0]


def _masked(member: str | None) -> str:
    """The end of a member's id: its owner knows it again, and nobody else learns it."""
    return f"••••{member[-2:]}" if member else ""


_QUERY: Mapping[str, Any] = {
    "t": "the friend's token: from {{ preferences_url }} in a message, or from LIFF",
    "lang": "ja or en; without it the phone's language",
    "view": "unlink: the page that asks whether the link with the member is to end",
    "done": "what was done just now",
}
OPERATIONS = [
    Operation("GET", _PATH, "The friend's own page: what they get", None, query=_QUERY, any_query=True),
    Operation(
        "POST",
        _PATH,
        "Change what the friend gets; end the link with a member; what is kept as a file",
        None,
        status=303,
        media_types=(pages.FORM,),
        any_query=True,
    ),
]
