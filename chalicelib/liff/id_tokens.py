"""LINE's ID tokens: who has signed in. Of a token that holds, ``sub`` alone is trusted: nothing else need be
in it.

Web logins are signed with the Login channel's secret (HS256), LIFF's and native apps' with a key of LINE's
(ES256), which LINE publishes and changes. https://developers.line.biz/en/docs/line-login/verify-id-token/
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib.gateways import clock, line_login
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.user_ids import BadUserId, user_id

ISSUER = "https://access.line.me"
_LEEWAY_S = 60
_OLDEST_S, _AGAIN_S = 24 * 3600.0, 60.0
"""So long keys are known; and for a key that is not among them LINE is asked again, so often at most."""
_LONGEST = 8_000

_keys: dict[str, Any] = {}
"""``set``: what LINE published, ``at``: when it was read, ``for``: the client of this process."""


class BadToken(Exception):
    """The token does not say who has signed in."""


def verify(token: str, channel: str, secret: str | None, nonce: str | None = None) -> str:
    """The user id for whom LINE signed this token for the channel. ``nonce``: the one that it must hold.

    Raises BadToken, and Unavailable when LINE's keys cannot be read now.
    """
    # Imported here: most of the functions never verify one.
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    try:
        algorithm, kid = _header(token)
        key: Any = OctKey.import_key(secret) if algorithm == "HS256" and secret else None
        if algorithm == "ES256":
            key = _published(kid)
        if key is None:
            raise BadToken("not signed as LINE signs")
        claims = jwt.decode(token, key, algorithms=[algorithm]).claims
        expected: Any = {"nonce": {"essential": True, "value": nonce}} if nonce is not None else {}
        registry = jwt.JWTClaimsRegistry(
            now=int(clock.now().timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": channel},
            exp={"essential": True},
            sub={"essential": True},
            **expected,
        )
        registry.validate(claims)
        if not isinstance(claims["aud"], str) or not isinstance(claims["sub"], str):
            raise BadToken("another shape than LINE's")
        return user_id(claims["sub"])
    except (JoseError, ValueError, TypeError, KeyError, BadUserId) as error:
        raise BadToken(type(error).__name__) from error


def _header(token: str) -> tuple[str, str | None]:
    from joserfc import jws

    if len(token) > _LONGEST or token.count(".") != 2:
        raise BadToken("no token of LINE's")
    header = jws.extract_compact(token.encode()).headers()
    kid = header.get("kid")
    return str(header.get("alg")), kid if isinstance(kid, str) else None


def _published(kid: str | None) -> Any:
    """The key of LINE's with this id. Raises BadToken, Unavailable."""
    for may_ask in (False, True):
        if may_ask and time.monotonic() - _keys.get("asked", -_AGAIN_S) < _AGAIN_S and "set" in _keys:
            break
        if may_ask or time.monotonic() - _keys.get("at", -_OLDEST_S) >= _OLDEST_S:
            _read_keys()
        for key in _keys["set"].keys if "set" in _keys else ():
            if kid is not None and key.kid == kid and key.key_type == "EC":
                return key
    raise BadToken("signed with no key of LINE's")


def _read_keys() -> None:
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    _keys["asked"] = time.monotonic()
    try:
        found = KeySet.import_key_set(line_login.certificates())  # type: ignore[arg-type]
    except (line_login.NoAnswer, line_login.Refused, JoseError, ValueError, TypeError, KeyError) as error:
        if "set" in _keys:
            logger.warning("LINE's keys cannot be read now; those known stay", exc_info=True)
            return
        raise Unavailable(Reason("line_no_keys")) from error
    _keys.update({"set": found, "at": time.monotonic()})


def forget_keys() -> None:
    """Know no key of LINE's (a new process)."""
    _keys.clear()
