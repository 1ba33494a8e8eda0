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
from zeek_beacons.readers.merge import end_us


def fold(rows: Connections, merge_gap: float) -> Connections:
    """The connections without the rows that answer another one, by flow and start."""
    flow = _flows(rows)
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


def _flows(rows: Connections) -> Ints:
    """The number of each row's flow: as it names its ends, or turned round where only that is an `out` row's."""
    with_port = rows.orig_p >= 0
    turned = (
        *(rows.resp_h, np.where(with_port, rows.resp_p, -1)),
        *(rows.orig_h, np.where(with_port, rows.orig_p, rows.resp_p)),
        rows.proto,
    )
    as_named = (rows.orig_h, rows.orig_p, rows.resp_h, rows.resp_p, rows.proto)
    numbers = np.zeros(2 * len(rows), dtype=np.int64)
    for columns in zip(as_named, turned, strict=True):
        values = np.unique(np.concatenate(columns), return_inverse=True)[1]
        numbers = np.unique(numbers * (values.max(initial=0) + 1) + values, return_inverse=True)[1]
    named, other = numbers[: len(rows)], numbers[len(rows) :]
    asked = np.unique(named[rows.half == OUT])
    flows: Ints = np.where((rows.half == IN) & ~np.isin(named, asked) & np.isin(other, asked), other, named)
    return flows
