"""JSON lines whose fields stand inside others -> arrow tables with one column a path, such as `flow.bytes_toserver`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, ParsedRows, Parser, Table, parse_block
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.json_parse import refuse_no_objects

Row = Mapping[str, Any]

TRUTH = pa.bool_()
_CALLED = {NUMBER: "number", TEXT: "text", TRUTH: "truth"}

_NUMERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def objects(head: bytes) -> Iterator[Row]:
    """The JSON objects among the lines at the start of a file."""
    if not head.lstrip().startswith(b"{"):
        return
    for line in head.split(b"\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def at(row: Row, path: str) -> Any:
    """What a row holds at a path, None where nothing."""
    inside: Any = row
    for key in path.split("."):
        inside = inside.get(key) if isinstance(inside, dict) else None
    return inside


def nested_rows(source: Input, wanted: Mapping[str, Any], progress: Progress | None) -> Iterator[ParsedRows]:
    """The `wanted` paths (path -> NUMBER, TEXT or TRUTH) of a file; NUMBER as the file writes it, also as text."""
    parser = _parser(wanted, _numerals(source.head(), wanted))
    for block in source.blocks(progress):
        yield parse_block(parser, block)


def _numerals(head: bytes, wanted: Mapping[str, Any]) -> frozenset[str]:
    """Numbers that the rows at the start of a file write as texts."""
    numbers = {path for path, kind in wanted.items() if kind == NUMBER}
    found: dict[str, Any] = {}
    for row in objects(head):
        for path in numbers - found.keys():
            if (value := at(row, path)) is not None:
                found[path] = value
        if len(found) == len(numbers):
            break
    return frozenset(path for path, value in found.items() if isinstance(value, str))


def _parser(wanted: Mapping[str, Any], numerals: frozenset[str]) -> Parser:
    kinds = {path: pa.string() if kind == TEXT or path in numerals else kind for path, kind in wanted.items()}
    options = arrow_json.ParseOptions(explicit_schema=_schema(kinds), unexpected_field_behavior="ignore")

    def parse(data: bytes) -> Table:
        refuse_no_objects(data)
        read_options = arrow_json.ReadOptions(block_size=max(1 << 20, len(data) + 1))
        table = arrow_json.read_json(pa.BufferReader(data), read_options=read_options, parse_options=options)
        columns = {path: _column(table, path) for path in kinds}
        return pa.table({path: _numbers(column) if path in numerals else column for path, column in columns.items()})

    def problem(line: bytes) -> str:
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            return "not valid UTF-8"
        except (ValueError, RecursionError):
            return "not a valid JSON object"
        if not isinstance(row, dict):
            return "not a valid JSON object"
        return next((found for path, kind in wanted.items() if (found := _wrong(row, path, kind, numerals))), "")

    return Parser(parse, problem)


def _wrong(row: Row, path: str, kind: Any, numerals: frozenset[str]) -> str:
    """What is wrong with what a row holds at a path, "" where nothing is."""
    outer = path.rpartition(".")[0]
    if outer and not isinstance(at(row, outer), dict | None):
        return f"field {outer} is not an object"
    value = at(row, path)
    if value is None:
        return ""
    if kind == NUMBER and path in numerals:
        good = isinstance(value, str) and _NUMERAL.fullmatch(value) is not None
    elif kind == NUMBER:
        good = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        good = isinstance(value, str if kind == TEXT else bool)
    return (
        "" if good else f"field {path} is not a {'number' if kind == NUMBER else 'text' if kind == TEXT else 'truth'}"
    )


def _schema(kinds: Mapping[str, Any]) -> Any:
    tree: dict[str, Any] = {}
    for path, kind in kinds.items():
        *outer, name = path.split(".")
        reduce(lambda inside, key: inside.setdefault(key, {}), outer, tree)[name] = kind
    return pa.schema(_fields(tree))


def _fields(tree: Mapping[str, Any]) -> Iterable[Any]:
    return [(name, pa.struct(_fields(kind)) if isinstance(kind, dict) else kind) for name, kind in tree.items()]


def _column(table: Table, path: str) -> Any:
    outer, *inner = path.split(".")
    column = table.column(outer)
    return pc.struct_field(column, inner) if inner else column


def _numbers(texts: Any) -> Any:
    """Raises pa.ArrowInvalid where a text is no number."""
    if not pc.all(pc.match_substring_regex(texts, f"^{_NUMERAL.pattern}$"), min_count=0).as_py():
        raise pa.ArrowInvalid("a text that is no number")
    return pc.cast(texts, NUMBER)
