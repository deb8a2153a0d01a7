"""Sessions of the web console: a cookie instead of an API key, for twelve hours.

The browser keeps a random text that only the cookie holds and no script can read; we keep its hash beside the
hash of the key. Each request reads the session, then the key: a key that is deleted, or whose replaced text
is over, ends its sessions. A request that may change something also needs ``X-Todoku-Console: 1`` and our own
origin, which no other site can send.
"""

from __future__ import annotations

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from chalice.app import Request

from chalicelib.accounts import keys, session_store
from chalicelib.accounts.model import ApiKey
from chalicelib.gateways import clock
from chalicelib.shared.errors import NotAllowed, Unauthenticated
from chalicelib.shared.ids import new_secret
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

LIFE = timedelta(hours=12)
CODE_LIFE = timedelta(hours=1)
HEADER = "X-Todoku-Console"
_COOKIE = "todoku_session"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def find_key(request: Request) -> ApiKey | None:
    """The key behind a request's session, or None when it has no cookie of ours.

    Raises Unauthenticated for a session that is over, NotAllowed for a write that other sites could send.
    """
    token = _token(request)
    if token is None:
        return None
    key_hash = session_store.find_session(keys.key_hash(token), clock.now())
    found = keys.find_by_hash(key_hash) if key_hash else None
    if found is None:
        raise Unauthenticated(Reason("session_over"))
    if request.method not in _SAFE:
        _require_console(request)
    return found


def start(request: Request, key_text: str) -> tuple[ApiKey, str]:
    """A new session for the key with this text: the key, and the ``Set-Cookie`` of the answer.

    Raises Unauthenticated for a key that is not known, NotAllowed for a request of another site.
    """
    require_own_origin(request)
    return _start(request, keys.find_valid(key_text))


def start_by_code(request: Request, code: str) -> tuple[ApiKey, str]:
    """A new session for a code of ``make_code``, which is over with it. Raises as ``start`` does."""
    require_own_origin(request)
    key_hash = session_store.take_code(keys.key_hash(code), clock.now())
    return _start(request, keys.find_by_hash(key_hash) if key_hash else None)


def make_code(code: str, key_text: str) -> None:
    """Let a code of at least 128 bits open one session for a key, within an hour."""
    session_store.put_code(keys.key_hash(code), keys.key_hash(key_text), clock.now() + CODE_LIFE)


def end(request: Request) -> str:
    """Forget the request's session, if it has one; the ``Set-Cookie`` that takes the cookie away."""
    token = _token(request)
    if token is not None:
        _require_console(request)
        session_store.delete_session(keys.key_hash(token))
    return _cookie(request, "", timedelta())


def require_own_origin(request: Request) -> None:
    """Raise NotAllowed when a browser says that another site's page asks."""
    origin = request.headers.get("origin")
    if origin is not None and not _is_ours(str(origin), _host(request)):
        raise NotAllowed(Reason("other_site"))


def _start(request: Request, key: ApiKey | None) -> tuple[ApiKey, str]:
    if key is None:
        raise Unauthenticated(Reason("unknown_sign_in"))
    token = new_secret()
    session_store.put_session(keys.key_hash(token), key.hash, clock.now() + LIFE)
    return key, _cookie(request, token, LIFE)


def _require_console(request: Request) -> None:
    if request.headers.get(HEADER.lower()) != "1":
        raise NotAllowed(Reason("session_header", header=HEADER))
    if request.headers.get("origin") is None:
        raise NotAllowed(Reason("session_origin"))
    require_own_origin(request)


def _is_ours(origin: str, host: str) -> bool:
    """Whether an origin is the one that was asked, or the one where the installation is published."""
    parts, public = urlsplit(origin), urlsplit(settings().public_url)
    if parts.netloc.lower() == host:
        return parts.scheme == "https" or parts.hostname in _LOOPBACK
    return (parts.scheme, parts.netloc.lower()) == (public.scheme, public.netloc.lower())


def _host(request: Request) -> str:
    return str(request.headers.get("host", "")).lower()


def _token(request: Request) -> str | None:
    try:
        found = SimpleCookie(str(request.headers.get("cookie", ""))).get(_COOKIE)
    except CookieError:
        return None
    return found.value if found is not None and 0 < len(found.value) <= 512 else None


def _cookie(request: Request, token: str, life: timedelta) -> str:
    """``Secure`` wherever it could leave the machine."""
    is_local = urlsplit(f"//{_host(request)}").hostname in _LOOPBACK
    text = f"{_COOKIE}={token}; Path=/; Max-Age={int(life.total_seconds())}; HttpOnly; SameSite=Strict"
    return text if is_local else f"{text}; Secure"
