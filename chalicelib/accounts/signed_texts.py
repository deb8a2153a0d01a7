"""Texts that we hand out and take back: signed under the account's own key, so that nobody can make one.

``<what>.<signature>``, both base64url; HMAC-SHA256 cut to 128 bits. ``scope`` is what a text is for: one that
was signed for something else is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from chalicelib.accounts.credentials import KEY, line_credentials

_SIGNATURE_BYTES = 16


def seal(account: str, what: str, scope: str = "") -> str:
    """The text as it is in an address. Reads the account's credentials (cached for a minute)."""
    raw = what.encode()
    return f"{_text(raw)}.{_text(_sign(account, raw, scope))}"


def unseal(account: str, text: str, scope: str = "") -> str | None:
    """What a text says; None when the account did not sign it for this."""
    payload, _, signature = text.partition(".")
    try:
        raw, signed = _bytes(payload), _bytes(signature)
        return raw.decode() if hmac.compare_digest(_sign(account, raw, scope), signed) else None
    except (ValueError, binascii.Error):
        return None


def _sign(account: str, what: bytes, scope: str) -> bytes:
    known = line_credentials(account)
    # Accounts that were made before there were tokens have no key of their own.
    key = known.get(KEY) or hashlib.sha256(f"friend token:{known['channel_secret']}".encode()).hexdigest()
    # Neither scopes nor ids of accounts hold a line feed, and no id of an account a space, as scopes do.
    about = f"{scope}\n{account}" if scope else account
    return hmac.new(key.encode(), about.encode() + b"\n" + what, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
