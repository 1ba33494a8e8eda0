"""The longest connection of a pair is known after its reservoir has let it go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.config import Config
from zeek_beacons.readers import reservoir
from zeek_beacons.readmodel import ReadModel

from .logs import T0, conn, load, tsv

HOUR = 3600.0
KEY = ("10.0.0.5", "203.0.113.9", 443, "tcp", "conn")


def rows(number: int = 40) -> list[dict[str, object]]:
    """One pair that begins with a long connection, and another that never has one."""
    long = {1: HOUR, 3: 5 * HOUR, 5: 5 * HOUR, 39: 2 * HOUR}
    mine = [conn(600.0 * at, duration=long.get(at, 0.25), id__orig_p=40_000 + at, uid=f"C{at}") for at in range(number)]
    other = [conn(600.0 * at + 7, id__resp_h="203.0.113.10", id__orig_p=40_000 + at) for at in range(number)]
    return mine + other


@pytest.mark.parametrize("pending", [5, 3_000_000], ids=["often", "once"])
def test_the_longest_that_is_gone_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pending: int) -> None:
    monkeypatch.setattr(reservoir, "PENDING", pending)
    pairs, ingest = load(tmp_path, tsv(rows()), config=Config(max_observations=8))
    assert pairs.counts.tolist() == [8, 8]
    assert ingest.long_gone == {KEY: (T0 + 3 * 600.0, 5 * HOUR)}
    _, everything = load(tmp_path, tsv(rows()))
    assert everything.long_gone == {}


def test_a_pair_by_name_is_remembered_by_its_address(tmp_path: Path) -> None:
    named = [row | {"server_name": "c2.example"} for row in rows()]
    _, ingest = load(tmp_path, tsv(named), config=Config(max_observations=8))
    assert list(ingest.long_gone) == [KEY]


def test_a_result_has_it(tmp_path: Path) -> None:
    log = tmp_path / "conn.log"
    log.write_bytes(tsv(rows()))
    assert run("score", str(log), "-o", str(tmp_path / "report"), "--max-observations", "8").returncode == 0
    (found,) = ReadModel.open(tmp_path / "report").long_connections().rows
    assert (found.longest, found.longest_start) == (5 * HOUR, T0 + 3 * 600.0)
    assert found.day_sum >= 5 * HOUR
