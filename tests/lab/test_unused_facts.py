"""A fact that tells C2 from the rest lifts it, one that does not changes little: learned on other labs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from zeek_beacons.scoring.context_term import CODES
from zeek_beacons_lab.studies import unused_facts
from zeek_beacons_lab.training.examples import C2, OF_BENIGN


def examples() -> Any:
    """Four labs of ten pairs each, half of them C2, and ten synthetic pairs; nothing is known of any server."""
    capture = np.repeat([-1, 0, 1, 2, 3], 10)
    role = np.tile([C2, OF_BENIGN], 25)
    return SimpleNamespace(
        capture=capture,
        role=role,
        is_c2=role == C2,
        learned=np.ones(50, dtype=np.bool_),
        loud=np.full(50, 2),
        lab=np.repeat(np.array(["", "a", "b", "c", "d"], dtype=np.object_), 10),
        family=np.full(50, "", dtype=np.object_),
        context=np.zeros((50, len(CODES))),
    )


def test_a_fact_that_tells_c2_from_the_rest_lifts_it() -> None:
    made = examples()
    is_c2 = made.is_c2[made.capture >= 0]
    rhythm = np.full(40, 0.5)
    told = unused_facts.with_fact(made, rhythm, is_c2.astype(np.float64), 1)
    assert told[is_c2].min() > 0.7 > 0.3 > told[~is_c2].max()
    same = unused_facts.with_fact(made, rhythm, np.zeros(40), 1)
    assert np.ptp(same) < 0.01
    against = unused_facts.with_fact(made, rhythm, (~is_c2).astype(np.float64), 1)  # a weight never turns its sign
    assert np.ptp(against) < 0.01
