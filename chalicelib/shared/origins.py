"""Where an address leads: scheme, host and port. Pure.

Hosts are kept as they go over the wire: in ASCII (IDNA) and lower case.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAX_HOST = 253
_UNFIT = re.compile(r"\A\s|[\x00-\x1f\x7f\\]|\s\Z")


class BadAddress(ValueError):
    """The text is no address that can be called; the message is a sentence about it."""


@dataclass(frozen=True)
class Origin:
    """Whom an address calls. Two addresses with the same origin call the same."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")


def origin_of(address: str) -> Origin:
    """The origin of an http or https address. Raises BadAddress."""
    if _UNFIT.search(address):
        raise BadAddress("an address has no control characters or backslashes and no spaces around it")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"the host or port of the address cannot be read ({error})"[:200]) from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadAddress("an address begins with https:// and a host")
    if port == 0:
        raise BadAddress("0 is not a port that can be called")
    return Origin(parts.scheme, _host(parts.hostname), port or PORTS[parts.scheme])


def _host(name: str) -> str:
    if ":" in name:
        try:
            return str(ipaddress.IPv6Address(name))
        except ValueError as error:
            raise BadAddress(f"{name[:60]!r} is not an IPv6 address") from error
    try:
        host = name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise BadAddress(f"{name[:60]!r} is not a host name: {error}"[:200]) from error
    labels = host.removesuffix(".").split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress(
            f"{name[:60]!r} is not a host name: its parts have 1 to 63 letters, digits and hyphens"
        )
    return host
