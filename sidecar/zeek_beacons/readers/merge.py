"""The merge rule: what Zeek's timeouts split belongs together again.

Zeek ends a TCP connection after minutes of silence; when its packets go on, they form a new connection without a
handshake. The rule, the same as in the Zeek package (zeek-scripts/observe.zeek):

    A TCP piece whose history is known and holds no SYN (none of `S s H h`) continues the piece of the same 5-tuple
    before it, if that one was left open (conn_state S1, S2, S3 or OTH) and this one starts at most `merge_gap`
    seconds after that one ended. Bytes add up, the duration spans both, the state is that of the later piece, and a
    server name that one of them carried stays (the first one's), as does a hit of Zeek's Intel framework (the last one
    in the order of the alphabet).

UDP and ICMP histories never hold an S, so the rule does not touch them. Pieces of one 5-tuple are ordered by start;
a connection with a handshake that was closed is no piece and stands between none.

Exporters that write a long flow in several records, one an interval (cloud flow logs), say themselves which row may
continue another and for how long; what they say holds for UDP too, which no state closes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import MICROSECONDS, PROTOS, STATE_CODE, Bools, Bytes, Floats, Ints
from zeek_beacons.readers.columns import Connections
from zeek_beacons.readers.keys import ENDPOINT_BITS, PORT_BITS, PROTO_BITS, pack

OPEN_STATES = np.zeros(256, dtype=np.bool_)
OPEN_STATES[[STATE_CODE[state] for state in ("S1", "S2", "S3", "OTH")]] = True
_SYN = frozenset("SsHh")
TCP = PROTOS.index("tcp")
BEGINS, ALONE = -1, -2  # reach of a row that continues none; that none continues either, unless it was left open


def is_midstream(history: str) -> bool:
    """Whether a known TCP history holds no SYN."""
    return bool(history) and _SYN.isdisjoint(history)


def left_open(state: Bytes) -> Bools:
    """Which conn_states say that nobody closed the connection."""
    return OPEN_STATES[state]


def may_be_piece(orig_p: Ints, reach_us: Ints, proto: Ints, state: Bytes) -> Bools:
    """Which connections may continue, or be continued by, another one."""
    pieces: Bools = (orig_p >= 0) & ((reach_us > ALONE) | ((proto == TCP) & left_open(state)))
    return pieces


def end_us(start_us: Ints, duration: Floats) -> Ints:
    """When connections ended, microseconds; at their start where the duration is missing."""
    length = np.nan_to_num(duration, nan=0.0)
    ends: Ints = start_us + np.rint(length * MICROSECONDS).astype(np.int64)
    return ends


def five_tuples(rows: Connections) -> Ints:
    """One number for each 5-tuple among these rows."""
    responder = pack(rows.resp_h, pack(rows.resp_p, rows.proto, PROTO_BITS), PORT_BITS + PROTO_BITS)
    endpoint = np.unique(responder, return_inverse=True)[1].astype(np.int64)
    hosts = np.unique(pack(rows.orig_h, endpoint, ENDPOINT_BITS), return_inverse=True)[1]
    return pack(hosts.astype(np.int64), rows.orig_p, PORT_BITS)


def merge(pieces: Connections, tuple_id: Ints) -> Connections:
    """Joins pieces to connections by the merge rule; `tuple_id` is one number a 5-tuple.

    What the rule does not speak of is taken from the first piece. Returns the connections, by 5-tuple and start.
    """
    order = np.lexsort((pieces.duration, pieces.start_us, tuple_id))
    rows, tuple_id = pieces.take(order), tuple_id[order]
    if not len(order):
        return rows
    ends = end_us(rows.start_us, rows.duration)
    continues = np.zeros(len(order), dtype=np.bool_)
    continues[1:] = (
        (rows.reach_us[1:] > BEGINS)
        & (tuple_id[1:] == tuple_id[:-1])
        & (left_open(rows.state[:-1]) | (rows.proto[:-1] != TCP))
        & (rows.start_us[1:] - ends[:-1] <= rows.reach_us[1:])
    )
    first = np.flatnonzero(~continues)
    last = np.append(first[1:], len(order)) - 1
    merged = rows.take(first)
    span = (np.maximum.reduceat(ends, first) - merged.start_us) / MICROSECONDS
    positions = np.arange(len(order))
    naming = np.minimum.reduceat(np.where(rows.name >= 0, positions, len(order)), first)
    return replace(
        merged,
        duration=np.where(last > first, span, merged.duration),
        orig_bytes=_sums(rows.orig_bytes, first),
        resp_bytes=_sums(rows.resp_bytes, first),
        state=rows.state[last],
        hit=np.maximum.reduceat(rows.hit, first),
        name=np.where(naming < len(order), rows.name[np.minimum(naming, len(order) - 1)], -1),
    )


def _sums(sizes: Floats, first: Ints) -> Floats:
    """The sum of the known sizes from each `first` row to the next; NaN where none is known."""
    known = np.add.reduceat(~np.isnan(sizes), first, dtype=np.int64)
    total = np.add.reduceat(np.nan_to_num(sizes, nan=0.0), first)
    return np.where(known > 0, total, np.nan)
