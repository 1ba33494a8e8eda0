"""A batch: rows of one log, as they travel. What is sent and what is taken in are held against the same rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.live.follow.kinds import FLOWS, STREAM, header_of
from zeek_beacons.readers import zeek_log
from zeek_beacons.readers.files import Held
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.inputs import log_kind
from zeek_beacons.readers.log_context import LogContext
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.zeek_rows import log_rows

LARGEST = 3_500_000  # bytes of a batch, with its header
MOST_SHOWN = 1000  # bad rows that are named
_PATH = re.compile(rb'"_path"\s*:\s*"([A-Za-z0-9_]{1,64})"')


class BadRow(NamedTuple):
    """A row that is none: its 1-based number among the rows of a batch, and what is wrong with it."""

    row: int
    problem: str


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Rows of a log: its name or kind, the lines above them, and the lines themselves."""

    log: str
    header: bytes
    rows: bytes

    @property
    def count(self) -> int:
        """How many lines."""
        return self.rows.count(b"\n")

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.header) + len(self.rows)

    def without(self, rows: set[int]) -> LogBatch:
        """The same without some of its rows, by their numbers."""
        lines = self.rows.splitlines(keepends=True)
        return LogBatch(self.log, self.header, b"".join(line for at, line in enumerate(lines, 1) if at not in rows))


def is_log(name: str) -> bool:
    """Whether rows of such a log are followed at all."""
    return name in FLOWS or (name != "" and log_kind(f"{name}.log") == name)


def batches(log: str, data: bytes) -> tuple[list[LogBatch], int]:
    """A slice of a log as batches; and how many rows are too long for one, which are left out."""
    header = header_of(log, data)
    by_log = _by_path(data) if log == STREAM else {log: data[len(header) :]}
    found, too_long, room = [], 0, LARGEST - len(header)
    for name, rows in by_log.items():
        at = 0
        while at < len(rows):
            end = len(rows) if len(rows) - at <= room else rows.rfind(b"\n", at, at + room) + 1
            if end > at:
                found.append(LogBatch(name, header, rows[at:end]))
            else:
                end = rows.find(b"\n", at) + 1 or len(rows)
                too_long += 1
            at = end
    return found, too_long


def parted(log: str, data: bytes) -> LogBatch:
    """A batch as it came."""
    header = header_of(log, data)
    return LogBatch(log, header, data[len(header) :])


def _by_path(data: bytes) -> Mapping[str, bytes]:
    """The rows of a stream of all logs by their log, without those of logs that do not count."""
    found: dict[str, list[bytes]] = {}
    for line in data.splitlines(keepends=True):
        told = _PATH.search(line)
        if told and (log := log_kind(f"{told[1].decode()}.log")):
            found.setdefault(log, []).append(line)
    return {log: b"".join(lines) for log, lines in found.items()}


@dataclass(slots=True)
class _EveryBadRow(Ingest):
    """Notes all bad rows by their line. `above`: lines of the header."""

    above: int = 0
    found: list[BadRow] = field(default_factory=list)

    def room(self, reason: str) -> int:
        return MOST_SHOWN

    def skip(self, reason: str, path: str, line: int, text: str, rows: int = 1) -> None:
        self.found.append(BadRow(line - self.above, reason))
        Ingest.skip(self, reason, path, line, text, rows)


def bad_rows(batch: LogBatch, config: Config) -> list[BadRow]:
    """The rows of a batch that are none, in order. Raises InputError where all of it cannot be read."""
    above = batch.header.count(b"\n")
    source, ingest = Held(batch.log, batch.header + batch.rows), _EveryBadRow(above=above)
    collector = Collector(config, ingest)
    if batch.log == "conn" or batch.log in FLOWS:
        read = zeek_log.parts if batch.log == "conn" else None
        parts = read(source, collector, LogContext(), None) if read else FLOWS[batch.log](source, collector, None)
        for part in parts:
            collector.good(part.batch, part.where, part.left_out)
        return sorted(set(ingest.found))[:MOST_SHOWN]
    found = [line for rows in log_rows(source, {"uid": pa.string()}, ()) for line in rows.bad]
    return [BadRow(line.number - above, line.problem) for line in found][:MOST_SHOWN]


def checked(batch: LogBatch, config: Config) -> tuple[LogBatch, list[BadRow]]:
    """The batch without its bad rows, and these; an empty batch where it cannot be read at all."""
    bad: list[BadRow] = []
    try:
        while found := bad_rows(batch, config):
            bad += found
            batch = batch.without({one.row for one in found})
    except InputError as error:
        return LogBatch(batch.log, batch.header, b""), [*bad, BadRow(1, error.problem)]
    return batch, bad
