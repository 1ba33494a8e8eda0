"""The benchmark of the live loop runs, with a real Zeek, and counts what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeek_beacons_lab.bench.live import fill, run


@pytest.mark.usefixtures("zeek")
def test_every_candidate_is_answered(tmp_path: Path) -> None:
    assert fill(tmp_path / "history.db", 50) > 0
    live = run(tmp_path, rate=50, seconds=2.0)
    assert (live.published, live.answered, live.lost) == (100, 100, 0)
    assert len(live.latencies) == 100
    assert (live.latencies > 0).all()
