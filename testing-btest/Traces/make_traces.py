"""Makes the traces of the tests, each under 50 kB: python make_traces.py [FOLDER]. Needs dpkt and cryptography.

Each function is one trace, named after it. Clocks start at 1700000000 (November 2023), local hosts are 10.0.0.x,
the servers outside 203.0.113.x and 198.51.100.x.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import traces_dns
import traces_names
import traces_owners
import traces_protocols
import traces_sessions
import traces_web
from packets import (
    HTTP_REPLY,
    Talk,
    Trace,
    client_hello,
    http_get,
)

T0 = 1_700_000_000.0
C2 = ("203.0.113.7", 4444)
REQUEST, REPLY = b"q" * 64, b"r" * 128


def beacon() -> Trace:
    """A sleep of 60 s with 20 % jitter, 24 check-ins."""
    rng, trace, ts = random.Random(1), Trace(), T0
    for i in range(24):
        trace.tcp(ts, ("10.0.0.5", 40_000 + i), C2, REQUEST, REPLY)
        ts += 60 * (1 - 0.2 * rng.random())
    return trace


def failing() -> Trace:
    """A beacon whose server never answers, and one whose server refuses."""
    trace = Trace()
    for i in range(20):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
        trace.tcp(T0 + 60 * i + 7, ("10.0.0.6", 40_000 + i), C2, end="refused")
    return trace


def ipv6() -> Trace:
    """A beacon over IPv6."""
    trace = Trace()
    for i in range(10):
        trace.tcp(T0 + 60 * i, ("2001:db8::5", 40_000 + i), ("2001:db8:ffff::7", 443), REQUEST, REPLY)
    return trace


def datagrams() -> Trace:
    """UDP and ICMP on one 5-tuple, slower than Zeek's timeout of a minute."""
    trace = Trace()
    for i in range(12):
        trace.udp(T0 + 90 * i, ("10.0.0.5", 5353), ("203.0.113.9", 9999), REQUEST, REPLY)
        trace.ping(T0 + 90 * i + 3, "10.0.0.5", "203.0.113.9")
    return trace


def allowed() -> Trace:
    """Pairs that differ by subnet, port and name, and one that no list names."""
    trace = Trace()
    for i in range(7):
        ts = T0 + 60 * i
        trace.tcp(ts, ("10.0.0.5", 40_000 + i), ("198.51.100.9", 443), REQUEST, REPLY)
        trace.udp(ts + 1, ("10.0.0.5", 41_000 + i), ("203.0.113.50", 123), b"t" * 48, b"t" * 48)
        trace.tcp(ts + 2, ("10.0.0.5", 42_000 + i), ("203.0.113.51", 443), client_hello(b"cdn.update.example"))
        trace.tcp(ts + 3, ("10.0.0.5", 43_000 + i), ("203.0.113.52", 443), client_hello(b"update.example"))
        trace.tcp(ts + 4, ("10.0.0.5", 44_000 + i), ("203.0.113.53", 8080), REQUEST, REPLY)
        trace.tcp(ts + 5, ("10.0.0.5", 45_000 + i), C2, REQUEST, REPLY)
    return trace


def directions() -> Trace:
    """Out, in and between local hosts."""
    trace = Trace()
    for i in range(6):
        ts = T0 + 60 * i
        trace.tcp(ts, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
        trace.tcp(ts + 1, ("198.51.100.3", 41_000 + i), ("10.0.0.6", 22), end="unanswered")
        trace.tcp(ts + 2, ("10.0.0.5", 42_000 + i), ("10.0.0.6", 445), end="unanswered")
    return trace


def flood() -> Trace:
    """A beacon of 20 check-ins while one host opens 160 pairs, each twice."""
    trace = Trace()
    for i in range(20):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
    for i in range(320):
        target = (f"198.51.100.{i // 2 + 1}", 80)
        trace.tcp(T0 + 30 + 3.3 * i, ("10.0.0.66", 20_000 + i), target, end="unanswered")
    return trace


def silence() -> Trace:
    """Pairs of eight, two and one connections, and two days later a packet of somebody else."""
    trace = Trace()
    for i in range(8):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
    for i in range(2):
        trace.tcp(T0 + 61 * i, ("10.0.0.6", 40_000 + i), C2, end="unanswered")
    trace.tcp(T0, ("10.0.0.7", 40_000), C2, end="unanswered")
    for hour in range(48):
        trace.udp(T0 + 3600 * (hour + 1), ("10.0.0.8", 123), ("203.0.113.50", 123), b"t" * 48)
    return trace


def steady() -> Trace:
    """50 check-ins, a minute apart, never answered."""
    trace = Trace()
    for i in range(50):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
    return trace


def left_open() -> Trace:
    """Eight connections that are all still open when the trace ends."""
    trace = Trace()
    for i in range(8):
        trace.tcp(T0 + 10 * i, ("10.0.0.5", 40_000 + i), C2, REQUEST, REPLY, end="open")
    return trace


def split_sessions() -> Trace:
    """A session whose check-ins lie further apart than Zeek's timeout: mid-stream pieces of one connection; and one
    that sleeps for two hours, too long to be the same."""
    trace = Trace()
    for host, pause in (("10.0.0.5", 900.0), ("10.0.0.6", 7200.0)):
        for session in range(3):
            begin = T0 + 4 * 7200.0 * session
            talk = Talk(trace, (host, 40_000 + session), C2)
            talk.say(begin, True, 0x02)
            talk.say(begin + 0.02, False, 0x12)
            talk.say(begin + 0.03, True, 0x10)
            for i in range(3):
                talk.exchange(begin + 0.1 + pause * i, REQUEST, REPLY)
    return trace


def out_of_order() -> Trace:
    """Connections that end in another order than they began."""
    trace = Trace()
    for i in range(8):
        trace.tcp(T0 + 10 * i, ("10.0.0.5", 40_000 + i), C2, REQUEST, REPLY, lasts=200.0 - 23 * i)
    return trace


def clock_jumps() -> Trace:
    """A clock that is set back by ten minutes half-way, with packets in the order of arrival."""
    trace = Trace()
    for i in range(12):
        trace.tcp(T0 + 60 * i - (600 if i >= 6 else 0), ("10.0.0.5", 40_000 + i), C2, end="unanswered")
    return trace


def services() -> Trace:
    """A pair whose connections are HTTP, TLS, TLS and nothing known."""
    trace = Trace()
    server = ("203.0.113.60", 8443)
    payloads = (http_get(b"x"), client_hello(b"x"), client_hello(b"x"), b"\x00\x01", b"\x00\x01", b"\x00\x01")
    for i, payload in enumerate(payloads):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), server, payload, HTTP_REPLY if payload[:1] == b"G" else b"")
    return trace


def prevalence() -> Trace:
    """Three hosts talk to one server (two of them on two ports), one of them and a fourth to another."""
    trace = Trace()
    for i in range(6):
        for host in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
            trace.tcp(T0 + 60 * i, (host, 40_000 + i), C2, end="unanswered")
        for host in ("10.0.0.1", "10.0.0.2"):
            trace.tcp(T0 + 60 * i + 1, (host, 41_000 + i), (C2[0], 80), end="unanswered")
        for host in ("10.0.0.3", "10.0.0.4"):
            trace.tcp(T0 + 60 * i + 2, (host, 42_000 + i), ("203.0.113.70", 80), end="unanswered")
    return trace


def strangers() -> Trace:
    """A beacon, a stranger who comes back every minute, and two hundred who come twice."""
    trace = Trace()
    for i in range(20):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, end="unanswered")
        trace.tcp(T0 + 60 * i + 1, ("198.51.100.3", 40_000 + i), ("10.0.0.6", 22), end="unanswered")
    for i in range(400):
        trace.tcp(T0 + 3 * i, (f"203.0.113.{i // 2}", 20_000 + i), ("10.0.0.6", 22), end="unanswered")
    return trace


def behaviours() -> Trace:
    """What implants do beside keeping one timer: bursts, back-off, another sleep, servers at random, a pause."""
    rng, trace = random.Random(3), Trace()
    ports = iter(range(40_000, 60_000))

    def one(at: float, host: str, server: str, end: str = "fin") -> None:
        trace.tcp(T0 + at, (host, next(ports)), (server, 443), b"", b"", end=end)

    for i in range(16):
        one(300 * i, "10.0.0.5", "203.0.113.60")
        one(300 * i + rng.uniform(2, 4), "10.0.0.5", "203.0.113.60")
    at = 0.0
    for i in range(30):
        one(at, "10.0.0.6", "203.0.113.61", "refused")
        at += 10 * 2 ** (i % 5)
    for i in range(45):
        one(60 * i, "10.0.0.7", "203.0.113.62", "refused")
        one(2_700 + 20 * i, "10.0.0.7", "203.0.113.62", "refused")
    for i in range(40):
        one(120 * i, "10.0.0.8", f"203.0.113.{70 + rng.randrange(3)}")
    for i in range(16):
        one(180 * i + (9_000 if i > 7 else 0), "10.0.0.9", "203.0.113.64", "refused")
    return trace


def keep_alive(trace: Trace, start: float, orig: tuple[str, int], lasts: float, end: str = "fin") -> None:
    """A TCP connection in which something is said every four minutes: less than Zeek's timeout."""
    talk = Talk(trace, orig, C2)
    talk.say(start, True, 0x02)
    talk.say(start + 0.02, False, 0x12)
    talk.say(start + 0.03, True, 0x10)
    for i in range(1, int(lasts // 240) + 1):
        talk.say(start + 240 * i, True, 0x18, REQUEST[:8])
        talk.say(start + 240 * i + 0.02, False, 0x10)
    if end == "fin":
        talk.close(start + lasts)


def lasting() -> Trace:
    """Connections of 5 h, of 2 h and still open, of 30 min, four of 20 min in a row, two of 40 min a day apart; and
    datagrams on one 5-tuple for 70 min."""
    trace = Trace()
    keep_alive(trace, T0, ("10.0.0.5", 40_000), 5 * 3600)
    for i in range(4):
        keep_alive(trace, T0 + 1500 * i, ("10.0.0.6", 40_000 + i), 1200)
    keep_alive(trace, T0 + 1, ("10.0.0.7", 40_000), 1800)
    for i in range(85):
        trace.udp(T0 + 50 * i, ("10.0.0.8", 1194), ("203.0.113.9", 1194), b"u")
    keep_alive(trace, T0, ("10.0.0.9", 40_000), 2400)
    keep_alive(trace, T0 + 90_000, ("10.0.0.9", 40_001), 2400)
    keep_alive(trace, T0 + 86_400, ("10.0.0.10", 40_000), 7200, end="open")
    return trace


def half(which: int) -> Trace:
    """What one of two workers sees: every other connection of a beacon, and of one by name."""
    trace = Trace()
    for i in range(which, 24, 2):
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), C2, REQUEST, REPLY)
        server = (f"203.0.113.{10 + i % 4}", 443)
        trace.tcp(T0 + 60 * i + 5, ("10.0.0.6", 41_000 + i), server, client_hello(b"c2.example.com"))
    return trace


TRACES: dict[str, Callable[[], Trace]] = {
    make.__name__: make
    for make in (
        *(beacon, failing, ipv6, datagrams, allowed, directions, flood, silence, steady),
        *(left_open, split_sessions, out_of_order, services, prevalence, strangers, behaviours, lasting),
    )
} | {"worker_1": lambda: half(0), "worker_2": lambda: half(1)}


def main(folder: Path) -> None:
    every = TRACES | traces_names.TRACES | traces_web.TRACES | traces_dns.TRACES | traces_sessions.TRACES
    every |= traces_owners.TRACES | traces_protocols.TRACES
    for name, make in every.items():
        make().write(folder / f"{name}.pcap")
    clock_jumps().write(folder / "clock_jumps.pcap", by_time=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
