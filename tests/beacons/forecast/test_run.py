"""The whole way from connections to alerts; and that what the published forecast stumbles over is absent here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.beacons.forecast.made import HOUR, MONDAY, browsing, site, table, timer, windows
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.forecast import level
from zeek_beacons.forecast.models.forecaster import Stretch
from zeek_beacons.forecast.models.light import SeasonalQuantiles
from zeek_beacons.forecast.plan import ForecastPlan, Shares, fits, shares
from zeek_beacons.forecast.run import Forecast, forecast
from zeek_beacons.forecast.windows import LEVELS, Axis, SiteWindows
from zeek_beacons.readers.connection_table import ConnectionTable

PLAN = ForecastPlan(false_alerts_per_host_day=0.5)
BEACON = "198.51.100.77"


def found(*more: ConnectionTable, plan: ForecastPlan = PLAN, hours: float = 24.0) -> Forecast:
    return forecast([*site(hours), *more], plan)


def test_a_known_pair_that_turns_busy_alerts_soon() -> None:
    """Seen three times in the baseline, every ten seconds after it."""
    rare = table(MONDAY + np.array([1.0, 4.0, 7.0]) * HOUR, "10.0.0.2", BEACON)
    of_it = [one for one in found(rare, timer(16, 3, 10, "10.0.0.2", BEACON)).alerts if one.resp_h == BEACON]
    assert [one.level for one in of_it if one.level == "pair"] == ["pair"]
    (pair,) = (one for one in of_it if one.level == "pair")
    assert MONDAY + 16 * HOUR <= pair.begin < pair.told <= MONDAY + 16.5 * HOUR
    assert pair.active_windows == pair.windows == 36
    assert pair.tail_probability < 0.1


def test_a_quiet_site_alerts_on_next_to_nothing() -> None:
    assert len(found().alerts) <= 4


def test_a_destination_that_the_baseline_has_not_seen_is_new_and_named_by_its_host() -> None:
    """Not a surprise of its own: it has no forecast until the next re-fit."""
    run = found(timer(16, 3, 2, "10.0.0.2", BEACON, size=60_000.0))
    new = [one for one in run.alerts if one.resp_h == BEACON]
    assert {one.level for one in new} == {"new"}
    assert new[0].orig_h == "10.0.0.2"
    (standing,) = (one for one in run.standings if one.resp_h == BEACON)
    assert standing.status == "new"
    scored = run.levels["pair"]
    row = next(r for r, key in enumerate(scored.active.key.tolist()) if run.windows.who("pair", key)[1] == BEACON)
    assert np.isnan(scored.residual[scored.rows.tolist().index(row)]).all()


def test_a_new_pair_is_forecast_after_the_next_re_fit() -> None:
    run = found(timer(13, 11, 60, "10.0.0.2", BEACON), plan=replace(PLAN, refit_hours=4))
    scored = run.levels["pair"]
    (position,) = (
        p for p, r in enumerate(scored.rows) if run.windows.who("pair", int(scored.active.key[r]))[1] == BEACON
    )
    forecast_from = int(np.flatnonzero(np.isfinite(scored.residual[position]))[0])
    assert forecast_from == 4 * 12


def test_silence_is_surprising_where_a_pair_never_is_silent() -> None:
    """Empty windows are windows: a pair that stops is held against its forecast too."""
    steady = timer(0, 16, 20, "10.0.0.3", BEACON)
    run = found(steady)
    pair = next(one for one in run.alerts if one.level == "pair" and one.resp_h == BEACON)
    assert pair.begin >= MONDAY + 16 * HOUR - 300
    assert pair.connections < 20


def test_windows_that_do_not_follow_each_other_in_time_are_no_persistence() -> None:
    """Busy one window an hour: never four in a row, as it would seem with the silent ones dropped."""
    rare = table(MONDAY + np.array([1.0, 4.0, 7.0]) * HOUR, "10.0.0.2", BEACON)
    bursts = [timer(13 + hour, 0.05, 2, "10.0.0.2", BEACON) for hour in range(10)]
    run = found(rare, *bursts)
    assert not [one for one in run.alerts if one.level == "pair" and one.resp_h == BEACON]


def test_the_threshold_comes_from_the_baseline_and_calm_traffic_stays_below_it() -> None:
    """A fixed .52 would alert all day long; what the calibration says alerts next to never."""
    calibrated, fixed = found(), found(plan=replace(PLAN, anomaly_threshold=0.52))
    assert len(fixed.alerts) > 10 * max(len(calibrated.alerts), 1)
    assert {scored.threshold for scored in fixed.levels.values()} == {0.52}


def test_nothing_that_is_forecast_moves_what_is_expected() -> None:
    """The future of a window is no input to it."""
    early, late = [*site(20)], [*site(20), timer(18, 2, 5, "10.0.0.1", "203.0.113.1", size=9e6)]
    one, other = (forecast(tables, PLAN) for tables in (early, late))
    for name in LEVELS:
        before = slice(0, 5 * 12)
        np.testing.assert_array_equal(one.levels[name].residual[:, before], other.levels[name].residual[:, before])
        assert one.levels[name].threshold == other.levels[name].threshold


def test_the_same_input_gives_the_same() -> None:
    first, again = found(), found()
    assert first.alerts == again.alerts
    assert first.standings == again.standings


def test_what_alerted_is_no_example_of_what_is_normal() -> None:
    """After a re-fit a timer that alerts all along still is a surprise, until it has been there a baseline long."""
    rare = table(MONDAY + np.array([1.0, 4.0, 7.0]) * HOUR, "10.0.0.2", BEACON)
    plan = replace(PLAN, refit_hours=6, train_hours=12)
    run = found(rare, timer(13, 35, 10, "10.0.0.2", BEACON), plan=plan, hours=48)
    of_it = [one for one in run.alerts if one.level == "pair" and one.resp_h == BEACON]
    assert MONDAY + 29 * HOUR < max(one.end for one in of_it) < MONDAY + 36 * HOUR


def test_drift_is_followed() -> None:
    """Traffic that doubles for good is no surprise days later."""
    rate = [browsing(77, 24, "10.0.0.9", BEACON, 30), browsing(78, 72, "10.0.0.9", BEACON, 30)]
    later = browsing(79, 72, "10.0.0.9", BEACON, 30)
    more = later.take(later.ts >= MONDAY + 30 * HOUR)
    run = found(*rate, more, plan=replace(PLAN, train_hours=24, refit_hours=12), hours=72)
    late = [one for one in run.alerts if one.resp_h == BEACON and one.begin > MONDAY + 60 * HOUR]
    assert not late


def test_only_the_most_active_series_are_forecast_and_that_is_said() -> None:
    from zeek_beacons.forecast.summary import summary

    run = found(plan=replace(PLAN, most=5))
    assert run.levels["pair"].forecast == 5
    assert run.levels["pair"].left_out == 13
    assert any("13 series of level pair are not forecast" in note for note in summary(run)["notes"])


@pytest.mark.parametrize(
    ("hours", "plan", "problem"),
    [
        (4.0, ForecastPlan(), "nothing to judge"),
        (12.0, ForecastPlan(train_hours=1), "not enough baseline"),
        (12.1, ForecastPlan(), "nothing to judge"),
        (0.01, ForecastPlan(), "one window"),
    ],
)
def test_too_little_is_said_to_be_too_little(hours: float, plan: ForecastPlan, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        forecast([browsing(1, hours, "10.0.0.1", BEACON, 400)], plan)


def test_a_clock_step_far_back_is_said_to_leave_no_baseline() -> None:
    with pytest.raises(InputError, match=r"1 gaps .* begin later with --from"):
        forecast([*site(), table([0.0])], ForecastPlan())


@pytest.mark.parametrize(
    "given",
    [{"window": 0.0}, {"train_hours": float("nan")}, {"persistence": 0}, {"most": -1}, {"refit_hours": float("inf")}],
)
def test_impossible_options_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        ForecastPlan(**given)  # type: ignore[arg-type]


def test_a_constant_series_surprises_nobody() -> None:
    run = forecast([timer(0, 24, 60, "10.0.0.1", BEACON)], ForecastPlan())
    assert not run.alerts
    assert np.nanmax(run.levels["pair"].residual) < 0.5


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 60 * 86_400), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60),
    st.sampled_from([1.0, 12.0, 100.0]),
    st.sampled_from([30.0, 300.0, 3600.0]),
)
def test_any_connections_give_a_result_or_an_error_that_says_why(
    drawn: list[tuple[float, int, int]], hours: float, width: float
) -> None:
    tables = [table([MONDAY + at], f"10.0.0.{orig}", f"198.51.100.{resp}") for at, orig, resp in drawn]
    try:
        run = forecast(tables, ForecastPlan(train_hours=hours, window=width))
    except InputError as error:
        told = str(error)
    else:
        told = ""
        check(run, len(drawn))
    assert not told or any(reason in told for reason in ("not enough baseline", "nothing to judge", "one window"))


def check(run: Forecast, connections: int) -> None:
    """Every number is where it may be."""
    for scored in run.levels.values():
        known = scored.residual[np.isfinite(scored.residual)]
        assert ((known >= 0) & (known <= level.FAR)).all()
        tail = scored.tail[np.isfinite(scored.tail)]
        assert ((tail > 0) & (tail <= 1)).all()
    assert run.windows.connections == connections


def test_shares_of_the_axis_do_not_overlap() -> None:
    axis = Axis(np.arange(1000), 300.0)
    parts = shares(axis, ForecastPlan(), 24)
    assert parts == Shares(Stretch(0, 108), Stretch(108, 144), Stretch(144, 1000))
    for known, ahead in fits(parts, ForecastPlan()):
        assert known.end == ahead.begin
        assert len(known) == 144


def test_the_hour_of_the_day_counts_where_the_baseline_has_several_days() -> None:
    """Busy at noon on three days: noon on the fourth is expected, midnight as busy is not."""
    noons = [timer(24 * day + 12, 1, 5, "10.0.0.1", BEACON) for day in range(4)]
    keep = timer(0, 96, 600, "10.0.0.2", BEACON)
    made: SiteWindows = windows(*noons, timer(72, 1, 5, "10.0.0.1", BEACON), keep)
    series = level.LevelSeries.of(made, "pair", 10)
    (_, batch) = next(iter(series.batches(np.arange(len(series.rows)))))
    known, ahead = Stretch(0, 72 * 12), Stretch(72 * 12, 95 * 12)
    residual, _ = level.surprise(batch, SeasonalQuantiles().expect(batch, known, ahead), ahead)
    assert residual[0, :12].min() > 3 * residual[0, 12 * 12 : 13 * 12].max()
