"""Blocks of text lines -> arrow tables, quickly where the lines are good and line by line where they are not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from zeek_beacons.pairs import MICROSECONDS, Bools, Floats, Ints
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import BadLine, Block, newlines

LONGEST_GOOD_LINE = 1 << 20  # bytes; a longer one is skipped as bad

MILLISECONDS_FROM = 1e11  # an epoch this large is in milliseconds (Zeek's JSON::TS_MILLIS, IPFIX)
IMPOSSIBLE_FROM = 1e11  # epoch seconds

Table = Any  # pyarrow ships no types

TEXT = pa.dictionary(pa.int32(), pa.string())
NUMBER = pa.float64()

# Fields of a Batch that may be None.
_ABSENT = frozenset({"half", "certificate", "client", "hit", "traits", "process", "reach"})

# A part of a block that does not parse is halved down to this many lines, which are then looked at one by one.
_FEW_LINES = 256
_NUMBER = re.compile(
    r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[ \t]*|[+-]?(nan(\(\w*\))?|inf|infinity)", re.ASCII | re.I
)


@dataclass(frozen=True, slots=True)
class Parser:
    """Lines of one format -> a table.

    `parse` raises pa.ArrowInvalid or UnicodeDecodeError when any line is bad; `problem` says in words what is wrong
    with one line, "" where nothing is.
    """

    parse: Callable[[bytes], Table]
    problem: Callable[[bytes], str]


def delimited(
    columns: Sequence[str], wanted: Mapping[str, Any], delimiter: str, nulls: Sequence[str], quotes: bool
) -> Parser:
    """A parser of headerless delimited lines with these columns, of which `wanted` (name -> arrow type) are read."""
    names = list(columns)
    include = [name for name in names if name in wanted]
    options = {
        "parse_options": arrow_csv.ParseOptions(delimiter=delimiter, quote_char='"' if quotes else False),
        "convert_options": arrow_csv.ConvertOptions(
            include_columns=include,
            column_types={name: wanted[name] for name in include},
            null_values=list(nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    }

    def parse(data: bytes) -> Table:
        read_options = arrow_csv.ReadOptions(column_names=names, block_size=max(1 << 20, len(data) // 2 + 1))
        return arrow_csv.read_csv(pa.BufferReader(data), read_options=read_options, **options)

    def problem(line: bytes) -> str:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        try:
            values = next(csv.reader([text], delimiter=delimiter)) if quotes else text.split(delimiter)
        except csv.Error:
            return "line does not parse"
        if len(values) != len(names):
            return "too few fields" if len(values) < len(names) else "too many fields"
        for name, value in zip(names, values, strict=True):
            if name not in wanted or value in nulls:
                continue
            if wanted[name] == NUMBER and not _NUMBER.fullmatch(value):
                return f"field {name} is not a number"
            if wanted[name] != NUMBER and not _is_unicode(value):
                return "not valid UTF-8"
        return ""

    return Parser(parse, problem)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """A parsed table and the lines it came from, one row for each non-blank line of `data`; and the lines left out."""

    table: Table | None  # None without rows
    data: bytes
    line: int  # number of the first line of `data`
    bad: Sequence[BadLine] = ()


def parse_block(parser: Parser, block: Block) -> ParsedRows:
    """Parses a block, without its bad lines where it has some."""
    table = _parsed(parser, block.data)
    if table is not None or _blank(block.data):
        return ParsedRows(table, block.data, block.line)
    good: list[tuple[Table | None, bytes]] = []
    bad: list[BadLine] = []
    _sift(parser, list(io.BytesIO(block.data)), block.line, good, bad)
    tables = [table for table, _ in good if table is not None]
    return ParsedRows(pa.concat_tables(tables) if tables else None, b"".join(data for _, data in good), block.line, bad)


def _sift(
    parser: Parser, lines: list[bytes], number: int, good: list[tuple[Table | None, bytes]], bad: list[BadLine]
) -> None:
    """Sorts lines that do not parse together into `good` parts that do and `bad` lines, an empty line for each."""

    def drop(at: int, problem: str) -> bytes:
        cut = at == len(lines) - 1 and not lines[at].endswith(b"\n")
        bad.append(BadLine(number + at, lines[at], "last line is incomplete" if cut else problem))
        return b"\n"

    if len(lines) <= _FEW_LINES:
        found = {at: _problem(parser, line) for at, line in enumerate(lines) if line.strip()}
        lines = [drop(at, problem) if (problem := found.get(at)) else line for at, line in enumerate(lines)]
    data = b"".join(lines)
    table = _parsed(parser, data)
    if table is not None or _blank(data):
        good.append((table, data))
        return
    if len(lines) == 1:
        good.append((None, drop(0, "line does not parse")))
        return
    middle = len(lines) // 2
    _sift(parser, lines[:middle], number, good, bad)
    _sift(parser, lines[middle:], number + middle, good, bad)


def _parsed(parser: Parser, data: bytes) -> Table | None:
    """The table of these lines, one row each; None where one of them is bad, or none holds anything."""
    if _blank(data) or b"\x00" in data or _holds_long_line(data):
        return None
    try:
        table = parser.parse(data)
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        return None
    # Looking for blank lines costs. Without any, only a lone CR or JSON can hold a second row in one line.
    lines = newlines(data) + (not data.endswith(b"\n"))
    sure = table.num_rows == lines and b"\r" not in data and b"{" not in data[:64]
    return table if sure or table.num_rows == _filled(data) else None


def _problem(parser: Parser, line: bytes) -> str:
    if b"\x00" in line:
        return "line holds a NUL byte"
    return "line too long" if len(line) > LONGEST_GOOD_LINE else parser.problem(line)


def _blank(data: bytes) -> bool:
    return not data or data.isspace()


def _filled(data: bytes) -> int:
    """How many lines are not blank."""
    if not data.startswith(b"\n") and b"\n\n" not in data and b"\r" not in data and b"\n " not in data:
        return newlines(data) + (not data.endswith(b"\n"))
    return sum(bool(line.strip()) for line in data.split(b"\n"))


def _holds_long_line(data: bytes) -> bool:
    """Whether a line is longer than `LONGEST_GOOD_LINE`; looks at one newline in each such stretch."""
    begin = 0
    while len(data) - begin > LONGEST_GOOD_LINE:
        newline = data.rfind(b"\n", begin, begin + LONGEST_GOOD_LINE + 1)
        if newline < 0:
            return True
        begin = newline + 1
    return False


Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, the next one being made in a thread while the caller uses the last."""
    end = object()
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(next, items, end)
        while (item := pending.result()) is not end:
            pending = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


def numbers(table: Table, name: str | None) -> Floats:
    """A numeric column as float64, NaN where missing or absent."""
    if name is None or name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values: Floats = table.column(name).cast(NUMBER).to_numpy(zero_copy_only=False)  # a null becomes NaN
    return values


def integers(table: Table, name: str | None) -> Ints:
    """A numeric column as int64, -1 where missing, absent or not a whole number below 2^31."""
    values = numbers(table, name)
    whole = (values >= 0) & (values < 2**31) & (values == np.floor(values))
    return np.where(whole, np.where(whole, values, 0), np.where(values > 0, 2**31, -1)).astype(np.int64)


def texts(table: Table, name: str | None) -> Texts:
    """A text column; empty texts count as missing."""
    if name is None or name not in table.column_names:
        return Texts.constant(table.num_rows)
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column.cast(pa.string()))
    column = column.combine_chunks()
    values = column.dictionary.to_pylist()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    empty = np.array([not value for value in values], dtype=np.bool_)
    if empty.any():
        codes = np.where((codes >= 0) & empty[codes], -1, codes)
    return Texts(codes, values)


def batch(table: Table, **given: Any) -> Batch:
    """A batch of the columns that are named like its fields, absent ones missing in every row; `given` ones count."""
    read: dict[str, Callable[[Table, str], Any]] = {"start": times}
    read |= dict.fromkeys(("duration", "orig_bytes", "resp_bytes"), numbers)
    read |= dict.fromkeys(("orig_p", "resp_p"), integers)
    wanted = [field.name for field in fields(Batch) if field.name not in {*given, *_ABSENT}]
    return Batch(**given, **{name: read.get(name, texts)(table, name) for name in wanted})


def swapped(one: Texts, other: Texts, rows: Bools) -> tuple[Texts, Texts]:
    """Two text columns with their values exchanged in some rows."""
    values = [*one.values, *other.values]
    shifted = np.where(other.codes < 0, -1, other.codes + len(one.values))
    return (
        Texts(np.where(rows, shifted, one.codes), values),
        Texts(np.where(rows, one.codes, shifted), values),
    )


def possible(times: Floats) -> Bools:
    """Which epoch seconds are a time at all: neither missing nor thousands of years away."""
    sane: Bools = np.abs(times) < IMPOSSIBLE_FROM  # also false for NaN
    return sane


def times(table: Table, name: str) -> Floats:
    """A column of times as epoch seconds: numbers in seconds or milliseconds, or ISO 8601 texts (UTC where naive)."""
    if name not in table.column_names or not pa.types.is_string(table.column(name).type):
        values = numbers(table, name)
        return np.where(np.abs(values) >= MILLISECONDS_FROM, values / 1000, values)
    texts = table.column(name)
    naive = _utc(texts)
    if naive is None:
        return np.array([_iso_time(text) for text in texts.to_pylist()], dtype=np.float64)
    microseconds = np.asarray(pc.cast(naive, pa.int64()).fill_null(0).to_numpy()) / 1000
    return np.where(np.asarray(naive.is_null()), np.nan, np.rint(microseconds) / MICROSECONDS)


def _utc(texts: Any) -> Any | None:
    """ISO 8601 texts as times in UTC, where all are naive or end with Z, or all have a zone."""
    try:
        return pc.cast(pc.replace_substring_regex(texts, "Z$", ""), pa.timestamp("ns"))
    except pa.ArrowInvalid:
        pass
    try:
        return pc.cast(texts, pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:  # some with a zone and some without, or no time at all
        return None


def _iso_time(text: str | None) -> float:
    try:
        parsed = datetime.fromisoformat(text or "")
    except ValueError:
        return float("nan")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
