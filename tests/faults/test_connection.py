"""Connections that break, and messages that are lost, doubled, late, foreign or hostile."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path

from .lab import Lab
from .meddler import Meddler, apart
from .test_processes import fed_some

HOSTILE = Path(__file__).parent / "hostile.zeek"
CANDIDATE = '"Beacons::candidates"'


def test_connection_cut_in_the_middle(lab: Lab) -> None:
    lab.start_zeek(pause=0.2)  # long enough that there is a middle also where the sidecar comes late
    with Meddler(lab.port) as meddler:
        lab.start_sidecar(port=meddler.port)
        for number, wanted in enumerate((10, 40, 70), 1):
            fed_some(lab, wanted)
            lab.until(lambda number=number: meddler.accepted >= number, "the sidecar is there")  # type: ignore[misc]
            meddler.cut()
        lab.settle()
    lab.check_notices()
    assert lab.status()["connections"] >= 2


def test_candidates_lost_doubled_and_out_of_order(lab: Lab, round_number: int) -> None:
    rng = random.Random(round_number)
    late: list[str] = []

    def meddle_one(frame: str) -> Iterable[str]:
        chance = rng.random()
        if chance < 0.2:
            return ()
        if chance < 0.4:
            return (frame, frame)
        if chance < 0.6:
            late.append(frame)
            return ()
        sent = (frame, *late)
        late.clear()
        return sent

    def meddle(frame: str) -> Iterable[str]:
        return [sent for one in apart(frame) for sent in meddle_one(one)] if CANDIDATE in frame else (frame,)

    lab.start_zeek(pause=0.2)  # long enough that the sidecar hears much of it also where it starts slowly
    with Meddler(lab.port, to_sidecar=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        fed_some(lab, 60)
        lab.until(lambda: lab.zeeks[-1].tells()[0], "all is fed")
        meddler.to_sidecar = lambda frame: (frame,)
        lab.settle()
    lab.check_notices()
    status = lab.status()
    assert status["duplicates"]
    assert status["resyncs"] > 1


def test_verdicts_lost_doubled_and_out_of_order(lab: Lab, round_number: int) -> None:
    rng = random.Random(round_number)

    def meddle_one(frame: str) -> Iterable[str]:
        chance = rng.random()
        return () if chance < 0.3 and '"Beacons::verdicts"' in frame else (frame, frame) if chance < 0.6 else (frame,)

    def meddle(frame: str) -> Iterable[str]:
        return [sent for one in apart(frame) for sent in meddle_one(one)]

    lab.start_zeek()
    with Meddler(lab.port, to_zeek=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.until(lambda: lab.zeeks[-1].tells()[0], "all is fed")
        meddler.to_zeek = lambda frame: (frame,)
        lab.settle()
    lab.check_notices()


def test_verdict_for_an_unknown_pair(lab: Lab) -> None:
    """Zeek takes what its sidecar says of a pair it does not hold, and garbage from nobody's sidecar, and goes on."""
    strange: list[str] = []

    def meddle(frame: str) -> Iterable[str]:
        if '"Beacons::verdicts"' not in frame or len(strange) > 50:
            return (frame,)
        other = re.sub(r"45\.0\.\d+\.\d+", "45.99.99.99", frame)
        strange.append(other)
        return (frame, other, other.replace("seq", "sex"), other.replace("45.99.99.99", "no address"))

    zeek = lab.start_zeek()
    with Meddler(lab.port, to_zeek=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.settle()
    assert strange
    noticed = lab.noticed_pairs()
    last, _ = lab.expected()
    assert last <= noticed
    assert {name[1] for name in noticed - last} <= {"45.99.99.99"} | {name[1] for name in lab.expected()[1]}
    assert any("refused" in row["message"] for row in zeek.log("reporter"))


def test_candidates_of_another_version_and_garbage(lab: Lab) -> None:
    count = 0

    def meddle(frame: str) -> Iterable[str]:
        nonlocal count
        if CANDIDATE not in frame:
            return (frame,)
        count += 1
        newer = frame.replace('\\"v\\":4,', '\\"v\\":5,')
        hostile = json.dumps(
            {"type": "data-message", "topic": "\x00\u202e", "@data-type": "vector", "data": "x" * 1_000_000}
        )
        return (newer, frame[: len(frame) // 2], hostile, "[]", "\x00\x01", frame) if count < 20 else (frame,)

    lab.start_zeek()
    with Meddler(lab.port, to_sidecar=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.settle()
    lab.check_notices()
    assert sum(lab.status()["bad"].values()) > 20


def test_something_that_is_not_zeek(lab: Lab) -> None:
    """The sidecar says what it met, keeps trying, and serves Zeek once that has come to the port."""
    import http.server
    import threading

    server = http.server.ThreadingHTTPServer(("127.0.0.1", lab.port), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        lab.start_sidecar()
        lab.until(lambda: any("not Zeek" in str(line) for line in lab.said()), "the sidecar says who is there")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    lab.start_zeek()
    lab.settle()
    lab.check_notices()


def test_hostile_names(lab: Lab) -> None:
    """Names that hold control bytes, invalid UTF-8, JSON, or a megabyte: every pair gets its verdict."""
    zeek = lab.start_zeek(str(HOSTILE))
    lab.start_sidecar()
    lab.settle()
    lab.check_notices()
    names = [row["resp"] for row in zeek.log("beacon_verdicts") if row["id.orig_h"] == "10.9.9.9"]
    assert len(set(names)) == 5
    assert max(map(len, names)) <= 253
    assert all(name.isascii() and name.isprintable() for name in names)
