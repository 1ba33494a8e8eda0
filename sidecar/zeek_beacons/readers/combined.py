"""A stream of all logs: one file of JSON lines in which each row names its log (`_path`), conn among others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.zeek_rows import log_rows, logs_of

# The column that holds a server's name, by log.
NAME_COLUMN = {"ssl": "server_name", "quic": "server_name", "http": "host"}


def is_combined(head: bytes) -> bool:
    """Whether the rows at the start of a file belong to several logs."""
    return len(logs_of(head)) > 1


def name_tables(path: Source) -> Iterator[Any]:
    """The uids and server names in a stream of all logs, as tables of two columns."""
    columns = ("_path", "uid", *dict.fromkeys(NAME_COLUMN.values()))
    for part in log_rows(opened(path), {name: pa.string() for name in columns}, ("uid",)):
        if part.table is None:
            continue
        for log, column in NAME_COLUMN.items():
            rows = part.table.filter(pc.equal(part.table.column("_path"), log))
            if rows.num_rows:
                yield rows.select(["uid", column])
