"""Laws of waiting, and histories without disturbance, keep to what the frameworks document."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.pairs import Floats
from zeek_beacons_lab.traffic import KINDS, Lengths, labelled_pairs
from zeek_beacons_lab.traffic.laws import LAWS
from zeek_beacons_lab.traffic.series import Plan, nearest, one_of


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("jitter", [0.0, 0.3, 0.9])
def test_a_law_has_the_mean_it_promises(name: str, jitter: float) -> None:
    law = LAWS[name]
    sleep = law.sleep_for(60.0, jitter)
    waits = law.waits(np.random.default_rng(1), sleep, jitter, 20_000)
    assert waits.min() >= 0.0
    assert np.mean(waits) == pytest.approx(60.0, rel=0.03)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("fixed", 60.0, 60.0),
        ("shortened", 42.0, 60.0),
        ("lengthened", 60.0, 78.0),
        ("symmetric", 42.0, 78.0),
        ("stepped", 42.0, 78.0),
    ],
)
def test_a_law_stays_within_its_bounds(name: str, low: float, high: float) -> None:
    waits = LAWS[name].waits(np.random.default_rng(2), 60.0, 0.3, 5000)
    assert low <= waits.min()
    assert waits.max() <= high
    assert waits.max() - waits.min() >= 0.95 * (high - low)


def _gaps(kind: str, seed: int = 3) -> list[tuple[Floats, float, float]]:
    """Gaps, sleep and jitter of undisturbed pairs of one kind, their durations taken off."""
    share = 1.0 if KINDS[kind].label == "c2" else 0.0
    pairs, truth = labelled_pairs(25, seed, c2_share=share, kinds={kind: 1.0}, lengths=Lengths(rough=0.0))
    found = []
    for i in range(len(pairs)):
        rows = slice(pairs.offsets[i], pairs.offsets[i + 1])
        found.append((np.diff(pairs.start[rows]), float(truth.sleep[i]), float(truth.jitter[i])))
    return found


def test_cobalt_strike_never_waits_longer_than_its_sleep() -> None:
    for gaps, sleep, jitter in _gaps("cobalt_strike"):
        request = 12.0  # seconds that one check-in may take at the very most
        assert gaps.max() <= sleep + request
        assert gaps.min() >= sleep * (1.0 - jitter) - 0.001


@pytest.mark.parametrize("kind", ["sliver", "merlin"])
def test_jitter_that_only_adds_never_waits_shorter_than_the_sleep(kind: str) -> None:
    for gaps, sleep, _ in _gaps(kind):
        assert gaps.min() >= sleep - 0.001


def test_havoc_waits_on_both_sides_of_its_sleep() -> None:
    both = [
        gaps.min() < sleep < gaps.max() for gaps, sleep, jitter in _gaps("havoc") if jitter > 0.2 and len(gaps) > 20
    ]
    assert both
    assert all(both)


def test_ntp_polls_at_powers_of_two_between_64_and_1024_seconds() -> None:
    for gaps, _, _ in _gaps("ntp"):
        exponents = np.log2(gaps)
        assert np.abs(exponents - np.rint(exponents)).max() < 0.05
        assert set(np.rint(exponents)) <= {6, 7, 8, 9, 10}


def test_meterpreter_polls_at_ten_seconds_at_most() -> None:
    for gaps, _, _ in _gaps("metasploit"):
        assert gaps.max() < 20.0  # and what the request itself takes


def test_windows_update_checks_early_never_late() -> None:
    for gaps, sleep, _ in _gaps("windows_update"):
        assert gaps.min() >= 0.8 * sleep - 0.001
        assert gaps.max() <= sleep + 12.0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_to_its_plan(kind: str) -> None:
    low, high = KINDS[kind].gaps
    plan = Plan(n=40, gap=float(np.sqrt(low * high)), window=100 * 86_400.0)
    for seed in range(5):
        story = KINDS[kind].make(np.random.default_rng(seed), plan)
        series = story.series
        assert 20 <= len(series.start) <= 40
        assert series.start[0] == 0.0
        assert (np.diff(series.start) >= 0.0).all()
        assert plan.n * plan.gap / 12 <= series.start[-1] <= plan.n * plan.gap * 12
        assert (KINDS[kind].make.__doc__ or "").strip()


def test_choices() -> None:
    rng = np.random.default_rng(0)
    drawn = [one_of(rng, "ab", (0.25, 1.0)) for _ in range(4000)]
    assert drawn.count("a") == pytest.approx(1000, abs=120)
    assert nearest(100.0, (64.0, 128.0)) == 128.0
