"""The forest with one output: the same scores in any batch, and nothing made of another model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zeek_beacons.scoring.forest import session_of
from zeek_beacons.scoring.model import ModelFolder, shipped_model
from zeek_beacons.scoring.one_output import one_output


@pytest.fixture(scope="module")
def forest() -> bytes:
    return ModelFolder.load(shipped_model()).forest


@pytest.mark.parametrize("threads", [1, 2])
def test_scores_are_those_of_the_file_but_for_rounded_leaves(forest: bytes, threads: int) -> None:
    made = one_output(forest)
    assert made is not None
    two, one = session_of(forest, "two", threads), session_of(made, "one", threads)
    values = some_rows(two, 300)
    votes = last_output(two, values)[:, 1:]
    assert len(np.unique(votes)) > 20
    np.testing.assert_allclose(last_output(one, values), votes, rtol=0, atol=5e-6)


def test_a_score_is_the_same_bit_for_bit_whatever_is_scored_with_it(forest: bytes) -> None:
    made = one_output(forest)
    assert made is not None
    sessions = [session_of(made, "one", threads) for threads in (1, 2)]
    values = some_rows(sessions[0], 2000)
    votes = last_output(sessions[0], values)
    for session in sessions:
        for size in (1, 7, 50, 51, 300, 2000):
            parts = [last_output(session, values[at : at + size]) for at in range(0, 500, size)]
            together = np.concatenate(parts)
            np.testing.assert_array_equal(together, votes[: len(together)])


def some_rows(session: Any, rows: int) -> NDArray[np.float32]:
    width = session.get_inputs()[0].shape[-1]
    return np.random.default_rng(rows).normal(0.5, 2.0, (rows, width)).astype(np.float32)


def last_output(session: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    votes: NDArray[np.float32] = session.run([session.get_outputs()[-1].name], {session.get_inputs()[0].name: values})[
        0
    ]
    return votes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"TreeEnsembleClassifier", b"TreeEnsembleClassifies"),  # another operator
        (b"NONE", b"PROB"),  # scores that are changed after
        (b"class_ids", b"class_odd"),  # a forest that does not say which class its weights are of
        (b"post_transform", b"past_transform"),
        (b"class_weights", b"class_weighty"),
    ],
)
def test_another_model_stays_as_it_is(forest: bytes, old: bytes, new: bytes) -> None:
    assert one_output(forest.replace(old, new)) is None


def test_a_model_that_is_cut_off_stays_as_it_is(forest: bytes) -> None:
    for end in (0, 1, 10, 100, 10_000, len(forest) - 1):
        assert one_output(forest[:end]) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_no_forest(data: bytes) -> None:
    assert one_output(data) is None
