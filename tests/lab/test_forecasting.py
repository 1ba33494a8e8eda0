"""The study of forecasting: days whose beacons begin after the baseline, and what is counted of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies import forecast_days, forecasting
from zeek_beacons_lab.studies.forecast_days import BASELINE, ForecastDay, drawn_day
from zeek_beacons_lab.studies.forecasting import PAIR_SCORER, rate_of, share
from zeek_beacons_lab.traffic import labelled_pairs

SMALL = {"beacons": 3, "benign": 20, "hours": 24.0, "hosts": 6}


@pytest.fixture(scope="module")
def day() -> ForecastDay:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forecast_days, "SITE", SMALL)
        return drawn_day(3, Config())


def test_beacons_of_a_drawn_day_begin_after_the_baseline_and_nothing_else_does(day: ForecastDay) -> None:
    first = day.pairs.start.min()
    starts = day.pairs.start[day.pairs.offsets[:-1]]
    assert day.hunted
    assert starts[day.is_c2].min() >= first + BASELINE * 3600
    assert starts[~day.is_c2].min() < first + BASELINE * 3600
    assert sum(len(table) for table in day.tables) >= len(day.pairs.start) / 2


def test_every_method_is_asked_at_every_rate(day: ForecastDay) -> None:
    found = forecasting.run([day], Scoring.rules_only(), Config(), seed=1, deep_days=0)
    assert {(one.method, one.rate) for one in found} == {
        (method, rate) for method in ("forecast, light", PAIR_SCORER) for rate in (0.1, 0.5)
    }
    for one in found:
        assert len(one.delays) == len(one.sleeps) == len(day.hunted)
        assert all(delay is None or 0 <= delay <= (24 - BASELINE) * 3600 for delay in one.delays)
        assert one.host_days > 0
    table = forecasting.figures(found).markdown()
    assert table.count("drawn days (1)") == 4


def test_injected_beacons_are_the_same_in_pairs_and_in_connections(tmp_path: Path) -> None:
    from tests.beacons.readers.logs import conns, tsv

    times = np.linspace(0, 24 * 3600, 400).tolist()
    (tmp_path / "conn.log").write_bytes(tsv(conns(times)))
    from zeek_beacons.readers import Request, read

    pairs, _ = read(Request([str(tmp_path)]), Config())
    labels = np.full(len(pairs), "benign", dtype=object)
    capture = Capture("one", "one", pairs, labels, np.full(len(pairs), "", dtype=object), 86_400.0, 1)
    made = forecast_days.injected_day(tmp_path, capture, Config(), seed=1)
    assert made is not None
    assert made.hunted
    for one in made.hunted:
        begin, end = made.pairs.offsets[one.row : one.row + 2]
        starts = np.sort(np.concatenate([t.ts for t in made.tables if t.resp_h.values == [one.addr]]))
        np.testing.assert_array_equal(starts, made.pairs.start[begin:end])
        assert starts[0] >= pairs.start.min() + BASELINE * 3600


def test_a_capture_with_c2_hosts_no_beacons() -> None:
    pairs, truth = labelled_pairs(10, seed=1)
    label = np.where(truth.is_c2, "c2", "benign").astype(object)
    capture = Capture("one", "one", pairs, label, np.full(10, "", dtype=object), 86_400.0, 10)
    assert forecast_days.injected_day(Path("nowhere"), capture, Config(), seed=1) is None


def test_intervals_are_those_of_wilson_and_poisson() -> None:
    assert share(0, 10) == "0.00 (0.00 to 0.28)"
    assert share(5, 10) == "0.50 (0.24 to 0.76)"
    assert share(0, 0) == "-"
    assert rate_of(0, 10.0).startswith("0.00 (0.00 to 0.39")
    assert rate_of(100, 10.0) == "10.00 (8.14 to 12.17)"
