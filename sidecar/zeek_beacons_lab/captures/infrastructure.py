"""Traffic that every network has and no method should be judged by: which pairs are set aside for all alike."""

from __future__ import annotations

import ipaddress

import numpy as np

from zeek_beacons.pairs import Bools, Pairs

# DNS, DHCP, NTP, NetBIOS, SNMP, syslog, DHCPv6, SSDP, WS-Discovery, mDNS, LLMNR: over UDP only.
SERVICE_PORTS = (53, 67, 68, 123, 137, 138, 161, 162, 514, 546, 547, 1900, 3702, 5353, 5355)


def is_infrastructure(pairs: Pairs) -> Bools:
    """Multicast, broadcast and link-local responders, ICMP, and UDP to a service port, (n,)."""
    local = {addr: _is_link_local(addr) for addr in set(pairs.addr)}
    nearby = np.array([local[addr] for addr in pairs.addr], dtype=np.bool_)
    udp, icmp = pairs.proto == "udp", pairs.proto == "icmp"
    service = udp & np.isin(pairs.resp_p, SERVICE_PORTS)
    broadcast = udp & np.array([addr.endswith(".255") for addr in pairs.addr], dtype=np.bool_)
    aside: Bools = pairs.is_multicast | nearby | icmp | service | broadcast
    return aside


def _is_link_local(addr: str) -> bool:
    return ipaddress.ip_address(addr).is_link_local
