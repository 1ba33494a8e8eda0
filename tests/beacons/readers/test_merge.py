"""The merge rule, case by case. The cases are those that Zeek decides alike (testing-btest/tests/corpus-merge.zeek)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    expected: list[tuple[float, float | None, float | None, float | None, str]]


def cases() -> Iterator[Case]:
    for case in json.loads((Path(__file__).parents[2] / "corpus" / "merge.json").read_text()):
        rows = [conn(**row) for row in case["pieces"]]
        yield Case(case["name"], rows, [tuple(expected) for expected in case["connections"]])


CASES = tuple(cases())


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
