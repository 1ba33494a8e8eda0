"""The conn.log of a Zeek run and its beacon_candidates.log hold the same pairs, and lead to the same verdicts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import OBSERVATION_COLUMNS, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import LABELS

from .conftest import DESCRIPTIVE, TRACES, traces

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
    # One of them pauses for longer than Zeek remembers a pair.
    by_conn, by_candidate = both_roads(run_zeek(capture, "Beacons::expire_after=3days"), Config(), least=2)
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


def test_the_loop_says_the_same_of_what_implants_do(zeek: str, tmp_path: Path) -> None:
    """Bursts, back-off, another sleep, a pause; and servers at random, which only together are a timer."""
    loop = [sys.executable, "-m", "zeek_beacons", "pcap", str(TRACES / "behaviours.pcap"), "-o", str(tmp_path / "out")]
    subprocess.run([*loop, "--zeek", zeek, "--zeek-arg", "LogAscii::use_json=T"], check=True, capture_output=True)
    lines = (tmp_path / "out" / "beacon_verdicts.log").read_text().splitlines()
    told = {(row["id.orig_h"], row["resp"]): row for row in map(json.loads, lines)}
    scored = score(read(Request([str(tmp_path / "out" / "conn.log")]), Config())[0], Scoring.load(), Config())
    pairs, verdicts = scored.pairs, scored.verdicts
    alerting = {host for host, alerts in zip(pairs.orig_h, verdicts.alerts, strict=True) if alerts}
    assert alerting >= {"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"}
    assert [members for _group, members in scored.members.items()], "servers at random are a group"
    of_groups = {int(row) for members in scored.members.values() for row in members} | set(scored.members)
    for row in set(range(len(pairs))) - of_groups:
        seen = told[pairs.orig_h[row], pairs.resp[row]]
        assert (seen["label"], seen["score"]) == (LABELS[verdicts.label[row]], pytest.approx(verdicts.score[row]))
    members = {told["10.0.0.8", pairs.resp[row]].get("incident") for row in of_groups - set(scored.members)}
    assert len(members - {None, ""}) == 1, "those that came after the group showed are one incident"
