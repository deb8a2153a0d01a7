"""LINE Login's server side: one HTTP call per function, no retries inside, every call crossing the seam.

Rules: https://developers.line.biz/en/reference/line-login/
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from chalicelib.gateways import seam
from chalicelib.shared import time_left
from chalicelib.shared.settings import settings

_TIMEOUT_S = 5.0


class NoAnswer(Exception):
    """LINE did not answer, or with an error of its own: it may be asked again."""


class Refused(Exception):
    """LINE refused (``status``), in the words of its ``error``."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(f"LINE answered {status}: {error}")
        self.status, self.error = status, error


def exchange(channel: str, secret: str, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
    """The tokens for an authorization code: ``id_token``, ``access_token``, ``refresh_token``."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": channel,
        "client_secret": secret,
        "code_verifier": verifier,
    }
    return _ask("login_token", "POST", "/oauth2/v2.1/token", form=form)


def refresh(channel: str, secret: str, refresh_token: str) -> dict[str, Any]:
    """A new ``access_token`` of the friend, as long as the grant lives (90 days)."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    form |= {"client_id": channel, "client_secret": secret}
    return _ask("login_token", "POST", "/oauth2/v2.1/token", form=form)


def certificates() -> dict[str, Any]:
    """The public keys of ID tokens that are signed with ES256, as a JWK set."""
    return _ask("login_certs", "GET", "/oauth2/v2.1/certs")


def liff_apps(channel: str, secret: str) -> dict[str, Any]:
    """The LIFF apps of a Login channel: ``{"apps": [{"liffId", "view": {"type", "url"}}]}``."""
    return _ask("liff_apps", "GET", "/liff/v1/apps", token=_channel_token(channel, secret))


def withdraw(channel: str, secret: str, access_token: str) -> None:
    """Take back what a friend has allowed a Login channel (deauthorize), by the friend's access token."""
    body = {"userAccessToken": access_token}
    token = _channel_token(channel, secret)
    _ask("login_deauthorize", "POST", "/user/v1/deauthorize", body=body, token=token)


def _channel_token(channel: str, secret: str) -> str:
    """The Login channel's own access token, for fifteen minutes."""
    form = {"grant_type": "client_credentials", "client_id": channel, "client_secret": secret}
    return str(_ask("login_channel_token", "POST", "/oauth2/v3/token", form=form)["access_token"])


def _ask(
    kind: str,
    method: str,
    path: str,
    *,
    form: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> dict[str, Any]:
    detail = {"path": path, "form": form, "body": body, "token": token}
    return seam.cross(f"line:{kind}", detail, lambda: _call(method, path, form, body, token))


def _call(
    method: str,
    path: str,
    form: Mapping[str, str] | None,
    body: Mapping[str, Any] | None,
    token: str | None,
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    raw: bytes | None = None
    if form is not None:
        headers["Content-Type"], raw = "application/x-www-form-urlencoded", urlencode(form).encode()
    elif body is not None:
        headers["Content-Type"], raw = "application/json", json.dumps(body).encode()
    seconds = time_left.current().for_call(_TIMEOUT_S)
    timeout = urllib3.Timeout(connect=min(3.0, seconds), read=seconds)
    try:
        answer = _pool().request(
            method, f"{settings().line_api_url}{path}", body=raw, headers=headers, timeout=timeout
        )
    except urllib3.exceptions.HTTPError as error:
        raise NoAnswer(type(error).__name__) from error
    body = _object(answer.data)
    if answer.status in {200, 204}:
        return body
    if answer.status == 429 or answer.status >= 500:
        raise NoAnswer(f"LINE answered {answer.status}")
    raise Refused(answer.status, str(body.get("error") or body.get("message") or ""))


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data) if data else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=8, retries=False)
