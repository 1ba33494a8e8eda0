"""The newest uids of some pairs, by a second look at the logs: to hold all of them would cost more than all else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import MICROSECONDS, Ints, Pairs
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, ahead, integers, texts, times
from zeek_beacons.readers.files import STDIN, Block, Input, Progress
from zeek_beacons.readers.zeek_rows import log_rows

Key: TypeAlias = tuple[str, int, int]  # originator, responder's port, start in microseconds

EACH = 3  # uids of a pair
_DIGITS = (*range(10), *range(11, 17))  # where they are in a time as Zeek writes it: 1767225600.123456
_POINT, _END = 10, 17
COLUMNS = {"uid": pa.string(), "id.orig_h": TEXT, "id.resp_p": NUMBER}
TIME = {"conn": "ts", "candidates": "last_ts"}  # when the connection began that a row's uid is of, by format


def newest_uids(files: Mapping[str, str], pairs: Pairs, rows: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The uids of the newest connections of the pairs at `rows`, newest first; none where the logs do not tell.

    `files`: path -> format, as an Ingest has them. Looked at are conn.log and beacon_candidates.log, whose rows have a
    uid of their newest connection; and nothing that can be read but once.
    """
    wanted: dict[Key, list[int]] = {}
    for row in rows:
        for start in pairs.start[pairs.offsets[row] : pairs.offsets[row + 1]][-EACH:].tolist():
            key = (str(pairs.orig_h[row]), int(pairs.resp_p[row]), round(start * MICROSECONDS))
            wanted.setdefault(key, []).append(row)
    found: dict[int, dict[str, int]] = {}
    starts = np.unique(np.array([start for _orig, _port, start in wanted], dtype=np.int64))
    for path in [path for path, form in files.items() if form in TIME and path != STDIN and len(starts)]:
        try:
            _look(Input(path), TIME[files[path]], starts, wanted, found)
        except InputError:  # a log without uids
            continue
    return {row: tuple(sorted(uids, key=lambda uid: -uids[uid])[:EACH]) for row, uids in found.items()}


class _Sifted(Input):
    """A tab-separated log without most of the rows that did not begin at one of some moments, which saves parsing them.

    Left out are lines that begin with a time as Zeek writes it, where that is another one. Everything else stays.
    """

    def __init__(self, path: str, time: str, starts: Ints) -> None:
        """`time`: the column of the moments `starts`, ascending microseconds."""
        super().__init__(path)
        self._fields, self._starts = f"#fields\t{time}\t".encode(), starts

    def blocks(self, progress: Progress | None = None) -> Iterator[Block]:
        """The lines that are left, in blocks; their numbers are not those of the file."""
        begins_with_time = False
        for block in super().blocks(progress):
            if b"#fields" in block.data:
                fields = [line for line in block.data.split(b"\n") if line.startswith(b"#fields")]
                begins_with_time = all(line.startswith(self._fields) for line in fields)
            yield Block(self._sifted(block.data), block.line) if begins_with_time else block

    def _sifted(self, data: bytes) -> bytes:
        octets = np.frombuffer(data, dtype=np.uint8)
        ends = np.append(np.flatnonzero(octets == ord("\n")) + 1, len(data))
        begins = np.append(0, ends[:-1])
        long = begins + _END < len(data)
        at = begins[long]
        us, is_time = (
            np.zeros(len(at), dtype=np.int64),
            (octets[at + _POINT] == ord(".")) & (octets[at + _END] == ord("\t")),
        )
        for place in _DIGITS:
            digit = octets[at + place] - np.uint8(ord("0"))
            is_time &= digit <= 9  # what is less than "0" wraps around
            us = us * 10 + digit
        found = np.minimum(np.searchsorted(self._starts, us), len(self._starts) - 1)
        kept = np.ones(len(begins), dtype=np.bool_)
        kept[long] = ~is_time | (self._starts[found] == us)
        rows = np.flatnonzero(kept)
        return b"".join(data[a:b] for a, b in zip(begins[rows].tolist(), ends[rows].tolist(), strict=True))


def _look(
    source: Input,
    time: str,
    starts: Ints,
    wanted: Mapping[Key, list[int]],
    found: dict[int, dict[str, int]],
) -> None:
    if not source.is_file:
        return
    columns = {time: NUMBER, **COLUMNS}
    for rows in ahead(log_rows(_Sifted(source.path, time, starts), columns, tuple(columns))):
        table = rows.table
        if table is None or "uid" not in table.column_names:
            continue
        seconds = times(table, time)
        us = np.rint(np.where(np.isfinite(seconds), seconds, 0.0) * MICROSECONDS).astype(np.int64)
        places = np.flatnonzero(np.isin(us, starts))
        if not len(places):
            continue
        chosen = table.take(pa.array(places))
        origs, ports, uids = texts(chosen, "id.orig_h"), integers(chosen, "id.resp_p"), chosen.column("uid").to_pylist()
        for at, place in enumerate(places.tolist()):
            orig = origs.values[origs.codes[at]] if origs.codes[at] >= 0 else ""
            for row in wanted.get((orig, int(ports[at]), int(us[place])), ()):
                if uids[at]:
                    found.setdefault(row, {})[uids[at]] = int(us[place])
