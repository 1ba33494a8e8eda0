"""Flow records in CSV: NetFlow/IPFIX exports (nfdump's headings, IPFIX element names) and the normalized CSV.

Columns are found by name, in any order and case. Flows of one direction only, as NetFlow exports them, contain both
halves of each connection; the half that a well-known port sends to a high one is the answer and is left out. Where a
column `direction` says `out` and `in`, `halves` joins the two rows of a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.readers.arrow_parse import TEXT, Table, batch, integers, numbers, swapped, texts, times
from zeek_beacons.readers.columns import IN, OUT, WHOLE, Batch
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, CsvFile, cells, columns_of, first_line, named
from zeek_beacons.readers.one_way import answering
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

# Names of each field, lower case, by source: normalized, nfdump -o csv (1.6, 1.7), IPFIX elements, common exports.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "start": (
        *(
            "timestamp",
            "ts",
            "_time",
            "firstseen",
            "first_seen",
            "date_first_seen",
            "start",
            "starttime",
            "start_time",
            "stime",
        ),
        *("flowstartmilliseconds", "flowstartseconds", "flowstartmicroseconds", "flowstartnanoseconds"),
        *("flow_start", "flowstart", "first_switched", "first"),
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
    "orig_p": (
        *("src_port", "sp", "srcport", "sport", "src_pt", "source_port", "sourcetransportport", "l4_src_port"),
        *("spt",),
    ),
    "resp_p": (
        *("dst_port", "dp", "dstport", "dport", "dst_pt", "dest_port", "destination_port"),
        *("destinationtransportport", "l4_dst_port", "dpt"),
    ),
    "proto": (
        *("protocol", "pr", "proto", "prot", "protocolidentifier", "ip_protocol", "ipprotocol"),
        *("transportprotocol",),
    ),
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
# How many units make a second, by how the column's name ends.
_DURATIONS = {"milliseconds": 1e3, "microseconds": 1e6, "_ms": 1e3}
_STARTS = {"startmicroseconds": 1e3, "startnanoseconds": 1e6}  # after `times`, which scales by 1,000 what is no second
_HALF = dict.fromkeys(("out", "outbound", "outgoing", "egress"), OUT)
_HALF |= dict.fromkeys(("in", "inbound", "incoming", "ingress"), IN)
_PORTLESS = frozenset({"icmp", "icmp6", "icmpv6", "ipv6-icmp", "1", "58"})
_TEXTS = ("orig_h", "resp_h", "proto", "direction")


def sniff(head: bytes, chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is a flow CSV, where `chosen` says what some columns are."""
    given = cells(first_line(head))
    return {"orig_h", "resp_h"} <= columns_of(given, ALIASES).keys() | named(chosen, ALIASES, given)


def parts(
    source: Input, collector: Collector, progress: Progress | None, more: Aliases | None = None
) -> Iterator[Part]:
    """One flow CSV in parts, with the columns `more`, as texts, too; bad lines go to `collector`.

    Raises InputError where a required column is missing.
    """
    file = CsvFile.open(source, {**ALIASES, **(more or {})}, REQUIRED, collector.config.map)
    kinds = dict.fromkeys((*_TEXTS, *(more or {})), TEXT)
    for rows in file.rows(kinds, ("", "-", "null"), quotes=True, progress=progress):
        totals = next((at for at, line in enumerate(rows.bad) if line.data.startswith(b"Summary")), None)
        collector.skip(source.path, rows.bad[:totals])  # nfdump closes with totals
        if rows.table is not None:
            flows = _batch(rows.table, file)
            answers = answering(flows) & ~_told(rows.table)
            where = Where(source.path, rows.line, rows.data)
            yield Part(flows, where, rows.table, {"answering half of a flow": answers})
        if totals is not None:
            break


def _batch(table: Table, file: CsvFile) -> Batch:
    proto = texts(table, "proto")
    portless = proto.map(np.array([value.lower() in _PORTLESS for value in proto.values]), 0) > 0
    orig_p, resp_p = integers(table, "orig_p"), integers(table, "resp_p")
    orig_h, resp_h = texts(table, "orig_h"), texts(table, "resp_h")
    directions = texts(table, "direction")
    said = [value.strip().lower() for value in directions.values]
    backwards = directions.map(np.array([value in {"<-", "<?"} for value in said]), 0) > 0
    if backwards.any():
        orig_h, resp_h = swapped(orig_h, resp_h, backwards)
        orig_p, resp_p = np.where(backwards, resp_p, orig_p), np.where(backwards, orig_p, resp_p)
    resp_bytes = numbers(table, "resp_bytes")
    half = directions.map(np.array([_HALF.get(value, WHOLE) for value in said]), WHOLE)
    return batch(
        table,
        start=_starts(table, file),
        duration=numbers(table, "duration") / _unit(file.found.get("duration", ""), _DURATIONS),
        orig_h=orig_h,
        orig_p=orig_p,
        resp_h=resp_h,
        resp_p=np.where(portless & (resp_p < 0), 0, resp_p),
        proto=proto,
        resp_bytes=resp_bytes,
        half=np.where(resp_bytes > 0, WHOLE, half).astype(np.uint8),
    )


def _starts(table: Table, file: CsvFile) -> Floats:
    """Epoch seconds, of numbers in the unit that the column's name says, or of texts, which have none."""
    unit = 1.0 if file.times_are_text else _unit(file.found["start"], _STARTS)
    return times(table, "start") / unit


def _unit(column: str, units: Mapping[str, float]) -> float:
    lower = column.strip().lower()
    return next((unit for ending, unit in units.items() if lower.endswith(ending)), 1.0)


def _told(table: Table) -> Bools:
    """Rows whose direction says who began. nfdump's numbers (0 in, 1 out of an interface) do not."""
    arrows = texts(table, "direction")
    return arrows.map(np.array([not value.strip().isdecimal() for value in arrows.values]), 0) > 0
