"""The uids of the connections that were read last, so that an alert can name its newest one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import MICROSECONDS, Floats, Ints, Pairs
from zeek_beacons.readers.arrow_parse import Table, integers, times

MOST = 1_000_000  # connections remembered; beyond, the oldest are forgotten
PIECE = 10_000  # connections up to which what is read is put together
COLUMNS: Mapping[str, Any] = {"uid": pa.string()}  # that conn.log is read with besides


class _Read(NamedTuple):
    start_us: Ints
    ends: Table  # uid, originator and responder's port


class RecentUids:
    """Takes tables of conn.log."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._held = most, 0
        self._read: deque[_Read] = deque()

    @property
    def pieces(self) -> int:
        """In how many tables they are held, each of which takes memory and time of its own."""
        return len(self._read)

    def take(self, table: Table) -> None:
        """Takes connections."""
        if "uid" not in table.column_names:
            return
        ends = pa.table([table.column("uid"), table.column("id.orig_h"), integers(table, "id.resp_p")], _ENDS)
        read = _Read(_us(times(table, "ts")), ends)
        if self._read and len(self._read[-1].start_us) < PIECE:  # each of a quiet site's looks holds a row or two
            before = self._read.pop()
            whole = pa.concat_tables([before.ends, read.ends], promote_options="permissive").combine_chunks()
            read = _Read(np.concatenate([before.start_us, read.start_us]), whole)
        self._read.append(read)
        self._held += table.num_rows
        while self._held > self._most and len(self._read) > 1:
            self._held -= len(self._read.popleft().start_us)

    def newest(self, pairs: Pairs, rows: Ints) -> list[str]:
        """The uid of the newest connection of the pairs at `rows`, "" where it is not remembered."""
        starts = _us(pairs.last_ts[rows])
        found: dict[tuple[str, int, int], str] = {}
        for start_us, ends in self._read:
            hits = np.flatnonzero(np.isin(start_us, starts))
            chosen = ends.take(pa.array(hits))
            columns = (chosen.column(name).to_pylist() for name in _ENDS)
            for uid, orig, port, start in zip(*columns, start_us[hits].tolist(), strict=True):
                found[orig, port, start] = uid or ""
        keys = zip(pairs.orig_h[rows].tolist(), pairs.resp_p[rows].tolist(), starts.tolist(), strict=True)
        return [found.get(key, "") for key in keys]


_ENDS = ["uid", "orig_h", "resp_p"]


def _us(seconds: Floats) -> Ints:
    rounded: Ints = np.rint(np.where(np.isfinite(seconds), seconds, 0.0) * MICROSECONDS).astype(np.int64)
    return rounded
