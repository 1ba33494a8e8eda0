"""What is fuzzed: one small function each, which takes bytes that anybody may have written.

A target takes the errors that its code promises. Any other is a finding, and so is a promise that does not hold.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from tests.beacons.readers.logs import conns, take, tsv
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.outbox import Outbox
from zeek_beacons.allow import AllowList
from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.knowledge.indicators import IndicatorLists
from zeek_beacons.live.endpoints.line_cutter import LineCutter
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.frames import Event, PackedEvent, unframe
from zeek_beacons.live.protocol.messages import BadMessage, Candidate
from zeek_beacons.operator_file import words
from zeek_beacons.operator_file.follow import read_telemetry
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.pages.query import listed, number, selection
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import READERS
from zeek_beacons.readers.event_lines import events
from zeek_beacons.readers.events import sniff as is_header
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.scoring import Scoring
from zeek_beacons.serve.moments import ago, ahead

from .seeds import EVENTS, SIDE_LOGS, history

Target = Callable[[bytes], None]
T0 = 1_767_225_600.0


@functools.cache
def folder(name: str) -> Path:
    """A folder of this process, which stays."""
    return Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))


def reader(form: str | None) -> Target:
    """A reader, or the one that the bytes are recognised for."""

    def read(data: bytes) -> None:
        path = folder(str(form)) / "input"
        path.write_bytes(data)
        with contextlib.suppress(InputError):
            take([path], form=form)

    return read


def side_log(data: bytes) -> None:
    """A log beside a conn.log: the first byte says which."""
    name = f"{SIDE_LOGS[data[0] % len(SIDE_LOGS)] if data else ''}.log"
    (folder("side") / "conn.log").write_bytes(tsv(conns([60.0 * at for at in range(6)])))
    (folder("side") / name).write_bytes(data[1:])
    try:
        with contextlib.suppress(InputError):
            take([folder("side") / "conn.log"])
    finally:
        (folder("side") / name).unlink()


def wire_codec(data: bytes) -> None:
    """A frame; or with a first byte below 5 the text of an event of that number."""
    is_bare = bool(data) and data[0] < len(EVENTS)
    event = Event(EVENTS[data[0]], data[1:].decode("utf-8", "replace")) if is_bare else unframe(data)
    if not isinstance(event, (Event, PackedEvent)):
        return
    for message in wire.read(event):
        if isinstance(message, BadMessage):
            assert message.reason.isprintable()
        if isinstance(message, Candidate):
            assert len(Pairs.build([message.row])) == 1


def allow_list(data: bytes) -> None:
    """The text of an allow-list, and what it says of pairs."""
    with contextlib.suppress(InputError):
        found = AllowList.parse(data.decode("utf-8-sig", "surrogateescape"))
        for orig, addr, name in (
            ("10.0.0.5", "203.0.113.9", "a.example"),
            ("fe80::1", "2001:db8::7", ""),
            ("", "", "x"),
        ):
            found.allows(orig, addr, [addr, name], 443, "tcp")
        again = AllowList.parse("\n".join(entry.text for entry in found.entries))
        assert (again.subnets, again.ports, again.names, again.pairs) == (
            found.subnets,
            found.ports,
            found.names,
            found.pairs,
        )
        assert isinstance(found.too_wide, list)


@functools.cache
def read_model() -> ReadModel:
    return ReadModel.open(history(folder("history")))


def query(data: bytes) -> None:
    """What stands behind `?` in the console's address."""
    try:
        given = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))
    except ValueError:  # too many fields, which the server refuses
        return
    with contextlib.suppress(ConfigError):
        ago(given.get("since", ""), T0)
    with contextlib.suppress(ConfigError):
        ahead(given.get("until", ""), T0)
    with contextlib.suppress(ConfigError):
        number(given, "number")
    with contextlib.suppress(ConfigError):
        chosen = selection(given, T0)
        model = read_model()
        listed(model, chosen, model.about())


def alert(data: bytes) -> None:
    """An alert as it lies in the queue: what is taken for one can be sent in every format."""
    with contextlib.suppress(ValueError):
        found = Alert.from_json(data.decode("utf-8", "replace"))
        for form in FORMATS.values():
            _in_words(form.text, found)


def _in_words(text: Callable[[Alert], str], found: Alert) -> None:
    try:
        line = text(found)
    except ValueError as error:
        raise AssertionError("an alert that cannot be sent") from error
    assert "\n" not in line


def alert_queue(data: bytes) -> None:
    """The file of an alert queue."""
    path = folder("queue") / "alerts.sqlite"
    path.write_bytes(data)
    try:
        with contextlib.suppress(*DATABASE_ERRORS, ConfigError):
            outbox = Outbox.open(path)
            try:
                outbox.take("sink", 2 * T0)
                outbox.raised()
                outbox.waiting()
                outbox.losses()
                outbox.prune(2 * T0)
            finally:
                outbox.close()
    finally:
        for left in folder("queue").iterdir():
            left.unlink()


def operator_file(data: bytes) -> None:
    """The file that the console writes and a sidecar follows."""
    path = folder("operator") / "operator.sqlite"
    path.write_bytes(data)
    _read_operators(path)


def operator_rows(data: bytes) -> None:
    """A sound file with rows that a console never wrote: `TABLE` and a JSON list of values on each line."""
    path = folder("rows") / "operator.sqlite"
    path.unlink(missing_ok=True)
    OperatorStore(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for line in data.splitlines()[:8]:
            table, _, text = line.decode("utf-8", "replace").partition(" ")
            with contextlib.suppress(sqlite3.Error, ValueError, RecursionError, OverflowError, TypeError):
                values = json.loads(text)
                marks = ", ".join("?" * len(values))
                if table in ("feedback", "allow", "snoozes", "settings", "requests", "telemetry", "meta"):
                    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)
    _read_operators(path)


def _read_operators(path: Path) -> None:
    with contextlib.suppress(InputError):
        found = words.load(path)
        found.with_file(AllowList()).allows("10.0.0.5", "203.0.113.9", ["a.example"], 443, "tcp")
        found.at(T0)
    with contextlib.suppress(InputError, *DATABASE_ERRORS), contextlib.closing(words.connected(path)) as db:
        read_telemetry(db, 0)


def process_events(data: bytes) -> None:
    """Lines of endpoints that come in two pieces, of a CSV where the first one is its header."""
    cutter = LineCutter()
    lines = [*cutter.cut(data[: len(data) // 2]), *cutter.cut(data[len(data) // 2 :]), *cutter.end()]
    header = lines.pop(0) if lines and is_header(lines[0]) else b""
    taken = events(lines, header)
    assert min(taken.bad, taken.other) >= 0
    assert taken.bad + taken.other + len(taken.found) == sum(bool(line.strip()) for line in lines)


@functools.cache
def some_pairs() -> Pairs:
    Scoring.rules_only()
    return Pairs.build([{"orig_h": "10.0.0.5", "resp": "203.0.113.9", "resp_p": 443, "start": [T0, T0 + 60.0]}])


def intel(data: bytes) -> None:
    """An indicator list: plain lines, CSV, Zeek's, MISP's or STIX."""
    path = folder("intel") / "list"
    path.write_bytes(data)
    found = IndicatorLists.load([str(path)])
    found.hits(some_pairs())
    assert all(line.isprintable() for line in found.said)


TARGETS: dict[str, Target] = {
    **{f"reader-{form}": reader(form) for form in READERS},
    "recognised": reader(None),
    "side-log": side_log,
    "wire": wire_codec,
    "allow-list": allow_list,
    "query": query,
    "alert": alert,
    "alert-queue": alert_queue,
    "operator-file": operator_file,
    "operator-rows": operator_rows,
    "process-events": process_events,
    "intel": intel,
}
