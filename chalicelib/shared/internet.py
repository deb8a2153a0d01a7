"""Which IP addresses are on the public internet. Pure; the same whatever Python's own lists say."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_SPECIAL_4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
)
"""https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast."""
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 from which public addresses are given out."""
_SPECIAL_6 = tuple(
    ipaddress.IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
"""https://www.iana.org/assignments/iana-ipv6-special-registry, within 2000::/3."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet (no private, loopback, link-local, metadata …).

    An IPv6 address that represents IPv4 ones is as public as those.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not any(parsed in block for block in _SPECIAL_4)
    inner = _embedded(parsed)
    if inner:
        return all(is_public(str(one)) for one in inner)
    return parsed in _UNICAST_6 and parsed.is_global and not any(parsed in block for block in _SPECIAL_6)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that a mapped, NAT64, 6to4 or Teredo address leads to."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()
