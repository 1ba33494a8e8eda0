"""The rows of any Zeek log: tab-separated with its own headers, or JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from zeek_beacons.errors import InputError
from zeek_beacons.readers.arrow_parse import ParsedRows, Parser, delimited, parse_block
from zeek_beacons.readers.files import Block, Input, Progress, newlines
from zeek_beacons.readers.json_parse import json_lines

CONN_FIELDS = frozenset({"ts", "id.orig_h", "id.resp_h", "id.resp_p", "proto"})
TIMES = ("ts", "certificate.not_valid_before", "certificate.not_valid_after")
SPLUNK_TIME = "_time"  # what a search's export calls the time of a row
CANDIDATE_FIELDS = CONN_FIELDS | {"resp", "starts"}
_DNS = frozenset({"query", "qtype", "trans_id", "rcode"})
_X509 = frozenset({"certificate.serial", "certificate.subject", "certificate.issuer"})
_INTEL = frozenset({"seen.indicator", "seen.indicator_type", "seen.where"})
_QUIC = frozenset({"client_initial_dcid", "client_scid", "client_protocol"})


_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


@dataclass(slots=True)
class Header:
    """What the `#` lines above a block of tab-separated rows say."""

    separator: str = "\t"
    unset: str = "-"
    empty: str = "(empty)"
    set_separator: str = ","
    path: str = ""
    fields: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Takes one header line; unknown ones are ignored."""
        if line.startswith("#separator "):
            self.separator = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), line.split(" ", 1)[1])
            return
        key, *values = line.split(self.separator or "\t")
        match key:
            case "#set_separator" if values:
                self.set_separator = values[0]
            case "#unset_field" if values:
                self.unset = values[0]
            case "#empty_field" if values:
                self.empty = values[0]
            case "#path" if values:
                self.path = values[0]
            case "#fields":
                self.fields = values


def set_separator(head: bytes) -> str:
    """What stands between the elements of a set or vector, by the headers at the start of a tab-separated log."""
    header = Header()
    for line in head.split(b"\n"):
        if not line.startswith(b"#"):
            break
        header.read(line.decode("utf-8", "replace").rstrip("\r"))
    return header.set_separator or ","


def log_path(head: bytes) -> str:
    """What Zeek's lines at the start of a file call their log (`#path`, `_path`); "" where they do not say."""
    return _told(head)[0]


def log_name(head: bytes) -> str | None:
    """The name of the log (`conn`, `ssl`, …) that Zeek's TSV or JSON lines at the start of a file belong to."""
    return _name_of(*_told(head))


def _told(head: bytes) -> tuple[str, Sequence[str]]:
    """The log's own name for itself and its fields, of the headers or of the first JSON row."""
    if head.startswith(b"#"):
        header = Header()
        for line in head.split(b"\n"):
            if not line.startswith(b"#"):
                break
            header.read(line.decode("utf-8", "replace").rstrip("\r"))
        return header.path, header.fields
    rows = list(_json_objects(head))
    row = next((row for row in rows if _names_conn(row)), rows[0] if rows else {})
    path = row.get("_path")
    if len(logs_of(head)) > 1:
        return "conn", list(row)  # a stream of all logs
    return path if isinstance(path, str) else "", list(row)


def _names_conn(row: Mapping[str, Any]) -> bool:
    return row.get("_path") == "conn"


def logs_of(head: bytes) -> set[str]:
    """The logs that the JSON rows at the start of a file say they belong to."""
    return {row["_path"] for row in _json_objects(head) if isinstance(row.get("_path"), str)}


def _json_objects(head: bytes) -> Iterator[dict[str, Any]]:
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


def named_by_fields(fields: Sequence[str]) -> str | None:
    """The name of the log that has such fields; None where none has."""
    return _name_of("", fields)


def _name_of(path: str, fields: Sequence[str]) -> str | None:
    if not fields:
        return None
    fields = ["ts" if name == SPLUNK_TIME else name for name in fields]
    if set(fields) >= CANDIDATE_FIELDS:
        return "beacon_candidates"
    if path and not path.startswith("conn"):
        return path
    if not path and _DNS & set(fields):
        return "dns"
    if not path and _INTEL & set(fields):
        return "intel"
    if set(fields) >= CONN_FIELDS or path:
        return "conn"
    if _QUIC & set(fields):
        return "quic"
    if _X509 & set(fields):
        return "x509"
    return {"server_name": "ssl", "host": "http"}.get(next((f for f in fields if f in ("server_name", "host")), ""))


def log_rows(
    source: Input, wanted: Mapping[str, Any], required: Sequence[str], progress: Progress | None = None
) -> Iterator[ParsedRows]:
    """The `wanted` columns (name -> arrow type) of a Zeek log.

    Raises InputError where a tab-separated log lacks a `required` column.
    """
    head = source.head()
    if head.lstrip().startswith(b"{"):
        time = _time_of(head)
        dates = [name for name in TIMES if name in wanted and _times_are_text(head, time if name == "ts" else name)]
        wanted = {**wanted, **dict.fromkeys(dates, pa.string())}
        return _json_rows(source, wanted, progress, time)
    return _tsv_rows(source, wanted, required, progress)


def _time_of(head: bytes) -> str:
    """What the JSON rows at the start of a file call their time."""
    return next((SPLUNK_TIME for row in _json_objects(head) if "ts" not in row and SPLUNK_TIME in row), "ts")


def _times_are_text(head: bytes, time: str) -> bool:
    """Whether the JSON rows at the start of a file write this time as ISO 8601."""
    first = next((row[time] for row in _json_objects(head) if row.get(time) is not None), None)
    return isinstance(first, str)


def _tsv_rows(
    source: Input, wanted: Mapping[str, Any], required: Sequence[str], progress: Progress | None
) -> Iterator[ParsedRows]:
    """The rows of a tab-separated Zeek log, by its own headers, of which there may be several."""
    path, header, parser, log = source.path, Header(), None, ""
    for block in source.blocks(progress):
        for number, piece in _split_headers(block):
            if piece.startswith(b"#"):
                header.read(piece.decode("utf-8", "replace").rstrip("\r\n"))
                if piece.startswith(b"#fields"):
                    log = log or header.path
                    if header.path != log:
                        raise InputError(path, f"the {header.path} log begins here, expected {log}", number)
                    parser = _tsv_parser(path, number, header, wanted, required)
            elif parser is None:
                if not piece.isspace():
                    raise InputError(
                        path, "rows before any #fields line: not a Zeek log, or one without its header", number
                    )
            else:
                yield parse_block(parser, Block(piece, number))


def _tsv_parser(path: str, line: int, header: Header, wanted: Mapping[str, Any], required: Sequence[str]) -> Parser:
    missing = [name for name in required if name not in header.fields]
    if missing:
        raise InputError(path, f"column {', '.join(missing)} missing in #fields", line)
    if twice := [name for name in wanted if header.fields.count(name) > 1]:
        raise InputError(path, f"column {', '.join(twice)} twice in #fields", line)
    if len(header.separator) != 1 or not header.separator.isascii() or header.separator in "\r\n":
        raise InputError(path, f"#separator is {header.separator!r}, expected one character", line)
    return delimited(header.fields, wanted, header.separator, (header.unset, header.empty), quotes=False)


def _split_headers(block: Block) -> Iterator[tuple[int, bytes]]:
    """Header lines one by one, and what lies between them, each with the number of its first line."""
    data, number, begin = block.data, block.line, 0
    while begin < len(data):
        end = _end_of_piece(data, begin)
        piece = data[begin:end]
        yield number, piece
        begin = end
        if begin < len(data):
            number += newlines(piece)


def _end_of_piece(data: bytes, begin: int) -> int:
    """Where a header line that begins here ends; else where the next one begins. One byte is found faster than two."""
    if data.startswith(b"#", begin):
        return data.find(b"\n", begin) + 1 or len(data)
    return len(data) if data.find(b"#", begin) < 0 else data.find(b"\n#", begin) + 1 or len(data)


def _json_rows(
    source: Input, wanted: Mapping[str, Any], progress: Progress | None, time: str = "ts"
) -> Iterator[ParsedRows]:
    """The rows of a log in JSON. `time`: what it calls `ts`."""
    parser = json_lines({time if name == "ts" else name: kind for name, kind in wanted.items()})
    for block in source.blocks(progress):
        rows = parse_block(parser, block)
        if time != "ts" and rows.table is not None:
            names = ["ts" if name == time else name for name in rows.table.column_names]
            rows = replace(rows, table=rows.table.rename_columns(names))
        yield rows
