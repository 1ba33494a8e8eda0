"""Who has an address: leases by DHCP, and check-ins under them; written by `make_traces.py`."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from packets import Trace

T0 = 1_700_000_000.0
DHCP_SERVER = ("10.0.0.1", 67)
C2, WEB = ("203.0.113.7", 443), ("203.0.113.8", 443)
REQUEST, REPLY = b"q" * 16, b"r" * 16
NOBODY = str(ipaddress.IPv4Address(0))
LAPTOP_7, LAPTOP_8 = bytes.fromhex("02aabbccdd07"), bytes.fromhex("02aabbccdd08")


def dhcp(kind: int, card: bytes, number: int, given: str = NOBODY, name: bytes = b"", lasts: int = 0) -> bytes:
    """A message of DHCP. `kind`: 3 asks for a lease, 5 acknowledges it; `given`: the address, `lasts`: seconds."""
    head = struct.pack("!BBBBIHH", 2 if kind == 5 else 1, 1, 6, 0, number, 0, 0)
    addresses = bytes(4) + ipaddress.ip_address(given).packed + bytes(8)
    options = b"\x35\x01" + bytes([kind])
    if name:
        options += bytes([12, len(name)]) + name
    if lasts:
        options += b"\x33\x04" + struct.pack("!I", lasts) + b"\x36\x04" + ipaddress.ip_address(DHCP_SERVER[0]).packed
    return head + addresses + card.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + options + b"\xff"


def lease(trace: Trace, ts: float, given: str, card: bytes, name: bytes, lasts: int, number: int) -> None:
    """A client asks everybody and gets an address for a time."""
    trace.udp(ts, (NOBODY, 68), ("255.255.255.255", 67), dhcp(3, card, number, name=name))
    trace.udp(ts + 0.02, DHCP_SERVER, ("255.255.255.255", 68), dhcp(5, card, number, given, lasts=lasts))


def leases() -> Trace:
    """Two laptops that have one address in turn, with check-ins at the same server every 60 s and every 90 s.

    A third one keeps its address; its name attacks whoever prints it.
    """
    trace = Trace()
    lease(trace, T0, "10.0.0.5", LAPTOP_7, b"LAPTOP-7", 86_400, 1)
    lease(trace, T0 + 1, "10.0.0.6", bytes.fromhex("02aabbccdd09"), b"a\n<b>\xff" + b"x" * 200, 600, 2)
    for i in range(20):
        trace.tcp(T0 + 10 + 60 * i, ("10.0.0.5", 40_000 + i), C2, REQUEST, REPLY)
    lease(trace, T0 + 1800, "10.0.0.5", LAPTOP_7, b"", 86_400, 3)
    lease(trace, T0 + 3600, "10.0.0.5", LAPTOP_8, b"LAPTOP-8", 86_400, 4)
    for i in range(20):
        trace.tcp(T0 + 3610 + 90 * i, ("10.0.0.5", 41_000 + i), C2, REQUEST, REPLY)
        trace.tcp(T0 + 20 + 30 * i, ("10.0.0.6", 42_000 + i), WEB, REQUEST, REPLY)
    return trace


TRACES: dict[str, Callable[[], Trace]] = {"leases": leases}
