"""Messages of a topic as rows of Zeek's logs: which log each belongs to, and which are none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from zeek_beacons.readers.inputs import log_kind
from zeek_beacons.readers.zeek_rows import named_by_fields

_LONGEST = 1 << 20  # bytes of a row
_PLAIN = bytes.maketrans(b"\r\n", b"  ")  # line ends stand between the parts of a JSON text only


class MessageRow(NamedTuple):
    """A message's row as a line. `log`: "" where it is none that counts; `problem`: why it is no row at all."""

    log: str
    line: bytes
    problem: str = ""


def log_of_topic(topic: str) -> str:
    """Which log a topic holds by its name, as `zeek-conn` or `prod.zeek.ssl.v1`; "" where it does not say."""
    words = topic.lower().replace("_", ".").replace("-", ".").split(".")
    return next((found for word in reversed(words) if (found := log_kind(f"{word}.log"))), "")


def row_of(value: bytes | None, told: str) -> MessageRow:
    """The row in a message. `told`: the log that its topic is named after."""
    if not value:
        return MessageRow("", b"", "an empty message")
    if len(value) > _LONGEST:
        return MessageRow("", b"", f"a message of more than {_LONGEST >> 20} MB")
    try:
        row = orjson.loads(value)
    except orjson.JSONDecodeError:
        row = _lenient(value)
    if not isinstance(row, dict):
        return MessageRow("", b"", "no JSON object")
    log = _log(row, told)
    if not log:
        return MessageRow("", b"")
    return MessageRow(log, value.strip().translate(_PLAIN) + b"\n")


def _lenient(value: bytes) -> Any:
    """What the readers of files take too: NaN and Infinity."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _log(row: Mapping[str, Any], told: str) -> str:
    path = row.get("_path")
    if isinstance(path, str) and path:
        return log_kind(f"{path}.log")
    return told or log_kind(f"{named_by_fields(list(row)) or ''}.log")
