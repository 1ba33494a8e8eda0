"""What a file is that cannot be read here, and what to do about it: cause and cure for the commonest ones."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable

from zeek_beacons.readers.headers import cells, first_line
from zeek_beacons.readers.packing import UTF_16

_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]+")
_NUMBER = re.compile(r"\d+(\.\d+)?")


def unknown(head: bytes) -> str:
    """Cause and cure of a file whose content no reader knows; "" where none comes to mind."""
    return next((problem for holds, problem in _PROBLEMS if holds(head)), "")


def _is_array(head: bytes) -> bool:
    """Whether rows stand in one JSON array, as `gcloud logging read --format=json` and `aws logs` give them."""
    return re.match(rb"\s*\[\s*(\{|$)", head[:4096]) is not None


def _is_bare_cloud(head: bytes) -> bool:
    """Whether rows are separated by spaces and hold two addresses, as VPC flow logs of a format of one's own."""
    words = first_line(head).split(" ")
    return len(words) >= 6 and sum(bool(_ADDRESS.fullmatch(word)) for word in words) >= 2


def _is_wrapped(head: bytes) -> bool:
    """Whether rows stand inside a field `result`, as in a JSON export of Splunk."""
    try:
        row = json.loads(head.lstrip().split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and isinstance(row.get("result"), dict)


def _is_semicolon(head: bytes) -> bool:
    line = first_line(head)
    return line.count(";") >= 3 and line.count(";") > line.count(",")


def _has_no_header(head: bytes) -> bool:
    """Whether the first line of a CSV holds a row: two addresses among its cells."""
    return sum(bool(_ADDRESS.fullmatch(cell.strip())) for cell in cells(first_line(head))) >= 2


def _is_bare_zeek(head: bytes) -> bool:
    """Whether a tab-separated log begins with a row: a time, then addresses."""
    try:
        row = next(csv.reader([first_line(head)], delimiter="\t"), [])
    except csv.Error:
        return False
    is_time = bool(row) and bool(_NUMBER.fullmatch(row[0]) or re.match(r"\d{4}-\d\d-\d\dT", row[0]))
    return len(row) > 4 and is_time and sum(bool(_ADDRESS.fullmatch(cell)) for cell in row) >= 2


def _is_utf16(head: bytes) -> bool:
    """UTF-16 without a mark: every second byte of plain text is a NUL."""
    return len(head) >= 8 and (not any(head[1:8:2]) or not any(head[0:8:2]))


_PROBLEMS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (_is_utf16, UTF_16),
    (_is_array, "rows stand in one JSON array; write one a line first: jq -c '.[]' FILE > NEW"),
    (_is_wrapped, "rows stand inside `result`, as Splunk exports them; take them out first: jq -c .result FILE > NEW"),
    (
        _is_bare_zeek,
        "a tab-separated log without its header: rows alone do not say which column is which; put the lines that begin "
        "with # (#separator to #types) of another log of this kind in front",
    ),
    (
        _is_bare_cloud,
        "rows separated by spaces without a header, and not in the default format of VPC flow logs: put the names of "
        "the fields in front, in one line, as the flow log's format has them",
    ),
    (
        _is_semicolon,
        "a CSV separated by `;`, expected `,`; convert it, for example: python3 -c 'import csv, sys; "
        'csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter=";"))\' < FILE > NEW',
    ),
    (
        _has_no_header,
        "a CSV without a header: its first line holds a row; put the columns' names in front, such as "
        "timestamp,src_ip,src_port,dst_ip,dst_port,protocol,total_bytes",
    ),
)
