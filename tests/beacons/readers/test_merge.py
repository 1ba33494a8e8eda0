"""The merge rule, case by case. The Zeek package is tested with the same cases."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import STATES
from zeek_beacons.readers import files, reservoir
from zeek_beacons.readers.merge import is_midstream

from .logs import T0, assert_same, conn, json_log, load, tsv, tsv_header, tsv_line

GAP = 100.0
CONFIG = Config(merge_gap=GAP)
NAN = None


def piece(at: float, duration: float | None = 10.0, **given: Any) -> dict[str, Any]:
    """A mid-stream piece that nobody closed."""
    return conn(at, duration=duration, **({"conn_state": "OTH", "history": "DadA"} | given))


def opening(at: float = 0.0, duration: float | None = 10.0, **given: Any) -> dict[str, Any]:
    """A connection with a handshake that nobody closed."""
    return conn(at, duration=duration, **({"conn_state": "S1", "history": "ShADad"} | given))


@dataclass(frozen=True)
class Case:
    name: str
    rows: list[dict[str, Any]]
    # start after T0, duration, orig_bytes, resp_bytes, state of each connection that results
    expected: list[tuple[float, float | None, float | None, float | None, str]] = field(default_factory=list)


CASES = (
    Case("mid-stream continues", [opening(), piece(50)], [(0, 60, 600, 2400, "OTH")]),
    Case("mid-stream continues mid-stream", [piece(0), piece(50)], [(0, 60, 600, 2400, "OTH")]),
    Case("gap exactly at the limit", [opening(), piece(110)], [(0, 120, 600, 2400, "OTH")]),
    Case(
        "gap a microsecond over",
        [opening(), piece(110.000001)],
        [(0, 10, 300, 1200, "S1"), (110.000001, 10, 300, 1200, "OTH")],
    ),
    Case("gap counts from the end", [opening(0, 1000.0), piece(1050)], [(0, 1060, 600, 2400, "OTH")]),
    Case(
        "closed by both: no",
        [opening(conn_state="SF"), piece(50)],
        [(0, 10, 300, 1200, "SF"), (50, 10, 300, 1200, "OTH")],
    ),
    Case(
        "reset: no", [opening(conn_state="RSTO"), piece(50)], [(0, 10, 300, 1200, "RSTO"), (50, 10, 300, 1200, "OTH")]
    ),
    Case(
        "unanswered SYN: no",
        [opening(conn_state="S0", history="S"), piece(50)],
        [(0, 10, 300, 1200, "S0"), (50, 10, 300, 1200, "OTH")],
    ),
    Case("half closed by originator", [opening(conn_state="S2"), piece(50)], [(0, 60, 600, 2400, "OTH")]),
    Case("half closed by responder", [opening(conn_state="S3"), piece(50)], [(0, 60, 600, 2400, "OTH")]),
    Case("new handshake: no", [opening(), opening(50)], [(0, 10, 300, 1200, "S1"), (50, 10, 300, 1200, "S1")]),
    Case(
        "handshake seen from the responder: no",
        [opening(), piece(50, history="hDd")],
        [(0, 10, 300, 1200, "S1"), (50, 10, 300, 1200, "OTH")],
    ),
    Case(
        "unknown history: no",
        [opening(), piece(50, history=None)],
        [(0, 10, 300, 1200, "S1"), (50, 10, 300, 1200, "OTH")],
    ),
    Case(
        "udp untouched",
        [piece(0, proto="udp", history="Dd"), piece(50, proto="udp", history="Dd")],
        [(0, 10, 300, 1200, "OTH"), (50, 10, 300, 1200, "OTH")],
    ),
    Case(
        "icmp untouched",
        [piece(0, proto="icmp"), piece(50, proto="icmp")],
        [(0, 10, 300, 1200, "OTH"), (50, 10, 300, 1200, "OTH")],
    ),
    Case("chain of three", [opening(), piece(50), piece(100)], [(0, 110, 900, 3600, "OTH")]),
    Case(
        "chain whose last was closed",
        [opening(), piece(50), piece(100, conn_state="RSTR")],
        [(0, 110, 900, 3600, "RSTR")],
    ),
    Case(
        "chain broken in the middle",
        [opening(), piece(50, conn_state="SF"), piece(100)],
        [(0, 60, 600, 2400, "SF"), (100, 10, 300, 1200, "OTH")],
    ),
    Case(
        "missing bytes beside known ones",
        [opening(orig_bytes=None), piece(50, resp_bytes=None)],
        [(0, 60, 300, 1200, "OTH")],
    ),
    Case("all bytes missing", [opening(orig_bytes=None), piece(50, orig_bytes=None)], [(0, 60, NAN, 2400, "OTH")]),
    Case("missing duration ends at its start", [opening(0, None), piece(100, 5.0)], [(0, 105, 600, 2400, "OTH")]),
    Case("missing duration of the last", [opening(), piece(50, None)], [(0, 50, 600, 2400, "OTH")]),
    Case("missing duration of a connection alone", [opening(0, None)], [(0, NAN, 300, 1200, "S1")]),
    Case(
        "another source port",
        [opening(), piece(50, id__orig_p=41_000)],
        [(0, 10, 300, 1200, "S1"), (50, 10, 300, 1200, "OTH")],
    ),
    Case(
        "source port unknown: no",
        [opening(id__orig_p=None), piece(50, id__orig_p=None)],
        [(0, 10, 300, 1200, "S1"), (50, 10, 300, 1200, "OTH")],
    ),
    Case("a piece alone", [piece(0)], [(0, 10, 300, 1200, "OTH")]),
)


def outcome(rows: list[dict[str, Any]], folder: Path, config: Config = CONFIG) -> list[tuple[Any, ...]]:
    pairs, ingest = load(folder, tsv(rows), config=config)
    assert len(pairs) == 1
    assert pairs.conns[0] == len(pairs.start) == len(rows) - ingest.merged
    columns = (np.round(pairs.start - T0, 6), pairs.duration, pairs.orig_bytes, pairs.resp_bytes)
    values = [[None if np.isnan(value) else value for value in column.tolist()] for column in columns]
    return list(zip(*values, [STATES[code] for code in pairs.state], strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path) -> None:
    for order in itertools.permutations(case.rows):
        assert outcome(list(order), tmp_path) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_in_pieces_of_input(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 100)
    for order in itertools.permutations(case.rows):
        assert outcome(list(order), tmp_path) == case.expected


def test_another_pair_is_no_continuation(tmp_path: Path) -> None:
    rows = [opening(), piece(50, id__resp_p=80), piece(50, id__resp_h="203.0.113.8"), piece(50, id__orig_h="10.0.0.6")]
    pairs, ingest = load(tmp_path, tsv(rows))
    assert (len(pairs), ingest.merged) == (4, 0)


def test_no_gap_allowed_merges_only_what_touches(tmp_path: Path) -> None:
    assert len(outcome([opening(), piece(10)], tmp_path, Config(merge_gap=0))) == 1
    assert len(outcome([opening(), piece(10.000001)], tmp_path, Config(merge_gap=0))) == 2


def test_the_name_of_any_piece_stays(tmp_path: Path) -> None:
    for named in (0, 1):
        rows = [opening(uid="C0"), piece(50, uid="C1")]
        (tmp_path / "ssl.log").write_bytes(json_log([{"ts": T0, "uid": f"C{named}", "server_name": "a.example"}]))
        pairs, _ = load(tmp_path, tsv(rows))
        assert pairs.resp.tolist() == ["203.0.113.9", "a.example"]
        assert (pairs.conns.tolist(), pairs.named.tolist()) == ([1, 1], [1, 1])
    names = [{"ts": T0, "uid": uid, "server_name": name} for uid, name in (("C0", "a.example"), ("C1", "b.example"))]
    (tmp_path / "ssl.log").write_bytes(json_log(names))
    assert load(tmp_path, tsv(rows))[0].resp.tolist() == ["203.0.113.9", "a.example"]


def test_a_log_twice_does_not_continue_itself(tmp_path: Path) -> None:
    rows = [opening(), piece(50), piece(100), piece(500), conn(900)]
    once, _ = load(tmp_path, tsv(rows), config=CONFIG)
    twice, ingest = load(tmp_path, tsv(rows) + tsv(rows), config=CONFIG)
    assert_same(once, twice)
    assert ingest.duplicates == 5


def test_long_logs_merge_the_same_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for port in range(40_000, 40_050):
        at = float(rng.integers(0, 50_000))
        rows.append(opening(at, id__orig_p=port))
        for _ in range(rng.integers(0, 6)):
            at += float(rng.integers(10, 140))
            rows.append(piece(at, id__orig_p=port))
    rows.sort(key=lambda row: row["ts"] + row["duration"])  # as Zeek writes them
    data = tsv_header() + b"".join(map(tsv_line, rows))
    whole, ingest = load(tmp_path, data, config=CONFIG)
    assert ingest.merged > 50
    monkeypatch.setattr(files, "BLOCK", 500)
    monkeypatch.setattr(reservoir, "PENDING", 40)
    monkeypatch.setattr(reservoir, "LOOSE", 40)
    assert_same(whole, load(tmp_path, data, config=CONFIG)[0])


@pytest.mark.parametrize(
    ("history", "expected"),
    [("", False), ("D", True), ("DadA", True), ("^dA", True), ("S", False), ("s", False), ("^h", False), ("DH", False)],
)
def test_midstream(history: str, expected: bool) -> None:
    assert is_midstream(history) is expected
