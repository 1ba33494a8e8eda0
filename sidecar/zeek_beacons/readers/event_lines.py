"""Lines of endpoint events as they come, of several agents at once -> events, by the code that reads files of them.

A file is read by the columns of its first rows. Here each line may be of another agent, so that lines with the same
fields are read together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import PROTOS
from zeek_beacons.readers.events import CONNECTION, parts, paths
from zeek_beacons.readers.files import Held
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.nested_json import at
from zeek_beacons.readers.reservoir import Collector


class ProcessEvent(NamedTuple):
    """A connection, by an endpoint's word, and what opened it."""

    start_us: int  # microseconds since the epoch
    orig_h: str
    orig_p: int  # -1 where it is not told
    addr: str
    resp_p: int
    proto: str
    name: str  # of the server, "" where it is not told
    process: str  # as `processes.packed` writes it


@dataclass(slots=True)
class Events:
    """What lines came to."""

    found: list[ProcessEvent] = field(default_factory=list)
    bad: int = 0  # lines that hold no event, or one that cannot be
    other: int = 0  # events of other things than connections, or that tell of no process


def events(lines: Sequence[bytes], header: bytes = b"") -> Events:
    """The events of whole lines: of a CSV file with this `header`, or one JSON object each without one."""
    lines = [line for line in lines if line.strip()]
    made = Events()
    groups = [lines] if header and lines else _alike(lines, made)
    for group in groups:
        _read(b"".join(line + b"\n" for line in ([header, *group] if header else group)), len(group), made)
    return made


def _alike(lines: Sequence[bytes], made: Events) -> list[list[bytes]]:
    """The lines by where they hold which fields, and of which kind these are."""
    groups: dict[tuple[Any, ...], list[bytes]] = defaultdict(list)
    for line in lines:
        try:
            row = json.loads(line.decode())
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            made.bad += 1
            continue
        found = paths([row])
        if found.keys() >= CONNECTION:
            shape = ((ours, path, _kind(at(row, path))) for ours, path in found.items())
            groups[tuple(sorted(shape))].append(line)
        else:
            made.other += 1
    return list(groups.values())


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _read(data: bytes, rows: int, made: Events) -> None:
    ingest = Ingest()
    collector = Collector(Config(), ingest)
    before = len(made.found)
    try:
        for part in parts(Held("events", data), collector, None):
            good = collector.good(part.batch, part.where, part.left_out)
            hosts, names, processes = collector.texts()
            columns = (good.start_us, good.orig_h, good.orig_p, good.resp_h, good.resp_p, good.proto)
            numbers = (column.tolist() for column in (*columns, good.name, good.process))
            made.found += (
                ProcessEvent(
                    start, hosts[orig], orig_p, hosts[resp], resp_p, PROTOS[proto], _text(names, name), processes[told]
                )
                for start, orig, orig_p, resp, resp_p, proto, name, told in zip(*numbers, strict=True)
                if told >= 0
            )
    except InputError:  # a field is missing that all events have
        made.bad += rows
        return
    made.bad += ingest.rows_skipped
    made.other += rows - ingest.rows_skipped - (len(made.found) - before)


def _text(texts: Sequence[str], number: int) -> str:
    return texts[number] if number >= 0 else ""
