"""HTTP/1.1 POSTs to one endpoint over kept connections: a request is one write, its answer mostly one read.

For a hot call of some hundred bytes a general HTTP client costs as much CPU as everything else around it, and
each write to a socket as much again.
"""

from __future__ import annotations

import functools
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.httpsession import get_cert_path

_CONNECT_S, _READ_S = 3.0, 20.0
_PIECE = 1 << 16
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Unreachable(OSError):
    """No connection could be made; nothing was sent."""


class _ClosedMeanwhile(ConnectionError):
    """The server had closed the connection, or closed it without an answer."""


class Endpoint:
    """One scheme, host and port. Threads may share it; each call has a connection to itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.path = parts.netloc, parts.path or "/"
        self._address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._is_secure = parts.scheme == "https"
        self._idle: list[socket.socket] = []

    def post(self, headers: dict[str, str], body: bytes) -> Answer:
        """The answer to a POST. Raises Unreachable, TimeoutError or ConnectionError.

        A kept connection that turns out to be closed is replaced by a fresh one: the request may then be seen
        twice, as after every connection that is lost.
        """
        request = self._request(headers, body)
        kept = self._kept()
        if kept is not None:
            with suppress(_ClosedMeanwhile):
                return self._exchange(kept, request)
            self.close()  # the idle ones are as old (a function was frozen, say)
        return self._exchange(self._connect(), request)

    def begin(self, headers: dict[str, str], body: bytes) -> Begun:
        """Send a POST whose answer is read later. Raises OSError: perhaps nothing was sent."""
        request, kept = self._request(headers, body), self._kept()
        connection = self._connect() if kept is None else kept
        try:
            connection.sendall(request)
        except BaseException:
            connection.close()
            raise
        return Begun(self, connection)

    def _request(self, headers: dict[str, str], body: bytes) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return head.encode("latin-1") + body

    def _kept(self) -> socket.socket | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def close(self) -> None:
        """Close what is idle."""
        while (kept := self._kept()) is not None:
            kept.close()

    __del__ = close  # whoever forgets the endpoint keeps no connection of it

    def _connect(self) -> socket.socket:
        try:
            plain = socket.create_connection(self._address, _CONNECT_S)
            made = self._secured(plain) if self._is_secure else plain
        except OSError as error:
            raise Unreachable(str(error)) from error
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.settimeout(_READ_S)
        return made

    def _secured(self, plain: socket.socket) -> socket.socket:
        try:
            return _tls().wrap_socket(plain, server_hostname=self._address[0])
        except BaseException:
            plain.close()
            raise

    def _exchange(self, connection: socket.socket, request: bytes) -> Answer:
        try:
            reader = _sent(connection, request)
        except BaseException:
            connection.close()
            raise
        return self.take(connection, reader)

    def take(self, connection: socket.socket, reader: _Reader) -> Answer:
        """The answer on a connection, which is kept for the next call if it can be."""
        try:
            answer, stays = _read(reader)
        except BaseException:
            connection.close()
            raise
        if stays:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


class Begun:
    """A POST that was sent, and whose answer nobody has read yet."""

    def __init__(self, endpoint: Endpoint, connection: socket.socket) -> None:
        self._endpoint = endpoint
        self._connection: socket.socket | None = connection

    def end(self) -> Answer:
        """Its answer, once. Raises TimeoutError, and ConnectionError also where the connection had been
        closed.
        """
        connection, self._connection = self._connection, None
        assert connection is not None
        return self._endpoint.take(connection, _Reader(connection, b""))

    def drop(self) -> None:
        """Wait for no answer any more."""
        if self._connection is not None:
            self._connection.close()


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=get_cert_path(verify=True))


def _sent(connection: socket.socket, request: bytes) -> _Reader:
    """A reader that has the beginning of the answer."""
    try:
        connection.sendall(request)
        first = connection.recv(_PIECE)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise _ClosedMeanwhile from error
    if not first:
        raise _ClosedMeanwhile("the connection was closed without an answer")
    return _Reader(connection, first)


class _Reader:
    """Takes pieces of an answer off a connection."""

    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self._connection, self._data = connection, data

    def until(self, end: bytes) -> bytes:
        """Everything before the next ``end``, which is taken too."""
        while (at := self._data.find(end)) < 0:
            self._more()
        found, self._data = self._data[:at], self._data[at + len(end) :]
        return found

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        parts, missing = [self._data], size - len(self._data)
        while missing > 0:
            parts.append(self._piece())
            missing -= len(parts[-1])
        data = b"".join(parts)
        self._data = data[size:]
        return data[:size]

    def to_the_end(self) -> bytes:
        """Everything until the server closes the connection."""
        parts = [self._data]
        while piece := self._connection.recv(_PIECE):
            parts.append(piece)
        return b"".join(parts)

    def _more(self) -> None:
        self._data += self._piece()

    def _piece(self) -> bytes:
        piece = self._connection.recv(_PIECE)
        if not piece:
            raise ConnectionError("the connection was closed in the middle of an answer")
        return piece


def _read(reader: _Reader) -> tuple[Answer, bool]:
    """The answer, and whether the connection may be used again. Raises ConnectionError if it is no HTTP."""
    try:
        first, *lines = reader.until(_END).decode("latin-1").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body, framed = _body(reader, int(status), headers)
        answer = Answer(int(status), headers, body)
    except ValueError as error:
        raise ConnectionError(f"the answer is no HTTP: {error}") from error
    stays = framed and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return answer, stays


def _body(reader: _Reader, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
    """The body, and whether the answer marked its end."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunked(reader), True
    if "content-length" in headers:
        return reader.exactly(int(headers["content-length"])), True
    if status == 204:
        return b"", True
    return reader.to_the_end(), False


def _chunked(reader: _Reader) -> bytes:
    parts = []
    while size := int(reader.until(b"\r\n").split(b";")[0], 16):
        parts.append(reader.exactly(size))
        reader.until(b"\r\n")
    while reader.until(b"\r\n"):
        continue  # trailers
    return b"".join(parts)
