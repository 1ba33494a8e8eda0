"""The figures of an alert list: what is right, wrong and neither, and how much is found at a rate of wrong items."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.scoring.context_term import CODES
from zeek_beacons_lab.studies.alert_list import without_parts
from zeek_beacons_lab.studies.whole_list import Ours, WholeList
from zeek_beacons_lab.training.examples import ASIDE, C2, OF_BENIGN, OTHER, SIMULATED

# Two captures: C2, two benign pairs and one set aside in the first; C2 twice, one pair without a label in the second.
ROLE = np.array([C2, OF_BENIGN, OF_BENIGN, ASIDE, C2, C2, OTHER, SIMULATED])
CAPTURE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
WHOLE = WholeList(CAPTURE, ROLE, ROLE == C2, np.array([5.0, 5.0]))
SCORE = np.array([0.9, 0.8, 0.1, 0.95, 0.85, 0.3, 0.5, 0.99])
MAY = np.ones(8, dtype=np.bool_)


def test_what_is_set_aside_and_what_is_scripted_costs_nothing() -> None:
    assert WHOLE.wrong.tolist() == [False, True, True, False, False, False, True, False]
    none_wrong = WHOLE.alerting(SCORE, MAY, 0.0, 10.0)
    assert np.flatnonzero(none_wrong).tolist() == [0, 3, 4, 7]


@pytest.mark.parametrize(("budget", "found"), [(0.0, 2), (0.1, 2), (0.2, 3), (0.3, 3)])
def test_more_wrong_items_find_more(budget: float, found: int) -> None:
    alert = WHOLE.alerting(SCORE, MAY, budget, 10.0)
    assert (alert & (ROLE == C2)).sum() == found
    assert (alert & WHOLE.wrong).sum() <= budget * 10


def test_recall_is_pooled_and_by_capture() -> None:
    pooled, mean = WHOLE.recall(WHOLE.alerting(SCORE, MAY, 0.0, 10.0))
    assert pooled == pytest.approx(2 / 3)
    assert mean == 0.75


def test_what_may_not_alert_is_neither_found_nor_wrong() -> None:
    may = MAY.copy()
    may[[0, 1]] = False
    assert np.flatnonzero(WHOLE.alerting(SCORE, may, 0.0, 10.0)).tolist() == [3, 4, 7]
    assert WHOLE.first(SCORE, may) == "1 of 2"
    assert WHOLE.first(SCORE, MAY) == "2 of 2"


def test_each_channel_has_its_line_in_the_ablation() -> None:
    none = np.zeros(8, dtype=np.bool_)
    channel = np.array(["conn"] * 5 + ["http"] * 3, dtype=np.object_)
    mine = Ours(SCORE, SCORE, dict.fromkeys(CODES, SCORE), MAY, {"inbound": none}, none, channel)
    lines = {str(line[0]): line for line in without_parts(WHOLE, mine, none, 1)}
    assert [name for name in lines if name.startswith("channel")] == ["channel: http"]  # `conn` is what all is beside
    assert lines["all of it"][-2:] == [lines["gate: inbound"][-2], "2 of 2"]
    assert lines["all of it"][2] == 2 / 3  # with no wrong item allowed one of both in the second capture is missed
    assert lines["channel: http"][2] == 2 / 3
    assert lines["channel: http"][8] == pytest.approx(2 / 3)
