"""What logs beside conn.log say of single connections, as numbers to be joined to them by uid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Ints
from zeek_beacons.readers.arrow_parse import Table
from zeek_beacons.readers.combined import is_combined
from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.readers.zeek_rows import log_rows, set_separator


class ByUid:
    """A number for each of some uids."""

    def __init__(self, uids: Any, numbers: Ints) -> None:
        """`uids`: an arrow array of different texts, `numbers` those of each, (n,)."""
        self._uids, self._numbers = uids, numbers

    def __bool__(self) -> bool:
        return len(self._numbers) > 0

    def renumbered(self, places: Ints) -> Self:
        """The same with `places[number]` in place of each number."""
        return type(self)(self._uids, np.append(places, -1)[self._numbers])

    @classmethod
    def none(cls) -> Self:
        """No uid has a number."""
        return cls(pa.array([], pa.string()), np.zeros(0, dtype=np.int64))

    def of(self, uids: Any) -> Ints:
        """The number of each uid of an arrow column, -1 where it has none."""
        if not self:
            return np.full(len(uids), -1, dtype=np.int64)
        at = np.asarray(pc.index_in(uids, value_set=self._uids).fill_null(-1).to_numpy(), dtype=np.int64)
        return np.where(at < 0, -1, self._numbers[at])


def newest_tables(tables: Sequence[Table], most: int) -> tuple[list[Table], int]:
    """The last tables that hold at most so many rows together, and the rows of the others."""
    kept, room = len(tables), most
    while kept and tables[kept - 1].num_rows <= room:
        kept -= 1
        room -= tables[kept].num_rows
    return list(tables[kept:]), sum(table.num_rows for table in tables[:kept])


def log_tables(path: Source, log: str, columns: Mapping[str, Any], bad: BadRows) -> Iterator[Table]:
    """The `columns` of one log (name -> arrow type), all of them in each table, null where the log has not.

    A vector is a list of texts, what is true or false a boolean. Lines that do not parse go to `bad`. `path` may be a
    stream of all logs.
    """
    source = opened(path)
    head = source.head()
    as_json, mixed = head.lstrip().startswith(b"{"), is_combined(head)
    parsed = [name for name, kind in columns.items() if pa.types.is_list(kind) or pa.types.is_boolean(kind)]
    wanted = {name: kind if as_json or name not in parsed else pa.string() for name, kind in columns.items()}
    for part in log_rows(source, wanted | ({"_path": pa.string()} if mixed else {}), ()):
        bad.add_lines(part.bad)
        table = part.table
        if table is None:
            continue
        if mixed:
            table = table.filter(pc.fill_null(pc.equal(table.column("_path"), log), False))
        if table.num_rows:
            yield _whole(table, columns, "" if as_json else set_separator(head))


def first_of(lists: Any) -> Any:
    """The first text of each list, null where it has none."""
    lists = lists.combine_chunks()
    parents = pc.list_parent_indices(lists).to_numpy()
    owner, first = np.unique(parents, return_index=True)
    place = np.full(len(lists), -1, dtype=np.int64)
    place[owner] = first
    return pc.list_flatten(lists).take(pa.array(place, mask=place < 0))


def _whole(table: Table, columns: Mapping[str, Any], separator: str) -> Table:
    """The columns in their types; texts as they were before a tab-separated log (with a `separator`) escaped them."""
    made = {}
    for name, kind in columns.items():
        if name not in table.column_names:
            made[name] = pa.nulls(table.num_rows, kind)
            continue
        column = table.column(name).combine_chunks()
        if separator and pa.types.is_string(column.type):
            column = pc.replace_substring(column, "\\\\", "\\")  # Zeek's writer doubles backslashes
            column = pc.split_pattern(column, separator) if pa.types.is_list(kind) else column
            column = pc.equal(column, "T") if pa.types.is_boolean(kind) else column
        made[name] = column
    return pa.table(made)
