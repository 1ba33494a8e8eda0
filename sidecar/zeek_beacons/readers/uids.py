"""The newest uids of some pairs, by a second look at the logs: to hold all of them would cost more than all else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import MICROSECONDS, Ints, Pairs
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, integers, texts, times
from zeek_beacons.readers.files import STDIN, Input
from zeek_beacons.readers.zeek_rows import log_rows

Key: TypeAlias = tuple[str, int, int]  # originator, responder's port, start in microseconds

EACH = 3  # uids of a pair
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
    for rows in log_rows(source, columns, tuple(columns)):
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
