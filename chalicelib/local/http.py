"""The HTTP server under the local API and the emulated AWS: threaded, keep-alive, loopback, no surprises.

Answers leave in one packet at once (no Nagle delay), names are never looked up, requests are not logged,
and bodies arrive byte for byte, chunked or not.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any

HOST = "127.0.0.1"
_IDLE_S = 600
_CHUNK_LINE = 1024
_LONGEST_LINE, _MOST_HEADERS = 65536, 100
_REQUEST = re.compile(r"(\S+) +(\S+) +(HTTP/1\.[01]) *")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Request:
    """One request as it came: ``target`` is the path with its query, header names keep their case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    alive: Callable[[], bool]


@dataclass(frozen=True)
class Reply:
    """What to answer; ``headers`` may repeat a name."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Answer = Callable[[Request], Reply]
Refuse = Callable[[int, str], Reply]
"""Shapes the answer to what is not even a request: status and a sentence."""


def _plain(status: int, message: str) -> Reply:
    return Reply(status, [("Content-Type", "text/plain")], message.encode())


class _Waiting(threading.local):
    works: list[Callable[[], None]] | None = None


_waiting = _Waiting()


def after_answer(work: Callable[[], None]) -> None:
    """Do it once the answer to this thread's request has left; at once where no request is being answered."""
    if _waiting.works is None:
        work()
    else:
        _waiting.works.append(work)


class TooLong(Exception):
    """The body is longer than the server takes."""


class _Head:
    """The headers of a request, as they came."""

    def __init__(self, file: BufferedIOBase) -> None:
        """Raises ValueError when they are none, OverflowError when they are too many or too long."""
        self.pairs: list[tuple[str, str]] = []
        while (line := file.readline(_LONGEST_LINE + 1)) not in {b"\r\n", b"\n"}:
            if len(line) > _LONGEST_LINE or len(self.pairs) == _MOST_HEADERS:
                raise OverflowError
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not _NAME.fullmatch(name):
                raise ValueError(name)
            self.pairs.append((name, value.strip()))

    def get(self, name: str) -> str:
        """The first of a name (in lower case); empty: there is none."""
        return next((value for given, value in self.pairs if given.lower() == name), "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _IDLE_S
    server: Server
    head: _Head
    raw_requestline: bytes

    def parse_request(self) -> bool:
        """As the base class, without its parser for e-mails, which took a fifth of a small answer's time."""
        self.command, self.close_connection = "", True
        self.requestline = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        found = _REQUEST.fullmatch(self.requestline)
        if found is None:
            if self.requestline.strip():
                self.send_error(400)
            return False
        self.command, path, self.request_version = found.groups()
        self.path = re.sub(r"\A/{2,}", "/", path)
        try:
            self.head = _Head(self.rfile)
        except (ValueError, OverflowError) as error:
            self.send_error(431 if isinstance(error, OverflowError) else 400)
            return False
        is_new, stays = self.request_version != "HTTP/1.0", self.head.get("connection").lower()
        self.close_connection = stays == "close" or (not is_new and stays != "keep-alive")
        if is_new and self.head.get("expect").lower() == "100-continue":
            return self.handle_expect_100()
        return True

    def _serve(self) -> None:
        works: list[Callable[[], None]] = []
        _waiting.works = works
        with self.server.busy():
            self._reply(self._answered())
            self.wfile.flush()
            for work in works:
                work()

    def _answered(self) -> Reply:
        try:
            body = self._body()
        except TooLong:
            self.close_connection = True
            return self.server.refuse(413, "The request is too large.")
        except ValueError:
            self.close_connection = True
            return self.server.refuse(400, "The body's length is not right.")
        headers: dict[str, str] = {}
        for name, value in self.head.pairs:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        try:
            return self.server.answer(Request(self.command, self.path, headers, body, self._alive))
        except Exception as error:  # noqa: BLE001 (one request must not end the server)
            print(f"{self.command} {self.path}: {error!r}", flush=True)
            return self.server.refuse(500, "An internal error occurred.")

    def _body(self) -> bytes:
        if "chunked" in self.head.get("transfer-encoding").lower():
            return self._chunks()
        length = int(self.head.get("content-length") or 0)
        if length < 0:
            raise ValueError(length)
        if length > self.server.max_body:
            # A caller that is still sending would not see the answer: take what it has and forget it.
            left = min(length, 10 * self.server.max_body)
            while left > 0 and (part := self.rfile.read(min(left, 65536))):
                left -= len(part)
            raise TooLong
        body = self.rfile.read(length)
        if len(body) < length:  # the caller went away, or said more than it had: half a file is no file
            raise ValueError(length)
        return body

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while size := int(self.rfile.readline(_CHUNK_LINE).split(b";")[0], 16):
            total += size
            if total > self.server.max_body:
                raise TooLong
            parts.append(self.rfile.read(size))
            self.rfile.readline(_CHUNK_LINE)
        while self.rfile.readline(_CHUNK_LINE).strip():
            pass
        return b"".join(parts)

    def _alive(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return True
        try:
            peeked: bytes = self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return False
        return peeked != b""

    def _reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        names = {name.lower() for name, _ in reply.headers}
        for name, value in reply.headers:
            self.send_header(name, value)
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not even a request (the base class calls this)."""
        self.close_connection = True
        self.request_version = self.protocol_version
        self.command = self.command or ""
        if code == 501:  # a method that nobody has
            code = 405
        self._reply(self.server.refuse(code, explain or message or "The request is not understood."))

    def handle_expect_100(self) -> bool:
        """Ask for the body now; the caller waits for this before it sends (S3 clients do)."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it)
        """Requests are not logged."""

    def handle(self) -> None:
        """Serve the connection; a caller that went away is nobody's error."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler._serve)  # noqa: SLF001 (the base class looks names up)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """An HTTP server on loopback whose every request is answered by one function."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(
        self, port: int, answer: Answer, *, refuse: Refuse = _plain, max_body: int = 64 * 1024 * 1024
    ) -> None:
        self.answer = answer
        self.refuse = refuse
        self.max_body = max_body
        self._busy = 0
        self._idle = threading.Condition()
        super().__init__((HOST, port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @contextlib.contextmanager
    def busy(self) -> Any:
        """Counts a request as being answered for the time of the block."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is not worth a traceback."""

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self, patience_s: float = 10) -> None:
        """Accept nothing more and let what is being answered be answered."""
        self.shutdown()
        deadline = time.monotonic() + patience_s
        with self._idle:
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._idle.wait(left)
        self.server_close()
