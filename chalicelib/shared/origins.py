"""Where an address leads, and how it is written so that everybody reads the same in it. Pure.

The one judge of addresses: those of links, those that actions call, and the calls themselves. Hosts are kept
as they go over the wire, in ASCII (IDNA) and lower case; paths and queries percent-encoded, as browsers do
(https://url.spec.whatwg.org/#percent-encoded-bytes).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from chalicelib.shared.reasons import Reason, Reasoned

PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAX_HOST = 253
_UNFIT = re.compile(r"\A\s|[\x00-\x1f\x7f\\]|\s\Z")

_BEGINNING = re.compile(r"(https?)://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_READ_IN_TWO_WAYS = frozenset("ßẞς")
"""Letters that browsers keep in hosts (IDNA 2008), where older programs read others (IDNA 2003)."""
_SAFE_IN_PATH = "!$%&'()*+,-./:;=@[]_|~"
_SAFE_BEHIND = _SAFE_IN_PATH.replace("'", "") + "?`{}^"
MAX_ADDRESS = 8_000
"""The longest address; servers and browsers take no longer ones."""


class BadAddress(Reasoned, ValueError):
    """The text is no address that can be called."""


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
        raise BadAddress(Reason("address_controls"))
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise BadAddress(Reason("address_unread", error=str(error))) from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadAddress(Reason("address_begins"))
    if port == 0:
        raise BadAddress(Reason("address_port"))
    return Origin(parts.scheme, _host(parts.hostname), port or PORTS[parts.scheme])


def _host(name: str) -> str:
    if ":" in name:
        try:
            return str(ipaddress.IPv6Address(name))
        except ValueError as error:
            raise BadAddress(Reason("address_no_ipv6", host=name[:60])) from error
    if not _READ_IN_TWO_WAYS.isdisjoint(name):
        raise BadAddress(Reason("address_two_hosts", host=name[:60]))
    try:
        host = name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise BadAddress(Reason("address_no_host", host=name[:60], error=str(error))) from error
    labels = host.removesuffix(".").split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress(Reason("address_host_parts", host=name[:60]))
    return host


def reachable(address: str, *, on_laptop: bool) -> Origin:
    """The origin of an address that means one place to everybody who reads it. Raises BadAddress.

    ``on_laptop``: hosts without a dot, such as localhost, are places there.
    """
    begins = _BEGINNING.fullmatch(address)
    if begins is None:
        raise BadAddress(Reason("address_begins_like"))
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in address):
        raise BadAddress(Reason("address_invisible"))
    if "@" in begins[2]:
        raise BadAddress(Reason("address_user"))
    origin = origin_of(address)
    if not on_laptop and "." not in origin.host.strip(".") and ":" not in origin.host:
        raise BadAddress(Reason("address_no_dot", host=origin.host))
    return origin


def normal(address: str, *, on_laptop: bool) -> str:
    """The address as it goes over the wire. Raises BadAddress. Normal addresses stay as they are."""
    origin = reachable(address, on_laptop=on_laptop)
    if any(char.isspace() for char in address):
        raise BadAddress(Reason("address_spaces"))
    if _is_odd_ipv4(origin.host):
        raise BadAddress(Reason("address_odd_ipv4", host=origin.host))
    begins = _BEGINNING.fullmatch(address)
    behind = _STRAY_PERCENT.sub("%25", begins[3] if begins else "")
    path, mark, rest = behind.partition("?") if "?" in behind.partition("#")[0] else behind.partition("#")
    written = str(origin) + quote(path, safe=_SAFE_IN_PATH) + mark + quote(rest, safe=_SAFE_BEHIND + "#")
    if len(written) > MAX_ADDRESS:
        raise BadAddress(Reason("address_too_long", most=MAX_ADDRESS))
    return written


def _is_odd_ipv4(host: str) -> bool:
    """Whether browsers read a host as an IPv4 address although it is not written as one."""
    last = host.rstrip(".").rpartition(".")[2]
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return False
    try:
        return str(ipaddress.IPv4Address(host)) != host
    except ValueError:
        return True
