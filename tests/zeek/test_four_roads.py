"""The four roads to a verdict agree: live, the loop of `zeek-beacons pcap`, conn.log, and beacon_candidates.log.

A live Zeek listens on an interface of the test's own while some traces are played there, many times faster than they
were; it also writes the packets down, with the times it saw them at, for the loop. Needs root, for the interface.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import LABELS

from ..conftest import without_zeek
from .conftest import DESCRIPTIVE, SCRIPTS, TRACES

SECONDS = 70.0  # that the traces are played in: a rhythm must last a minute to count
PATIENCE = 120.0
# Every connection makes a candidate, so that the last one holds all: from the sixth on, as some end less than a second
# after the one before. Nothing else is different from a sensor.
CONFIG = Config(min_connections=6)
LIVE = (
    "Beacons::min_connections=6",
    "Beacons::candidate_interval=1sec",
    "Beacons::direction=Beacons::ANY",
    "Log::default_rotation_interval=0sec",
)

PLAYED = ("beacon", "names")
HOST, OTHER_HOST, SERVER = "10.0.0.5", "10.0.0.8", ("203.0.113.7", 4444)
# Of the look-ups those two, and a host whose server changes its name twice in each of its connections: played so fast,
# that is more than Zeek remembers.
NOT_LOOKED_UP = (HOST, OTHER_HOST, "10.0.0.12")

Key = tuple[str, str, int]
Verdicts = dict[Key, tuple[str, float]]


@pytest.fixture
def wire() -> Iterator[tuple[str, str]]:
    """Two ends of a cable that no other program uses."""
    names = (f"zb{os.getpid() % 100_000}a", f"zb{os.getpid() % 100_000}b")
    made = subprocess.run(
        ["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1]], capture_output=True, text=True
    )
    if made.returncode:
        without_zeek(f"no interface can be made: {made.stderr.strip()}")
    for name in names:
        # Without an address of its own the kernel says nothing there that Zeek would see, or not, by when it started.
        subprocess.run(["ip", "link", "set", name, "addrgenmode", "none"], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    yield names
    subprocess.run(["ip", "link", "del", names[0]], check=True)


def packets(path: Path) -> list[tuple[float, bytes]]:
    """Times since the first packet as a share of the whole, and frames, of a little-endian pcap."""
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        seconds, fraction, size, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds + fraction / 1e6, data[at + 16 : at + 16 + size]))
        at += 16 + size
    first, last = found[0][0], found[-1][0]
    return [((when - first) / (last - first), frame) for when, frame in found]


def play(interface: str) -> None:
    """Sends the packets of some traces, each spread over the same time, and of one the same from another host."""
    host, other = socket.inet_aton(HOST), socket.inet_aton(OTHER_HOST)
    without = [socket.inet_aton(addr) for addr in NOT_LOOKED_UP]
    merged = [one for name in PLAYED for one in packets(TRACES / f"{name}.pcap")]
    merged += [(when, frame.replace(host, other)) for when, frame in packets(TRACES / "beacon.pcap")]
    merged += [one for one in packets(TRACES / "lookups.pcap") if not any(addr in one[1] for addr in without)]
    merged.sort(key=lambda one: one[0])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        began = time.monotonic()
        for share, frame in merged:
            time.sleep(max(0.0, began + share * SECONDS - time.monotonic()))
            out.send(frame)


def verdicts_of_log(folder: Path) -> Verdicts:
    """The last verdict of each pair that Zeek was told."""
    rows = map(json.loads, (folder / "beacon_verdicts.log").read_text().splitlines())
    return {(row["id.orig_h"], row["resp"], row["id.resp_p"]): (row["label"], row.get("score", np.nan)) for row in rows}


def verdicts_of_score(log: Path) -> Verdicts:
    """What `zeek-beacons score` says of a log."""
    scored = score(read(Request([str(log)]), CONFIG)[0], Scoring.load(), CONFIG)
    pairs, verdicts = scored.pairs, scored.verdicts
    keys = zip(pairs.orig_h, pairs.resp, pairs.resp_p.tolist(), strict=True)
    rows = zip(keys, verdicts.label, verdicts.score, scored.feature_row, strict=True)
    return {key: (LABELS[label], points) for key, label, points, row in rows if row >= 0}


def assert_same_facts(one: Path, other: Path) -> None:
    """What two logs of one Zeek tell of the pairs with two connections or more."""
    known, told = (read(Request([str(log)]), Config())[0] for log in (one, other))
    known, told = (pairs.take(pairs.conns >= 2) for pairs in (known, told))
    for name in (*KEY_COLUMNS, *DESCRIPTIVE):
        np.testing.assert_array_equal(getattr(told, name), getattr(known, name), err_msg=name)
    assert set(known.dns_name) >= {"", "often.example", "day.example", "six.example"}


def incidents_of_log(folder: Path) -> set[frozenset[Key]]:
    """Which pairs alert together, by their last verdicts."""
    rows = map(json.loads, (folder / "beacon_verdicts.log").read_text().splitlines())
    last = {(row["id.orig_h"], row["resp"], row["id.resp_p"]): row.get("incident", "") for row in rows}
    return grouped(last)


def incidents_of_score(log: Path) -> set[frozenset[Key]]:
    """Which pairs alert together, by `zeek-beacons score`."""
    incidents = score(read(Request([str(log)]), Config())[0], Scoring.load(), Config()).incidents
    return {frozenset(member.key[:3] for member in members) for members in incidents.members}


def grouped(incidents: dict[Key, str]) -> set[frozenset[Key]]:
    groups: dict[str, set[Key]] = {}
    for key, incident in incidents.items():
        if incident:
            groups.setdefault(incident, set()).add(key)
    return set(map(frozenset, groups.values()))


def until(condition: object, zeek: subprocess.Popen[bytes], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert zeek.poll() is None, f"Zeek ended: {what}"
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.1)


def live(zeek: str, wire: tuple[str, str], folder: Path) -> None:
    """Plays the traces to a live Zeek with a sidecar; leaves Zeek's logs and `seen.pcap` in `folder`."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    state = folder / "status.json"
    command = [zeek, "-C", "-i", wire[1], "-w", "seen.pcap", str(SCRIPTS), "LogAscii::use_json=T", *LIVE]
    ear = subprocess.Popen([*command, f"Beacons::listen_port={port}/tcp"], cwd=folder, stderr=subprocess.DEVNULL)
    serve = [sys.executable, "-m", "zeek_beacons", "sidecar", "--zeek", f"ws://127.0.0.1:{port}", "--no-history"]
    sidecar = subprocess.Popen([*serve, "--state", str(state)], stderr=subprocess.DEVNULL)

    def status() -> dict[str, object]:
        found: dict[str, object] = json.loads(state.read_text()) if state.exists() else {}
        return found

    def answered() -> bool:
        beats = list(status().get("nodes", {}).values())  # type: ignore[attr-defined]
        return bool(beats) and beats[0]["seq"] > 0 and not beats[0]["outstanding"] and not status()["queue"]

    try:
        until(lambda: status().get("role") == "serving", ear, "the sidecar serves")
        play(wire[0])
        time.sleep(10.0)  # connections end by their timeouts, and a heartbeat tells of the last candidate
        until(answered, ear, "every candidate has its verdict")
    finally:
        for process in (sidecar, ear):
            process.terminate()
            process.wait(PATIENCE)


def assert_same(one: Verdicts, other: Verdicts) -> None:
    assert {key: label for key, (label, _) in one.items()} == {key: label for key, (label, _) in other.items()}
    for key, (_, points) in one.items():
        assert points == pytest.approx(other[key][1], abs=1e-6, nan_ok=True), key


def test_four_roads(zeek: str, wire: tuple[str, str], tmp_path: Path) -> None:
    live(zeek, wire, tmp_path)
    by_conn = verdicts_of_score(tmp_path / "conn.log")
    assert {label for label, _ in by_conn.values()} >= {"beacon", "benign"}
    assert_same(by_conn, verdicts_of_score(tmp_path / "beacon_candidates.log"))
    assert_same_facts(tmp_path / "conn.log", tmp_path / "beacon_candidates.log")
    by_live = verdicts_of_log(tmp_path)
    assert_same(by_conn, {key: by_live[key] for key in by_conn})
    seen, result = tmp_path / "seen.pcap", tmp_path / "loop"
    loop = [sys.executable, "-m", "zeek_beacons", "pcap", str(seen), "-o", str(result), "--zeek", zeek]
    subprocess.run([*loop, "--zeek-arg", "LogAscii::use_json=T"], check=True, capture_output=True)
    incidents = incidents_of_score(tmp_path / "conn.log")
    assert frozenset({(HOST, *SERVER), (OTHER_HOST, *SERVER)}) in incidents
    assert incidents_of_score(tmp_path / "beacon_candidates.log") == incidents
    assert incidents_of_log(tmp_path) == incidents
    assert incidents_of_log(result) == incidents
    by_loop = verdicts_of_log(result)
    assert_same(by_conn, {key: by_loop[key] for key in by_conn})
    assert_same_facts(result / "conn.log", result / "beacon_candidates.log")
