"""conn.log as tools export it: CSV or Parquet, a row a connection, columns under their usual other names.

Such are UWF-ZeekData, frames written by pandas, and tables of data lakes. Columns are found by name, in any order and
case. What tells them from plain flow records is that they have Zeek's connection state or history.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Floats
from zeek_beacons.readers.arrow_parse import (
    MILLISECONDS_FROM,
    NUMBER,
    TEXT,
    Table,
    batch,
    integers,
    numbers,
    texts,
    times,
)
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, CsvFile, cells, columns_of, first_line, require
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

COLUMNS: Aliases = {
    "start": ("ts", "_time", "start_time", "starttime", "timestamp", "@timestamp", "datetime", "time"),
    "duration": ("duration", "dur", "duration_s", "event.duration"),
    "orig_h": ("id.orig_h", "id_orig_h", "orig_h", "src_ip", "src_ip_zeek", "source.ip", "source_ip", "srcip", "src"),
    "orig_p": ("id.orig_p", "id_orig_p", "orig_p", "src_port", "src_port_zeek", "source.port", "source_port", "sport"),
    "resp_h": (
        *("id.resp_h", "id_resp_h", "resp_h", "dest_ip", "dest_ip_zeek", "dst_ip", "destination.ip"),
        *("destination_ip", "dstip", "dst"),
    ),
    "resp_p": (
        *("id.resp_p", "id_resp_p", "resp_p", "dest_port", "dest_port_zeek", "dst_port", "destination.port"),
        *("destination_port", "dport"),
    ),
    "proto": ("proto", "protocol", "network.transport"),
    "service": ("service", "network.protocol"),
    "orig_bytes": ("orig_bytes", "src_bytes", "source.bytes", "bytes_sent"),
    "resp_bytes": ("resp_bytes", "dst_bytes", "dest_bytes", "destination.bytes", "bytes_received"),
    "state": ("conn_state", "connection_state", "zeek.connection.state", "state"),
    "history": ("history", "zeek.connection.history"),
    "name": ("server_name", "sni", "tls.client.server_name"),
}
REQUIRED = ("start", "orig_h", "resp_h", "resp_p", "proto")
_ENDS = {"orig_h", "resp_h"}
_ZEEK = frozenset({"conn_state", "connection_state", "zeek.connection.state", "history", "zeek.connection.history"})
_NUMBERS = ("duration", "orig_p", "resp_p", "orig_bytes", "resp_bytes")
NULLS = ("", "-", "(empty)", "null", "NULL", "None", "nan", "NaN", "<NA>", r"\N")
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
NANOSECONDS = {"event.duration": 1e9}  # columns in another unit: how many make a second
BATCH = 1 << 20  # rows of a Parquet file at a time
MAGIC = b"PAR1"


def sniff(head: bytes) -> bool:
    """Whether a file that starts like this is an export of conn.log."""
    if head.startswith(MAGIC):
        return True
    given = cells(first_line(head))
    return columns_of(given, COLUMNS).keys() >= _ENDS and bool(_ZEEK & {name.strip().lower() for name in given})


def read(source: Input, collector: Collector, progress: Progress | None) -> None:
    """Reads one export into `collector`. Raises InputError where a required column is missing or the file is broken."""
    take = _parquet if source.head().startswith(MAGIC) else _csv
    take(source, collector, progress)


def _csv(source: Input, collector: Collector, progress: Progress | None) -> None:
    file = CsvFile.open(source, COLUMNS, REQUIRED)
    kinds = dict.fromkeys(COLUMNS.keys() - {"start", *_NUMBERS}, TEXT)
    for rows in file.rows(kinds, NULLS, quotes=True, progress=progress):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            collector.add(_batch(rows.table, file.found), Where(source.path, rows.line, rows.data))


def _parquet(source: Input, collector: Collector, progress: Progress | None) -> None:
    path = source.path
    file = _guarded(path, lambda: parquet.ParquetFile(_seekable(source, progress)))
    given = [str(name) for name in file.schema_arrow.names]
    found = columns_of(given, COLUMNS)
    require(path, found, given, REQUIRED, COLUMNS)
    row = 0
    for table in _tables(path, file, found):
        collector.add(_batch(table, found), _Row(path, row))
        row += table.num_rows


def _tables(path: str, file: Any, found: Mapping[str, str]) -> Iterator[Table]:
    """The rows of a Parquet file in tables of our columns and types."""
    batches = _guarded(path, lambda: file.iter_batches(BATCH, columns=list(found.values())))
    while (part := _guarded(path, lambda: next(batches, None))) is not None:
        columns = {ours: part.column(part.schema.get_field_index(name)) for ours, name in found.items()}
        yield _guarded(path, partial(_typed, columns))


def _typed(columns: Mapping[str, Any]) -> Table:
    return pa.table({ours: _plain(ours, column) for ours, column in columns.items()})


def _plain(ours: str, column: Any) -> Any:
    """A column as numbers, texts or times, whatever type the file gives it; what does not fit is missing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if ours == "start" and pa.types.is_timestamp(kind):
        return pc.divide(pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()).cast(NUMBER), 1e6)
    if ours in _NUMBERS or (ours == "start" and not _is_text(kind)):
        return _numeric(column, kind)
    return _without_nulls(column.cast(pa.string()) if _is_text(kind) else pc.cast(column, pa.string()))


def _numeric(column: Any, kind: Any) -> Any:
    if pa.types.is_duration(kind):
        return pc.divide(pc.cast(pc.cast(column, pa.duration("us"), safe=False), pa.int64()).cast(NUMBER), 1e6)
    if _is_text(kind):
        text = column.cast(pa.string())
        good = pc.match_substring_regex(text, _NUMBER)
        return pc.cast(pc.utf8_trim_whitespace(pc.if_else(good, text, None)), NUMBER)
    return pc.cast(column, NUMBER, safe=False)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _without_nulls(column: Any) -> Any:
    return pc.if_else(pc.is_in(column, pa.array(NULLS)), None, column)


def _batch(table: Table, found: Mapping[str, str]) -> Batch:
    unit = NANOSECONDS.get(found.get("duration", "").lower(), 1.0)
    proto = texts(table, "proto")
    portless = proto.map(np.array([text.lower() in ("icmp", "icmp6", "1", "58") for text in proto.values]), 0) > 0
    resp_p = integers(table, "resp_p")
    return batch(
        table,
        start=_seconds(times(table, "start")),
        duration=numbers(table, "duration") / unit,
        resp_p=np.where(portless & (resp_p < 0), 0, resp_p),
    )


def _seconds(start: Floats) -> Floats:
    """Epochs in microseconds and nanoseconds too, which stand a thousand and a million times too high by now."""
    return np.where(start >= 1e14, start / 1e6, np.where(start >= MILLISECONDS_FROM, start / 1e3, start))


class _Row(Where):
    """Names the row of a Parquet file: its number, counted from 1."""

    def __init__(self, path: str, first: int) -> None:
        super().__init__(path, 0, b"")
        self._first = first

    def locate(self, row: int) -> tuple[int, str]:
        return self._first + row + 1, "row of a Parquet file"


def _seekable(source: Input, progress: Progress | None) -> Any:
    """The file itself where it can be read in parts; what is packed or comes from a pipe is read whole."""
    if source.is_file:
        with Path(source.path).open("rb") as stream:
            if stream.read(len(MAGIC)) == MAGIC:
                if progress:
                    progress(Path(source.path).stat().st_size)
                return source.path
    return pa.BufferReader(b"".join(block.data for block in source.blocks(progress)))


def _guarded(path: str, work: Callable[[], Any]) -> Any:
    """Does the work; whatever arrow makes of a broken file becomes an InputError."""
    try:
        return work()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        problem = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(path, f"not a readable Parquet file: {problem}") from error
