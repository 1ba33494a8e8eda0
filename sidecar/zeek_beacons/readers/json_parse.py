"""One JSON object a line -> arrow tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.json as arrow_json

from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Parser, Table

_NO_OBJECT = re.compile(rb"\n[ \t\r]*[^ \t\r\n{]")


def json_lines(wanted: Mapping[str, Any]) -> Parser:
    """A parser of one JSON object a line, reading `wanted` (name -> arrow type); absent fields are null."""
    # The JSON parser builds no dictionaries; its texts are encoded afterwards.
    schema = pa.schema([(name, pa.string() if kind == TEXT else kind) for name, kind in wanted.items()])
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")

    def parse(data: bytes) -> Table:
        refuse_no_objects(data)
        read_options = arrow_json.ReadOptions(block_size=max(1 << 20, len(data) + 1))
        return arrow_json.read_json(pa.BufferReader(data), read_options=read_options, parse_options=options)

    def problem(line: bytes) -> str:
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            return "not valid UTF-8"
        except (ValueError, RecursionError):
            return "not a valid JSON object"
        if not isinstance(row, dict):
            return "not a valid JSON object"
        for name, kind in wanted.items():
            value = row.get(name)
            if value is not None and (called := _other_than(kind, value)):
                return f"field {name} is not a {called}"
        return ""

    return Parser(parse, problem)


def refuse_no_objects(data: bytes) -> None:
    """Raises where a line is no UTF-8 or begins no object: arrow does not look, and dies of a `null` by itself."""
    if not data.isascii():
        data.decode()
    if _NO_OBJECT.search(b"\n" + data if data[:1] != b"{" else data):
        raise pa.ArrowInvalid("a line that is no object")


def _other_than(kind: Any, value: object) -> str:
    """What a JSON value that is not null was to be and is not, "" where it is."""
    if pa.types.is_list(kind):
        good = isinstance(value, list) and not any(
            _other_than(kind.value_type, one) for one in value if one is not None
        )
        return "" if good else "list of what it should hold"
    if pa.types.is_boolean(kind):
        return "" if isinstance(value, bool) else "truth"
    expected, called = ((int, float), "number") if kind == NUMBER else (str, "text")
    return called if isinstance(value, bool) or not isinstance(value, expected) else ""
