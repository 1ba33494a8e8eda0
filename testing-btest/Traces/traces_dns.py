"""Check-ins and data inside queries to name servers; written by `make_traces.py`."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from packets import Trace, dns_answer, dns_name, dns_query

T0 = 1_700_000_000.0
RESOLVER = ("10.0.0.53", 53)
TXT, PTR, AAAA = 16, 12, 28
NXDOMAIN = 0x8183  # flags of an answer
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Asked:
    """A client's queries, each from a port of its own."""

    def __init__(self, trace: Trace, client: str) -> None:
        self._trace, self._client, self._number = trace, client, 0

    def ask(self, ts: float, name: str, *records: str, kind: int = 1, answered: bool = True) -> None:
        """A query for a name, and its answer. `records`: addresses."""
        self._number += 1
        number = self._number
        answer = dns_answer(name, number, *records, kind=kind) if answered else b""
        self._trace.udp(ts, (self._client, 20_000 + number), RESOLVER, dns_query(name, number, kind), answer)

    def vain(self, ts: float, name: str) -> None:
        """A query for the address of a name that there is not."""
        self._number += 1
        answer = struct.pack("!HHHHHH", self._number, NXDOMAIN, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", 1, 1)
        self._trace.udp(ts, (self._client, 20_000 + self._number), RESOLVER, dns_query(name, self._number), answer)

    def text(self, ts: float, name: str, told: str) -> None:
        """A query for the text of a name, and its answer."""
        self._number += 1
        number = self._number
        record = dns_name(name) + struct.pack("!HHIHB", TXT, 1, 1, len(told) + 1, len(told)) + told.encode()
        answer = struct.pack("!HHHHHH", number, 0x8180, 1, 1, 0, 0) + dns_name(name)
        answer += struct.pack("!HH", TXT, 1) + record
        self._trace.udp(ts, (self._client, 20_000 + number), RESOLVER, dns_query(name, number, TXT), answer)


def dns_beacon() -> Trace:
    """A slow beacon over texts; look-ups for a timer's connections; reverse look-ups and names of neighbours."""
    trace, pick = Trace(), random.Random(11)
    implant, timer, other = (Asked(trace, f"10.0.0.{host}") for host in (5, 6, 7))
    moment = T0
    for number in range(60):
        told = "".join(pick.choices(LETTERS, k=8))
        implant.text(moment, f"{number:04x}.a1.c2.example", told)
        moment += 60 * (1 - 0.2 * pick.random())
    for number in range(40):
        at = T0 + 90 * number
        timer.ask(at, "api.shop.example", "203.0.113.80")
        trace.tcp(at + 0.2, ("10.0.0.6", 30_000 + number), ("203.0.113.80", 443), b"q" * 64, b"r" * 128)
        other.ask(at + 1, f"{number}.113.0.203.in-addr.arpa", kind=PTR, answered=False)
        other.ask(at + 2, "wpad", answered=False)
        trace.udp(at + 3, ("10.0.0.7", 5353), ("224.0.0.251", 5353), dns_query("printer.local", 0))
    return trace


def dns_tunnel() -> Trace:
    """Data in 180 different names under one domain; and one long name that is asked for 120 times, at any time."""
    trace, pick = Trace(), random.Random(12)
    implant, checked = Asked(trace, "10.0.0.5"), Asked(trace, "10.0.0.6")
    moment = T0
    for _ in range(180):
        carried = ["".join(pick.choices(LETTERS, k=30)) for _ in range(2)]
        implant.text(moment, ".".join([*carried, "t.tunnel.example"]), "ok")
        moment += pick.choice((0.2, 1.0, 30.0)) * pick.random()
    moment = T0
    for _ in range(120):
        checked.text(moment, "a-selector-that-is-rather-long._domainkey.mail.sender.example", "k=rsa")
        moment += pick.expovariate(1 / 20)
    return trace


def dns_facts() -> Trace:
    """Queries of 20 types; names of which most are none, asked for in vain or without an answer; a domain by itself."""
    trace, pick = Trace(), random.Random(13)
    types, gone, bare = (Asked(trace, f"10.0.0.{host}") for host in (5, 6, 7))
    for number in range(40):
        at = T0 + 30 * number
        types.ask(at, f"{number % 5}.types.example", kind=65_280 + number % 20 if number < 30 else AAAA)
        name = "".join(pick.choices(LETTERS, k=12)) + ".gone.example"
        if number % 8 == 0:
            gone.ask(at + 1, name, answered=False)
        elif number % 8 < 6:
            gone.vain(at + 1, name)
        else:
            gone.ask(at + 1, name, "203.0.113.9", kind=(1, AAAA)[number % 2])
        bare.ask(at + 2, "bare.example", "203.0.113.9")
    return trace


TRACES: dict[str, Callable[[], Trace]] = {"dns_beacon": dns_beacon, "dns_tunnel": dns_tunnel, "dns_facts": dns_facts}
