"""The injection study from end to end, on a site made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies import stress
from zeek_beacons_lab.studies.injection import FAMILIES
from zeek_beacons_lab.studies.peers import OURS


def capture(pair: Callable[..., dict[str, Any]], hours: float) -> Capture:
    people = [
        pair(n=80, start=1_767_225_600 + np.sort(np.random.default_rng(k).uniform(0, hours * 3600, 80)), rhythm=False)
        | {"resp": f"198.51.100.{k}"}
        for k in range(1, 9)
    ]
    pairs = Pairs.build(people)
    label, family = (np.array([text] * 8, dtype=object) for text in ("benign", ""))
    return Capture("site", "lab", pairs, label, family, hours * 3600, 1)


def test_regular_beacons_are_found_among_people(pair: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    site = [capture(pair, 24)]
    chosen = stress.contenders(lambda _: Scoring.rules_only(), Config())
    chosen = {name: chosen[name] for name in (OURS, "plain CV of the gaps")}
    shots = stress.run(site, chosen, Config(), 1, 1)
    assert shots[shots.family == "fixed sleep"][OURS].all()
    found = stress.report(shots, stress.early_auc(site, chosen, shots, Config()))
    assert len(found.tables["stress_families"].rows) == len(FAMILIES) + 1
    written = {path.name for path in found.save(tmp_path)}
    assert {"stress_families.png", "stress_methods.csv", "stress_methods.md"} <= written
    again = stress.run(site, chosen, Config(), 1, 1)
    assert again.equals(shots)


def test_a_folder_of_short_captures_is_refused(pair: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="half a day"):
        stress.run([capture(pair, 2)], stress.contenders(lambda _: Scoring.rules_only(), Config()), Config(), 1, 1)
