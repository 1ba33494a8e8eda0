"""The conn.log of a Zeek run and its beacon_candidates.log hold the same pairs, and lead to the same verdicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import KEY_COLUMNS, OBSERVATION_COLUMNS, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring

from .conftest import DESCRIPTIVE, traces

ROADS = pytest.mark.parametrize("capture", traces(), ids=lambda path: path.stem)


def both_roads(folder: Path, config: Config, least: int) -> tuple[Pairs, Pairs]:
    """The pairs with at least `least` connections by conn.log and by beacon_candidates.log, sorted by key."""
    by_conn, _ = read(Request([str(folder / "conn.log")], strict=True), config)
    log = folder / "beacon_candidates.log"
    by_candidate = read(Request([str(log)], strict=True), config)[0] if log.exists() else Pairs.empty()
    return by_conn.take(by_conn.conns >= least), by_candidate.take(by_candidate.conns >= least)


def keys(pairs: Pairs) -> list[tuple[object, ...]]:
    return list(zip(*(getattr(pairs, name) for name in KEY_COLUMNS), strict=True))


@ROADS
def test_same_pairs(capture: Path, run_zeek: Callable[..., Path]) -> None:
    by_conn, by_candidate = both_roads(run_zeek(capture), Config(), least=2)
    assert keys(by_candidate) == keys(by_conn)
    assert (by_candidate.offsets == by_conn.offsets).all()
    for name in (*OBSERVATION_COLUMNS, *DESCRIPTIVE):
        np.testing.assert_array_equal(getattr(by_candidate, name), getattr(by_conn, name), err_msg=name)


@ROADS
def test_same_verdicts(capture: Path, run_zeek: Callable[..., Path]) -> None:
    config = Config()
    by_conn, by_candidate = both_roads(run_zeek(capture), config, config.min_connections)
    scoring = Scoring.load()
    one, other = (score(pairs, scoring, config).verdicts for pairs in (by_conn, by_candidate))
    np.testing.assert_array_equal(other.label, one.label)
    np.testing.assert_array_equal(other.suppressed, one.suppressed)
    np.testing.assert_allclose(other.score, one.score, rtol=0, atol=1e-6)
