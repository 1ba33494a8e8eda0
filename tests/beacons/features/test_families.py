"""One honest behaviour a family, and what real C2 does to rhythm: it misses beats, pauses, retries and fails."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.features import JITTER_KINDS
from zeek_beacons.features.jitter import JITTERS, SLEEPS, roundness

from .traffic import EPOCH, after, every, of, poisson, value

RNG = np.random.default_rng(11)


def jittered(sleep: float, jitter: float, n: int, seed: int = 0) -> np.ndarray:
    """Shortened by up to `jitter`, as Cobalt Strike does."""
    return after(sleep * (1 - jitter * np.random.default_rng(seed).random(n - 1)))


def with_missed_beats(start: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    keep = np.random.default_rng(seed).random(len(start)) >= share
    keep[[0, -1]] = True
    return start[keep]


class TestTiming:
    def test_a_perfect_beacon_has_no_spread(self) -> None:
        start = every(60, 30)
        for name in ("gap_cv", "gap_trimmed_cv", "gap_mad", "gap_iqr", "block_cv", "step3_mad", "folded_spread"):
            assert value(name, start) == pytest.approx(0, abs=1e-6), name
        for name in (
            "near_median_10",
            "near_dominant_10",
            "near_folded_10",
            "adjacent_similarity",
            "longest_regular_run",
        ):
            assert value(name, start) == 1, name

    def test_poisson_arrivals_spread_by_their_mean(self) -> None:
        start = poisson(60, 500)
        assert value("gap_cv", start) == pytest.approx(1, abs=0.15)
        assert value("gap_mad", start) == pytest.approx(0.69, abs=0.1)
        assert value("near_folded_10", start) < 0.3

    def test_folding_forgives_missed_beats(self) -> None:
        start = with_missed_beats(every(60, 200), 0.35)
        assert value("near_median_10", start) < 0.75
        assert value("near_folded_10", start) == 1
        assert value("missed_share", start) > 0.25
        assert value("gap_cv", start) > 0.4
        assert value("folded_spread", start) < 1e-6

    def test_blocks_forgive_a_change_of_pace(self) -> None:
        start = after(np.repeat([30.0, 300.0, 90.0], 96))
        assert value("gap_cv", start) > 0.7
        assert value("block_cv", start) < 1e-6

    def test_one_sided_jitter_skews_a_retry_tail(self) -> None:
        gaps = np.concatenate([np.linspace(54, 60, 60), np.linspace(60, 120, 30)])
        assert value("gap_bowley", after(gaps)) > 0.3

    def test_a_retry_ladder_is_periodic_over_three_steps(self) -> None:
        start = after(np.tile([100.0, 200.0, 740.0], 40))
        assert value("gap_mad", start) > 0.4
        assert value("step3_mad", start) == pytest.approx(0, abs=1e-6)
        assert value("step2_mad", start) > 0.01
        assert value("step_gain", start) > 0.6
        assert value("period", start) == pytest.approx(1040, rel=0.02)

    def test_averaging_is_no_ladder(self) -> None:
        features = of(*(jittered(60, 0.3, 22, seed) for seed in range(30)))
        assert np.max(features.column("period")) < 70

    def test_undefined_below_three_gaps(self) -> None:
        assert np.isnan(value("gap_cv", every(60, 3)))
        assert value("gap_cv", every(60, 4)) == pytest.approx(0, abs=1e-6)


class TestCheckins:
    def test_parallel_connections_are_one_checkin(self) -> None:
        start = np.sort(np.concatenate([every(60, 40) + offset for offset in (0, 0.2, 0.9)]))
        features = of(start)
        assert features.column("checkins")[0] == 40
        assert features.column("connections")[0] == 120
        assert features.column("gap_cv")[0] < 1e-6
        assert features.column("raw_gap_cv")[0] > 1
        assert features.column("collapse_ratio")[0] == pytest.approx(1 / 3)

    def test_a_steady_fast_beacon_is_not_swallowed(self) -> None:
        features = of(jittered(1.0, 0.3, 200))
        assert features.column("checkins")[0] == 200
        assert features.column("sleep")[0] == pytest.approx(1, rel=0.05)

    def test_a_dense_poisson_stream_does_not_become_regular(self) -> None:
        features = of(poisson(0.5, 2000))
        assert features.column("gap_mad")[0] > 0.3
        assert features.column("llr_poisson")[0] < 0.5


class TestRhythm:
    def test_a_clock_is_coherent(self) -> None:
        features = of(every(300, 100), with_missed_beats(every(300, 100), 0.4), poisson(300, 400))
        assert features.column("coherence")[:2] == pytest.approx(1, abs=1e-4)
        assert features.column("coherence")[2] < 0.4
        assert features.column("period")[:2] == pytest.approx(300, rel=1e-3)
        assert features.column("gap_coherence")[0] == pytest.approx(1, abs=1e-4)
        assert features.column("spectral_peak")[0] > 0.95
        assert features.column("spectral_excess")[0] > 1
        assert features.column("spectral_excess")[2] < 0.6

    def test_a_drifting_beacon_keeps_its_local_phase(self) -> None:
        features = of(jittered(60, 0.2, 400), poisson(60, 400))
        assert features.column("coherence")[0] < 0.7
        assert features.column("gap_coherence")[0] > 0.85
        assert features.column("gap_coherence")[1] < 0.5
        assert features.column("autocorrelation_1")[0] > 0.8
        assert abs(features.column("autocorrelation_1")[1]) < 0.2

    def test_autocorrelation_at_two_periods(self) -> None:
        features = of(every(60, 60), poisson(60, 400))
        assert features.column("autocorrelation_2")[0] == pytest.approx(1)
        assert abs(features.column("autocorrelation_2")[1]) < 0.2

    def test_a_long_pause_does_not_hide_the_line(self) -> None:
        start = np.concatenate([every(60, 60), EPOCH + 86400 + 60 * np.arange(60.0)])
        assert value("spectral_peak", start) > 0.9
        assert value("coherence", start) > 0.99


class TestJitter:
    @pytest.mark.parametrize("missed", [0.0, 0.1])
    @pytest.mark.parametrize("n", [20, 60, 400])
    @pytest.mark.parametrize("kind", ["shortened", "symmetric"])
    def test_sleep_and_jitter_are_estimated(self, kind: str, n: int, missed: float) -> None:
        rng = np.random.default_rng(n)
        errors = []
        for jitter in (0.0, 0.1, 0.2, 0.3, 0.5):
            sleeps = rng.choice([30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0, 1800.0, 3600.0], 60)
            starts = []
            for sleep in sleeps:
                u = rng.random(2 * n)
                gaps = sleep * (1 - jitter * u) if kind == "shortened" else sleep * (1 + jitter * (2 * u - 1))
                start = after(gaps)
                starts.append(start[rng.random(len(start)) >= missed][:n])
            features = of(*starts)
            errors.append(np.abs(features.column("sleep") / sleeps - 1))
            sleep_error = np.median(errors[-1])
            jitter_error = np.median(np.abs(features.column("jitter") - jitter))
            assert sleep_error < (0.05 if (kind, n) != ("symmetric", 20) else 0.08), (jitter, sleep_error)
            assert jitter_error < 0.1, (jitter, jitter_error)
        assert np.median(np.concatenate(errors)) < 0.05

    @pytest.mark.parametrize(
        ("kind", "gaps"),
        [
            ("constant", np.full(200, 60.0)),
            ("shortened", 60 * (1 - 0.4 * RNG.random(200))),
            ("symmetric", 60 * (1 + 0.2 * (2 * RNG.random(200) - 1))),
            ("gaussian", 60 + 6 * RNG.standard_normal(200)),
            ("lengthened", 60 * (1 + 0.2 * RNG.random(200))),
            ("exponential", RNG.exponential(60, 200) + 2),
        ],
    )
    def test_the_kind_is_named(self, kind: str, gaps: np.ndarray) -> None:
        assert JITTER_KINDS[int(value("jitter_kind", after(gaps)))] == kind

    def test_poisson_is_no_better_explained(self) -> None:
        features = of(*(poisson(60, 200, seed) for seed in range(40)))
        assert np.median(features.column("llr_poisson")) <= 0
        assert np.max(features.column("llr_poisson")) < 0.1
        beacons = of(*(jittered(60, 0.5, 200, seed) for seed in range(10)))
        assert np.min(beacons.column("llr_uniform")) > 0.5
        assert value("llr_constant", every(60, 50)) > 3


class TestWindows:
    def test_office_hours_beacon_with_half_jitter(self) -> None:
        start = np.concatenate([jittered(60, 0.5, 240, day) + day * 86400 for day in range(3)])
        features = of(start)
        assert features.column("gap_cv")[0] > 3
        assert features.column("best_1h")[0] > 0.75
        assert features.column("best_6h")[0] > 0.75
        assert features.column("cv_1h")[0] < 0.3
        assert features.column("agree_1h")[0] > 0.9
        assert features.column("block_cv")[0] < 0.3
        assert features.column("sleep")[0] == pytest.approx(60, rel=0.05)

    def test_poisson_windows_do_not_agree(self) -> None:
        features = of(poisson(60, 500))
        assert features.column("agree_1h")[0] < 0.2
        assert features.column("cv_1h")[0] > 0.7

    def test_windows_of_different_pace_are_regular_but_do_not_agree(self) -> None:
        features = of(after(np.repeat([40.0, 60.0, 120.0, 240.0], [90, 60, 30, 15])))
        assert features.column("best_window")[0] > 0.99
        assert features.column("best_window_length")[0] == 0
        assert features.column("agree_1h")[0] < 0.6

    def test_too_few_checkins_for_an_hour(self) -> None:
        assert np.isnan(value("best_1h", every(1800, 48)))
        assert value("best_6h", every(1800, 48)) == 1


class TestBursts:
    def test_regular_bursts(self) -> None:
        start = np.sort(np.concatenate([every(3600, 20) + offset for offset in (0, 70, 140, 210)]))
        features = of(start, poisson(900, 80))
        assert features.column("burst_share")[0] == pytest.approx(0.25)
        assert features.column("burst_interval_cv")[0] == pytest.approx(0, abs=1e-6)
        assert features.column("burst_size_cv")[0] == 0
        assert features.column("burst_interval_cv")[1] > 0.2
        assert features.column("short_gap_share")[0] == pytest.approx(60 / 79)

    def test_clumps_and_memory(self) -> None:
        slow_fast = after(np.tile(np.repeat([70.0, 7000.0], 10), 10))
        assert value("memory", slow_fast) > 0.6
        assert value("memory", after(np.tile([70.0, 7000.0], 50))) < -0.9
        assert value("fano", slow_fast) > 0.3
        assert value("fano", every(60, 100)) < -0.5


class TestPayload:
    def test_sizes(self) -> None:
        n = 40
        sizes = np.where(np.arange(n) % 4 == 0, 500.0, 200.0)
        features = of(every(60, n), orig_bytes=sizes, resp_bytes=np.full(n, 100.0), duration=np.full(n, 6.0))
        assert features.column("orig_mode_share")[0] == pytest.approx(0.75)
        assert features.column("resp_mode_share")[0] == 1
        assert features.column("same_size_share")[0] == pytest.approx(0.75)
        assert features.column("orig_mad")[0] == 0
        assert features.column("orig_cv")[0] > 0.4
        assert features.column("orig_distinct_share")[0] == pytest.approx(2 / n)
        assert features.column("byte_ratio")[0] == pytest.approx(sizes.sum() / (sizes.sum() + 100 * n))
        assert features.column("duration_cv")[0] == 0
        assert features.column("duty")[0] == pytest.approx(6 * n / (60 * (n - 1)))
        assert features.column("duration_to_gap")[0] == pytest.approx(-1)

    def test_scale_does_not_matter(self) -> None:
        sizes = np.random.default_rng(1).integers(100, 900, 50).astype(float)
        for name in ("orig_cv", "orig_mad", "orig_mode_share", "orig_near_median"):
            small, large = (value(name, every(60, 50), orig_bytes=sizes * scale) for scale in (1.0, 64.0))
            assert small == pytest.approx(large, rel=1e-6), name

    def test_unanswered_connections_fail(self) -> None:
        states = ["S0"] * 15 + ["SF"] * 3 + ["REJ"] * 2 + [""] * 5
        features = of(every(10, 25), state=states)
        assert features.column("failed_share")[0] == pytest.approx(17 / 20)
        assert features.column("state_mode_share")[0] == pytest.approx(15 / 20)
        assert np.isnan(value("failed_share", every(10, 25)))


class TestPresence:
    def test_hours_and_silences(self) -> None:
        day = np.concatenate([every(600, 18), EPOCH + 43200 + 600 * np.arange(18.0)]) - EPOCH + 1_699_999_200.0
        features = of(day)
        assert features.column("hours_active")[0] == 6
        assert features.column("active_share")[0] == pytest.approx(6 / 15)
        assert features.column("active_run")[0] == pytest.approx(3 / 12)
        span = day[-1] - day[0]
        assert features.column("silence_to_span")[0] == pytest.approx((43200 - 17 * 600) / span)
        assert features.column("silence_to_gap")[0] == pytest.approx(np.log10((43200 - 17 * 600) / 600))
        assert features.column("parts_filled")[0] < 0.6
        assert features.column("span")[0] == pytest.approx(span)

    def test_an_even_beacon_fills_its_span(self) -> None:
        features = of(every(60, 240))
        assert features.column("parts_filled")[0] == 1
        assert features.column("busy_run")[0] == 1
        assert features.column("parts_cv")[0] < 0.1
        assert features.column("drift")[0] < 0.01
        assert features.column("log_median_gap")[0] == pytest.approx(np.log10(60))


@pytest.mark.parametrize(
    ("interval", "unit"),
    [
        *((unit, unit) for unit in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)),
        *((3, 1), (4, 2), (25, 5), (45, 15), (40, 20), (90, 30), (180, 60), (240, 120), (1500, 300), (1200, 600)),
        *((2700, 900), (5400, 1800), (7200, 3600)),
    ],
)
def test_a_round_sleep_is_the_more_surprising_the_larger_its_unit(interval: float, unit: float) -> None:
    """The chance that a multiple of the unit lies in an interval of its width."""
    reach = np.array([1e-3])
    assert roundness(np.array([interval + 5e-4]), reach, reach, SLEEPS) == pytest.approx([np.log(unit / 2e-3)])


def test_what_is_not_round_surprises_nobody() -> None:
    reach = np.array([1e-3, 1e-3, 10.0])
    assert roundness(np.array([7.5, 0.0, 61.0]), reach, reach, SLEEPS).tolist() == [0, 0, np.log(3)]
    assert roundness(np.array([0.3]), reach[:1], reach[:1], JITTERS) == pytest.approx([np.log(0.1 / 2e-3)])
    assert roundness(np.array([0.25]), reach[:1], reach[:1], JITTERS) == pytest.approx([np.log(0.05 / 2e-3)])
