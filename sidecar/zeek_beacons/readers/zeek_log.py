"""Zeek's conn.log, tab-separated or JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, ahead, batch, texts
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.names import Names
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where
from zeek_beacons.readers.zeek_rows import log_path, log_rows

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
# Zeek's columns that Batch calls otherwise.
_OURS = {"ts": "start", "conn_state": "state"} | {name: name[3:] for name in COLUMNS if name.startswith("id.")}


def read(source: Input, collector: Collector, names: Names, progress: Progress | None) -> None:
    """Reads one conn.log into `collector`."""
    wanted = {name: kind for name, kind in COLUMNS.items() if names or name != "uid"}
    head = source.head()
    if head.lstrip().startswith(b"{"):
        wanted["_path"] = TEXT
    log = log_path(head) or "conn"
    for rows in ahead(log_rows(source, wanted, REQUIRED, progress)):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            where = Where(source.path, rows.line, rows.data)
            collector.add(_batch(rows.table, names), where, {"row of another log": _is_other(rows.table, log)})


def _is_other(table: Table, log: str) -> Bools:
    """Rows that say they belong to another log than this one, in a stream of all logs."""
    logs = texts(table, "_path")
    return logs.map(np.array([said != log for said in logs.values]), 0) > 0


def _batch(table: Table, names: Names) -> Batch:
    given = {"name": names.of(table.column("uid"))} if names and "uid" in table.column_names else {}
    return batch(table.rename_columns([_OURS.get(name, name) for name in table.column_names]), **given)
