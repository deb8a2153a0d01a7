"""A client of the whole HTTP application in one process, as an outside program would use it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chalice.test import Client, HTTPResponse

from chalicelib.accounts import service

ADMIN_KEY = "the-admin-key"
A_COUPON: dict[str, Any] = {
    "name": "春",
    "title": "春の 500 円引き",
    "from": "2026-03-01T00:00:00+09:00",
    "until": "2099-04-01T00:00:00+09:00",
    "reward": {"type": "discount", "amount": 500},
}


@dataclass(frozen=True)
class Api:
    """Speaks to the application with one API key."""

    key: str | None = ADMIN_KEY

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """One request; a body that is not bytes or text is sent as JSON; ``if_match=`` is ``If-Match``."""
        from app import app

        sent = {"Content-Type": "application/json"}
        if self.key is not None:
            sent["Authorization"] = f"Bearer {self.key}"
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
        if body is not None and not isinstance(body, bytes | str):
            data = json.dumps(body).encode()
        return Client(app).http.request(method, path, headers=sent, body=data)

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request that must succeed; returns its JSON body."""
        answer = self.call(method, path, body, **headers)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.body)
        return answer.json_body

    def refused(
        self, status: int, method: str, path: str, body: Any = None, **headers: str
    ) -> dict[str, Any]:
        """One request that must be refused with ``status``, in the contract's shape; returns the error."""
        answer = self.call(method, path, body, **headers)
        assert answer.status_code == status, (method, path, answer.status_code, answer.body)
        error: dict[str, Any] = answer.json_body["error"]
        assert isinstance(error["code"], str), error
        assert isinstance(error["message"], str), error
        assert set(error["reason"]) == {"code", "params"}, error
        assert all(set(detail) == {"path", "message", "reason"} for detail in error["details"]), error
        return error

    def paths(self, status: int, method: str, path: str, body: Any = None) -> list[str]:
        """The paths that a refusal names."""
        return [detail["path"] for detail in self.refused(status, method, path, body)["details"]]


def an_api() -> Api:
    """The application with a global admin key."""
    service.ensure_key("test-admin", "tests", "admin", None, ADMIN_KEY)
    return Api()


def an_account(api: Api, account: str = "shop", **fields: Any) -> str:
    """Make an account; returns the beginning of its paths."""
    body = {"name": account, "channel_secret": "secret", "channel_access_token": "token", **fields}
    api.ok("PUT", f"/v1/accounts/{account}", body)
    return f"/v1/accounts/{account}"


def a_key(api: Api, role: str, account: str | None = None) -> Api:
    """The application with a fresh key of this role."""
    body = {"name": f"{role} of {account}", "role": role, "account": account}
    return Api(api.ok("POST", "/v1/keys", body)["key"])
