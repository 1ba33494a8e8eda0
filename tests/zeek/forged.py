"""Captures of what an attacker sends: connections that nobody answers, and datagrams to name servers."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

T0 = 1_700_000_000.0
_PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
_ETHERNET = b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0"
UDP, TCP = 17, 6


class Packet(NamedTuple):
    """One packet, `at` seconds after T0."""

    at: float
    orig: tuple[str, int]
    resp: tuple[str, int]
    proto: int = TCP
    payload: bytes = b""


def write(path: Path, packets: Iterable[Packet]) -> Path:
    """A capture of SYNs and datagrams in the order of time; without checksums, so Zeek must run with -C."""
    with path.open("wb") as file:
        file.write(_PCAP)
        for packet in sorted(packets):
            frame = _ETHERNET + _ip(packet)
            seconds, rest = divmod(round((T0 + packet.at) * 1e6), 1_000_000)
            file.write(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
    return path


def query(number: int, name: str, addresses: Iterable[str] = ()) -> bytes:
    """A query for an address; with addresses the answer to it."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    found = [ipaddress.ip_address(one).packed for one in addresses]
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4" + one for one in found)
    flags = 0x8180 if found else 0x0100
    return struct.pack(">HHHHHH", number % 65_536, flags, 1, len(found), 0, 0) + question + records


def _ip(packet: Packet) -> bytes:
    if packet.proto == UDP:
        size = 8 + len(packet.payload)
        body = struct.pack(">HHHH", packet.orig[1], packet.resp[1], size, 0) + packet.payload
    else:
        body = struct.pack(">HHIIBBHHH", packet.orig[1], packet.resp[1], 1000, 0, 0x50, 0x02, 8192, 0, 0)
    ends = b"".join(ipaddress.ip_address(end[0]).packed for end in (packet.orig, packet.resp))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, packet.proto, 0) + ends + body
