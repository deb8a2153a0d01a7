"""Whether an account's LIFF app is Todoku's own page: LINE says where its endpoint is.

Asked before LIFF addresses are sent to friends: a LIFF app may be a page of the company's own, and an address
that leads nowhere would be sent for good. https://developers.line.biz/en/reference/liff-server/
"""

from __future__ import annotations

import time

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import line_credentials
from chalicelib.gateways import line_login
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings

_KNOWN_S = 600.0

_endpoints: dict[tuple[str, str], tuple[float, str | None]] = {}


def is_ours(account: Account) -> bool:
    """Whether the account's LIFF addresses lead to our page, by what LINE said within ten minutes; False also
    when LINE does not say.
    """
    return account.liff_id is not None and endpoint(account) == page_address(account.id)


def page_address(account: str) -> str:
    """The endpoint of an account's LIFF app."""
    return f"{settings().public_url.rstrip('/')}/liff/{account}"


def endpoint(account: Account) -> str | None:
    """Where an account's LIFF app is; None: LINE does not say, or there is none."""
    key = (account.id, str(account.liff_id))
    known = _endpoints.get(key)
    if known is None or time.monotonic() - known[0] > _KNOWN_S:
        known = _endpoints[key] = (time.monotonic(), _ask(account))
    return known[1]


def _ask(account: Account) -> str | None:
    secret = line_credentials(account.id).get("login_channel_secret")
    if account.login_channel_id is None or secret is None:
        return None
    try:
        apps = line_login.liff_apps(account.login_channel_id, secret)["apps"]
        found = next((app for app in apps if app["liffId"] == account.liff_id), None)
        return str(found["view"]["url"]).rstrip("/") if found else None
    except (line_login.NoAnswer, line_login.Refused, KeyError, TypeError):
        logger.warning(
            "LINE does not say where the LIFF app is", exc_info=True, extra={"account": account.id}
        )
        return None


def forget() -> None:
    """Know of no LIFF app (a new process)."""
    _endpoints.clear()
