"""Server names from ssl, quic and http logs, to be joined to connections by uid; and which logs tell of servers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.errors import InputError
from zeek_beacons.readers.arrow_parse import Table
from zeek_beacons.readers.by_uid import newest_tables
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.combined import NAME_COLUMN, name_tables
from zeek_beacons.readers.files import Input, Source, opened
from zeek_beacons.readers.owners import LOGS as OWNER_LOGS
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.readers.zeek_rows import log_name, log_rows

LOGS = (*NAME_COLUMN, "dns", "x509", *OWNER_LOGS, "intel", "ssh")


class Names:
    """The first server name that each uid was seen with; false where there is none at all."""

    def __init__(self, uids: Any, codes: np.ndarray[Any, np.dtype[np.int64]], values: Sequence[str]) -> None:
        self._uids, self._codes, self._values = uids, codes, values

    def __bool__(self) -> bool:
        return len(self._uids) > 0

    @classmethod
    def none(cls) -> Self:
        """No names at all."""
        return cls(pa.array([], pa.string()), np.zeros(0, dtype=np.int64), [])

    def of(self, uids: Any) -> Texts:
        """The name of each uid of an arrow column."""
        at = pc.index_in(uids, value_set=self._uids).fill_null(-1)
        index = np.asarray(at.to_numpy(), dtype=np.int64)
        return Texts(np.where(index < 0, -1, self._codes[index]), self._values)


def log_of(path: str) -> str:
    """Which of the logs that tell of servers a file is; "" where it is empty. Raises InputError where it is another."""
    first = Input(path).head()
    if not first.strip():
        return ""
    found, named = log_name(first), re.split("[._-]", Path(path).name)[0]
    if first.lstrip().startswith(b"{") and found in (None, "ssl"):
        found = named if named in LOGS else found  # JSON leaves out the fields that are unset
    if found not in LOGS:
        raise InputError(path, f"expected one of the logs {', '.join(LOGS)}, found {found or 'something else'}")
    return found


class NameCollector:
    """Takes ssl, quic and http logs, gives Names."""

    def __init__(self) -> None:
        self._tables: list[Table] = []

    def read(self, path: Source, log: str, bad: BadRows) -> None:
        """Takes one log (TSV or JSON) whole, or nothing of it where it raises InputError."""
        self._add(list(tables(opened(path), log, bad)))

    def read_stream(self, path: Source) -> None:
        """Takes what a file that holds all logs, in JSON, tells of names. Raises InputError."""
        self._add(list(name_tables(path)))

    def names(self) -> Names:
        """All that was read."""
        if not sum(table.num_rows for table in self._tables):
            return Names.none()
        both = pa.concat_tables(self._tables)
        all_uids = both.column("uid").combine_chunks()
        all_names = pc.dictionary_encode(both.column("name")).combine_chunks()
        encoded = pc.dictionary_encode(all_uids)
        first = np.unique(encoded.indices.to_numpy(), return_index=True)[1]
        codes = all_names.indices.to_numpy(zero_copy_only=False)[first].astype(np.int64)
        return Names(encoded.dictionary, codes, all_names.dictionary.to_pylist())

    def bound(self, most: int) -> int:
        """Holds the last so many names at most. Returns how many it forgot."""
        self._tables, gone = newest_tables(self._tables, most)
        return gone

    def _add(self, tables: Sequence[Table]) -> None:
        for table in tables:
            known = table.filter(pc.and_(pc.is_valid(table.column(0)), pc.is_valid(table.column(1))))
            self._tables.append(pa.table([known.column(at).cast(pa.string()) for at in (0, 1)], ["uid", "name"]))


def tables(source: Input, log: str, bad: BadRows, more: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Table]:
    """The uid and server name of each row of an ssl, quic or http log, and the columns `more` (name -> arrow type)."""
    wanted = ("uid", NAME_COLUMN[log])
    is_tsv = source.head().startswith(b"#")
    for part in log_rows(source, {**dict.fromkeys(wanted, pa.string()), **more}, ("uid",)):
        bad.add_lines(part.bad)
        if part.table is None or not set(wanted) <= set(part.table.column_names):
            continue
        table = part.table.select([*wanted, *(name for name in more if name in part.table.column_names)])
        if is_tsv:  # Zeek's writer of tab-separated logs doubles backslashes
            table = table.set_column(1, log, pc.replace_substring(table.column(1), "\\\\", "\\"))
        yield table
