"""The rows of a Parquet file, in tables of our fields, whatever types the file gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from zeek_beacons.errors import InputError
from zeek_beacons.readers.arrow_parse import NUMBER, Table
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.where import Where

BATCH = 1 << 20  # rows at a time
MAGIC = b"PAR1"
NULLS = ("", "-", "(empty)", "null", "NULL", "None", "nan", "NaN", "<NA>", r"\N")
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def opened(source: Input, progress: Progress | None) -> Any:
    """The file, to be read in parts. Raises InputError."""
    return _guarded(source.path, lambda: parquet.ParquetFile(_seekable(source, progress)))


def columns(file: Any) -> list[str]:
    """The names of its columns."""
    return [str(name) for name in file.schema_arrow.names]


def columns_of_file(source: Input) -> Sequence[str]:
    """The names of a Parquet file's columns; none where it cannot be looked into before it is read."""
    if not source.is_file:
        return ()
    with Path(source.path).open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return ()
    return columns(opened(source, None))


def tables(path: str, file: Any, found: Mapping[str, str], numeric: Collection[str]) -> Iterator[Table]:
    """The rows in tables of our fields (`found`: field -> column): numbers where `numeric`, the others texts."""
    batches = _guarded(path, lambda: file.iter_batches(BATCH, columns=list(found.values())))
    while (part := _guarded(path, lambda: next(batches, None))) is not None:
        taken = {ours: part.column(part.schema.get_field_index(name)) for ours, name in found.items()}
        yield _guarded(path, partial(typed, taken, numeric))


def as_numbers(text: Any) -> Any:
    """Texts as numbers; what is none is missing."""
    good = pc.match_substring_regex(text, _NUMBER)
    return pc.cast(pc.utf8_trim_whitespace(pc.if_else(good, text, None)), NUMBER)


class Row(Where):
    """Names the row of a Parquet file: its number, counted from 1."""

    def __init__(self, path: str, first: int) -> None:
        super().__init__(path, 0, b"")
        self._first = first

    def locate(self, row: int) -> tuple[int, str]:
        return self._first + row + 1, "row of a Parquet file"


def typed(taken: Mapping[str, Any], numeric: Collection[str]) -> Table:
    """Columns by our field as a table: numbers where `numeric`, the others texts."""
    return pa.table({ours: _plain(ours, column, numeric) for ours, column in taken.items()})


def _plain(ours: str, column: Any, numeric: Collection[str]) -> Any:
    """A column as numbers, texts or times, whatever type the file gives it; what does not fit is missing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if ours == "start" and pa.types.is_timestamp(kind):
        return pc.divide(pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()).cast(NUMBER), 1e6)
    if ours in numeric or (ours == "start" and not _is_text(kind)):
        return _numeric(column, kind)
    return _without_nulls(column.cast(pa.string()) if _is_text(kind) else pc.cast(column, pa.string()))


def _numeric(column: Any, kind: Any) -> Any:
    if pa.types.is_duration(kind):
        return pc.divide(pc.cast(pc.cast(column, pa.duration("us"), safe=False), pa.int64()).cast(NUMBER), 1e6)
    return as_numbers(column.cast(pa.string())) if _is_text(kind) else pc.cast(column, NUMBER, safe=False)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _without_nulls(column: Any) -> Any:
    return pc.if_else(pc.is_in(column, pa.array(NULLS)), None, column)


def _seekable(source: Input, progress: Progress | None) -> Any:
    """The file itself where it can be read in parts; what is packed or comes from a pipe is read whole."""
    if source.is_file:
        with Path(source.path).open("rb") as stream:
            if stream.read(len(MAGIC)) == MAGIC:
                if progress:
                    progress(Path(source.path).stat().st_size)
                return source.path
    return pa.BufferReader(b"".join(source.pieces(progress)))


def _guarded(path: str, work: Callable[[], Any]) -> Any:
    """Does the work; whatever arrow makes of a broken file becomes an InputError."""
    try:
        return work()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        problem = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(path, f"not a readable Parquet file: {problem}") from error
