"""A table of connections -> the classifier's input, one row each. What is missing stays missing (NaN).

Ports are seen as classes only, never as numbers, and source ports, addresses, names and times not at all: they would
tell one network's campaign apart and nothing of the next one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import STATES, Floats, Ints
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import ConnectionTable

SCHEMA = 1  # goes up where a column's meaning changes

NUMBERS: Mapping[str, str] = {
    "duration": "log(1 + seconds)",
    "orig_bytes": "log(1 + bytes)",
    "resp_bytes": "log(1 + bytes)",
    "orig_pkts": "log(1 + packets)",
    "resp_pkts": "log(1 + packets)",
    "orig_size": "log(1 + bytes a packet) of the originator",
    "resp_size": "log(1 + bytes a packet) of the responder",
    "balance": "share of the originator among the bytes, 0 to 1",
}
PROTOCOLS = ("tcp", "udp", "icmp")
SERVICES: Mapping[str, Sequence[str]] = {  # what a service is taken for -> how it may begin
    "dns": ("dns",),
    "http": ("http",),
    "ssl": ("ssl", "tls", "quic"),
    "ssh": ("ssh",),
    "ftp": ("ftp",),
    "mail": ("smtp", "imap", "pop3"),
    "windows": ("smb", "dce_rpc", "gssapi", "ntlm", "krb", "ldap"),
    "desktop": ("rdp", "rfb", "vnc"),
    "database": ("mysql", "postgres", "mongo", "redis"),
    "infrastructure": ("ntp", "dhcp", "snmp", "syslog", "radius", "mdns"),
    "other": (),  # named, but none of these
}
PORTS: Mapping[str, Sequence[int]] = {  # of the responder
    "web": (80, 443, 8000, 8008, 8080, 8081, 8443, 8888),
    "name": (53, 853, 5353, 137),
    "login": (22, 23, 21, 2222, 2323),
    "desktop": (3389, 5900, 5901, 5985, 5986),
    "windows": (88, 135, 139, 389, 445, 636),
    "mail": (25, 110, 143, 465, 587, 993, 995),
    "database": (1433, 1521, 3306, 5432, 6379, 9200, 27017),
    "infrastructure": (67, 68, 123, 161, 162, 514, 1900, 5355),
}
RANGES = ("system", "registered", "dynamic")  # of what is in none of these: below 1024, below 49152, above
# Letters of Zeek's history: capital of the originator, small of the responder.
HISTORY = "SshAaDdFfRrCcTtWw^"
_DYNAMIC, _REGISTERED = 49_152, 1024

FEATURES: tuple[str, ...] = (
    *NUMBERS,
    *(f"proto={name}" for name in PROTOCOLS),
    *(f"state={name}" for name in STATES if name),
    *(f"service={name}" for name in SERVICES),
    *(f"port={name}" for name in (*PORTS, *RANGES)),
    *(f"history={letter}" for letter in HISTORY),
)


def inputs(table: ConnectionTable) -> NDArray[np.float32]:
    """The classifier's input, (n, len(FEATURES)). Unknown services are `other`, a missing one is none of all."""
    columns = [
        *_numbers(table),
        *_among(table.proto, {name: [name] for name in PROTOCOLS}),
        *_among(table.conn_state, {name: [name] for name in STATES if name}, known=True),
        *_services(table.service),
        *_ports(table.resp_p),
        *_history(table.history),
    ]
    matrix = np.empty((len(table), len(FEATURES)), dtype=np.float32)
    for at, column in enumerate(columns):
        matrix[:, at] = column
    return matrix


def _numbers(table: ConnectionTable) -> list[Floats]:
    sent, got, out, back = table.orig_bytes, table.resp_bytes, table.orig_pkts, table.resp_pkts
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = [np.where(count > 0, size / count, np.nan) for size, count in ((sent, out), (got, back))]
        balance = np.where(sent + got > 0, sent / (sent + got), np.nan)
    return [*(np.log1p(column) for column in (table.duration, sent, got, out, back, *sizes)), balance]


def _among(column: Texts, groups: Mapping[str, Sequence[str]], known: bool = False) -> list[Floats]:
    """A column of 0 and 1 for each group. `known`: NaN where the row has no value, which then is not known."""
    missing = np.nan if known else 0.0
    return [np.where(column.codes < 0, missing, column.among(*values)).astype(np.float64) for values in groups.values()]


def _services(column: Texts) -> list[Floats]:
    names = list(SERVICES)
    kinds = column.map(np.array([names.index(service_kind(text)) for text in column.values], dtype=np.int64))
    return [(kinds == at).astype(np.float64) for at in range(len(names))]


def service_kind(service: str) -> str:
    """Which of SERVICES a service is; of several that Zeek saw together the first one."""
    first = service.strip().lower().replace("-", "").split(",")[0]
    return next((kind for kind, begins in SERVICES.items() if begins and first.startswith(tuple(begins))), "other")


def _ports(port: Ints) -> list[Floats]:
    named = [np.isin(port, ports) for ports in PORTS.values()]
    rest = ~np.any(named, axis=0) & (port >= 0)
    low, middle = port < _REGISTERED, port < _DYNAMIC
    return [found.astype(np.float64) for found in (*named, rest & low, rest & middle & ~low, rest & ~middle)]


def _history(column: Texts) -> list[Floats]:
    """Which letters a history holds; NaN where there is none, as of ICMP and of flows."""
    has = [np.array([letter in text for text in column.values], dtype=np.int64) for letter in HISTORY]
    return [np.where(column.codes < 0, np.nan, column.map(found, 0)).astype(np.float64) for found in has]
