"""From scores to labels and severities, at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.config import PROFILES, Config
from zeek_beacons.features import CATALOGUE, Features
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.explain import GIVEN, Explanation
from zeek_beacons.scoring.judge import judge
from zeek_beacons.scoring.lookalikes import NONE, KnownRhythms
from zeek_beacons.verdicts import BEACON, BENIGN, INSUFFICIENT, Verdicts
from zeek_beacons_lab.traffic import labelled_pairs

EVIDENCE = ((0.1, 8), (0.5, 12))


def judged(score: float, *, checkins: float = 20, span: float = 3600.0, jitter: float = 0.05) -> Verdicts:
    """The verdict on one pair with a threshold of 0.6."""
    given = {"checkins": checkins, "span": span, "jitter": jitter}
    row = [given.get(feature.name, np.nan) for feature in CATALOGUE]
    none = Explanation(np.full((1, GIVEN), -1, dtype=np.int16), np.full((1, GIVEN), np.nan))
    fused = np.array([score])
    features = Features(np.array([row], dtype=np.float32))
    nothing = KnownRhythms(np.array([NONE], dtype=np.int16), np.array([False]))
    return judge(features, nothing, {"forest": fused}, fused, 0.6, 0.9, EVIDENCE, none)


@pytest.mark.parametrize(
    ("score", "severity"),
    [(0.59, 0), (0.6, 1), (0.69, 1), (0.71, 2), (0.79, 2), (0.81, 3), (0.91, 3), (0.93, 4), (1.0, 4)],
)
def test_severity_rises_in_four_steps_from_the_threshold(score: float, severity: int) -> None:
    verdicts = judged(score)
    assert verdicts.label.tolist() == [BEACON if severity else BENIGN]
    assert verdicts.severity.tolist() == [severity]


@pytest.mark.parametrize(("span", "enough"), [(59.9, False), (60.0, True)])
def test_a_rhythm_lasts_a_minute_at_least(span: float, enough: bool) -> None:
    assert judged(0.9, span=span).label.tolist() == [BEACON if enough else INSUFFICIENT]


@pytest.mark.parametrize(("jitter", "checkins", "enough"), [(0.05, 7, False), (0.05, 8, True), (0.3, 11, False)])
def test_check_ins_needed_rise_with_jitter(jitter: float, checkins: float, enough: bool) -> None:
    verdicts = judged(0.9, jitter=jitter, checkins=checkins)
    assert verdicts.label.tolist() == [BEACON if enough else INSUFFICIENT]
    assert verdicts.severity[0] > 0 if enough else verdicts.severity[0] == 0


def test_a_severity_means_the_same_by_every_profile() -> None:
    pairs, _truth = labelled_pairs(150, 3)
    found = {}
    for profile in PROFILES:
        verdicts = score(pairs, Scoring.load(), Config(profile=profile)).verdicts
        found[profile] = [int(level) for level in verdicts.severity]
    for row, levels in enumerate(zip(*found.values(), strict=True)):
        assert len({level for level in levels if level}) <= 1, row
    assert set(found["sensitive"]) == {0, 1, 2, 3, 4}
    assert sum(map(bool, found["sensitive"])) > sum(map(bool, found["conservative"]))
