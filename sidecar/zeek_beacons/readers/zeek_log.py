"""Zeek's conn.log, tab-separated or JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import (
    NUMBER,
    TEXT,
    Table,
    ahead,
    integers,
    numbers,
    texts,
    times,
)
from zeek_beacons.readers.files import Progress
from zeek_beacons.readers.names import Names
from zeek_beacons.readers.reservoir import Batch, Collector, Texts, Where
from zeek_beacons.readers.zeek_rows import log_rows

COLUMNS: Mapping[str, Any] = {
    "ts": NUMBER,
    "uid": pa.string(),
    "id.orig_h": TEXT,
    "id.orig_p": NUMBER,
    "id.resp_h": TEXT,
    "id.resp_p": NUMBER,
    "proto": TEXT,
    "service": TEXT,
    "duration": NUMBER,
    "orig_bytes": NUMBER,
    "resp_bytes": NUMBER,
    "conn_state": TEXT,
    "history": TEXT,
}
REQUIRED = ("ts", "id.orig_h", "id.resp_h", "id.resp_p", "proto")


def read(path: str, head: bytes, collector: Collector, names: Names, progress: Progress | None) -> None:
    """Reads one conn.log into `collector`."""
    wanted = {name: kind for name, kind in COLUMNS.items() if names or name != "uid"}
    if head.lstrip().startswith(b"{"):
        wanted["_path"] = TEXT
    for rows in ahead(log_rows(path, head, wanted, REQUIRED, progress)):
        collector.skip(path, rows.bad)
        if rows.table is not None:
            where = Where(path, rows.line, rows.data)
            collector.add(_batch(rows.table, names), where, {"row of another log": _is_other(rows.table)})


def _is_other(table: Table) -> Bools:
    """Rows that say they belong to another log than conn, in a stream of all logs."""
    logs = texts(table, "_path")
    return logs.map(np.array([not log.startswith("conn") for log in logs.values]), 0) > 0


def _batch(table: Table, names: Names) -> Batch:
    return Batch(
        start=times(table, "ts"),
        duration=numbers(table, "duration"),
        orig_h=texts(table, "id.orig_h"),
        orig_p=integers(table, "id.orig_p"),
        resp_h=texts(table, "id.resp_h"),
        resp_p=integers(table, "id.resp_p"),
        proto=texts(table, "proto"),
        service=texts(table, "service"),
        orig_bytes=numbers(table, "orig_bytes"),
        resp_bytes=numbers(table, "resp_bytes"),
        state=texts(table, "conn_state"),
        history=texts(table, "history"),
        name=names.of(table.column("uid")) if names and "uid" in table.column_names else Texts.constant(table.num_rows),
    )
