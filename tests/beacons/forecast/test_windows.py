"""Windows: what is added up, silence as zeros, one pass in any chunks and any order, bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.beacons.forecast.made import HOUR, MONDAY, browsing, site, table, windows
from zeek_beacons.errors import InputError
from zeek_beacons.forecast import cells as cells_module
from zeek_beacons.forecast.cells import Active, Cells, Gatherer, added, distinct
from zeek_beacons.forecast.windows import AGGREGATES, LEVELS, Axis, SiteWindows, read
from zeek_beacons.pairs import Ints
from zeek_beacons.readers.connection_table import ConnectionTable


def dense(made: SiteWindows, level: str) -> dict[tuple[str, str, str], np.ndarray]:
    active = Active.of(made.cells[level])
    values = made.values(level, active, np.arange(len(active.key)))
    return {made.who(level, key): values[row] for row, key in enumerate(active.key.tolist())}


def test_a_window_holds_the_thirteen_published_aggregates() -> None:
    ports = np.array([443, 443, 53, 8080])
    ts, sizes = MONDAY + np.array([1.0, 2.0, 3.0, 4.0]), np.array([300.0, 900.0, 3000.0, 6000.0])
    lasted = np.array([1.0, 2.0, np.nan, 3.0])
    made = windows(table(ts, port=ports, size=sizes, duration=lasted))
    found = dict(zip(AGGREGATES, dense(made, "pair")["10.0.0.1", "198.51.100.1", ""][0].tolist(), strict=True))
    large = {name: np.expm1(value) for name, value in found.items() if not name.endswith("_share")}
    assert large == pytest.approx(
        {
            "connections": 4,
            "bytes_sum": sizes.sum(),
            "bytes_mean": sizes.mean(),
            "bytes_std": sizes.std(),
            "packets": 40,
            "duration_mean": 2.0,
            "duration_std": np.std([1, 2, 3]),
            "distinct_ports": 3,
        },
        rel=1e-4,
    )
    shares = {name: value for name, value in found.items() if name.endswith("_share")}
    assert shares == {"tcp_share": 1, "udp_share": 0, "https_share": 0.5, "dns_share": 0.25, "small_share": 0.5}


def test_there_is_a_series_of_each_pair_host_and_service() -> None:
    made = windows(
        table([MONDAY], resp="198.51.100.1"), table([MONDAY], resp="198.51.100.2", service=None), table([MONDAY], "b")
    )
    assert set(dense(made, "host")) == {("10.0.0.1", "", ""), ("b", "", "")}
    assert set(dense(made, "service")) == {("10.0.0.1", "", "ssl"), ("10.0.0.1", "", "none"), ("b", "", "ssl")}
    assert len(dense(made, "pair")) == 3


def test_silence_is_kept_as_zeros() -> None:
    made = windows(table(MONDAY + np.array([0.0, 3000.0])))
    values = dense(made, "pair")["10.0.0.1", "198.51.100.1", ""]
    assert len(made.axis) == len(values) == 11
    assert (values[1:10] == 0).all()
    assert (values[[0, 10], 0] > 0).all()


def test_nobody_watched_in_a_gap() -> None:
    made = windows(table(MONDAY + np.array([0.0, 300.0, 3 * 86_400.0])))
    assert made.axis.gaps == 1
    assert np.diff(made.axis.window).tolist() == [1, 863]
    assert made.axis.longest_gap == pytest.approx(3 * 86_400 - 600)


def test_a_clock_in_another_century_costs_no_memory() -> None:
    made = windows(table([0.0, *(MONDAY + np.arange(0, HOUR, 60))]), table([4e9]))
    assert len(made.axis) == 14
    assert made.axis.gaps == 2


def test_calendar_is_utc_hour_and_weekday_on_a_circle() -> None:
    axis = Axis(np.array([0, 6 * 12, 7 * 24 * 12]) + int(MONDAY // 300), 300.0)
    hour_sin, _, weekday_sin, weekday_cos = axis.calendar().T
    assert hour_sin.tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert (weekday_sin[0], weekday_cos[0]) == pytest.approx((weekday_sin[2], weekday_cos[2]), abs=1e-5)
    assert (weekday_sin[0], weekday_cos[0]) == pytest.approx((0, 1), abs=1e-5)


def test_no_connections_are_an_error() -> None:
    with pytest.raises(InputError, match="no connections"):
        read([], 300.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_chunks_and_their_order_change_nothing(seed: int, pieces: int) -> None:
    whole = browsing(3, 3, "10.0.0.1", "198.51.100.1", port=443)
    rng = np.random.default_rng(seed)
    parts = [part for part in np.array_split(rng.permutation(len(whole)), pieces) if len(part)]
    once, often = windows(whole), windows(*(whole.take(part) for part in parts))
    for level in LEVELS:
        (left,), (right,) = dense(once, level).values(), dense(often, level).values()
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def test_where_room_is_short_the_most_active_series_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "PENDING", 10)
    gatherer = Gatherer(most=40)
    for window in range(30):
        gatherer.add(_cells(np.array([7]), window))
        gatherer.add(_cells(1000 + 3 * window + np.arange(3), window))
    found = gatherer.cells()
    assert len(found) <= 40 + 20
    assert (found.key == 7).sum() == 30
    assert gatherer.dropped > 0


def _cells(keys: Ints, window: int) -> Cells:
    n = len(keys)
    single = windows(table(np.full(n, MONDAY))).cells["host"]
    rows = np.zeros(n, dtype=np.int64)
    made = single.take(rows)
    return added([Cells(keys, np.full(n, window, np.int32), made.sums, made.squares, made.ports)])


def test_memory_grows_with_cells_and_not_with_connections() -> None:
    def chunks(count: int) -> list[ConnectionTable]:
        rng = np.random.default_rng(1)
        return [table(np.sort(MONDAY + rng.uniform(0, 86_400, 20_000))) for _ in range(count)]

    def peak(count: int) -> int:
        made = chunks(count)
        tracemalloc.start()
        read(made, 300.0)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(12) < 1.5 * peak(3)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=5, unique=True))
def test_few_ports_are_counted_about_right(ports: list[int]) -> None:
    bits = windows(table(np.full(len(ports), MONDAY), port=np.array(ports))).cells["host"].ports
    assert 1 <= distinct(bits)[0] <= len(ports)


def test_common_ports_are_told_apart() -> None:
    ports = np.array([22, 53, 80, 123, 443, 445])
    bits = windows(table(np.full(len(ports), MONDAY), port=ports)).cells["host"].ports
    assert distinct(bits)[0] == len(ports)


def test_a_site_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made = windows(*site(hours=2))
    assert made.connections > 600
    assert len(made.local) == 6
