"""POSTs to other people's systems: short, without redirects, and never into our own network.

The host is resolved once, every address is judged, and the call goes to a judged address (with the host's
name for TLS and the Host header), so that a name cannot change its meaning in between. One deadline holds
for everything, however slowly the other side speaks, and no more than a little of its answer is read.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.gateways import seam
from chalicelib.shared.internet import is_public
from chalicelib.shared.origins import BadAddress, Origin, origin_of
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.settings import settings

DEADLINE_S = 10.0
_CONNECT_S = 3.0
_MAX_ANSWER = 64 << 10
"""As much of an answer is read at most, head and body as they come."""
_PIECE = 16 << 10
_AS_WRITTEN = "/%:@!$&'()*+,;=-._~[]"


class Refused(Reasoned):
    """The address must not or cannot be called: not https, no host name, or it leads to a private network."""


class NoAnswer(Reasoned):
    """Nobody answered in time."""


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float | None = None) -> int:
    """POST a body; returns the HTTP status within ``seconds`` (10). Raises Refused or NoAnswer alone.

    Outside a laptop only https to public addresses is called.
    """
    return seam.cross(
        "web:post",
        {"url": url, "body": body, "headers": headers},
        lambda: _post(url, body, headers, seconds or DEADLINE_S),
    )


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    try:
        origin = origin_of(url)
    except BadAddress as error:
        raise Refused(error.reason) from error
    if origin.scheme != "https" and not settings().is_local:
        raise Refused(Reason("only_https"))
    deadline = _Deadline(seconds)
    addresses = _resolve(origin)
    try:
        with contextlib.closing(_connect(origin, addresses, deadline)) as wire:
            _ask(wire, origin, _target(url), body, headers)
            return _status(wire)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(Reason("connection_failed", error=type(error).__name__)) from error
    except ValueError as error:
        raise Refused(Reason("address_refused", origin=str(origin), error=str(error))) from error


def _target(url: str) -> str:
    """Path and query; what is not ASCII is percent-encoded, what is encoded stays."""
    parts = urlsplit(url)
    query = f"?{quote(parts.query, safe=_AS_WRITTEN + '?')}" if parts.query else ""
    return (quote(parts.path, safe=_AS_WRITTEN) or "/") + query


def _resolve(origin: Origin) -> list[str]:
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NoAnswer(Reason("host_unresolved", host=origin.host)) from error
    except ValueError as error:
        raise Refused(Reason("host_unknown", host=origin.host)) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not settings().is_local:
        for address in addresses:
            if not is_public(address):
                raise Refused(Reason("host_private", host=origin.host, address=address))
    return addresses


class _Deadline:
    """A time by which everything must be over. A timeout per read would begin again with every byte."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left. Raises TimeoutError when none are."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


class _Wire(io.RawIOBase):
    """A connected socket that keeps to the deadline and gives no more than ``_MAX_ANSWER``.

    It has what http.client asks of a socket: ``sendall``, ``makefile`` and ``close``.
    """

    def __init__(self, connected: socket.socket, deadline: _Deadline) -> None:
        self._socket, self._deadline, self._room = connected, deadline, _MAX_ANSWER
        self._reader = io.BufferedReader(self)

    def sendall(self, data: bytes) -> None:
        """Send everything, piece by piece, before the deadline."""
        view = memoryview(data)
        while view:
            self._socket.settimeout(self._deadline.left())
            view = view[self._socket.send(view[:_PIECE]) :]

    def makefile(self, *_: Any) -> io.BufferedIOBase:
        """What http.client reads answers from: one buffer for all of them."""
        return self._reader

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive what there is; too long an answer ends as if it had been cut off."""
        if not self._room:
            return 0
        self._socket.settimeout(self._deadline.left())
        got = self._socket.recv_into(memoryview(buffer)[: self._room])
        self._room -= got
        return got

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._socket.close()


def _connect(origin: Origin, addresses: list[str], deadline: _Deadline) -> _Wire:
    """A connection to the first address that takes one."""
    trouble: OSError = OSError("no address")
    for address in addresses:
        try:
            plain = socket.create_connection((address, origin.port), min(_CONNECT_S, deadline.left()))
        except OSError as error:
            trouble = error
            continue
        return _Wire(_secured(plain, origin, deadline), deadline)
    raise trouble


def _secured(plain: socket.socket, origin: Origin, deadline: _Deadline) -> socket.socket:
    if origin.scheme != "https":
        return plain
    try:
        plain.settimeout(deadline.left())
        return _tls().wrap_socket(plain, server_hostname=origin.host.removesuffix("."))
    except BaseException:
        plain.close()
        raise


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _ask(wire: Any, origin: Origin, target: str, body: bytes, headers: Mapping[str, str]) -> None:
    connection = http.client.HTTPConnection(origin.host, origin.port)
    connection.sock = wire
    always = {"Host": str(origin).partition("://")[2], "Connection": "close"}
    # Who refuses a long body may answer and close before it is sent.
    with contextlib.suppress(BrokenPipeError):
        connection.request("POST", target, body, {**always, **headers})


def _status(wire: Any) -> int:
    """The status of the answer; its body is read only as far as courtesy goes, and thrown away."""
    answers: list[http.client.HTTPResponse] = []
    while not answers or answers[-1].status < 200:
        answer = http.client.HTTPResponse(wire, method="POST")
        answer.begin()
        # All of them share one buffer, which the first to be forgotten would close.
        answers.append(answer)
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        answer.read(_MAX_ANSWER)
    return answer.status
