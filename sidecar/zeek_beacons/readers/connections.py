"""Files -> tables of connections, in chunks: the road beside `read` for what looks at connections one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import (
    Request,
    aws_flows,
    azure_flows,
    binetflow,
    eve,
    events,
    exports,
    flow_csv,
    gcp_flows,
    opened,
    zeek_log,
)
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT
from zeek_beacons.readers.connection_table import MORE, ConnectionCollector, ConnectionTable
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, columns_of
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.log_context import LogContext
from zeek_beacons.readers.nested_json import objects
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.zeek_rows import Header

Parts = Callable[[Input, Collector, Progress | None, Aliases | None], Iterator[Part]]

_NUMBERS = frozenset({"orig_pkts", "resp_pkts"})


def read_connections(
    request: Request, config: Config, progress: Progress | None = None
) -> tuple[Iterator[ConnectionTable], Ingest]:
    """The connections of all inputs, a chunk at a time, and what happens while they are read.

    The Ingest is complete when the iterator is used up. Raises InputError, at once for an input of another kind.
    """
    form, sources, ingest = opened(request, config)
    if form not in PARTS:
        problem = f"{form} holds pairs, not connections; give the conn.log or a flow log"
        raise InputError(sources[0].path, problem)
    return _tables(
        PARTS[form], sources, ConnectionCollector(config, ingest, request.begin, request.until), progress
    ), ingest


def _tables(
    parts: Parts, sources: list[Input], collector: ConnectionCollector, progress: Progress | None
) -> Iterator[ConnectionTable]:
    for source in sources:
        collector.ingest.begin_file()
        for part in parts(source, collector, progress, MORE):
            table = collector.table(part)
            if len(table):
                yield table
    if not collector.ingest.rows:
        collector.ingest.notes.append("the input holds no rows")


def _conn_parts(source: Input, collector: Collector, progress: Progress | None, more: Aliases | None) -> Iterator[Part]:
    """A conn.log in parts, with those of the columns `more` that it has, under our names."""
    found = _columns(source.head(), more or {})
    ours = {column: name for name, (column, _) in found.items()}
    wanted: dict[str, Any] = dict(found.values())
    for part in zeek_log.parts(source, collector, LogContext(), progress, wanted):
        names = [ours.get(name, name) for name in part.table.column_names]
        yield replace(part, table=part.table.rename_columns(names))


def _columns(head: bytes, more: Aliases) -> dict[str, tuple[str, Any]]:
    """Our field -> column and its type, for the fields that a conn.log starting like this has."""
    if not head.lstrip().startswith(b"{"):
        header = Header()
        for line in head.split(b"\n"):
            if line.startswith(b"#"):
                header.read(line.decode("utf-8", "replace").rstrip("\r"))
        found = columns_of(header.fields, more)
        return {ours: (column, NUMBER if ours in _NUMBERS else TEXT) for ours, column in found.items()}
    values: dict[str, Any] = {}
    for row in objects(head):
        values |= {name: value for name, value in row.items() if value is not None}
    return {ours: (column, _kind(values[column])) for ours, column in columns_of([*values], more).items()}


def _kind(value: object) -> Any:
    """The arrow type of a field of JSON lines, by a value of it."""
    if isinstance(value, bool):
        return pa.bool_()
    return NUMBER if isinstance(value, (int, float)) else TEXT


PARTS: dict[str, Parts] = {
    "conn": _conn_parts,
    "exports": exports.parts,
    "binetflow": binetflow.parts,
    "flows": flow_csv.parts,
    "aws": aws_flows.parts,
    "azure": azure_flows.parts,
    "gcp": gcp_flows.parts,
    "eve": eve.parts,
    "events": events.parts,
}
