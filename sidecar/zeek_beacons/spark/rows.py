"""On executors: lines of conn.log, or rows of a table, -> checked connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.config import Config
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers import exports, parquet_rows, zeek_log
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.files import HEAD, Held
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.log_context import LogContext
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.spark.schema import ROW, RecordBatch, Table, told

PARSED = 16 << 20  # bytes of lines that are parsed at once
BATCH = 8192  # rows handed on at once
CLASS, NETWORK_ACTIVITY = "class_uid", 4001  # of OCSF

Stage = Callable[[Iterator[RecordBatch]], Iterator[RecordBatch]]


@dataclass(frozen=True, slots=True)
class WhatCounts:
    """Which connections are looked at, and how: settings, and the bounds of their starts (epoch seconds)."""

    config: Config
    begin: float | None
    until: float | None


class Chunk(Held):
    """Lines from anywhere in a file, behind the headers of the file."""

    def head(self) -> bytes:
        """Its beginning."""
        return self._data[:HEAD]


class CheckedRows(Collector):
    """Turns parts of files into their good connections that are wanted, and counts the others."""

    def rows(self, part: Part) -> Iterator[RecordBatch]:
        """The connections of a part."""
        wanted = np.ones(len(part.batch), dtype=np.bool_)
        self.ingest.rows += len(part.batch)
        for reason, mask in part.left_out.items():
            self._leave_out(reason, wanted & mask)
            wanted &= ~mask
        rows, good = self._checked(part.batch, part.where, wanted)
        kept = np.flatnonzero(good)
        rows = rows.take(kept)
        chosen = self._wanted(rows)
        rows, kept = rows.take(chosen), kept[chosen]
        uid = part.table.column("uid") if "uid" in part.table.column_names else pa.nulls(len(part.batch), pa.string())
        columns = {
            "start_us": rows.start_us,
            "duration": rows.duration,
            "orig_h": spelled(rows.orig_h, self._hosts.values),
            "orig_p": rows.orig_p,
            "resp_h": spelled(rows.resp_h, self._hosts.values),
            "resp_p": rows.resp_p,
            "proto": rows.proto,
            "service": spelled(rows.service, self._services.values),
            "orig_bytes": rows.orig_bytes,
            "resp_bytes": rows.resp_bytes,
            "state": rows.state,
            "reach_us": rows.reach_us,
            "uid": uid.cast(pa.string()).take(pa.array(kept)),
            "name": _texts(part.batch.name, kept),
            "told": pa.nulls(len(kept), pa.string()),
        }
        table = pa.table([_typed(columns[field.name], field.type) for field in ROW], schema=ROW)
        yield from table.to_batches(BATCH)


def of_lines(headers: Mapping[str, bytes], looked: WhatCounts, needs_uid: bool) -> Stage:
    """A stage over (file, line) that gives connections. `headers`: of tab-separated files."""
    more: dict[str, Any] = {"uid": pa.string()} if needs_uid else {}

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        collector = _collector(looked)
        for chunk in chunks(batches, headers):
            for part in zeek_log.parts(chunk, collector, LogContext(), None, more):
                yield from collector.rows(part)
        yield told(collector.ingest, ROW)

    return work


def chunks(batches: Iterator[RecordBatch], headers: Mapping[str, bytes]) -> Iterator[Chunk]:
    """Lines of one file at a time, some megabytes together."""
    file, size = "", 0
    held: list[bytes] = []
    for batch in batches:
        encoded = batch.column(0).dictionary_encode()
        code = encoded.indices.to_numpy(zero_copy_only=False)
        begins = np.append(np.flatnonzero(np.diff(code, prepend=-1)), len(code)).tolist()
        for begin, end in pairwise(begins):
            name, lines = encoded.dictionary[int(code[begin])].as_py(), batch.column(1).slice(begin, end - begin)
            if held and (name != file or size >= PARSED):
                yield _chunk(file, held, headers)
                held, size = [], 0
            file = name
            held += lines.to_pylist()
            size += lines.nbytes
    if held:
        yield _chunk(file, held, headers)


def _chunk(file: str, lines: list[bytes], headers: Mapping[str, bytes]) -> Chunk:
    if lines[0].startswith(b"\xef\xbb\xbf"):
        lines[0] = lines[0][3:]
    return Chunk(file, headers.get(file, b"") + b"\n".join(lines) + b"\n")


def of_table(found: Mapping[str, str], name: str, looked: WhatCounts) -> Stage:
    """A stage over rows of a table that gives connections. `found`: our field -> its column, `name`: the table's."""

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        collector = _collector(looked)
        for batch in batches:
            taken = {ours: batch.column(batch.schema.get_field_index(ours)) for ours in found}
            table = parquet_rows.typed(taken, exports.NUMBERS)
            other = _of_another_class(batch)
            part = Part(exports.batch_of(table, found), parquet_rows.Row(name, 0), table, other)
            yield from collector.rows(part)
        yield told(collector.ingest, ROW)

    return work


def _of_another_class(batch: RecordBatch) -> dict[str, Bools]:
    """Which rows are OCSF events of another class than network activity, by the reason that they are left out for."""
    if CLASS not in batch.schema.names:
        return {}
    known = pc.equal(batch.column(batch.schema.get_field_index(CLASS)), NETWORK_ACTIVITY)
    return {
        "OCSF of another class than 4001, network activity": ~pc.fill_null(known, False).to_numpy(zero_copy_only=False)
    }


def _collector(looked: WhatCounts) -> CheckedRows:
    return CheckedRows(looked.config, Ingest(), looked.begin, looked.until)


def whole(looked: WhatCounts) -> WhatCounts:
    """The same for connections that were chosen already."""
    return WhatCounts(replace(looked.config, direction="any"), None, None)


def spelled(codes: Ints, values: list[str]) -> Any:
    """Texts by their numbers, null for -1."""
    return pa.array(values, pa.string()).take(pa.array(codes, mask=codes < 0))


def _texts(column: Texts, kept: Ints | Bools) -> Any:
    return spelled(column.codes[kept], list(column.values))


def _typed(column: Any, kind: Any) -> Table:
    return pa.array(column, kind) if isinstance(column, np.ndarray) else column.cast(kind)
