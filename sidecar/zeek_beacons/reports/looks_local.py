"""Networks that behave like the site's own and are not said to be: suggested to whoever reads, never assumed."""

from __future__ import annotations

import ipaddress
from collections import defaultdict

import numpy as np

from zeek_beacons.pairs import Pairs

LEAST_SERVERS = 10  # outside servers that one host of the network opens connections to: a scanner meets only the site
PREFIX = {4: 24, 6: 64}
SHOWN = 5


def looks_local(pairs: Pairs) -> list[str]:
    """A line for each network whose hosts, not local, open connections to many servers that are not local either.

    The networks with the most such servers first, SHOWN at most.
    """
    servers: dict[str, set[str]] = defaultdict(set)
    for row in np.flatnonzero(~pairs.orig_local & ~pairs.resp_local).tolist():
        servers[pairs.orig_h[row]].add(pairs.addr[row])
    hosts: dict[str, list[int]] = defaultdict(list)
    for host, met in servers.items():
        address = ipaddress.ip_address(host)
        net = ipaddress.ip_network((address, PREFIX[address.version]), strict=False)
        away = sum(ipaddress.ip_address(addr) not in net for addr in met)
        if away >= LEAST_SERVERS:
            hosts[str(net)].append(away)
    found = sorted(hosts.items(), key=lambda one: (-sum(one[1]), one[0]))
    return [
        f"{net} looks local: {_counted(counts)} there; if it is the site's own, say so with --local-net {net}"
        for net, counts in found[:SHOWN]
    ]


def _counted(counts: list[int]) -> str:
    if len(counts) == 1:
        return f"a host with connections to {counts[0]} servers elsewhere is"
    return f"{len(counts)} hosts with connections to up to {max(counts)} servers elsewhere are"
