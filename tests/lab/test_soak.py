"""The soak's rule, its replayed day and its logs; the soak itself takes minutes (`make soak`)."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.soak.replay import FEED, HOUR, KEPT, RotatedLogs, SiteDay
from zeek_beacons_lab.soak.samples import Samples

HOURS = np.arange(0.0, 72.0, 0.25)


def growths(values: np.ndarray) -> dict[str, bool]:
    samples = Samples()
    for hour, value in zip(HOURS.tolist(), values.tolist(), strict=True):
        samples.add(hour, {"it": value})
    return {one.name: one.is_flat for one in samples.growth()}


def test_a_daily_rhythm_and_peaks_are_flat() -> None:
    values = 100e6 + 40e6 * np.sin(2 * np.pi * HOURS / 24)
    values[::40] += 300e6
    assert growths(values) == {"it": True}


def test_what_grows_all_the_time_is_found_below_a_rhythm() -> None:
    assert growths(100e6 + 40e6 * np.sin(2 * np.pi * HOURS / 24) + 0.3e6 * HOURS) == {"it": False}


def test_what_grew_on_the_first_day_alone_is_flat() -> None:
    assert growths(100e6 + 1e6 * np.minimum(HOURS, 30.0)) == {"it": True}


def test_small_files_may_grow_a_little() -> None:
    assert growths(50e3 + 1e3 * HOURS) == {"it": True}
    assert growths(50e3 + 5e3 * HOURS) == {"it": False}


def test_too_short_a_run_says_nothing() -> None:
    samples = Samples()
    for hour in range(20):
        samples.add(float(hour), {"it": 1.0})
    with pytest.raises(ConfigError, match="let it run for longer"):
        samples.growth()


@pytest.fixture(scope="module")
def day() -> SiteDay:
    return SiteDay.load()


def test_days_are_the_same_under_other_uids(day: SiteDay) -> None:
    rows = list(day.days(2))
    assert len(rows) == 2 * len(day.rows)
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert len({(row.log, row.uid, row.rest) for row in rows}) == len({(r.log, r.uid, r.rest) for r in day.rows}) * 2
    connection = next(row for row in rows if row.log == "conn")
    assert len(day.feed(connection, 0.0).split("\t")) == len(FEED.split())
    assert any(day.feed(row, 0.0).endswith(".example\n") for row in rows if row.log == "conn")


def test_rotated_logs_hold_every_row_and_are_deleted(day: SiteDay, tmp_path: Path) -> None:
    rows = [row for row in day.days(2) if row.at < 40 * HOUR]
    logs = RotatedLogs(tmp_path / "logs", day.headers, 1_767_225_600.0)
    for begin in np.arange(0.0, 40 * HOUR, 1000.0).tolist():
        logs.write([row for row in rows if begin <= row.at < begin + 1000.0], min(begin + 1000.0, 40 * HOUR - 1.0))
    packed = sorted((tmp_path / "logs").glob("*/conn.*.log.gz"))
    assert len(packed) == KEPT
    found = b"".join(map(gzip.decompress, (path.read_bytes() for path in packed)))
    found += (tmp_path / "logs" / "current" / "conn.log").read_bytes()
    kept = [row for row in rows if row.log == "conn" and row.at >= (39 - KEPT) * HOUR]
    lines = [line for line in found.decode().splitlines() if not line.startswith("#")]
    assert len(lines) == len(kept)
