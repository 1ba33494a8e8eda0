"""What is followed: Zeek's logs, and the flow logs that `score` reads and that are written line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from zeek_beacons.readers import aws_flows, binetflow, eve, events, exports, flow_csv, gcp_flows, recognise
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector

STREAM = "stream"  # the kind of a file that holds all logs
# Formats of flow logs, by the names that `score --format` knows; not of documents that are whole at their end only.
FLOWS: Mapping[str, Callable[[Input, Collector, Progress | None], Iterator[Part]]] = {
    "exports": exports.parts,
    "flows": flow_csv.parts,
    "binetflow": binetflow.parts,
    "aws": aws_flows.parts,
    "gcp": gcp_flows.parts,
    "eve": eve.parts,
    "events": events.parts,
}
CONNECTIONS = frozenset(("conn", STREAM, *FLOWS))  # what holds connections; all else tells more about them


def flow_kind(path: str, head: bytes, chosen: tuple[str, ...] = ()) -> str:
    """Which flow log a file is that starts like this, "" for others. Raises InputError where nobody knows it."""
    found = recognise(path, head, chosen)
    return found if found in FLOWS else ""


def header_of(kind: str, head: bytes) -> bytes:
    """The lines at the start of a file that its later rows cannot be read without."""
    if kind in FLOWS:
        return b"" if head.lstrip().startswith(b"{") or is_bare(kind, head) else head[: head.find(b"\n") + 1]
    at = 0
    while head.startswith(b"#", at) and (end := head.find(b"\n", at)) >= 0:
        at = end + 1
    return head[:at]


def is_bare(kind: str, head: bytes) -> bool:
    """Whether it is a flow log of AWS in its default format, which has no header."""
    return kind == "aws" and b"srcaddr" not in head[: head.find(b"\n") + 1].replace(b"-", b"").lower()
