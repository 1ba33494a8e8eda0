"""Google Cloud VPC flow logs as JSON lines: log entries of Cloud Logging, or their payload alone.

Fields as in "About VPC Flow Logs records" (docs.cloud.google.com/vpc/docs/about-flow-logs-records): a record holds one
direction of a 5-tuple in one interval, of packets that were sampled. Answers are left out as those of NetFlow are, and
`splits` puts the intervals together; so it does with what both ends report of one connection, whose bytes add up then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Ints
from zeek_beacons.readers import splits
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, batch, integers, times
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases
from zeek_beacons.readers.nested_json import at, nested_rows, objects
from zeek_beacons.readers.one_way import answering
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

_ENVELOPE = "jsonPayload."
_PATHS: dict[str, tuple[str, Any]] = {
    "start": ("start_time", TEXT),
    "end": ("end_time", TEXT),
    "orig_h": ("connection.src_ip", TEXT),
    "orig_p": ("connection.src_port", NUMBER),
    "resp_h": ("connection.dest_ip", TEXT),
    "resp_p": ("connection.dest_port", NUMBER),
    "proto": ("connection.protocol", NUMBER),
    "orig_bytes": ("bytes_sent", NUMBER),
}
_ICMP = (1, 58)


def sniff(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is a VPC flow log."""
    return _prefix(head) is not None


def parts(
    source: Input, collector: Collector, progress: Progress | None, _more: Aliases | None = None
) -> Iterator[Part]:
    """One log in parts; bad lines go to `collector`."""
    prefix = _prefix(source.head()) or ""
    wanted = {prefix + path: kind for path, kind in _PATHS.values()}
    ours = {prefix + path: name for name, (path, _) in _PATHS.items()}
    for rows in nested_rows(source, wanted, progress):
        collector.skip(source.path, rows.bad)
        if rows.table is None:
            continue
        table = rows.table.rename_columns([ours[path] for path in rows.table.column_names])
        flows = _batch(table, collector.config)
        where = Where(source.path, rows.line, rows.data)
        yield Part(flows, where, table, {"answering half of a flow": answering(flows)})


def _prefix(head: bytes) -> str | None:
    """What stands before the fields of the rows: the name of the payload in a log entry, or nothing."""
    for row in objects(head):
        for prefix in (_ENVELOPE, ""):
            if at(row, f"{prefix}connection.src_ip") is not None:
                return prefix
    return None


def _batch(table: Table, config: Config) -> Batch:
    proto = integers(table, "proto")
    tcp, none = proto == 6, np.zeros(len(proto), dtype=np.bool_)
    resp_p = integers(table, "resp_p")
    start = times(table, "start")
    return batch(
        table,
        start=start,
        duration=np.maximum(times(table, "end") - start, 0.0),
        orig_p=np.where(np.isin(proto, _ICMP), 0, integers(table, "orig_p")),
        resp_p=np.where(np.isin(proto, _ICMP) & (resp_p < 0), 0, resp_p),
        proto=_numbered(proto),
        state=splits.states(tcp, none, none, none),
        reach=splits.reach(tcp, none, config),
    )


def _numbered(values: Ints) -> Texts:
    """Numbers as a text column; those below 0 are missing."""
    different, codes = np.unique(values, return_inverse=True)
    return Texts(np.where(values < 0, -1, codes), [str(value) for value in different.tolist()])
