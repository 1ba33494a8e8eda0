"""Connections that stay open: for a day, and with check-ins inside; written by `make_traces.py`."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from packets import Talk, Trace, client_hello, server_certificates
from traces_web import T0, opened, request

HOUR = 3600.0
PUSH_ACK, ACK = 0x18, 0x10


def held(talk: Talk, begin: float, end: float, seed: int) -> None:
    """Something is said now and then, without a rhythm, but within Zeek's timeout."""
    pick, moment = random.Random(seed), begin
    while moment < end:
        talk.say(moment, pick.random() < 0.5, PUSH_ACK, b"z" * pick.randrange(1, 60))
        moment += next(wait for wait in iter(lambda: pick.expovariate(1 / 150), None) if wait < 285)


def day() -> Trace:
    """A connection of 25 h without a name, and one of 27 h with one."""
    trace = Trace()
    bare = opened(trace, T0, ("10.0.0.5", 40_000), ("185.12.45.60", 443))
    held(bare, T0 + 100, T0 + 25 * HOUR, 1)
    bare.close(T0 + 25 * HOUR)
    named = opened(trace, T0 + 7, ("10.0.0.6", 40_000), ("185.12.45.61", 443))
    named.exchange(T0 + 8, client_hello(b"c2.example"), server_certificates(b""))
    held(named, T0 + 100, T0 + 27 * HOUR, 2)
    named.close(T0 + 27 * HOUR)
    return trace


def frame(data: bytes, masked: bool) -> bytes:
    """A binary WebSocket frame of up to 125 bytes (RFC 6455); the mask is zero, so that the data stay as they are."""
    return struct.pack("!BB", 0x82, (0x80 if masked else 0) | len(data)) + (bytes(4) if masked else b"") + data


def sessions() -> Trace:
    """A WebSocket implant, a UDP one that is faster than Zeek's timeout, and one over ICMP; somebody chats, and one
    that talks without a pause."""
    trace, hours = Trace(), 1.3
    socket = opened(trace, T0, ("10.0.0.5", 40_000), ("185.12.45.60", 80))
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    asked = request(b"GET", b"/live", b"c2.example")[:-2] + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n"
    accept = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    socket.exchange(
        T0 + 0.1, asked, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + accept
    )
    pick, moment = random.Random(1), T0 + 5
    while moment < T0 + hours * HOUR:
        socket.exchange(moment, frame(b"x" * 40, True), frame(b"y" * 20, False))
        moment += 60 * (1 - 0.2 * pick.random())
    socket.close(moment)
    pick, moment = random.Random(2), T0 + 7
    while moment < T0 + hours * HOUR:
        trace.udp(moment, ("10.0.0.6", 41_000), ("185.12.45.61", 4444), b"q" * 32, b"r" * 16)
        moment += 20 * (1 - 0.1 * pick.random())
    for number in range(150):
        trace.ping(T0 + 11 + 30 * number, "10.0.0.7", "185.12.45.62")
    pick, moment = random.Random(3), T0 + 20
    chat = opened(trace, T0 + 13, ("10.0.0.8", 40_000), ("185.12.45.63", 443))
    while moment < T0 + hours * HOUR:
        chat.say(moment, pick.random() < 0.5, PUSH_ACK, b"z" * pick.randrange(10, 400))
        moment += min(pick.expovariate(1 / 40), 250)
    chat.close(moment)
    busy = opened(trace, T0 + 17, ("10.0.0.9", 40_000), ("185.12.45.64", 6000))
    for number in range(900):
        busy.say(T0 + 20 + 0.8 * number, number % 2 == 0, PUSH_ACK, b"w")
    busy.close(T0 + 741)
    return trace


TRACES: dict[str, Callable[[], Trace]] = {"day": day, "sessions": sessions}
