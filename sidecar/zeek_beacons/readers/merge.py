"""The merge rule: what Zeek's timeouts split belongs together again.

Zeek ends a TCP connection after minutes of silence; when its packets go on, they form a new connection without a
handshake. The rule, the same as in the Zeek package (zeek-scripts/observe.zeek):

    A TCP piece whose history is known and holds no SYN (none of `S s H h`) continues the piece of the same 5-tuple
    before it, if that one was left open (conn_state S1, S2, S3 or OTH) and this one starts at most `merge_gap`
    seconds after that one ended. Bytes add up, the duration spans both, the state is that of the later piece, and a
    server name that one of them carried stays (the first one's).

UDP and ICMP histories never hold an S, so the rule does not touch them. Pieces of one 5-tuple are ordered by start;
a connection with a handshake that was closed is no piece and stands between none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import (
    MICROSECONDS,
    STATE_CODE,
    Bools,
    Bytes,
    Floats,
    Ints,
)

OPEN_STATES = np.zeros(256, dtype=np.bool_)
OPEN_STATES[[STATE_CODE[state] for state in ("S1", "S2", "S3", "OTH")]] = True
_SYN = frozenset("SsHh")

Columns: TypeAlias = Mapping[str, NDArray[Any]]


def is_midstream(history: str) -> bool:
    """Whether a known TCP history holds no SYN."""
    return bool(history) and _SYN.isdisjoint(history)


def left_open(state: Bytes) -> Bools:
    """Which conn_states say that nobody closed the connection."""
    return OPEN_STATES[state]


def end_us(start_us: Ints, duration: Floats) -> Ints:
    """When connections ended, microseconds; at their start where the duration is missing."""
    length = np.nan_to_num(duration, nan=0.0)
    ends: Ints = start_us + np.rint(length * MICROSECONDS).astype(np.int64)
    return ends


def merge(pieces: Columns, merge_gap: float) -> dict[str, NDArray[Any]]:
    """Joins pieces to connections by the merge rule.

    `pieces`: columns of equal length, `tuple_id` (one integer a 5-tuple; int64), `start_us`, `duration` (seconds),
    `orig_bytes`, `resp_bytes`, `state`, `midstream` (bool), `name` (-1: none); further columns are taken from the
    first piece. Returns the connections, by 5-tuple and start.
    """
    order = np.lexsort((pieces["duration"], pieces["start_us"], pieces["tuple_id"]))
    rows = {name: column[order] for name, column in pieces.items()}
    ends = end_us(rows["start_us"], rows["duration"])
    if not len(order):
        return rows
    continues = np.zeros(len(order), dtype=np.bool_)
    continues[1:] = (
        rows["midstream"][1:]
        & (rows["tuple_id"][1:] == rows["tuple_id"][:-1])
        & left_open(rows["state"][:-1])
        & (rows["start_us"][1:] - ends[:-1] <= round(merge_gap * MICROSECONDS))
    )
    first = np.flatnonzero(~continues)
    last = np.append(first[1:], len(order)) - 1
    several = last > first
    merged = {name: column[first] for name, column in rows.items()}
    span = (np.maximum.reduceat(ends, first) - merged["start_us"]) / MICROSECONDS
    merged["duration"] = np.where(several, span, merged["duration"])
    for name in ("orig_bytes", "resp_bytes"):
        known = np.add.reduceat(~np.isnan(rows[name]), first, dtype=np.int64)
        total = np.add.reduceat(np.nan_to_num(rows[name], nan=0.0), first)
        merged[name] = np.where(known > 0, total, np.nan)
    merged["state"] = rows["state"][last]
    positions = np.arange(len(order))
    naming = np.minimum.reduceat(np.where(rows["name"] >= 0, positions, len(order)), first)
    merged["name"] = np.where(naming < len(order), rows["name"][np.minimum(naming, len(order) - 1)], -1)
    return merged
