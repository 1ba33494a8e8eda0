"""Zeek's conn.log, tab-separated or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, ahead, batch, texts
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.log_context import LogContext
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.traits import numbers as trait_numbers
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


def parts(
    source: Input,
    collector: Collector,
    context: LogContext,
    progress: Progress | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Part]:
    """One conn.log in parts, with the columns `more` (name -> arrow type) too; bad lines go to `collector`."""
    wanted = {name: kind for name, kind in COLUMNS.items() if context.needs_uid or name != "uid"} | dict(more)
    head = source.head()
    if head.lstrip().startswith(b"{"):
        wanted["_path"] = TEXT
    log = log_path(head) or "conn"
    for rows in ahead(log_rows(source, wanted, REQUIRED, progress)):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            where = Where(source.path, rows.line, rows.data)
            left_out = {"row of another log": _is_other(rows.table, log)}
            yield Part(_batch(rows.table, context), where, rows.table, left_out)


def _is_other(table: Table, log: str) -> Bools:
    """Rows that say they belong to another log than this one, in a stream of all logs."""
    logs = texts(table, "_path")
    return logs.map(np.array([said != log for said in logs.values]), 0) > 0


def _batch(table: Table, context: LogContext) -> Batch:
    given: dict[str, Any] = {}
    if context.needs_uid and "uid" in table.column_names:
        uids = table.column("uid")
        given = {"certificate": context.certificates.by_uid.of(uids), "client": context.clients.by_uid.of(uids)}
        given["hit"] = context.hits.by_uid.of(uids)
        if context.traits:
            given["traits"] = trait_numbers(context.traits, uids)
        if context.names:
            given["name"] = context.names.of(uids)
    return batch(table.rename_columns([_OURS.get(name, name) for name in table.column_names]), **given)
