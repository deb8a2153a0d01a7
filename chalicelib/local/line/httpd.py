"""The HTTP server: keep-alive, one write per answer, no delay before small packets.

The standard library's threading server, with a lean reading of requests in place of its e-mail parser:
nothing to install or pin, a thread per connection suits event streams and held-back answers (faults), and
it answers several hundred multicasts a second, more than LINE's own limit of 200.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import quoted

_MOST = 12_000_000
_HEADERS_MOST = 200
_STATUS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Request:
    """One request; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""

    def json(self) -> Any:
        """The body as JSON ({} when empty). Raises ValueError."""
        return orjson.loads(self.body) if self.body else {}

    def json_object(self) -> dict[str, Any]:
        """The object that the body is ({} when empty). Raises InvalidInput."""
        try:
            body = self.json()
        except ValueError as broken:
            raise InvalidInput(quoted(f"the body is not JSON: {broken}")) from broken
        if not isinstance(body, dict):
            raise InvalidInput(quoted("the body must be an object"))
        return body


@dataclass
class Response:
    """One answer: JSON unless ``content_type`` says otherwise; ``status`` 0 closes without a word."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    stream: Iterator[bytes] | None = None

    def payload(self) -> bytes:
        """The bytes of the body."""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


Application = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300
    bodyless = False
    application: Application

    def handle_one_request(self) -> None:
        """Read one request, answer it, and say whether the connection stays open."""
        try:
            request = self._read()
            if request is None:
                return
            response = self.application(request)
            if response.status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif response.stream is not None:
                self._send_stream(response)
            else:
                self._send(response)
        except (OSError, ValueError):  # the other side is gone, or does not speak HTTP
            self.close_connection = True

    def _read(self) -> Request | None:
        self.close_connection = True
        line = self.rfile.readline(65_537).decode("latin-1").split()
        if len(line) != 3:
            return None
        method, target, version = line
        headers: dict[str, str] = {}
        while (raw := self.rfile.readline(65_537)) not in {b"\r\n", b"\n", b""}:
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > _HEADERS_MOST:
                return None
        connection = headers.get("connection", "").lower()
        self.close_connection = connection == "close" or (
            version == "HTTP/1.0" and connection != "keep-alive"
        )
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts = urlsplit(target)
        self.bodyless = method == "HEAD"
        method = "GET" if self.bodyless else method
        return Request(
            method, parts.path, dict(parse_qsl(parts.query)), headers, self._body(headers), parts.query
        )

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = bytearray()
            while size := int(self.rfile.readline(100).split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline(3)
            self.rfile.readline(3)
            return bytes(body)
        size = int(headers.get("content-length") or 0)
        if size > _MOST:
            self.close_connection = True
            return b" " * _MOST
        return self.rfile.read(size)

    def _send(self, response: Response) -> None:
        payload = response.payload()
        head = self._head(response, {"Content-Length": str(len(payload))})
        self.wfile.write(head if self.bodyless else head + payload)

    def _send_stream(self, response: Response) -> None:
        self.close_connection = True
        assert response.stream is not None
        self.wfile.write(self._head(response, {"Cache-Control": "no-store", "Connection": "close"}))
        for piece in response.stream:
            self.wfile.write(piece)

    def _head(self, response: Response, more: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {response.status} {_STATUS.get(response.status, 'Unknown')}"]
        lines.append(f"Content-Type: {response.content_type}")
        if self.close_connection:
            more.setdefault("Connection", "close")
        lines += [f"{name}: {value}" for name, value in (response.headers | more).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 only; ``port`` 0 takes a free one (see ``server_port``)."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, application: Application) -> None:
        handler = type("Handler", (_Handler,), {"application": staticmethod(application)})
        super().__init__(("127.0.0.1", port), handler)

    def server_bind(self) -> None:
        """Bind without the base class's look-up of the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def error(status: int, message: str, details: list[dict[str, str]] | None = None) -> Response:
    """An error in LINE's shape."""
    body: dict[str, Any] = {"message": message}
    if details:
        body["details"] = details
    return Response(status, body)


def dumps(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
