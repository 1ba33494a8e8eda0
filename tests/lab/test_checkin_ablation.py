"""Parts of the check-ins taken out: each does nothing while it is out, is back afterwards, and has its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.features import extract
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.evidence import chance_table, needed
from zeek_beacons_lab.captures.labelled import load_all
from zeek_beacons_lab.studies.checkin_ablation import NOTHING_LEFT, PARTS, WHOLE, report, run, taken_out, variants
from zeek_beacons_lab.training import examples

from .sites import site, write

BEGIN = 1_767_225_600.0


def made(start: Floats, resp: str = "45.9.1.1") -> dict[str, object]:
    n = len(start)
    sizes = {"duration": np.full(n, 0.2), "orig_bytes": np.full(n, 300.0), "resp_bytes": np.full(n, 900.0)}
    key = {"orig_h": "10.0.0.5", "resp": resp, "resp_p": 443, "service": "ssl"}
    return key | sizes | {"start": BEGIN + start, "state": ["SF"] * n}


def checkins(start: Floats) -> int:
    return int(extract(Pairs.build([made(start)])).column("checkins")[0])


def scored(*rows: dict[str, object]) -> Scored:
    return score(Pairs.build(list(rows)), Scoring.load(), Config())


def test_bursts_are_waits_where_nobody_tells_them_apart() -> None:
    start = np.ravel(300.0 * np.arange(20)[:, None] + [0.0, 4.0, 9.0])
    assert checkins(start) == 20
    with taken_out(PARTS["bursts told from waits"]):
        assert checkins(start) == 60
    assert checkins(start) == 20


def test_a_back_off_stays_as_it_is() -> None:
    pairs = Pairs.build([made(np.cumsum(np.tile([5.0, 10.0, 20.0, 40.0, 80.0], 8)))])
    assert extract(pairs).column("growth")[0] == pytest.approx(2.0, abs=0.05)
    with taken_out(PARTS["back-off evened out"]):
        assert np.isnan(extract(pairs).column("growth")[0])


def test_no_stretch_speaks_for_a_pair() -> None:
    rng = np.random.default_rng(1)
    start = np.concatenate([60.0 * np.arange(60), 90_000 + np.cumsum(rng.exponential(400, 60))])
    assert np.isfinite(scored(made(start)).stretch[0]).all()
    with taken_out(PARTS["stretches"]):
        assert np.isnan(scored(made(start)).stretch).all()


def test_no_group_is_formed() -> None:
    rng = np.random.default_rng(1)
    start, server = 60.0 * np.arange(200), rng.integers(0, 5, 200)
    rows = [made(start[server == one], f"45.{9 + one}.1.1") for one in range(5)]
    assert scored(*rows).members
    with taken_out(PARTS["groups"]):
        assert not scored(*rows).members


def test_six_check_ins_are_enough_for_every_rhythm() -> None:
    jitter = np.array([0.0, 0.3, 0.9, np.nan])
    assert needed(jitter, chance_table())[-1] > 20
    with taken_out(PARTS["evidence by rhythm (six check-ins instead)"]):
        assert needed(jitter, chance_table()).tolist() == [6] * 4


def test_training_draws_no_behaviours() -> None:
    with taken_out(PARTS["behaviours in training"]):
        assert examples.BEHAVIOURS_SHARE == 0


def test_the_last_variant_is_without_all_of_them() -> None:
    assert list(variants()) == [WHOLE, *PARTS, NOTHING_LEFT]
    assert {constant for part in PARTS.values() for constant in part} == set(variants()[NOTHING_LEFT])


@pytest.mark.usefixtures("size")
def test_each_variant_has_a_line_and_each_behaviour_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons_lab.studies.checkin_ablation.TREES", 10)
    monkeypatch.setattr(
        "zeek_beacons_lab.studies.checkin_ablation.variants", lambda: {WHOLE: (), **dict(list(PARTS.items())[:1])}
    )
    for number in (1, 2):
        write(site("made", seed=number), tmp_path / f"lab{number}_one")
    said: list[str] = []
    tables = report(run(tmp_path, load_all(tmp_path, Config()), Config(), 200, 1, said.append, (600.0,))).tables
    assert said == [WHOLE, "without bursts told from waits"]
    assert [row[0] for row in tables["ablation_checkins"].rows] == [WHOLE, "bursts told from waits"]
    found = {row[0]: row[1:] for row in tables["ablation_checkins_behaviours"].rows}
    assert "nothing hidden" not in found
    assert all(0 <= share <= 1 for share in found["fixed timer"])  # type: ignore[operator]
