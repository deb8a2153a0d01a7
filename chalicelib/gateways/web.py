"""POSTs to other people's systems: short, without redirects, and never into our own network.

The host is resolved once, every address is judged, and the call goes to the judged address (with the
host's name for TLS and the Host header), so that a name cannot change its meaning in between.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3

from chalicelib.gateways import seam
from chalicelib.shared.settings import settings

_TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)


class Refused(Exception):
    """The address must not be called: not https, or it leads to a private or special network."""


class NoAnswer(Exception):
    """Nobody answered."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """POST a body; answers the HTTP status. Raises Refused or NoAnswer.

    Outside a laptop only https to public addresses is called.
    """
    return seam.cross(
        "web:post", {"url": url, "body": body, "headers": headers}, lambda: _post(url, body, headers)
    )


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    parts = urlsplit(url)
    host, local = parts.hostname, settings().is_local
    if not host or parts.scheme not in ({"https", "http"} if local else {"https"}):
        raise Refused("only https addresses are called")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _resolve(host, port, local=local)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {**headers, "Host": host if parts.port is None else f"{host}:{parts.port}"}
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=_TIMEOUT, retries=False, server_hostname=host, assert_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=_TIMEOUT, retries=False)
    try:
        with pool:
            return int(pool.urlopen("POST", target, body=body, headers=sent, redirect=False).status)
    except urllib3.exceptions.HTTPError as error:
        raise NoAnswer(type(error).__name__) from error


def _resolve(host: str, port: int, *, local: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NoAnswer(f"{host} cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not local:
        for address in addresses:
            if not is_public(address):
                raise Refused(f"{host} leads to {address}, which is not a public address")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet (no private, loopback, link-local, metadata …)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None:
            return is_public(str(inner))
        if parsed in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
