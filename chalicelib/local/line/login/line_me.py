"""``line.me/R/…``: an account's profile, where people add it, and its chat with a text that is there already.

https://developers.line.biz/en/docs/messaging-api/using-line-url-scheme/
"""

from __future__ import annotations

import html
import urllib.parse
from typing import TYPE_CHECKING

from chalicelib.local.line import events
from chalicelib.local.line.friend_endpoints import deliver
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.login import liff, oauth
from chalicelib.local.line.login.account_link import PAGE_HEADERS, page
from chalicelib.local.line.people import Channel, basic_id_of
from chalicelib.shared.ids import new_ulid

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

_PROFILE, _CHAT = "/R/ti/p/", "/R/oaMessage/"
_PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{name}</title>
<h1>{name}</h1>{text}{people}</html>"""
_PERSON = """<form method="post"><input type="hidden" name="user" value="{user}">
<button>{what}（{name}）</button></form>"""


def answer(sim: Simulator, request: Request) -> Response | None:
    """The answer of ``line.me``; None: the request is none of its own."""
    for path, act in ((_PROFILE, _add), (_CHAT, _say)):
        if request.path.startswith(path):
            basic_id = request.path.removeprefix(path).strip("/")
            channel = _channel(sim, urllib.parse.unquote(basic_id))
            if channel is None:
                return page(404, "404 Not Found", "LINE")
            return act(sim, request, channel, urllib.parse.unquote(request.raw_query))
    return None


def _channel(sim: Simulator, basic_id: str) -> Channel | None:
    return next((one for one in sim.people.channels() if basic_id_of(one) == basic_id), None)


def _add(sim: Simulator, request: Request, channel: Channel, _text: str) -> Response:
    user = oauth.form_of(request).get("user", "")
    if request.method == "POST" and user:
        oauth.befriend(sim, channel.account, user)
        return page(200, "友だちに追加しました", channel.name)
    who = liff.who(request)
    if who and sim.people.status(channel.account, who) == "following":
        return page(200, channel.name, "友だちです。トーク画面に戻ってください。")
    return _choose(sim, channel, who, "友だち追加", "")


def _say(sim: Simulator, request: Request, channel: Channel, text: str) -> Response:
    user = oauth.form_of(request).get("user", "")
    if request.method == "POST" and user:
        envelope = events.Envelope(user, sim.now(), new_ulid(), new_ulid().lower(), sim.new_id)
        deliver(sim, channel.account, [events.message(envelope, {"type": "text", "text": text})])
        return page(200, "送信しました", text)
    return _choose(sim, channel, liff.who(request), "送信", f"<blockquote>{html.escape(text)}</blockquote>")


def _choose(sim: Simulator, channel: Channel, who: str, what: str, text: str) -> Response:
    """Whoever opens it: this friend, or one of all."""
    found = sim.people.friends(channel.account, who, limit=50)
    people = [(one["user_id"], one["display_name"]) for one in found]
    people = people or ([(who, sim.people.person(who)["name"])] if who else [])
    forms = "".join(
        _PERSON.format(user=html.escape(user), name=html.escape(name), what=what) for user, name in people
    )
    body = _PAGE.format(name=html.escape(channel.name), text=text, people=forms).encode()
    return Response(200, body, dict(PAGE_HEADERS), "text/html; charset=utf-8")
