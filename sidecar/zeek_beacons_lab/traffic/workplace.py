"""Benign traffic of offices, games and peers: other ports than the web's, and protocols Zeek knows or does not.

Ports and services: IANA's registry and the products' firewall documents. Moments and sizes are assumed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons_lab.traffic.history import CLIENT, Traits, timed, unfold
from zeek_beacons_lab.traffic.series import (
    Peer,
    Plan,
    Rng,
    Story,
    log_uniform,
    one_of,
)
from zeek_beacons_lab.traffic.wire import Wire

# service, port, proto
_INSIDE = (
    ("smb", 445, "tcp"), ("ldap_tcp", 389, "tcp"), ("", 389, "udp"), ("krb_tcp", 88, "tcp"), ("dce_rpc", 135, "tcp"),
    ("dce_rpc", 49_670, "tcp"), ("", 5985, "tcp"), ("", 7680, "tcp"), ("", 9100, "tcp"), ("snmp", 161, "udp"),
    ("mysql", 3306, "tcp"), ("", 1433, "tcp"), ("postgresql", 5432, "tcp"), ("", 6379, "tcp"), ("http", 9200, "tcp"),
    ("ssl", 8009, "tcp"), ("ssh", 22, "tcp"), ("rdp", 3389, "tcp"), ("http", 8080, "tcp"), ("", 5900, "tcp"),
    ("http", 3000, "tcp"), ("ssl", 6443, "tcp"), ("http", 7680, "tcp"), ("ssl", 636, "tcp"),
)  # fmt: skip
_OUTSIDE = (
    ("", 5938, "tcp"), ("", 4070, "tcp"), ("", 27_015, "udp"), ("", 3478, "udp"), ("", 19_302, "udp"),
    ("", 51_820, "udp"), ("sip", 5060, "udp"), ("", 6881, "tcp"), ("ssl", 5222, "tcp"), ("", 1935, "tcp"),
    ("ssl", 853, "tcp"), ("ssl", 4460, "tcp"), ("ssh", 22, "tcp"), ("ftp", 21, "tcp"), ("smtp", 25, "tcp"),
    ("ssl", 8443, "tcp"), ("http", 8080, "tcp"), ("", 32_400, "tcp"), ("", 25_565, "tcp"), ("irc", 6667, "tcp"),
)  # fmt: skip


def office(rng: Rng, plan: Plan) -> Story:
    """Servers of one's own: files, directory, databases, printers; on a timer or when somebody works."""
    service, port, proto = one_of(rng, _INSIDE)
    return _either(rng, plan, Peer(service, port, proto, inside=True))


def peers(rng: Rng, plan: Plan) -> Story:
    """Games, calls, remote support, peer to peer, mail and shells outside."""
    service, port, proto = one_of(rng, _OUTSIDE)
    if rng.random() < 0.3:
        service, port = "", int(rng.integers(1024, 65_536))
    return _either(rng, plan, Peer(service, port, proto))


def _either(rng: Rng, plan: Plan, peer: Peer) -> Story:
    wire = Wire(
        up=log_uniform(rng, 20, 20_000),
        down=log_uniform(rng, 20, 50_000),
        up_spread=one_of(rng, (0.0, 0.1, 0.6, 1.2)),
        down_spread=one_of(rng, (0.0, 0.1, 0.6, 1.2)),
        seconds=min(log_uniform(rng, 0.01, 300.0), plan.gap),
        seconds_spread=one_of(rng, (0.05, 0.4, 1.2)),
        answered=one_of(rng, (1.0, 0.98, 0.8)),
    )
    if rng.random() < 0.35:
        law, jitter = one_of(rng, (("fixed", 0.0), ("gaussian", 0.1), ("symmetric", 0.3)))
        return timed(rng, plan, peer, wire, law, jitter, habits=replace(CLIENT, parallel=0.3))
    waits = rng.lognormal(0.0, float(rng.uniform(0.6, 2.0)), plan.n)
    waits = np.where(rng.random(plan.n) < float(rng.uniform(0.0, 0.6)), 0.02 * waits, waits)
    waits *= plan.n * plan.gap / waits.sum()
    return Story(unfold(rng, plan, Traits(), waits, wire, peer.proto, anchored=True), peer)
