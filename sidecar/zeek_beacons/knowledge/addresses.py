"""Addresses as numbers, and the networks they lie in: ranges in order, found by bisection."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Masks: TypeAlias = NDArray[np.uint32]
V6 = "S16"  # an IPv6 address: 16 bytes, the first one highest, so that their order is that of the addresses
_MAPPED = b"\0" * 10 + b"\xff\xff"  # IPv4 inside IPv6


def packed(text: object) -> bytes:
    """The 4 or 16 bytes of an address, those of IPv4 where IPv6 maps one; empty for anything else. Never raises."""
    if not isinstance(text, str):
        return b""
    try:
        if ":" not in text:
            return socket.inet_pton(socket.AF_INET, text)
        octets = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, ValueError):
        return b""
    return octets[12:] if octets.startswith(_MAPPED) else octets


def masks_of(distinct: Sequence[object], v4: tuple[NDArray[Any], Masks], v6: tuple[NDArray[Any], Masks]) -> Masks:
    """The tags of each address, 0 for what is none, (n,). `v4`, `v6`: starts of ranges in order, and their tags."""
    octets = [packed(text) for text in distinct]
    found = np.zeros(len(octets), dtype=np.uint32)
    for length, dtype, (starts, masks) in ((4, ">u4", v4), (16, V6, v6)):
        rows = [row for row, value in enumerate(octets) if len(value) == length]
        if rows and len(starts):
            numbers = np.frombuffer(b"".join(octets[row] for row in rows), dtype=dtype).astype(starts.dtype)
            at = np.searchsorted(starts, numbers, side="right")
            found[rows] = np.where(at > 0, masks[at - 1], 0)
    return found
