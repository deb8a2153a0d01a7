"""Todoku's HTTP API as the tools use it: one account, one key, and refusals as sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from mcp.server.mcpserver.exceptions import ToolError

ROLES = ("viewer", "editor")
"""The roles of keys that are taken: neither can reach a friend."""
_SECONDS = urllib3.Timeout(connect=5, read=35)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class CannotServe(Exception):
    """Why the server does not begin: one sentence for the person who set it up."""


class Refused(ToolError):
    """Todoku said no: the sentence, with the paths of what is wrong."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Todoku:
    """The API of one account."""

    url: str
    key: str
    account: str
    role: str
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    @classmethod
    def connect(cls, url: str, key: str, account: str | None) -> Todoku:
        """Ask whose key it is. Raises CannotServe, also for a key that could reach friends."""
        _check_url(url)
        if not key:
            raise CannotServe("TODOKU_API_KEY is not set: make an editor's key with POST /v1/keys.")
        client = cls(url.rstrip("/"), key, account or "", "")
        try:
            me = client.ask("GET", "/v1/me")
        except Refused as refused:
            raise CannotServe(f"Todoku at {url} does not take this key: {refused}") from refused
        if me["role"] not in ROLES:
            raise CannotServe(
                f"This key is {me['role']}'s. An assistant gets a viewer's or an editor's key: whatever may"
                " reach friends is a person's to do."
            )
        found = me["account"] or account
        if not found or (account and account != found):
            raise CannotServe(f"The key is for {me['account'] or 'all accounts'}: name one with --account.")
        return cls(client.url, key, found, me["role"], client.pool)

    def of_account(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        revision: int | None = None,
    ) -> Any:
        """A request below the account. Raises Refused."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"/v1/accounts/{quote(self.account, safe='')}{path}"
        return self.ask(method, f"{target}?{urlencode(asked)}" if asked else target, body, revision)

    def ask(self, method: str, target: str, body: Any = None, revision: int | None = None) -> Any:
        """A request; returns its JSON. Raises Refused, also when nobody answers."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if revision is not None:
            headers["If-Match"] = str(revision)
        data = None if body is None else json.dumps(body)
        try:
            answer = self.pool.request(
                method, f"{self.url}{target}", body=data, headers=headers, timeout=_SECONDS
            )
            parsed = json.loads(answer.data) if answer.data else {}
        except (urllib3.exceptions.HTTPError, ValueError) as trouble:
            raise Refused(0, f"no answer: {type(trouble).__name__}") from trouble
        if not 200 <= answer.status < 300:
            raise Refused(answer.status, _sentence(answer.status, parsed))
        return parsed


def _check_url(url: str) -> None:
    at = urlsplit(url)
    if at.scheme != "https" and not (at.scheme == "http" and at.hostname in _LOOPBACK):
        raise CannotServe(f"{url} is not https: a key would travel in the clear.")


def _sentence(status: int, answer: Any) -> str:
    error = answer.get("error", {}) if isinstance(answer, dict) else {}
    details = [f"{one['path']}: {one['message']}" for one in error.get("details", [])]
    return "\n".join([f"{status} {error.get('code', '')}: {error.get('message', '')}", *details])


def element(text: str) -> str:
    """An id as an element of a path: what is no id stays one element. Raises Refused for a step up."""
    if text in {"", ".", ".."}:
        raise Refused(400, f"{text!r} is no id")
    return quote(text, safe="")
