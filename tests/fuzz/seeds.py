"""What each target starts from: small inputs that are right, made from the tests' samples."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from tests.beacons.alerts.made import alert
from tests.beacons.knowledge.test_indicators import MISP, STIX, ZEEK
from tests.beacons.live import made
from tests.beacons.live.histories import RULES, guarded
from tests.beacons.readers import test_owners
from tests.beacons.readers.logs import EVENT, conns, csv_line, event, json_line, json_log, tsv
from tests.beacons.readers.samples import samples
from tests.beacons.readers.test_answers import DNS, answer
from tests.beacons.readers.test_certificates import SSL, X509, certificate, session
from tests.beacons.readers.test_events import elastic, sysmon
from tests.beacons.readers.test_intel_log import INTEL, hit
from tests.beacons.readers.test_web_clients import HTTP, request
from zeek_beacons.alerts.outbox import Outbox, Raised
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.protocol.frames import PackedEvent, frame
from zeek_beacons.live.worker import Worker
from zeek_beacons.operator_file.store import OperatorStore

CORPUS = Path(__file__).parent.parent / "corpus"
SIDE_LOGS = ("http", "ssl", "quic", "dns", "x509", "intel", "ssh", "dhcp", "kerberos", "ntlm")
EVENTS = tuple(f"Beacons::{name}" for name in ("candidate", "hello", "heartbeat", "long", "noticed"))
KEY = {"orig_h": "10.0.0.5", "resp": "203.0.113.9", "resp_p": 443, "proto": "tcp"}
SSH = ("ts", "uid", "client", "server")


def seeds(target: str) -> Iterator[bytes]:
    """The inputs that a target starts from."""
    if target.startswith("reader-"):
        yield from _logs(target.removeprefix("reader-"))
    elif target == "recognised":
        for form in {name.partition("-")[0] for name in samples(4)}:
            yield from _logs(form)
    else:
        yield from _SEEDS[target]()


def _logs(form: str) -> Iterator[bytes]:
    for name, sample in samples(4).items():
        if name.partition("-")[0] == form:
            yield sample.data
            yield gzip.compress(sample.data, mtime=0)
            yield zstandard.ZstdCompressor().compress(sample.data)


def _side_logs() -> Iterator[bytes]:
    ssh = [{"ts": made.T0, "uid": "C0.0", "client": "SSH-2.0-a", "server": "SSH-2.0-b"}]
    logs = {
        "http": ([request(0.0), request(60.0, host="a.example")], HTTP),
        "ssl": ([session(0.0, "f1"), session(60.0, "f1")], SSL),
        "quic": ([{"ts": made.T0, "uid": "C0.0", "server_name": "a.example"}], ("ts", "uid", "server_name")),
        "dns": ([answer(-5.0), answer(300.0, "b.example")], DNS),
        "x509": ([certificate()], X509),
        "intel": ([hit(0.0), hit(60.0, "203.0.113.9", "Intel::ADDR")], INTEL),
        "ssh": (ssh, SSH),
        "dhcp": ([test_owners.lease(0.0)], test_owners.DHCP),
        "kerberos": ([test_owners.ticket(10.0, "alice/CORP")], test_owners.KERBEROS),
        "ntlm": ([test_owners.session(5.0, "bob", "DESK-3")], test_owners.NTLM),
    }
    for number, name in enumerate(SIDE_LOGS):
        rows, columns = logs[name]
        yield bytes([number]) + tsv(rows, columns, name)
        yield bytes([number]) + json_log(rows)


def _wire() -> Iterator[bytes]:
    contents = (
        made.fields(n=4, local_orig=True, local_resp=False, traits=["tls_version=TLSv12"]),
        {"v": 4, "sidecar": "5c", "accepted": True, "reason": "", "node": "zeek", "boot": "b"},
        {"v": 4, "node": "zeek", "boot": "b", "seq": 5, "outstanding": 2, "lost": 0},
        made.long(),
        {"v": 4, "node": "zeek", "boot": "b", "level": 3, "incident": "0123456789"} | KEY,
    )
    for number, content in enumerate(contents):
        text = json.dumps(content)
        yield bytes([number]) + text.encode()
        yield frame(made.event(EVENTS[number].removeprefix("Beacons::"), text)).encode()
    some = (json.dumps(contents[0]), "{", json.dumps(contents[0] | {"seq": 2}))
    yield frame(PackedEvent("Beacons::candidates", some)).encode()
    yield frame(PackedEvent("Beacons::confirmations", (json.dumps(contents[-1]),))).encode()
    yield b'{"type":"ack","endpoint":"e","version":"8.0.10"}'
    yield b'{"type":"error","code":"c","context":"x"}'


def _allow_list() -> Iterator[bytes]:
    cases = json.loads((CORPUS / "allow_list.json").read_text(encoding="utf-8"))
    lines = [case["line"] for case in cases["cases"]] if isinstance(cases, dict) else []
    yield from (line.encode("utf-8", "surrogateescape") for line in lines)
    yield (
        b"# harmless\nsubnet 10.20.0.0/16\nport 123/udp\nname *.windowsupdate.com\n"
        b"pair 10.0.0.5 backup.example 443\npair * 2001:db8::/32 */tcp # x\n"
    )


def _queries() -> Iterator[bytes]:
    yield b"show=near&severity=high&kind=beacon&since=24h&sort=last_seen&offset=10&limit=5"
    yield b"host=10.0.0.0/8&resp=*.example&q=c2&number=0.5&show=all&sort=orig_h"
    yield b"show=quiet&since=2026-01-31T12:00Z&until=2w&resp=2001:db8::/32&show=alerts"


def _alerts() -> Iterator[bytes]:
    yield alert().to_json().encode()
    yield alert(2, score=None, sleep=None, jitter=None, resp_p=0, proto="icmp", kind="long").to_json().encode()


def _alert_queue() -> Iterator[bytes]:
    def fill(path: Path) -> None:
        outbox = Outbox.open(path)
        outbox.add([alert()], ["sink", "other"], {"incident1": Raised(3, made.T0, False, alert())}, made.T0)
        outbox.close()

    yield _small_database("alerts.sqlite", fill)


def _operator_file() -> Iterator[bytes]:
    def fill(path: Path) -> None:
        store = OperatorStore(path, lambda: made.T0)
        store.allow("name *.example", "ann", "ours", None)
        store.snooze(("10.0.0.5", "203.0.113.9", 443, "tcp", "conn"), "ann", "later", 2e9)
        store.give_feedback(("10.0.0.5", "203.0.113.9", 443, "tcp", "conn"), "203.0.113.9", "true", "a", "", "", 0.5)
        store.add_telemetry("edge", [])
        store.close()

    yield _small_database("operator.sqlite", fill)


def _operator_rows() -> Iterator[bytes]:
    connection = {"ts": made.T0, "id.orig_h": "10.0.0.5", "id.resp_h": "203.0.113.9", "id.resp_p": 443, "proto": "tcp"}
    rows = (
        ("allow", [1, "name *.example", "ann", made.T0, "ours", None, None, None]),
        ("snoozes", [1, "10.0.0.5", "203.0.113.9", 443, "tcp", "ann", made.T0, "later", 3e9, None, None, "conn"]),
        ("feedback", [1, *KEY.values(), "203.0.113.9", "true", "ann", made.T0, "", "model", 0.5, "conn"]),
        ("settings", [1, "threshold", "0.5", "ann", made.T0]),
        ("requests", [1, "ann", made.T0]),
        ("telemetry", [1, "edge", made.T0, 1, json.dumps([connection])]),
        ("meta", ["revision", "7"]),
    )
    lines = [f"{table} {json.dumps(values)}\n".encode() for table, values in rows]
    yield from lines
    yield b"".join(lines)


def _process_events() -> Iterator[bytes]:
    rows = conns([0.0, 60.0])
    yield b"".join(map(json_line, (sysmon(rows[0]), elastic(rows[1]), {"_source": elastic(rows[0])})))
    yield ",".join(EVENT).encode() + b"\n" + b"".join(csv_line(event(row), EVENT) for row in rows)


def _intel() -> Iterator[bytes]:
    yield json.dumps(MISP).encode()
    yield json.dumps({"response": [MISP]}).encode()
    yield json.dumps(STIX).encode()
    yield ZEEK.encode()
    yield b"203.0.113.9\nevil[.]example # x\nhxxp://u.example:80/x?y\n10.0.0.0/8\n2001:db8::/32\n"
    yield b'indicator,type\n203.0.113.9,ip\n"evil.example",domain\n'


_SEEDS = {
    "side-log": _side_logs,
    "wire": _wire,
    "allow-list": _allow_list,
    "query": _queries,
    "alert": _alerts,
    "alert-queue": _alert_queue,
    "operator-file": _operator_file,
    "operator-rows": _operator_rows,
    "process-events": _process_events,
    "intel": _intel,
}


def history(folder: Path) -> Path:
    """A history of a few pairs."""
    path = folder / "history.db"
    held = guarded(path)
    Worker("me", RULES, Config(threshold=0.5), held).work(
        [made.candidate(number, orig_h=f"10.0.0.{number}") for number in (1, 2, 3)], AllowList()
    )
    held.close()
    return path


def _small_database(name: str, fill: object) -> bytes:
    """What a program wrote, in pages of 512 bytes."""
    assert callable(fill)
    with tempfile.TemporaryDirectory() as made_in:
        path = Path(made_in) / name
        fill(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA page_size = 512")
            db.execute("VACUUM")
        return path.read_bytes()
