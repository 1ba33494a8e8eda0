"""Blocks of text lines -> arrow tables, quickly where the lines are good and line by line where they are not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json

from zeek_beacons.pairs import MICROSECONDS, Floats, Ints
from zeek_beacons.readers.collect import Texts
from zeek_beacons.readers.files import Block

LONGEST_GOOD_LINE = 1 << 20  # bytes; a longer one is skipped as bad

MILLISECONDS_FROM = 1e11  # an epoch this large is in milliseconds (Zeek's JSON::TS_MILLIS, IPFIX)

Table = Any  # pyarrow ships no types
Parse = Callable[[bytes], Table]  # raises pa.ArrowInvalid when any line is bad
BadLine = Callable[[int, bytes, str], None]  # line number, text, what the parser said

TEXT = pa.dictionary(pa.int32(), pa.string())
NUMBER = pa.float64()


def delimited(
    columns: Sequence[str], wanted: Mapping[str, Any], delimiter: str, nulls: Sequence[str], quotes: bool
) -> Parse:
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

    return parse


def json_lines(wanted: Mapping[str, Any]) -> Parse:
    """A parser of one JSON object a line, reading `wanted` (name -> arrow type); absent fields are null."""
    # The JSON parser builds no dictionaries; its texts are encoded afterwards.
    schema = pa.schema([(name, pa.string() if kind == TEXT else kind) for name, kind in wanted.items()])
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")

    def parse(data: bytes) -> Table:
        read_options = arrow_json.ReadOptions(block_size=max(1 << 20, len(data) + 1))
        return arrow_json.read_json(pa.BufferReader(data), read_options=read_options, parse_options=options)

    return parse


@dataclass(frozen=True, slots=True)
class Rows:
    """A parsed table and the lines it came from, one row for each non-blank line of `data`."""

    table: Table
    data: bytes
    line: int


def parse_block(parse: Parse, block: Block, bad: BadLine) -> list[Rows]:
    """Parses a block; a bad one is halved until the bad lines stand alone and are handed to `bad`."""
    if not block.data.strip():
        return []
    problem = ""
    try:
        if b"\x00" not in block.data and (
            len(block.data) < LONGEST_GOOD_LINE or _longest(block.data) < LONGEST_GOOD_LINE
        ):
            table = parse(block.data)
            if table.num_rows:
                return [Rows(table, block.data, block.line)]
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        problem = str(error)
    lines = list(io.BytesIO(block.data))
    if len(lines) <= 1:
        bad(block.line, block.data, problem)
        return []
    middle = len(lines) // 2
    parts = (
        Block(b"".join(lines[:middle]), block.line),
        Block(b"".join(lines[middle:]), block.line + middle),
    )
    return [rows for part in parts for rows in parse_block(parse, part, bad)]


def _longest(data: bytes) -> int:
    return max(map(len, data.split(b"\n")))


def wrong_with(problem: str, columns: Sequence[str]) -> str:
    """What is wrong with a line, in the words of this project, from what the arrow parser said."""
    if found := re.search(r"Expected (\d+) columns, got (\d+)", problem):
        return "too few fields" if int(found[2]) < int(found[1]) else "too many fields"
    if found := re.search(r"CSV column #(\d+): CSV conversion error to (\w+)", problem):
        return f"field {columns[int(found[1])]} is not valid"
    if "UTF8" in problem:
        return "not valid UTF-8"
    if "JSON" in problem:
        return "not a valid JSON object, or a field of the wrong type"
    return "line too long" if not problem else "line does not parse"


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
    column = table.column(name).cast(NUMBER)
    values: Floats = np.asarray(column.fill_null(float("nan")).to_numpy(), dtype=np.float64)
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


def times(table: Table, name: str) -> Floats:
    """A column of times as epoch seconds: numbers in seconds or milliseconds, or ISO 8601 texts (UTC where naive)."""
    if name not in table.column_names or not pa.types.is_string(table.column(name).type):
        values = numbers(table, name)
        return np.where(np.abs(values) >= MILLISECONDS_FROM, values / 1000, values)
    texts = table.column(name)
    try:
        naive = pc.cast(pc.replace_substring_regex(texts, "Z$", ""), pa.timestamp("ns"))
    except pa.ArrowInvalid:  # a zone other than Z, or no time at all
        return np.array([_iso_time(text) for text in texts.to_pylist()], dtype=np.float64)
    microseconds = np.asarray(pc.cast(naive, pa.int64()).fill_null(0).to_numpy()) // 1000
    return np.where(np.asarray(naive.is_null()), np.nan, microseconds / MICROSECONDS)


def _iso_time(text: str | None) -> float:
    try:
        parsed = datetime.fromisoformat(text or "")
    except ValueError:
        return float("nan")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
