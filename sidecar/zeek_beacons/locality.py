"""Which addresses are local: those of the networks that somebody names, or what Zeek takes for local by itself."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from socket import AF_INET, inet_pton

REMEMBERED = 1 << 16  # addresses whose place is kept

# What Zeek's Site framework calls local while nobody says otherwise (Site::private_address_space, Zeek 8.0): private,
# shared, link-local, documentation, benchmarking, multicast and reserved space, the same in 6to4, and IPv6's own.
_PRIVATE_IPV4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/24",
    "239.0.0.0/8",
    "240.0.0.0/4",
    "255.255.255.255/32",
)
_PRIVATE_IPV6 = (
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:2::/48",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
)


def _in_6to4(net: str) -> str:
    """The IPv6 network in which RFC 3056 embeds an IPv4 network: 16 bits of prefix, then its bits."""
    ipv4 = ipaddress.IPv4Network(net)
    prefix = 0x2002 << 112 | int(ipv4.network_address) << 80
    return str(ipaddress.IPv6Network((prefix, 16 + ipv4.prefixlen)))


PRIVATE_NETS = (*_PRIVATE_IPV4, *map(_in_6to4, _PRIVATE_IPV4), *_PRIVATE_IPV6)


def locality(nets: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether an address lies in one of the networks. Raises ValueError for what is no address."""
    networks = [ipaddress.ip_network(net) for net in nets]
    ranges = {
        4: _ranges(ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))),
        6: _ranges(ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))),
    }

    @lru_cache(REMEMBERED)
    def is_local(text: str) -> bool:
        version, number = _parsed(text)
        firsts, lasts = ranges[version]
        at = bisect_right(firsts, number) - 1
        return at >= 0 and number <= lasts[at]

    return is_local


def _parsed(text: str) -> tuple[int, int]:
    """Version and number of an address. Raises ValueError for what is none."""
    try:
        return 4, int.from_bytes(inet_pton(AF_INET, text), "big")  # six times as fast as what comes next
    except (OSError, ValueError):
        parsed = ipaddress.ip_address(text)
        return parsed.version, int(parsed)


def _ranges(networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> tuple[list[int], list[int]]:
    """First and last addresses of networks that do not overlap, in order."""
    bounds = sorted((int(net.network_address), int(net.broadcast_address)) for net in networks)
    return [first for first, _ in bounds], [last for _, last in bounds]


is_private = locality(PRIVATE_NETS)
