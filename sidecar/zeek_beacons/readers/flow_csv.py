"""Flow records in CSV: NetFlow/IPFIX exports (nfdump's headings, IPFIX element names) and the normalized CSV.

Columns are found by name, in any order and case. Flows of one direction only, as NetFlow exports them, contain both
halves of each connection; the half that a well-known port sends to a high one is the answer and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import (
    NUMBER,
    TEXT,
    Table,
    delimited,
    integers,
    numbers,
    parse_block,
    swapped,
    texts,
    times,
)
from zeek_beacons.readers.files import Progress, blocks
from zeek_beacons.readers.headers import (
    cells,
    columns_of,
    first_line,
    is_text,
    require,
    without_header,
)
from zeek_beacons.readers.reservoir import Batch, Collector, Texts, Where

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


def sniff(head: bytes) -> bool:
    """Whether a file that starts like this is a flow CSV."""
    return {"orig_h", "resp_h"} <= columns_of(cells(first_line(head)), ALIASES).keys()


def read(path: str, head: bytes, collector: Collector, progress: Progress | None) -> None:
    """Reads one flow CSV into `collector`. Raises InputError where a required column is missing."""
    columns = cells(first_line(head))
    found = columns_of(columns, ALIASES)
    require(path, found, columns, REQUIRED, ALIASES)
    kinds = {found[name]: TEXT if name in _TEXTS else NUMBER for name in found}
    kinds[found["start"]] = pa.string() if is_text(head, columns.index(found["start"])) else NUMBER
    parser = delimited(columns, kinds, ",", ("", "-", "null"), quotes=True)
    there = {column: ours for ours, column in found.items()}
    for block in blocks(path, progress):
        rows = parse_block(parser, without_header(block))
        totals = next((at for at, line in enumerate(rows.bad) if line.data.startswith(b"Summary")), None)
        collector.skip(path, rows.bad[:totals])  # nfdump closes with totals
        if rows.table is not None:
            batch = _batch(rows.table.rename_columns([there[name] for name in rows.table.column_names]), found)
            answers = _answers(batch) & ~_told(rows.table, found)
            collector.add(batch, Where(path, rows.line, rows.data), {"answering half of a flow": answers})
        if totals is not None:
            break


def _batch(table: Table, found: Mapping[str, str]) -> Batch:
    proto = texts(table, "proto")
    portless = proto.map(np.array([value.lower() in _PORTLESS for value in proto.values]), 0) > 0
    orig_p, resp_p = integers(table, "orig_p"), integers(table, "resp_p")
    orig_h, resp_h = texts(table, "orig_h"), texts(table, "resp_h")
    if "direction" in found:
        arrows = texts(table, "direction")
        backwards = arrows.map(np.array([value.strip() in {"<-", "<?"} for value in arrows.values]), 0) > 0
        orig_h, resp_h = swapped(orig_h, resp_h, backwards)
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


def _told(table: Table, found: Mapping[str, str]) -> Bools:
    """Rows whose direction says who began. nfdump's numbers (0 in, 1 out of an interface) do not."""
    arrows = texts(table, found.get("direction"))
    return arrows.map(np.array([not value.strip().isdecimal() for value in arrows.values]), 0) > 0


def _answers(batch: Batch) -> Bools:
    """Rows from a well-known port to a high one, nothing coming back: the responder's half of a connection."""
    low_to_high: Bools = (batch.orig_p > 0) & (batch.orig_p < HIGH_PORT) & (batch.resp_p >= HIGH_PORT)
    return low_to_high & ~(batch.resp_bytes > 0)
