"""What a pair is called: a number made from its key, and the same as text; and addresses in an order of their own."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

from zeek_beacons.keys import KEY_COLUMNS, Key, key_text

COLUMNS = ", ".join(KEY_COLUMNS)
IS_PAIR = " AND ".join(f"{name} = ?" for name in KEY_COLUMNS)
DIGITS = 16
_OF_PAIRS = hashlib.blake2b(digest_size=8, person=b"pair")  # to copy: making it takes longer than a key does


def pair_number(key: Key) -> int:
    """64 bits, signed as SQLite keeps them. Of 200,000 pairs two share a number once in a thousand million sites."""
    digest = _OF_PAIRS.copy()
    digest.update(key_text(key).encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest(), "big", signed=True)


def id_of(number: int) -> str:
    """The number as people and links write it: 16 hexadecimal digits."""
    return format(number & (1 << 64) - 1, f"0{DIGITS}x")


def number_of(id: str) -> int | None:  # noqa: A002
    """The number behind an id; None where it is none."""
    if len(id) != DIGITS or not set(id) <= set("0123456789abcdef"):
        return None
    return int.from_bytes(bytes.fromhex(id), "big", signed=True)


@lru_cache(1 << 16)
def packed(addr: str) -> bytes:
    """An address as bytes in the order of addresses, IPv4 before IPv6; empty for what is none."""
    try:
        return b"\6" + inet_pton(AF_INET6, addr) if ":" in addr else b"\4" + inet_pton(AF_INET, addr)
    except (OSError, ValueError):
        return b""
