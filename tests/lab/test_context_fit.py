"""The context term is fitted within its signs, near what was assumed, and judged by captures that it did not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zeek_beacons.features import CATALOGUE, Features
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring.context_term import CODES, INDICATORS
from zeek_beacons_lab.training.context import HIGHEST, fit
from zeek_beacons_lab.training.examples import C2, OF_BENIGN, Examples
from zeek_beacons_lab.training.forest import folds

STARTS = {one.code: one.start for one in INDICATORS}
FAILING, QUIC = CODES.index("failing"), CODES.index("quic")


def lessons(n: int, c2_when: int, seed: int = 1) -> tuple[Floats, Floats, np.ndarray, np.ndarray]:
    """Pairs whose rhythm says nothing, half of them C2, all of which one indicator holds for, and no benign one."""
    rng = np.random.default_rng(seed)
    is_c2 = np.arange(n) % 2 == 0
    context = np.zeros((n, len(CODES)))
    context[:, c2_when] = is_c2
    return rng.uniform(0.3, 0.7, n), context, is_c2, np.arange(n) % 7


def test_what_captures_say_moves_a_weight_from_where_it_was_assumed() -> None:
    found = fit(*lessons(400, FAILING))
    assert STARTS["failing"] < found.weights["failing"] <= HIGHEST
    untouched = {code: weight for code, weight in found.weights.items() if code != "failing"}
    assert untouched == {code: pytest.approx(STARTS[code], abs=1e-3) for code in untouched}


def test_a_weight_never_turns_its_sign() -> None:
    """QUIC speaks against a beacon: captures in which every implant speaks it make the weight 0, no more."""
    assert fit(*lessons(400, QUIC)).weights["quic"] < STARTS["quic"]
    assert all(weight >= 0 for weight in fit(*lessons(4000, QUIC)).weights.values())


def test_without_both_classes_the_assumed_weights_stand() -> None:
    rhythm, context, is_c2, capture = lessons(40, FAILING)
    found = fit(rhythm, context, np.zeros_like(is_c2), capture)
    assert (found.offset, found.slope, dict(found.weights)) == (0.0, 1.0, STARTS)


def test_a_capture_with_many_pairs_is_one_infection() -> None:
    rhythm, context, is_c2, capture = lessons(60, FAILING)
    once = fit(rhythm, context, is_c2, capture)
    again = np.concatenate([np.arange(60), *[np.flatnonzero(is_c2 & (capture == 0))] * 50])
    many = fit(rhythm[again], context[again], is_c2[again], capture[again])
    assert many.weights["failing"] == pytest.approx(once.weights["failing"], abs=0.02)


def examples(lab: list[str], family: list[str]) -> Examples:
    """A C2 pair and a benign one in each capture, of these labs and families."""
    k = len(lab)
    role = np.tile([C2, OF_BENIGN], k).astype(np.uint8)
    return Examples(
        features=Features(np.zeros((2 * k, len(CATALOGUE)), dtype=np.float32)),
        parts=Features(np.zeros((0, len(CATALOGUE)), dtype=np.float32)),
        owner=np.zeros(0, dtype=np.int64),
        context=np.zeros((2 * k, len(CODES))),
        role=role,
        family=np.where(role == C2, np.repeat(np.array(family, dtype=object), 2), ""),
        loud=np.full(2 * k, 2),
        capture=np.repeat(np.arange(k), 2),
        lab=np.repeat(np.array(lab, dtype=object), 2),
        host_days=1.0,
        sources={},
    )


def test_every_pair_is_judged_once_by_what_learned_nothing_of_its_lab_or_family() -> None:
    lab = ["zoo"] * 6 + ["a", "b", "c", "d"]
    family = ["Emotet", "Emotet", "Ursnif", "Panda", "Panda", "Dridex", "Emotet", "x", "y", "z"]
    given = examples(lab, family)
    times = np.zeros(len(given.role), dtype=int)
    for out, known in folds(given, seed=1):
        times += out
        assert not (out & known).any()
        hidden = set(given.family[out & (given.role == C2)])
        if set(given.lab[out]) == {"zoo"}:  # it made most of the C2
            assert not hidden & set(given.family[known & (given.role == C2)])
            assert "zoo" in given.lab[known]
        else:
            assert not set(given.lab[out]) & set(given.lab[known])
    assert (times == 1).all()


def test_an_infection_weighs_the_same_whatever_its_pairs() -> None:
    given = examples(["a", "b"], ["x", "y"])
    rows = np.concatenate([np.arange(4), [0, 0, 0]])  # capture 0 has four C2 pairs then
    columns = {name: getattr(given, name)[rows] for name in ("context", "role", "family", "loud", "capture", "lab")}
    weight = replace(given, features=Features(given.features.matrix[rows]), **columns).weight
    c2 = given.role[rows] == C2
    by_capture = np.bincount(given.capture[rows][c2], weight[c2])
    assert by_capture[0] == pytest.approx(by_capture[1])
    assert weight[c2].sum() == pytest.approx(weight[~c2].sum())
