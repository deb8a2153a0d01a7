"""LINE Login in LIFF's place: for accounts without a LIFF app, the same places by another way.

Nothing is kept of an attempt but in the browser itself, in a cookie that we have signed: state, nonce, the
verifier of PKCE, and where it leads. LINE takes a code once.
https://developers.line.biz/en/docs/line-login/integrate-line-login/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from chalicelib.accounts.credentials import KEY, line_credentials
from chalicelib.accounts.model import Account
from chalicelib.gateways import clock, line_login
from chalicelib.liff.entry import Refused, find_place, params, signed_in, ticket_of
from chalicelib.liff.places import Visit
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.ids import digest, new_secret
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

LIFE = timedelta(minutes=10)
_COOKIE = "todoku_login_"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Begun:
    """Where the browser goes at LINE, and the cookie that it brings back."""

    url: str
    cookie: str


def is_possible(account: Account) -> bool:
    """Whether the account has a Login channel of its own."""
    return account.login_channel_id is not None and "login_channel_secret" in line_credentials(account.id)


def begin(account: Account, path: str, query: str) -> Begun:
    """Send a browser to LINE, and from there to a place."""
    kept = {"state": new_secret(), "nonce": new_secret(), "verifier": new_secret()}
    hashed = hashlib.sha256(kept["verifier"].encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": account.login_channel_id,
        "redirect_uri": callback(account.id),
        "state": kept["state"],
        "scope": "openid profile",
        "nonce": kept["nonce"],
        "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
        "code_challenge_method": "S256",
        "bot_prompt": "aggressive",
    }
    url = f"{settings().line_access_url}/oauth2/v2.1/authorize?{urlencode(asked)}"
    kept |= {"path": path, "query": query, "until": iso(clock.now() + LIFE)}
    return Begun(url, _cookie(account.id, kept["state"], _sealed(account.id, kept), LIFE))


def finish(account: Account, came: Mapping[str, str], cookies: str) -> str | Reason:
    """A browser comes back from LINE: where it goes on. Raises Refused, Unavailable."""
    kept = _opened(account.id, came.get("state", ""), cookies)
    if "code" not in came:
        raise Refused(Reason("sign_in_declined"))
    channel = account.login_channel_id
    secret = line_credentials(account.id).get("login_channel_secret")
    if channel is None or secret is None:
        raise Refused(Reason("no_login_channel"))
    try:
        tokens = line_login.exchange(channel, secret, came["code"], kept["verifier"], callback(account.id))
    except line_login.NoAnswer as error:
        raise Unavailable(Reason("line_no_login")) from error
    except line_login.Refused as error:
        raise Refused(Reason("sign_in_unknown")) from error
    token = str(tokens.get("id_token") or "")
    user = signed_in(account.id, token, channel, secret, kept["nonce"])
    place, rest = find_place(kept["path"])
    return place.enter(Visit(account, user, rest, params(kept["query"]), ticket_of(token)))


def callback(account: str) -> str:
    """Where LINE sends browsers back: to be registered with the Login channel."""
    return f"{settings().public_url.rstrip('/')}/login/{account}/callback"


def _cookie(account: str, state: str, value: str, life: timedelta) -> str:
    """Sent along when LINE sends the browser back (a navigation from elsewhere: Lax); one per attempt."""
    parts = urlsplit(callback(account))
    seconds = int(life.total_seconds())
    text = f"{_name(state)}={value}; Path={parts.path}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return text if parts.hostname in _LOOPBACK else f"{text}; Secure"


def over(account: str, state: str) -> str:
    """The cookie of an attempt that is over."""
    return _cookie(account, state, "", timedelta())


def _name(state: str) -> str:
    return _COOKIE + digest(state)[:16]


def _opened(account: str, state: str, cookies: str) -> dict[str, Any]:
    """What was begun under a state in this browser. Raises Refused."""
    try:
        found = SimpleCookie(cookies).get(_name(state))
        payload, _, signature = (found.value if found else "").partition(".")
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        if not hmac.compare_digest(_signature(account, raw), signature):
            raise Refused(Reason("sign_in_other_browser"))
        kept: dict[str, Any] = json.loads(raw)
    except (CookieError, binascii.Error, ValueError, TypeError) as error:
        raise Refused(Reason("sign_in_other_browser")) from error
    if not hmac.compare_digest(kept["state"], state):
        raise Refused(Reason("sign_in_other_browser"))
    if iso(clock.now()) > kept["until"]:
        raise Refused(Reason("sign_in_over"))
    return kept


def _sealed(account: str, kept: Mapping[str, str]) -> str:
    raw = json.dumps(kept, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(raw).decode().rstrip('=')}.{_signature(account, raw)}"


def _signature(account: str, raw: bytes) -> str:
    known = line_credentials(account)
    key = known.get(KEY) or known["channel_secret"]
    return hmac.new(key.encode(), f"login:{account}:".encode() + raw, hashlib.sha256).hexdigest()
