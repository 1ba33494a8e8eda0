"""Where a pair goes: port, service, name, and how many of the site's hosts go there too.

Context never shows a rhythm; it tells benign timers from implants, which timing alone cannot. What was not measured is
NaN, and the forest is trained with parts of it taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.features.padded_rows import RowBlock, clear
from zeek_beacons.pairs import Floats, Ints, Pairs, Strings

MIN_SITE = 5  # hosts below which a share of them says nothing

# The service that Zeek's analyzers report at a port used as assigned (IANA; Zeek's likely ports). QUIC shares 443/udp.
SERVICES: Mapping[int, tuple[str, ...]] = {
    21: ("ftp",),
    22: ("ssh",),
    25: ("smtp",),
    53: ("dns",),
    67: ("dhcp",),
    80: ("http",),
    88: ("krb", "krb_tcp"),
    110: ("pop3",),
    123: ("ntp",),
    135: ("dce_rpc",),
    143: ("imap",),
    161: ("snmp",),
    389: ("ldap", "ldap_udp", "ldap_tcp"),
    443: ("ssl", "quic"),
    445: ("smb", "gssapi", "krb"),
    465: ("ssl", "smtp"),
    514: ("syslog",),
    587: ("smtp", "ssl"),
    636: ("ssl",),
    853: ("ssl",),
    993: ("ssl", "imap"),
    995: ("ssl", "pop3"),
    1883: ("mqtt",),
    3306: ("mysql",),
    3389: ("rdp", "ssl"),
    5060: ("sip",),
    5222: ("xmpp", "ssl"),
    5223: ("ssl",),
    5228: ("ssl",),
    5353: ("dns",),
    5355: ("dns",),
    5432: ("postgresql",),
    6379: ("redis",),
    6667: ("irc",),
    8443: ("ssl",),
    8883: ("ssl",),
}
WEB, ASSIGNED, ALTERNATIVE, REGISTERED, DYNAMIC = range(5)  # classes of ports, by how few benign pairs use them
WEB_PORTS = (80, 443)
ALTERNATIVE_PORTS = (8000, 8008, 8080, 8081, 8088, 8443, 8888)
FIRST_DYNAMIC = 49_152


@dataclass(frozen=True, eq=False)
class Context(RowBlock):
    """The descriptive columns of `m` pairs."""

    resp_p: Ints
    proto: Strings
    service: Strings
    named: Ints  # connections that carried a server name
    conns: Ints
    resp_hosts: Floats
    site_hosts: Floats


def context(pairs: Pairs, rows: Ints) -> Context:
    """The columns of some pairs as a block."""
    return Context(
        pairs.resp_p[rows],
        pairs.proto[rows],
        pairs.service[rows],
        pairs.named[rows],
        pairs.conns[rows],
        pairs.resp_hosts[rows],
        pairs.site_hosts[rows],
    )


def port_class(block: Context) -> Floats:
    """How unusual the port is: 0 web, 1 assigned and common, 2 alternative web, 3 other, 4 dynamic. NaN for icmp."""
    port = block.resp_p
    code = np.select(
        [
            np.isin(port, WEB_PORTS),
            np.isin(port, ALTERNATIVE_PORTS),
            np.isin(port, list(SERVICES)),
            port < FIRST_DYNAMIC,
        ],
        [WEB, ALTERNATIVE, ASSIGNED, REGISTERED],
        DYNAMIC,
    )
    return clear(code.astype(np.float64), block.proto != "icmp")


def service_fit(block: Context) -> Floats:
    """1: the service that the port is assigned to; 0: none was recognised; -1: another one."""
    fits: dict[tuple[int, str], float] = {}
    keys = list(zip(block.resp_p.tolist(), block.service.tolist(), strict=True))
    for port, service in set(keys):
        fits[port, service] = fit(port, service)
    return np.array([fits[key] for key in keys], dtype=np.float64)


def fit(port: int, service: str) -> float:
    """How a service, as conn.log writes it (several joined by commas), fits a port."""
    if not service:
        return 0.0
    seen = {part.lower() for part in service.split(",")}
    return 1.0 if seen & set(SERVICES.get(port, ())) else -1.0


def named_share(block: Context) -> Floats:
    """Share of the connections that carried a server name, 0 to 1; 0 also where no name was logged at all."""
    return block.named / np.maximum(block.conns, 1)


def prevalence(block: Context) -> Floats:
    """Share of the site's other hosts that talk to this responder, 0 to 1. NaN below MIN_SITE hosts."""
    others = (block.resp_hosts - 1) / np.maximum(block.site_hosts - 1, 1)
    return clear(others, block.site_hosts >= MIN_SITE)
