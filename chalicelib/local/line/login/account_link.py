"""LINE's account link: the dialog to which a member site sends the browser.

https://developers.line.biz/en/docs/messaging-api/linking-accounts/
"""

from __future__ import annotations

import html
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.local.line import events
from chalicelib.local.line.friend_endpoints import deliver
from chalicelib.local.line.httpd import Request, Response
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.times import iso

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator

DIALOG = "/dialog/bot/accountLink"
_LIFE = timedelta(minutes=10)
_PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>LINE</title>
<h1>{title}</h1><p>{text}</p></html>"""
PAGE_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}


def dialog(sim: Simulator, request: Request) -> Response:
    """The friend comes back from the member site: LINE checks its own token, and reports the nonce."""
    token, nonce = (request.query.get(name, "") for name in ("linkToken", "nonce"))
    row = sim.store.one("SELECT * FROM link_tokens WHERE token = ?", token)
    if request.method != "GET" or row is None or row["at"] < iso(sim.now() - _LIFE):
        return page(400, "連携できません", "リンクの有効期限が切れています。")
    if not sim.store.run("UPDATE link_tokens SET used = 1 WHERE token = ? AND used = 0", token):
        return page(400, "連携できません", "このリンクはすでに使われています。")
    result = "ok" if 10 <= len(nonce) <= 255 else "failed"
    envelope = events.Envelope(row["user_id"], sim.now(), new_ulid(), new_ulid().lower(), sim.new_id)
    deliver(sim, row["account"], [events.account_link(envelope, nonce, result)])
    if result == "failed":
        return page(400, "連携できません", "もう一度お試しください。")
    return page(200, "連携しました", "トーク画面に戻ってください。")


def page(status: int, title: str, text: str) -> Response:
    """A page as LINE shows one in a browser."""
    body = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
    return Response(status, body, dict(PAGE_HEADERS), "text/html; charset=utf-8")
