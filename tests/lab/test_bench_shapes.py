"""The benchmark of shapes: every shape has as many connections as asked for, a verdict, and a line."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pipeline import score
from zeek_beacons.readers import read
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.bench import shapes
from zeek_beacons_lab.bench.shapes import ROTATION, SERVERS, SHAPES, bench, pair_of, reading


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n", [100, 3_000])
def test_every_shape_gets_a_verdict(name: str, n: int) -> None:
    pairs = pair_of(name, n)
    assert pairs.counts.tolist() == [n]
    for most in (512, n):
        assert np.isfinite(score(pairs, Scoring.load(), Config(max_observations=most)).verdicts.score[0])


def test_a_rotation_is_one_process_over_several_servers() -> None:
    pairs = pair_of(ROTATION, 2_000)
    assert len(pairs) == SERVERS
    assert pairs.counts.sum() == 2_000
    assert score(pairs, Scoring.load(), Config()).members


def test_a_log_holds_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    monkeypatch.setattr(shapes, "read", lambda request, config: found.append(len(read(request, config)[0].start)))
    reading(pair_of(ROTATION, 500))()
    assert found == [500]


def test_the_report_has_a_line_for_each_shape_whole_as_shipped_and_read() -> None:
    lines = list(bench((100, 200), repeats=1))
    for name in (*SHAPES, ROTATION):
        assert sum(line.startswith(f"| {name} |") for line in lines) == 3
