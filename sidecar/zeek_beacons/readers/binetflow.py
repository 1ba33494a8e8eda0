"""CTU-13's `.binetflow`: bidirectional flows of Argus in CSV, each with a label.

Pairs are formed as everywhere, never by source port. The labels travel apart from the connections: `labels` says what
each pair is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.addresses import address
from zeek_beacons.readers.arrow_parse import (
    NUMBER,
    TEXT,
    ParsedRows,
    Table,
    batch,
    numbers,
    swapped,
    texts,
)
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, CsvFile, cells, columns_of, first_line
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

COLUMNS: Aliases = {
    "start": ("starttime",),
    "duration": ("dur",),
    "proto": ("proto",),
    "orig_h": ("srcaddr",),
    "orig_p": ("sport",),
    "direction": ("dir",),
    "resp_h": ("dstaddr",),
    "resp_p": ("dport",),
    "state": ("state",),
    "bytes": ("totbytes",),
    "orig_bytes": ("srcbytes",),
    "label": ("label",),
}
REQUIRED = ("start", "orig_h", "resp_h", "resp_p", "proto", "direction", "state")
_NUMBERS = ("duration", "bytes", "orig_bytes")
# Argus names some protocols by what is inside UDP.
_PROTOS = {"rtp": "udp", "rtcp": "udp", "udt": "udp", "ipv6-icmp": "icmp"}
_KNOWN = frozenset({"tcp", "udp", "icmp", *_PROTOS})
_BACKWARDS = re.compile(r"<[-?|o]?$")  # `<-`, `<?`: the destination began

Key = tuple[str, str, int, str]  # orig_h, resp_h, resp_p, proto


def sniff(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is a binetflow."""
    found = columns_of(cells(first_line(head)), COLUMNS)
    return {"start", "orig_h", "resp_h", "direction", "state"} <= found.keys() and "bytes" in found


def parts(
    source: Input, collector: Collector, progress: Progress | None, _more: Aliases | None = None
) -> Iterator[Part]:
    """One binetflow in parts; bad lines go to `collector`. Raises InputError where a required column is missing."""
    for rows in _rows(source, progress):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            left_out = {"protocol other than tcp, udp, icmp": _is_other(rows.table)}
            yield Part(_batch(rows.table), Where(source.path, rows.line, rows.data), rows.table, left_out)


def labels(path: str) -> dict[Key, str]:
    """What each pair of a CTU-13 file is: c2, malicious_other, benign, or "" for background.

    A pair is C2 where any of its flows is a botnet's and its label names a channel (`-CC`), malicious_other where any
    is a botnet's, benign where one comes from a normal host. Raises InputError.
    """
    found: dict[Key, str] = {}
    for rows in _rows(Input(path), None):
        if rows.table is not None:
            _add_labels(rows.table, found)
    return found


RANK = ("", "benign", "malicious_other", "c2")


def kind(label: str) -> str:
    """What one flow's label comes to."""
    plain = label.lower()
    if "from-botnet" in plain:
        return "c2" if "-cc" in plain else "malicious_other"
    return "benign" if "from-normal" in plain else ""


def _add_labels(table: Table, found: dict[Key, str]) -> None:
    flows, label = _batch(table), texts(table, "label")
    rank = label.map(np.array([RANK.index(kind(text)) for text in label.values]), 0)
    hosts = [[address(text) or "" for text in column.values] for column in (flows.orig_h, flows.resp_h)]
    columns = (flows.orig_h.codes, flows.resp_h.codes, flows.resp_p, flows.proto.codes, rank)
    for orig, resp, port, proto, level in np.unique(np.stack(columns, axis=1), axis=0).tolist():
        if min(orig, resp, proto) >= 0:
            key = (hosts[0][orig], hosts[1][resp], port, flows.proto.values[proto])
            found[key] = RANK[max(level, RANK.index(found.get(key, "")))]


def _rows(source: Input, progress: Progress | None) -> Iterator[ParsedRows]:
    file = CsvFile.open(source, COLUMNS, REQUIRED)
    kinds = {name: NUMBER if name in _NUMBERS else TEXT for name in COLUMNS} | {"start": pa.string()}
    return file.rows(kinds, ("",), quotes=False, progress=progress)


def _batch(table: Table) -> Batch:
    iso = pc.replace_substring(table.column("start"), "/", "-")
    table = table.set_column(table.column_names.index("start"), "start", iso)
    arrows = texts(table, "direction")
    backwards = arrows.map(np.array([bool(_BACKWARDS.search(text.strip())) for text in arrows.values]), 0) > 0
    proto = texts(table, "proto")
    plain = [_PROTOS.get(text.lower(), text.lower()) for text in proto.values]
    portless = proto.map(np.array([text == "icmp" for text in plain]), 0) > 0
    orig_h, resp_h = swapped(texts(table, "orig_h"), texts(table, "resp_h"), backwards)
    orig_p, resp_p = _ports(table, "orig_p"), _ports(table, "resp_p")
    orig_p, resp_p = np.where(backwards, resp_p, orig_p), np.where(backwards, orig_p, resp_p)
    sent, every = numbers(table, "orig_bytes"), numbers(table, "bytes")
    received = np.where(every >= sent, every - sent, np.nan)
    return batch(
        table,
        orig_h=orig_h,
        orig_p=np.where(portless, 0, orig_p),
        resp_h=resp_h,
        resp_p=np.where(portless, 0, resp_p),
        proto=Texts(proto.codes, plain),
        orig_bytes=np.where(backwards, received, sent),
        resp_bytes=np.where(backwards, sent, received),
        state=_states(table),
    )


def _is_other(table: Table) -> Bools:
    """Rows of protocols without ports or even addresses (ARP, LLC), which are no connections."""
    column = texts(table, "proto")
    other: Bools = column.map(np.array([text.lower() not in _KNOWN for text in column.values]), 0) > 0
    return other


def _ports(table: Table, name: str) -> Ints:
    """Ports, decimal or hexadecimal; -1 where missing or none."""
    column = texts(table, name)
    return column.map(np.array([port(text) for text in column.values], dtype=np.int64))


def port(text: str) -> int:
    try:
        value = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        return -1
    return value if 0 <= value < 2**31 else -1


def _states(table: Table) -> Texts:
    """Argus states as Zeek's."""
    column = texts(table, "state")
    return Texts(column.codes, [zeek_state(text) for text in column.values])


def zeek_state(argus: str) -> str:
    """The Zeek state that comes nearest: by the flags each side sent for TCP, by who spoke for the others."""
    if argus in ("INT", "REQ", "URP"):
        return "S0"
    sides = argus.split("_")
    if len(sides) != 2:
        return "SF" if argus == "CON" else ""
    sent, got = (set(side) for side in sides)
    if not got:
        return "S0" if "S" in sent else "OTH"
    if got <= {"R", "A"} and "R" in got:
        return "REJ" if "S" in sent else "RSTR"
    if "R" in got or "R" in sent:
        return "RSTR" if "R" in got else "RSTO"
    return "SF" if "F" in sent and "F" in got else "S1" if "S" in sent else "OTH"
