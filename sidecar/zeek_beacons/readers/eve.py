"""Suricata's eve.json: its flow events, each a connection both ways, with the names that other events tell.

Fields as in "Eve JSON Format" (docs.suricata.io/en/latest/output/eve/eve-json-format.html). A flow is written when it
has ended, so that the events of the same `flow_id` that name a server (TLS SNI, HTTP host) stand before it. Sizes are
those of whole packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.config import Config
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, batch, integers, numbers, texts, times
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases
from zeek_beacons.readers.merge import ALONE
from zeek_beacons.readers.nested_json import TRUTH, nested_rows, objects
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

_PATHS: dict[str, tuple[str, Any]] = {
    "event": ("event_type", TEXT),
    "start": ("flow.start", TEXT),
    "end": ("flow.end", TEXT),
    "orig_h": ("src_ip", TEXT),
    "orig_p": ("src_port", NUMBER),
    "resp_h": ("dest_ip", TEXT),
    "resp_p": ("dest_port", NUMBER),
    "proto": ("proto", TEXT),
    "service": ("app_proto", TEXT),
    "orig_bytes": ("flow.bytes_toserver", NUMBER),
    "resp_bytes": ("flow.bytes_toclient", NUMBER),
    "flow_state": ("flow.state", TEXT),
    "answer_flags": ("tcp.tcp_flags_tc", TEXT),
    "syn": ("tcp.syn", TRUTH),
    "icmp_code": ("icmp_code", NUMBER),
    "flow_id": ("flow_id", NUMBER),
    "sni": ("tls.sni", TEXT),
    "host": ("http.hostname", TEXT),
}
_SERVICES = {"tls": "ssl", "failed": "", "ftp-data": "ftp-data"}  # what Zeek calls otherwise
_SYN, _RST = 2, 4
WAITING = 4_000_000  # names kept for flows not yet written, the newest


def sniff(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is an eve.json."""
    return any("event_type" in row and ("flow_id" in row or "stats" in row) for row in objects(head))


def parts(
    source: Input, collector: Collector, progress: Progress | None, _more: Aliases | None = None
) -> Iterator[Part]:
    """One eve.json in parts; bad lines go to `collector`."""
    wanted, names, flows = dict(_PATHS.values()), _Names(), 0
    ours = {path: name for name, (path, _) in _PATHS.items()}
    for rows in nested_rows(source, wanted, progress):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            table = rows.table.rename_columns([ours[path] for path in rows.table.column_names])
            other = ~texts(table, "event").among("flow")
            where = Where(source.path, rows.line, rows.data)
            flow_events = _batch(table, names.of(table), collector.config)
            yield Part(flow_events, where, table, {"event other than flow": other})
            flows += int((~other).sum())
    if not flows:
        collector.ingest.notes.append(
            f"{source.path} holds no flow events: Suricata writes them where `flow` stands among the types of eve-log "
            "in suricata.yaml"
        )


class _Names:
    """Servers' names by flow, until the flow is written."""

    def __init__(self) -> None:
        self._waiting: dict[float, str] = {}

    def of(self, table: Table) -> Texts:
        """The name of each row that is a flow, by its own table and those before."""
        name = pc.coalesce(table.column("sni"), table.column("host"))
        told = pc.and_(pc.is_valid(name), pc.is_valid(table.column("flow_id")))
        self._waiting |= zip(
            table.column("flow_id").filter(told).to_pylist(), name.filter(told).to_pylist(), strict=True
        )
        for flow in list(islice(self._waiting, max(len(self._waiting) - WAITING, 0))):
            del self._waiting[flow]
        is_flow = pc.fill_null(pc.equal(table.column("event"), "flow"), False)
        ids = pc.if_else(is_flow, table.column("flow_id"), None).to_pylist()
        return texts(pa.table({"name": pa.array([self._waiting.get(flow) for flow in ids], pa.string())}), "name")


def _batch(table: Table, name: Texts, config: Config) -> Batch:
    proto, service = texts(table, "proto"), texts(table, "service")
    tcp, icmp = proto.among("TCP"), proto.among("ICMP", "IPv6-ICMP")
    syn = np.asarray(table.column("syn").cast("int8").fill_null(-1).to_numpy(), dtype=np.int64)
    start = times(table, "start")
    code = np.maximum(integers(table, "icmp_code"), 0)
    return batch(
        table,
        start=start,
        duration=np.maximum(times(table, "end") - start, 0.0),
        orig_p=np.where(icmp, 0, integers(table, "orig_p")),
        resp_p=np.where(icmp, code, integers(table, "resp_p")),
        service=Texts(service.codes, [_SERVICES.get(text, text) for text in service.values]),
        name=name,
        state=_states(table, tcp, syn),
        reach=np.where(tcp & (syn == 0), config.merge_gap, float(ALONE)),
    )


def _states(table: Table, tcp: Bools, syn: Ints) -> Texts:
    """The nearest Zeek states, by what came back and by how Suricata left the flow."""
    flags = texts(table, "answer_flags")
    answer = flags.map(np.array([_hexadecimal(text) for text in flags.values], dtype=np.int64))
    silent = (numbers(table, "resp_bytes") == 0) | (answer == 0)
    refused = tcp & (answer > 0) & (answer & (_SYN | _RST) == _RST)
    closed = ~tcp | texts(table, "flow_state").among("closed")
    codes = np.select([silent, refused, closed, syn == 1], [0, 1, 2, 3], 4)
    return Texts(codes.astype(np.int64), ("S0", "REJ", "SF", "S1", "OTH"))


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16) & 0xFF
    except ValueError:
        return -1
