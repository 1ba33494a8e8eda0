"""Connections by hour, of one pair over months, as compact bytes: the first hour, then compressed counts.

What is counted is what is held. Connections that come and go between two candidates, of which each holds the newest
ones, are counted nowhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import zstandard

from zeek_beacons.pairs import Floats, Ints

HOUR = 3600.0
NOTHING: tuple[int, Ints] = (0, np.zeros(0, dtype=np.int64))
_FIRST = struct.Struct("<q")
_MOST = (1 << 16) - 1
_LARGEST = 1 << 20  # bytes, uncompressed
_FARTHEST = _LARGEST // 2  # hours


def count(start: Floats) -> tuple[int, Ints]:
    """The first hour and the connections in it and in each that follows. `start`: seconds, ascending, at least one."""
    hours = np.floor(start / HOUR).astype(np.int64)
    first = max(int(hours[0]), int(hours[-1]) - _FARTHEST + 1)
    return first, np.bincount(hours[hours >= first] - first)


def pack(first: int, counts: Ints) -> bytes:
    """Counts as bytes."""
    content = np.minimum(counts, _MOST).astype("<u2").tobytes()
    return _FIRST.pack(first) + zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content)


def unpack(blob: bytes) -> tuple[int, Ints]:
    """The first hour, and the counts; none where the bytes are none of ours."""
    try:
        content = zstandard.ZstdDecompressor().decompress(blob[_FIRST.size :], max_output_size=_LARGEST)
        (first,) = _FIRST.unpack(blob[: _FIRST.size])
        return int(first), np.frombuffer(content, "<u2").astype(np.int64)
    except (zstandard.ZstdError, struct.error, ValueError):
        return NOTHING


def added(known: tuple[int, Ints], start: Floats, newest: float, most: int) -> tuple[int, Ints]:
    """What is known with the connections that are held now, of the newest `most` hours.

    `newest`: of the connections that were held when it was counted last. Of the first hour not all are held any more:
    those that are newer come on top.
    """
    first, counts = count(start)
    place = first - known[0]
    if 0 <= place < len(known[1]):
        fresh = int(np.sum((start > newest) & (start < (first + 1) * HOUR)))
        counts[0] = max(counts[0], known[1][place] + fresh)
    return merged([known, (first, counts)], most)


def merged(parts: Iterable[tuple[int, Ints]], most: int) -> tuple[int, Ints]:
    """Of each hour the highest count, of the newest `most` hours."""
    known = [(first, counts) for first, counts in parts if len(counts)]
    if not known:
        return NOTHING
    end = max(first + len(counts) for first, counts in known)
    begin = max(min(first for first, _ in known), end - min(most, _FARTHEST))
    together = np.zeros(end - begin, dtype=np.int64)
    for first, counts in known:
        own = counts[max(begin - first, 0) :]
        at = max(first - begin, 0)
        together[at : at + len(own)] = np.maximum(together[at : at + len(own)], own)
    return begin, together
