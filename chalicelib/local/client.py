"""A small HTTP client for the story and the end-to-end tests: what an outside program would do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit


class Refused(Exception):
    """An answer other than the expected 2xx."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        super().__init__(f"{method} {path} answered {status}: {body}")
        self.status, self.body = status, body


class Client:
    """Speaks JSON to one base URL, with one API key, over one kept connection."""

    def __init__(self, base_url: str, api_key: str = "") -> None:
        parts = urlsplit(base_url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.api_key = api_key
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the kept connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request; a connection that was dropped while idle is opened again once."""
        sent = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        sent |= headers or {}
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                self._connection.request(method, path, body, sent)
                answer = self._connection.getresponse()
                data = answer.read()
            except (http.client.HTTPException, OSError):
                self._connection.close()
                self._connection = None
                if attempt == 2:
                    raise
            else:
                return answer.status, data
        raise AssertionError("unreachable")

    def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> Any:
        """One request with a JSON (or text) body; returns the JSON body of a 2xx, else raises ``Refused``."""
        data = None
        if body is not None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if data is not None else {}
        status, answer = self.raw(method, path, data, headers)
        parsed = json.loads(answer) if answer else None
        if not 200 <= status < 300:
            raise Refused(method, path, status, parsed)
        return parsed

    def get(self, path: str) -> Any:
        """GET."""
        return self.call("GET", path)

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON."""
        return self.call("PUT", path, body)

    def post(self, path: str, body: Any) -> Any:
        """POST JSON."""
        return self.call("POST", path, body)

    def webhook(self, account: str, secret: str, payload: dict[str, Any]) -> int:
        """Deliver a webhook as LINE does, signed with the channel secret; returns the status."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {"Content-Type": "application/json; charset=utf-8", "x-line-signature": signature}
        return self.raw("POST", f"/webhook/{account}", body, headers)[0]

    def items(self, path: str) -> list[Any]:
        """Every item of a paged list."""
        found: list[Any] = []
        cursor = None
        while True:
            mark = ("&" if "?" in path else "?") + f"cursor={cursor}" if cursor else ""
            page = self.get(path + mark)
            found += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return found


def until(what: str, check: Any, timeout_s: float = 60, every_s: float = 0.2) -> Any:
    """Call ``check`` until it answers something true; raises TimeoutError with the last answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(every_s)
