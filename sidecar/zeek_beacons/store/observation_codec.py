"""Observations of one pair as compact bytes, for the history.

A version byte, then, compressed: start as differences and duration, both in microseconds (int64, no duration: -1),
sizes (float64), states (uint8), column after column.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from zeek_beacons.pairs import MICROSECONDS, STATE_CODE, STATES

VERSION = b"\x01"
WIDTH = 4 * 8 + 1  # bytes an observation, uncompressed
LARGEST = WIDTH * 1_000_000
_NAMES = np.array(STATES, dtype=np.object_)


class _Compressing(threading.local):
    """A compressor for each thread: to make one costs as much as to use it, and two threads must not share it."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)


_of_thread = _Compressing()


class ObservationsError(ValueError):
    """The bytes are no observations."""


def pack(row: Mapping[str, Any]) -> bytes:
    """The observation columns of a candidate, whose starts and durations are whole microseconds."""
    start = np.rint(row["start"] * MICROSECONDS).astype(np.int64)
    known = row["duration"] >= 0
    duration = np.rint(np.where(known, row["duration"], -1.0) * MICROSECONDS).astype(np.int64)
    codes = bytes(map(STATE_CODE.__getitem__, row["state"]))
    steps = start.copy()
    steps[1:] -= start[:-1]
    columns = (steps, duration, np.asarray(row["orig_bytes"], np.float64), np.asarray(row["resp_bytes"], np.float64))
    content = b"".join((*(column.tobytes() for column in columns), codes))
    return VERSION + _of_thread.compressor.compress(content)


def unpack(blob: bytes) -> dict[str, NDArray[Any]]:
    """The observation columns that `pack` was given. Raises ObservationsError."""
    try:
        if blob[:1] != VERSION:
            raise ObservationsError(f"version {blob[:1]!r}")
        content = zstandard.ZstdDecompressor().decompress(blob[1:], max_output_size=LARGEST)
        n, rest = divmod(len(content), WIDTH)
        if rest:
            raise ObservationsError(f"{len(content)} bytes are no observations")
        steps, duration = (np.frombuffer(content, np.int64, n, at * n * 8) for at in (0, 1))
        orig_bytes, resp_bytes = (np.frombuffer(content, np.float64, n, at * n * 8) for at in (2, 3))
        return {
            "start": np.cumsum(steps) / MICROSECONDS,
            "duration": np.where(duration < 0, np.nan, duration / MICROSECONDS),
            "orig_bytes": orig_bytes,
            "resp_bytes": resp_bytes,
            "state": _NAMES[np.frombuffer(content, np.uint8, n, n * 32)],
        }
    except (zstandard.ZstdError, IndexError, ValueError) as error:
        raise ObservationsError(str(error)) from error
