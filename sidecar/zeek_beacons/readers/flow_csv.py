"""Flow records in CSV: NetFlow/IPFIX exports (nfdump's headings, IPFIX element names) and the normalized CSV.

Columns are found by name, in any order and case. Flows of one direction only, as NetFlow exports them, contain both
halves of each connection; the half that a well-known port sends to a high one is the answer and is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Bools
from zeek_beacons.readers.collect import Batch, Collector, Texts, Where
from zeek_beacons.readers.files import Block, Progress, blocks
from zeek_beacons.readers.tables import (
    NUMBER,
    TEXT,
    Table,
    delimited,
    integers,
    numbers,
    parse_block,
    texts,
    times,
)

# Names of each field, lower case, by source: normalized, nfdump -o csv (1.6, 1.7), IPFIX elements, common exports.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "start": (
        *("timestamp", "ts", "firstseen", "first_seen", "date_first_seen", "start", "starttime", "start_time", "stime"),
        *("flowstartmilliseconds", "flowstartseconds", "flowstartmicroseconds", "flow_start", "first_switched"),
    ),
    "duration": (
        *("duration_seconds", "duration", "td", "dur", "duration_ms"),
        *("flowdurationmilliseconds", "flowdurationmicroseconds"),
    ),
    "orig_h": (
        *("src_ip", "sa", "srcaddr", "src_addr", "srcip", "source_ip", "src_ip_addr", "src"),
        *("sourceipv4address", "sourceipv6address", "ipv4_src_addr"),
    ),
    "resp_h": (
        *("dst_ip", "da", "dstaddr", "dst_addr", "dstip", "destination_ip", "dest_ip", "dst_ip_addr", "dst"),
        *("destinationipv4address", "destinationipv6address", "ipv4_dst_addr"),
    ),
    "orig_p": ("src_port", "sp", "srcport", "sport", "src_pt", "source_port", "sourcetransportport", "l4_src_port"),
    "resp_p": (
        *("dst_port", "dp", "dstport", "dport", "dst_pt", "dest_port", "destination_port"),
        *("destinationtransportport", "l4_dst_port"),
    ),
    "proto": ("protocol", "pr", "proto", "prot", "protocolidentifier", "ip_protocol"),
    "orig_bytes": (
        *("total_bytes", "ibyt", "in_byte", "inbyte", "in_bytes", "bytes", "byte", "src_bytes", "bytes_sent"),
        *("octetdeltacount", "octettotalcount"),
    ),
    "resp_bytes": (
        *("obyt", "out_byte", "out_bytes", "dst_bytes", "bytes_received"),
        *("reverseoctetdeltacount", "reverseoctettotalcount"),
    ),
    "direction": ("direction", "dir"),
}
REQUIRED = ("start", "orig_h", "resp_h", "resp_p", "proto")
_UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "_ms": 1e3}
_PORTLESS = frozenset({"icmp", "icmp6", "icmpv6", "ipv6-icmp", "1", "58"})
_TEXTS = ("orig_h", "resp_h", "proto", "direction")
HIGH_PORT = 1024


def columns_of(header: str) -> dict[str, str] | None:
    """Our field -> the file's column, or None where the header is not that of a flow CSV."""
    given = _cells(header)
    plain = {name.strip().lower().replace(" ", "_").lstrip("\ufeff"): name for name in given}
    found = {
        ours: next(plain[alias] for alias in aliases if alias in plain)
        for ours, aliases in ALIASES.items()
        if any(alias in plain for alias in aliases)
    }
    return found if {"orig_h", "resp_h"} <= found.keys() else None


def sniff(head: bytes) -> bool:
    """Whether a file that starts like this is a flow CSV."""
    return columns_of(_first_line(head)) is not None


def read(path: str, head: bytes, collector: Collector, progress: Progress | None) -> None:
    """Reads one flow CSV into `collector`. Raises InputError where a required column is missing."""
    header = _first_line(head)
    found = columns_of(header) or {}
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        names = "; ".join(f"{name} (one of {', '.join(ALIASES[name][:4])}, …)" for name in missing)
        raise InputError(path, f"required column missing: {names}", 1)
    columns = _cells(header)
    if twice := [name for name in found.values() if columns.count(name) > 1]:
        raise InputError(path, f"column {', '.join(twice)} twice in the header", 1)
    as_text = _times_are_text(head, columns.index(found["start"]))
    kinds = {found[name]: TEXT if name in _TEXTS else NUMBER for name in found}
    kinds[found["start"]] = pa.string() if as_text else NUMBER
    parser = delimited(columns, kinds, ",", ("", "-", "null"), quotes=True)
    there = {column: ours for ours, column in found.items()}
    for block in blocks(path, progress):
        rows = parse_block(parser, _without_header(block))
        totals = next((at for at, line in enumerate(rows.bad) if line.data.startswith(b"Summary")), None)
        collector.skip(path, rows.bad[:totals])  # nfdump closes with totals
        if rows.table is not None:
            batch = _batch(rows.table.rename_columns([there[name] for name in rows.table.column_names]), found)
            answers = _answers(batch) & ~_told(rows.table, found)
            collector.add(batch, Where(path, rows.line, rows.data), {"answering half of a flow": answers})
        if totals is not None:
            break


def _first_line(head: bytes) -> str:
    return head.split(b"\n", 1)[0].decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r")


def _cells(line: str) -> list[str]:
    """The fields of one CSV line; none where it is no CSV."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _without_header(block: Block) -> Block:
    if block.line > 1:
        return block
    end = block.data.find(b"\n") + 1 or len(block.data)
    return Block(block.data[end:], block.line + 1)


def _times_are_text(head: bytes, column: int) -> bool:
    first = next((line for line in head.split(b"\n")[1:] if line.strip()), b"")
    row = _cells(first.decode("utf-8", "replace").rstrip("\r"))
    try:
        float(row[column] if len(row) > column else "0")
    except ValueError:
        return True
    return False


def _batch(table: Table, found: Mapping[str, str]) -> Batch:
    proto = texts(table, "proto")
    portless = proto.map(np.array([value.lower() in _PORTLESS for value in proto.values]), 0) > 0
    orig_p, resp_p = integers(table, "orig_p"), integers(table, "resp_p")
    orig_h, resp_h = texts(table, "orig_h"), texts(table, "resp_h")
    if "direction" in found:
        arrows = texts(table, "direction")
        backwards = arrows.map(np.array([value.strip() in {"<-", "<?"} for value in arrows.values]), 0) > 0
        orig_h, resp_h = _swapped(orig_h, resp_h, backwards)
        orig_p, resp_p = np.where(backwards, resp_p, orig_p), np.where(backwards, orig_p, resp_p)
    none = Texts.constant(table.num_rows)
    return Batch(
        start=times(table, "start") / _per_second(found["start"]),
        duration=numbers(table, "duration") / _per_second(found.get("duration", "")),
        orig_h=orig_h,
        orig_p=orig_p,
        resp_h=resp_h,
        resp_p=np.where(portless & (resp_p < 0), 0, resp_p),
        proto=proto,
        service=none,
        orig_bytes=numbers(table, "orig_bytes"),
        resp_bytes=numbers(table, "resp_bytes"),
        state=none,
        history=none,
        name=none,
    )


def _per_second(column: str) -> float:
    """How many units of a column make a second; `times` has already scaled epochs in milliseconds."""
    lower = column.lower()
    if lower.startswith("flow") and ("start" in lower or "end" in lower):
        return 1e3 if "microseconds" in lower else 1.0
    return next((unit for ending, unit in _UNITS.items() if lower.endswith(ending)), 1.0)


def _swapped(one: Texts, other: Texts, rows: Bools) -> tuple[Texts, Texts]:
    values = [*one.values, *other.values]
    shifted = np.where(other.codes < 0, -1, other.codes + len(one.values))
    return (
        Texts(np.where(rows, shifted, one.codes), values),
        Texts(np.where(rows, one.codes, shifted), values),
    )


def _told(table: Table, found: Mapping[str, str]) -> Bools:
    """Rows whose direction says who began. nfdump's numbers (0 in, 1 out of an interface) do not."""
    arrows = texts(table, found.get("direction"))
    return arrows.map(np.array([not value.strip().isdecimal() for value in arrows.values]), 0) > 0


def _answers(batch: Batch) -> Bools:
    """Rows from a well-known port to a high one, nothing coming back: the responder's half of a connection."""
    low_to_high: Bools = (batch.orig_p > 0) & (batch.orig_p < HIGH_PORT) & (batch.resp_p >= HIGH_PORT)
    return low_to_high & ~(batch.resp_bytes > 0)
