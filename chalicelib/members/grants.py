"""What a friend has allowed our Login channel: kept sealed with the link, and withdrawn at LINE when it ends.

LINE's guidelines want the authorisation taken back when a link by LINE Login ends. That needs a token of the
friend, so the refresh token (90 days) stays with the link, encrypted with the account's own key.
https://developers.line.biz/en/docs/line-login/development-guidelines/
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace

from chalicelib.accounts.credentials import KEY, line_credentials
from chalicelib.accounts.service import find_account
from chalicelib.gateways import line_login
from chalicelib.members import store
from chalicelib.shared.observability import logger


def seal(account: str, text: str) -> str:
    """A text that only this account can read again."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt = os.urandom(12)
    sealed = AESGCM(_key(account)).encrypt(salt, text.encode(), account.encode())
    return base64.b64encode(salt + sealed).decode()


def withdraw(account_id: str, user: str) -> bool:
    """Withdraw what has to be of a friend's ended links; False when LINE has to be asked again later.

    One that LINE does not know any more (over, or withdrawn by the friend) is done.
    """
    link = store.find_links(account_id, [user])[user]
    account = find_account(account_id)
    for sealed in link.withdraw:
        try:
            secret = line_credentials(account_id).get("login_channel_secret")
            if account is not None and account.login_channel_id and secret:
                fresh = line_login.refresh(account.login_channel_id, secret, _open(account_id, sealed))
                line_login.withdraw(account.login_channel_id, secret, str(fresh["access_token"]))
        except line_login.NoAnswer:
            return False
        except (line_login.Refused, KeyError, ValueError):
            logger.warning("a grant could not be withdrawn", exc_info=True, extra={"account": account_id})
        while True:
            seen = store.find_links(account_id, [user])[user]
            left = tuple(one for one in seen.withdraw if one != sealed)
            if left == seen.withdraw or store.put_link(
                account_id, user, seen, replace(seen, v=seen.v + 1, withdraw=left)
            ):
                break
    return True


def _open(account: str, sealed: str) -> str:
    """The text that was sealed. Raises ValueError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = base64.b64decode(sealed)
    try:
        return AESGCM(_key(account)).decrypt(raw[:12], raw[12:], account.encode()).decode()
    except InvalidTag as error:
        raise ValueError("sealed by somebody else") from error


def _key(account: str) -> bytes:
    known = line_credentials(account)
    return hashlib.sha256(f"grants:{known.get(KEY) or known['channel_secret']}".encode()).digest()
