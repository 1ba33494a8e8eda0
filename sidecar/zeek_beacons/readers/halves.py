"""The answer rule: a connection that its exporter wrote as two rows, `out` and `in`, is one connection.

    A row that says `in` answers the newest row of its flow that says `out` and began with it or at most `merge_gap`
    before it: its bytes are that connection's resp_bytes, the duration spans both, and it is no connection of its own.

A flow is a protocol and two ends: addresses, the destination's port, and the source's port where rows have one. An
`in` row may name the ends as the `out` row does or, like the packets it counts, the other way round. A row that says
`in` and answers nothing is a connection that came from its source.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import MICROSECONDS, Ints
from zeek_beacons.readers.columns import IN, OUT, Connections
from zeek_beacons.readers.keys import ENDPOINT_BITS, PORT_BITS, PROTO_BITS, pack
from zeek_beacons.readers.merge import end_us


def fold(rows: Connections, flow: Ints, merge_gap: float) -> Connections:
    """The connections without the rows that answer another one, by flow and start; `flow` is `flows` of the rows."""
    order = np.lexsort((rows.half, rows.start_us, flow))
    rows, flow = rows.take(order), flow[order]
    asked = np.maximum.accumulate(np.where(rows.half == OUT, np.arange(len(rows)), -1))
    answers = np.flatnonzero(
        (rows.half == IN)
        & (asked >= 0)
        & (flow == flow[asked])
        & (rows.start_us - rows.start_us[asked] <= round(merge_gap * MICROSECONDS))
    )
    asked = asked[answers]
    ends = end_us(rows.start_us, rows.duration)
    last, duration = ends.copy(), rows.duration.copy()
    np.maximum.at(last, asked, ends[answers])
    spans = asked[last[asked] > ends[asked]]
    duration[spans] = (last[spans] - rows.start_us[spans]) / MICROSECONDS
    resp_bytes, received = rows.resp_bytes.copy(), rows.orig_bytes[answers]
    known = asked[~np.isnan(received)]
    resp_bytes[known] = np.nan_to_num(resp_bytes[known], nan=0.0)
    np.add.at(resp_bytes, known, received[~np.isnan(received)])
    whole = np.ones(len(rows), dtype=np.bool_)
    whole[answers] = False
    return replace(rows, duration=duration, resp_bytes=resp_bytes).take(whole)


def flows(rows: Connections) -> Ints:
    """The number of each row's flow: as it names its ends, or turned round where only that is an `out` row's."""
    back = np.flatnonzero(rows.half == IN)
    turned = rows.take(back)
    with_port = turned.orig_p >= 0
    numbers = _numbers(
        np.concatenate((rows.orig_h, turned.resp_h)),
        np.concatenate((rows.orig_p, np.where(with_port, turned.resp_p, -1))),
        np.concatenate((rows.resp_h, turned.orig_h)),
        np.concatenate((rows.resp_p, np.where(with_port, turned.orig_p, turned.resp_p))),
        np.concatenate((rows.proto, turned.proto)),
    )
    named, other = numbers[: len(rows)], numbers[len(rows) :]
    asked = np.unique(named[rows.half == OUT])
    turns = ~np.isin(named[back], asked) & np.isin(other, asked)
    named[back[turns]] = other[turns]
    return named


def _numbers(orig_h: Ints, orig_p: Ints, resp_h: Ints, resp_p: Ints, proto: Ints) -> Ints:
    """One number for each protocol and two ends."""
    responder = pack(resp_h, pack(resp_p, proto, PROTO_BITS), PORT_BITS + PROTO_BITS)
    endpoint = np.unique(responder, return_inverse=True)[1].astype(np.int64)
    pair = np.unique(pack(orig_h, endpoint, ENDPOINT_BITS), return_inverse=True)[1].astype(np.int64)
    numbers: Ints = pack(pair, orig_p + 1, PORT_BITS + 1)
    return numbers
