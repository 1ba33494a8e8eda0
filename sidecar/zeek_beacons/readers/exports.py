"""conn.log as tools export it: CSV or Parquet, a row a connection, columns under their usual other names.

Such are UWF-ZeekData, frames written by pandas, and tables of data lakes. Columns are found by name, in any order and
case. What tells them from plain flow records is that they have Zeek's connection state or history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from zeek_beacons.pairs import Floats
from zeek_beacons.readers import parquet_rows
from zeek_beacons.readers.arrow_parse import MILLISECONDS_FROM, TEXT, Table, batch, integers, numbers, texts, times
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, CsvFile, cells, chosen_columns, columns_of, first_line, named, require
from zeek_beacons.readers.parquet_rows import MAGIC, NULLS
from zeek_beacons.readers.part import Part
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
NUMBERS = ("duration", "orig_p", "resp_p", "orig_bytes", "resp_bytes")
NANOSECONDS = {"event.duration": 1e9}  # columns in another unit: how many make a second


def sniff(head: bytes, chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is an export of conn.log."""
    if head.startswith(MAGIC):
        return True
    given = cells(first_line(head))
    found = columns_of(given, COLUMNS).keys() | named(chosen, COLUMNS, given)
    return found >= _ENDS and bool(_ZEEK & {name.strip().lower() for name in given})


def parts(
    source: Input, collector: Collector, progress: Progress | None, more: Aliases | None = None
) -> Iterator[Part]:
    """One export in parts, with the columns `more`, as texts, too; bad lines go to `collector`.

    Raises InputError where a required column is missing or the file is broken.
    """
    take = _parquet if source.head().startswith(MAGIC) else _csv
    yield from take(source, collector, progress, {**COLUMNS, **(more or {})})


def _csv(source: Input, collector: Collector, progress: Progress | None, aliases: Aliases) -> Iterator[Part]:
    file = CsvFile.open(source, aliases, REQUIRED, collector.config.map)
    kinds = dict.fromkeys(aliases.keys() - {"start", *NUMBERS}, TEXT)
    for rows in file.rows(kinds, NULLS, quotes=True, progress=progress):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            yield Part(batch_of(rows.table, file.found), Where(source.path, rows.line, rows.data), rows.table)


def _parquet(source: Input, collector: Collector, progress: Progress | None, aliases: Aliases) -> Iterator[Part]:
    path = source.path
    file = parquet_rows.opened(source, progress)
    given = parquet_rows.columns(file)
    found = chosen_columns(path, given, aliases, collector.config.map)
    require(path, found, given, REQUIRED, aliases)
    row = 0
    for table in parquet_rows.tables(path, file, found, NUMBERS):
        yield Part(batch_of(table, found), parquet_rows.Row(path, row), table)
        row += table.num_rows


def batch_of(table: Table, found: Mapping[str, str]) -> Batch:
    """The rows of a table of our fields, made of the columns that were `found`."""
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
