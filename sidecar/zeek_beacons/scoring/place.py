"""Where a pair's ends lie: facts of addresses by which no single implant can be meant, whatever the rhythm.

Zeek carries the facts; this is the one place where they keep a pair from alerting, on every road.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Bools, Bytes, Pairs
from zeek_beacons.verdicts import BROADCAST, FROM_OUTSIDE, INBOUND, LINK_LOCAL, MULTICAST, OWN_BEACON, WEB_PAGE

BROWSED = 8  # other paths of a site from which on it is one that is looked at


def kinds(pairs: Pairs) -> Bytes:
    """What kind of finding each pair is, (n,) index into KINDS."""
    return np.where(is_inbound(pairs), FROM_OUTSIDE, OWN_BEACON).astype(np.uint8)


def gates(pairs: Pairs, config: Config) -> dict[int, Bools]:
    """Which pairs must not alert for where their ends lie, (n,) by SUPPRESSIONS, the first that holds first.

    What comes from outside may alert where just that was asked for.
    """
    return {
        MULTICAST: pairs.is_multicast,
        BROADCAST: is_broadcast(pairs),
        LINK_LOCAL: is_link_local(pairs),
        WEB_PAGE: is_web_page(pairs),
        INBOUND: is_inbound(pairs) & (config.direction != "inbound"),
    }


def is_broadcast(pairs: Pairs) -> Bools:
    """Datagrams to the directed broadcast address of the originator's own network, which nobody answers, (n,).

    Without the network's mask: an IPv4 responder that ends in 255 in the originator's /24, and never sends a byte.
    """
    owner = np.repeat(np.arange(len(pairs)), pairs.counts)
    silent = np.bincount(owner, np.nan_to_num(pairs.resp_bytes), len(pairs)) == 0
    ends = np.fromiter((addr.endswith(".255") for addr in pairs.addr), dtype=np.bool_, count=len(pairs))
    near: Bools = silent & ends & (pairs.proto == "udp")
    for row in np.flatnonzero(near).tolist():
        near[row] = pairs.orig_h[row].rpartition(".")[0] == pairs.addr[row].rpartition(".")[0]
    return near


def is_link_local(pairs: Pairs) -> Bools:
    """Pairs whose responder is reached on the same link only: neighbour discovery, self-assigned addresses, (n,)."""
    return _each(pairs.addr, _is_link_local)


def is_web_page(pairs: Pairs) -> Bools:
    """Requests inside kept-alive connections to a site of which the originator asks for much else as well, (n,).

    So do pages that poll. An implant's server is asked for little else; where it hides in a site that is looked at, its
    connections still tell.
    """
    polls: Bools = pairs.other_paths >= BROWSED
    return polls


def is_inbound(pairs: Pairs) -> Bools:
    """Pairs that come from outside: scans and guests of a server of the site, no implant of its own, (n,)."""
    inbound: Bools = ~pairs.orig_local & pairs.resp_local
    return inbound


def _is_link_local(addr: str) -> bool:
    return ipaddress.ip_address(addr).is_link_local if ":" in addr else addr.startswith("169.254.")


def _each(addresses: Iterable[str], fact: Callable[[str], bool]) -> Bools:
    """A fact of each address, looked up once for each different one."""
    listed = list(addresses)
    known = {addr: fact(addr) for addr in set(listed)}
    return np.fromiter((known[addr] for addr in listed), dtype=np.bool_, count=len(listed))
