"""The queries of dns.log, as the channel `dns` sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import PROTOS, STATE_CODE, Bools, Bytes, Floats, Ints, Strings, round_time
from zeek_beacons.readers.addresses import Intern, address, server_name
from zeek_beacons.readers.arrow_parse import NUMBER, integers, numbers, possible, texts, times
from zeek_beacons.readers.by_uid import log_tables
from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.side_logs import BadRows

NXDOMAIN = 3  # rcode: there is no such name
LONGEST_TYPE = 24  # characters of a query's type
LARGEST_ANSWER = 65_535  # bytes that the answers to one query count for, at most: those of a message
LONGEST_WAIT = 86_400.0  # seconds until an answer; what says more is damaged
_TEXT = pa.string()
_COLUMNS = {
    "ts": NUMBER,
    "id.orig_h": _TEXT,
    "id.resp_h": _TEXT,
    "id.resp_p": NUMBER,
    "proto": _TEXT,
    "query": _TEXT,
    "qtype_name": _TEXT,
    "rtt": NUMBER,
    "rcode": NUMBER,
    "Z": NUMBER,  # which Zeek always writes: a log without it does not tell what was answered
    "answers": pa.list_(_TEXT),
}


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Some queries, columns (n,). Hosts and names are in their one spelling."""

    start: Floats  # seconds
    orig_h: Strings
    resp_h: Strings
    resp_p: Ints
    proto: Strings
    name: Strings  # "" where none can be
    kind: Strings  # what it asks for: A, TXT, query-65283; "" where the log does not tell
    no_such_name: Bools  # whether the answer was NXDOMAIN
    rtt: Floats  # seconds until the answer, NaN where there was none
    answer_bytes: Floats  # characters of all answers, NaN where there was none
    state: Bytes  # index into pairs.STATES: SF answered, S0 not, 0 where the log does not tell

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: NDArray[Any]) -> Self:
        """The queries at positions, or of a mask."""
        return type(self)(*(getattr(self, one.name)[index] for one in fields(self)))


def queries(paths: Iterable[Source]) -> Iterator[Queries]:
    """The queries of dns logs, or of streams of all logs, in parts, without those that say neither when nor whose.

    What is wrong with a log is told where its answers are read: here it just ends.
    """
    for path in paths:
        hosts, names = Intern(address), Intern(server_name)
        try:
            for table in log_tables(path, "dns", _COLUMNS, BadRows(opened(path).path)):
                yield _queries(table, hosts, names)
        except InputError:
            continue


def _queries(table: pa.Table, hosts: Intern, names: Intern) -> Queries:
    start, port = times(table, "ts"), integers(table, "id.resp_p")
    ends = [texts(table, name) for name in ("id.orig_h", "id.resp_h")]
    orig, resp = (column.map(hosts.codes(column.values)) for column in ends)
    query, proto, kind = (texts(table, name) for name in ("query", "proto", "qtype_name"))
    name = query.map(names.codes(query.values))
    known_proto = np.array([*(value in PROTOS for value in proto.values), False])
    good = np.flatnonzero(
        possible(start) & (orig >= 0) & (resp >= 0) & (port >= 0) & (port <= 65_535) & known_proto[proto.codes]
    )
    known, called = np.array([*hosts.values, ""], dtype=np.object_), np.array([*names.values, ""], dtype=np.object_)
    rtt, rcode = numbers(table, "rtt"), integers(table, "rcode")
    rtt = np.where((rtt >= 0) & (rtt <= LONGEST_WAIT), rtt, np.nan)
    answered = np.isfinite(rtt) | (rcode >= 0)
    silent = ~answered & (integers(table, "Z") >= 0)
    state = np.select([answered, silent], [STATE_CODE["SF"], STATE_CODE["S0"]], 0).astype(np.uint8)
    return Queries(
        start=round_time(start[good]),
        orig_h=known[orig[good]],
        resp_h=known[resp[good]],
        resp_p=port[good],
        proto=np.array([*proto.values, ""], dtype=np.object_)[proto.codes[good]],
        name=called[name[good]],
        kind=np.array([*(value[:LONGEST_TYPE] for value in kind.values), ""], dtype=np.object_)[kind.codes[good]],
        no_such_name=(rcode == NXDOMAIN)[good],
        rtt=round_time(rtt[good]),
        answer_bytes=np.where(answered, _answer_bytes(table), np.nan)[good],
        state=state[good],
    )


def _answer_bytes(table: pa.Table) -> Floats:
    """Bytes of the answers in each row, LARGEST_ANSWER at most; one that a log escapes counts as one."""
    answers = table.column("answers").combine_chunks()
    parent = pc.list_parent_indices(answers).to_numpy()
    plain = pc.replace_substring_regex(pc.list_flatten(answers), r"\\x[0-9a-fA-F]{2}", ".")
    lengths = pc.fill_null(pc.binary_length(plain), 0).to_numpy(zero_copy_only=False)
    return np.minimum(np.bincount(parent, lengths, table.num_rows), LARGEST_ANSWER)
