"""Event tables of endpoints: a row a connection, with the process behind it, as CSV or JSON lines.

Columns are found by name: of published event tables, of Sysmon's event 3 (learn.microsoft.com/sysinternals/downloads/
sysmon), of the Elastic Common Schema (elastic.co/guide/en/ecs/current) and of osquery's socket_events and
process_open_sockets (osquery.io/schema). In JSON they may stand inside others, as agents write them. Gaps and countries
that a table holds are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, ParsedRows, Table, batch, integers, swapped, texts
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, CsvFile, cells, columns_of, first_line, named, plain, require
from zeek_beacons.readers.nested_json import TRUTH, Row, at, nested_rows, objects
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.processes import packed
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

COLUMNS: Aliases = {
    "start": ("timestamp", "utctime", "@timestamp", "event.created", "event.start", "_time", "time", "unixtime"),
    "orig_h": ("src_ip", "sourceip", "source.ip", "local_address"),
    "orig_p": ("src_port", "sourceport", "source.port", "local_port"),
    "resp_h": ("dst_ip", "destinationip", "destination.ip", "remote_address"),
    "resp_p": ("dst_port", "destinationport", "destination.port", "remote_port"),
    "proto": ("protocol", "network.transport", "proto"),
    "orig_bytes": ("bytes_out", "source.bytes", "bytes_sent"),
    "resp_bytes": ("bytes_in", "destination.bytes", "bytes_received"),
    "name": ("destinationhostname", "destination.domain", "server_name"),
    "process": ("proc_name", "image", "process.executable", "process.name", "process_name", "process_path", "path"),
    "parent": ("parent_name", "parentimage", "process.parent.executable", "process.parent.name", "parent_process_name"),
    "user": ("user", "user.name", "username"),
    "signed": ("signed_binary", "process.code_signature.trusted", "process.code_signature.valid", "signed"),
    "action": ("action",),
    "kind": ("eventid", "event.code"),
}
CONNECTION = frozenset({"orig_h", "resp_h", "process"})  # what shows that a row tells of a connection's process
REQUIRED = ("start", "orig_h", "resp_h", "resp_p", "proto", "process")
_NUMBERS = frozenset({"orig_p", "resp_p", "orig_bytes", "resp_bytes"})
_NULLS = ("", "-", "null", "NULL", "None", "nan", "NaN")
_INSIDE = ("_source.", "winlog.event_data.", "event_data.", "event.eventdata.", "columns.")  # what agents put around
_LOOKED_AT = 200  # rows that show which fields a JSON file has
_CONNECTION = "3"  # the number of Sysmon's event


def sniff_json(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this holds events of processes as JSON lines."""
    return _paths(head).keys() >= CONNECTION


def sniff(head: bytes, chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is a CSV of events of processes."""
    if head.lstrip().startswith(b"{"):
        return False
    given = cells(first_line(head))
    return columns_of(given, COLUMNS).keys() | named(chosen, COLUMNS, given) >= CONNECTION


def parts(
    source: Input, collector: Collector, progress: Progress | None, more: Aliases | None = None
) -> Iterator[Part]:
    """One event table in parts, with the columns `more` too; bad lines go to `collector`.

    Raises InputError where a required column is missing.
    """
    aliases = {**COLUMNS, **(more or {})}
    as_json = source.head().lstrip().startswith(b"{")
    tables = _json_tables(source, aliases, progress) if as_json else _csv_tables(source, aliases, collector, progress)
    for rows in tables:
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            where = Where(source.path, rows.line, rows.data)
            yield Part(_batch(rows.table), where, rows.table, {"event other than a connection": _is_other(rows.table)})


def _csv_tables(
    source: Input, aliases: Aliases, collector: Collector, progress: Progress | None
) -> Iterator[ParsedRows]:
    file = CsvFile.open(source, aliases, REQUIRED, collector.config.map)
    kinds = dict.fromkeys(aliases.keys() - _NUMBERS - {"start"}, TEXT)
    return file.rows(kinds, _NULLS, quotes=True, progress=progress)


def _json_tables(source: Input, aliases: Aliases, progress: Progress | None) -> Iterator[ParsedRows]:
    head = source.head()
    found = _paths(head, aliases)
    require(source.path, found, [*found.values()], REQUIRED, aliases)
    kinds = {ours: _kind(ours, path, head) for ours, path in found.items()}
    ours = {path: name for name, path in found.items()}
    for rows in nested_rows(source, {found[name]: kind for name, kind in kinds.items()}, progress):
        table = rows.table
        if table is not None:
            columns = {ours[path]: table.column(path) for path in table.column_names}
            table = pa.table({name: _as_text(name, column) for name, column in columns.items()})
        yield ParsedRows(table, rows.data, rows.line, rows.bad)


def _paths(head: bytes, aliases: Aliases = COLUMNS) -> dict[str, str]:
    """Our field -> where the rows at the start of a file hold it."""
    return paths(islice(objects(head), _LOOKED_AT), aliases)


def paths(rows: Iterable[Row], aliases: Aliases = COLUMNS) -> dict[str, str]:
    """Our field -> where these rows hold it, by name without what agents put around it."""
    known: dict[str, str] = {}
    for row in rows:
        for path in _leaves(row):
            known.setdefault(_bare(path), path)
    return {
        ours: next(known[alias] for alias in names if alias in known)
        for ours, names in aliases.items()
        if any(alias in known for alias in names)
    }


def _leaves(row: Row, outer: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in row.items():
        if "." in name or depth > len(_INSIDE):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{outer}{name}.", depth + 1)
        elif isinstance(value, (str, int, float)):
            yield outer + name


def _bare(path: str) -> str:
    short = plain(path)
    for around in _INSIDE:
        short = short.removeprefix(around)
    return short


def _kind(ours: str, path: str, head: bytes) -> Any:
    """The type of a field: numbers where they are needed, else what the first row that has it holds."""
    if ours in _NUMBERS:
        return NUMBER
    first = next((value for row in objects(head) if (value := at(row, path)) is not None), "")
    return TRUTH if isinstance(first, bool) else TEXT if isinstance(first, str) else NUMBER


def _as_text(ours: str, column: Any) -> Any:
    if ours in _NUMBERS or ours == "start":
        return column
    if pa.types.is_floating(column.type):
        column = pc.cast(column, pa.int64(), safe=False)
    return pc.cast(column, pa.string())


def _batch(table: Table) -> Batch:
    proto = texts(table, "proto")
    portless = proto.map(np.array([text.lower() in ("icmp", "1", "58") for text in proto.values]), 0) > 0
    orig_h, resp_h = texts(table, "orig_h"), texts(table, "resp_h")
    orig_p, resp_p = integers(table, "orig_p"), integers(table, "resp_p")
    accepted = texts(table, "action").among("accept")
    if accepted.any():  # osquery names its own end first, whoever began
        orig_h, resp_h = swapped(orig_h, resp_h, accepted)
        orig_p, resp_p = np.where(accepted, resp_p, orig_p), np.where(accepted, orig_p, resp_p)
    return batch(
        table,
        orig_h=orig_h,
        orig_p=orig_p,
        resp_h=resp_h,
        resp_p=np.where(portless & (resp_p < 0), 0, resp_p),
        proto=proto,
        process=packed(table),
    )


def _is_other(table: Table) -> Bools:
    """Rows of other events than of connections, as Sysmon and Elastic number them."""
    kind, responder = texts(table, "kind"), texts(table, "resp_h")
    other: Bools = (kind.codes >= 0) & ~kind.among(_CONNECTION) & (responder.codes < 0)
    return other
