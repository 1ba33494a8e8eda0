"""Connections that stay open: for a day, and with check-ins inside; written by `make_traces.py`."""

from __future__ import annotations

from collections.abc import Callable

from packets import Talk, Trace, client_hello, server_certificates
from traces_web import T0, opened

HOUR = 3600.0
PUSH_ACK, ACK = 0x18, 0x10


def held(talk: Talk, begin: float, end: float) -> None:
    """A byte every 290 seconds, by turns, which is less than Zeek's timeout."""
    moment, ours = begin, True
    while moment < end:
        talk.say(moment, ours, PUSH_ACK, b".")
        moment, ours = moment + 290.0, not ours


def day() -> Trace:
    """A connection of 25 h without a name, and one of 27 h with one."""
    trace = Trace()
    bare = opened(trace, T0, ("10.0.0.5", 40_000), ("185.12.45.60", 4444))
    held(bare, T0 + 100, T0 + 25 * HOUR)
    bare.close(T0 + 25 * HOUR)
    named = opened(trace, T0 + 7, ("10.0.0.6", 40_000), ("185.12.45.61", 443))
    named.exchange(T0 + 8, client_hello(b"c2.example"), server_certificates(b""))
    held(named, T0 + 100, T0 + 27 * HOUR)
    named.close(T0 + 27 * HOUR)
    return trace


TRACES: dict[str, Callable[[], Trace]] = {"day": day}
