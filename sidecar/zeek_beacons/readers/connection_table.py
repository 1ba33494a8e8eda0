"""Connections as a table, one row each, in columns: what commands read that look at connections and not at pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zeek_beacons.pairs import MICROSECONDS, PROTOS, Bools, Floats, Ints
from zeek_beacons.readers.addresses import Intern, address
from zeek_beacons.readers.arrow_parse import NUMBER, Table, numbers, texts
from zeek_beacons.readers.columns import IN, WHOLE, Connections, Texts
from zeek_beacons.readers.headers import Aliases
from zeek_beacons.readers.merge import end_us
from zeek_beacons.readers.parquet_rows import as_numbers
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector

# Columns that may say what a connection is, by the names that datasets give them.
LABELS: Aliases = {
    "label": ("label",),
    "detailed_label": ("detailed-label", "detailed_label", "detailedlabel"),
    "label_tactic": ("label_tactic",),
    "label_technique": ("label_technique",),
    "label_binary": ("label_binary",),
    "label_cve": ("label_cve",),
    "mitre_attack_tactics": ("mitre_attack_tactics", "mitre_attack_tactic"),
    "mitre_attack_techniques": ("mitre_attack_techniques", "mitre_attack_technique"),
}
# Columns beside those that pairs are made of.
MORE: Aliases = {
    "uid": ("uid", "event_id"),
    "community_id": ("community_id", "community-id", "network.community_id"),
    "orig_pkts": (
        *("orig_pkts", "orig_packets", "src_pkts", "src_packets", "source.packets", "packets_sent"),
        *("ipkt", "in_packet", "in_packets", "packets", "packetdeltacount", "packettotalcount"),
    ),
    "resp_pkts": (
        *("resp_pkts", "resp_packets", "dst_pkts", "dst_packets", "dest_pkts", "destination.packets"),
        *("packets_received", "opkt", "out_packet", "out_packets", "reversepacketdeltacount"),
    ),
    "local_orig": ("local_orig",),
    "local_resp": ("local_resp",),
    **LABELS,
}
UNKNOWN, NO, YES = -1, 0, 1
_TRUE, _FALSE = frozenset({"t", "true", "1", "1.0", "yes"}), frozenset({"f", "false", "0", "0.0", "no"})
REMEMBERED = 1 << 20  # addresses whose spelling is kept over chunks


@dataclass(frozen=True, slots=True, eq=False)
class ConnectionTable:
    """Connections, (n,) each column. Missing is NaN in numbers, -1 in ports and truths, code -1 or null in texts."""

    ts: Floats  # start, seconds since the epoch
    duration: Floats  # seconds
    orig_h: Texts
    orig_p: Ints
    resp_h: Texts
    resp_p: Ints
    proto: Texts  # tcp, udp, icmp
    service: Texts
    conn_state: Texts
    history: Texts
    orig_bytes: Floats
    resp_bytes: Floats
    orig_pkts: Floats
    resp_pkts: Floats
    uid: Any  # arrow strings
    community_id: Any  # arrow strings
    local_orig: NDArray[np.int8]  # YES, NO; as logged, else by the networks that count as local
    local_resp: NDArray[np.int8]
    labels: Mapping[str, Texts]  # name as in LABELS -> what the input says, for those that it has

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Ints | Bools) -> ConnectionTable:
        """The rows at these positions, or under this mask."""
        at: Ints = np.arange(len(self))[rows]
        labels = {name: _taken(column, at) for name, column in self.labels.items()}
        columns = {name.name: getattr(self, name.name) for name in fields(self) if name.name != "labels"}
        return ConnectionTable(**{name: _taken(column, at) for name, column in columns.items()}, labels=labels)


class ConnectionCollector(Collector):
    """Turns parts of files into tables of their good connections, checked and counted as on the way to pairs.

    Connections stay as the file has them: pieces are not merged and repeats over files not looked for. Of flows that
    are written as two rows, one each way, the answer is left out.
    """

    def table(self, part: Part) -> ConnectionTable:
        """The good connections of a part."""
        self._forget()
        wanted = np.ones(len(part.batch), dtype=np.bool_)
        self.ingest.rows += len(part.batch)
        for reason, mask in part.left_out.items():
            self._leave_out(reason, wanted & mask)
            wanted &= ~mask
        rows, good = self._checked(part.batch, part.where, wanted)
        kept = np.flatnonzero(good)
        rows = rows.take(kept)
        self.ingest.clock(end_us(rows.start_us, rows.duration))
        answers = rows.half == IN
        self._leave_out("answering half of a flow", answers)
        kept, rows = kept[~answers], rows.take(~answers)
        chosen = self._wanted(rows)
        kept, rows = kept[chosen], rows.take(chosen)
        self.ingest.span(rows.start_us)
        return self._made(rows, kept, part)

    def _made(self, rows: Connections, kept: Ints, part: Part) -> ConnectionTable:
        table = part.table
        batch = part.batch
        orig_h, resp_h = (_compact(codes, self._hosts.values) for codes in (rows.orig_h, rows.resp_h))
        return ConnectionTable(
            ts=rows.start_us / MICROSECONDS,
            duration=rows.duration,
            orig_h=orig_h,
            orig_p=rows.orig_p,
            resp_h=resp_h,
            resp_p=rows.resp_p,
            proto=Texts(rows.proto, PROTOS),
            service=_taken(batch.service, kept),
            conn_state=_taken(batch.state, kept),
            history=_taken(batch.history, kept),
            orig_bytes=rows.orig_bytes,
            resp_bytes=np.where(rows.half == WHOLE, rows.resp_bytes, np.nan),
            orig_pkts=_counts(table, "orig_pkts")[kept],
            resp_pkts=_counts(table, "resp_pkts")[kept],
            uid=_strings(table, "uid").take(pa.array(kept)),
            community_id=_strings(table, "community_id").take(pa.array(kept)),
            local_orig=self._locality(table, "local_orig", kept, orig_h),
            local_resp=self._locality(table, "local_resp", kept, resp_h),
            labels={name: _taken(texts(table, name), kept) for name in LABELS if name in table.column_names},
        )

    def _locality(self, table: Table, name: str, kept: Ints, hosts: Texts) -> NDArray[np.int8]:
        logged = texts(table, name)
        said = logged.map(np.array([_truth(text) for text in logged.values], dtype=np.int64))[kept]
        known = hosts.map(np.array([self._is_local(host) for host in hosts.values], dtype=np.int64))
        return np.where(said >= 0, said, known if self.config.local_nets else UNKNOWN).astype(np.int8)

    def _forget(self) -> None:
        """Forgets addresses, so that memory does not grow with those ever seen."""
        if len(self._hosts.values) > REMEMBERED:
            self._hosts, self._local = Intern(address), []


def _truth(text: str) -> int:
    lower = text.strip().lower()
    return YES if lower in _TRUE else NO if lower in _FALSE else UNKNOWN


def _compact(codes: Ints, values: list[str]) -> Texts:
    """A text column of the values that occur."""
    used, again = np.unique(codes, return_inverse=True)
    return Texts(again.astype(np.int64), [values[code] for code in used.tolist()])


def _taken(column: Any, rows: Ints) -> Any:
    if isinstance(column, Texts):
        return Texts(column.codes[rows], column.values)
    return column[rows] if isinstance(column, np.ndarray) else column.take(pa.array(rows))


def _counts(table: Table, name: str) -> Floats:
    """A column of counts, written as numbers or texts; what is no count is missing."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = table.column(name)
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        column = as_numbers(column.cast(pa.string()))
    values = numbers(pa.table({name: column.cast(NUMBER)}), name)
    return np.where(values >= 0, values, np.nan)


def _strings(table: Table, name: str) -> Any:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    column = table.column(name).cast(pa.string()).combine_chunks()
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.if_else(pc.equal(column, ""), None, column)
