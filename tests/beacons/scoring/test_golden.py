"""The golden file: features or scores that are computed otherwise than when the model was made are found and named."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.errors import ModelError
from zeek_beacons.features import CATALOGUE, jitter, matrix
from zeek_beacons.features.checkins import Checkins
from zeek_beacons.scoring import Scoring, significance
from zeek_beacons.scoring.golden import Golden
from zeek_beacons.scoring.model import GOLDEN, MANIFEST, ModelFolder, shipped_model
from zeek_beacons_lab.training.golden import add_golden, is_steady


@pytest.fixture(scope="module")
def golden() -> Golden:
    content = ModelFolder.load(shipped_model()).golden
    assert content is not None
    return Golden.from_bytes(content, GOLDEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_model(), tmp_path / "model"))


def edited(name: str, change: Any) -> tuple[tuple[int, Any], ...]:
    return tuple(
        (place, replace(feature, compute=change(feature.compute)) if feature.name == name else feature)
        for place, feature in matrix.OF[Checkins]
    )


def test_the_shipped_model_gets_the_features_and_scores_recorded(golden: Golden) -> None:
    ran = run("model", "verify")
    assert ran.returncode == 0, ran.stderr
    assert f"features and scores of {len(golden.pairs)} pairs are as recorded" in ran.stdout
    assert "is good: 96 features" in ran.stdout


def test_a_scaled_feature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = edited("gap_trimmed_cv", lambda compute: lambda block: 1.5 * compute(block))
    monkeypatch.setitem(matrix.OF, Checkins, changed)
    ran = run("model", "verify")
    assert ran.returncode == 2
    assert "gap_trimmed_cv differs in" in ran.stderr
    assert "recorded" in ran.stderr
    assert "score of fused differs in" in ran.stderr
    assert "gap_cv differs" not in ran.stderr


def test_a_flipped_sign_in_the_gaussian_likelihood_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(jitter.fits)
    flipped = source.replace("- 0.5 * (std / std_floored)", "+ 0.5 * (std / std_floored)")
    assert flipped != source
    wrong: dict[str, Any] = {}
    exec(f"from __future__ import annotations\n{flipped}", vars(jitter) | {}, wrong)
    monkeypatch.setattr(jitter, "fits", wrong["fits"])
    ran = run("model", "verify")
    assert ran.returncode == 2
    assert "llr_gaussian differs in" in ran.stderr
    assert "llr_uniform differs" not in ran.stderr


def test_a_changed_scorer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "CHECKINS", (0.7, 1.2))
    ran = run("model", "verify")
    assert ran.returncode == 2
    assert "score of significance differs in" in ran.stderr
    assert "score of forest differs" not in ran.stderr


def test_a_difference_says_which_pair_and_what_was_there(golden: Golden) -> None:
    moved = golden.features.matrix.copy()
    moved[7, 1], moved[9, 1] = 0.25, np.nan
    differences = golden.differences(replace(golden, features=replace(golden.features, matrix=moved)))
    pairs = golden.pairs
    assert [str(difference) for difference in differences] == [
        f"{CATALOGUE[1].name} differs in 2 pairs, first in pair 7 "
        f"({pairs.orig_h[7]} to {pairs.resp[7]} {pairs.resp_p[7]}/{pairs.proto[7]}): "
        f"0.25, recorded {golden.features.matrix[7, 1]:.8g}"
    ]


@pytest.mark.parametrize(("factor", "named"), [(1 + 4e-6, 0), (1 + 2e-5, 1)])
def test_what_processors_differ_by_is_no_difference(golden: Golden, factor: float, named: int) -> None:
    column = golden.features.matrix[:, [1]] * factor
    moved = np.concatenate([golden.features.matrix[:, :1], column, golden.features.matrix[:, 2:]], axis=1)
    other = replace(golden, features=replace(golden.features, matrix=moved))
    assert len(golden.differences(other)) == named


def test_other_scorers_than_recorded_are_refused(golden: Golden) -> None:
    with pytest.raises(ModelError, match="scores are fused, recorded forest, significance, context popular_name"):
        golden.differences(replace(golden, scores={"fused": golden.scores["fused"]}))


def test_a_changed_golden_file_is_refused(folder: Path) -> None:
    content = bytearray((folder / GOLDEN).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / GOLDEN).write_bytes(content)
    with pytest.raises(ModelError, match=r"golden.npz: sha256 is .*, the manifest says"):
        ModelFolder.load(folder)


def test_a_golden_file_that_is_promised_and_missing_is_named(folder: Path) -> None:
    (folder / GOLDEN).unlink()
    with pytest.raises(ModelError, match=r"golden.npz: cannot be read"):
        ModelFolder.load(folder)


def without_golden(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["golden"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / GOLDEN).unlink()


def test_a_model_without_one_loads_and_verify_says_so(folder: Path) -> None:
    without_golden(folder)
    ran = run("model", "verify", folder)
    assert ran.returncode == 0, ran.stderr
    assert "has no golden.npz" in ran.stdout


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY"])
def test_what_is_no_golden_file_is_refused(folder: Path, content: bytes) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["golden"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / GOLDEN).write_bytes(content)
    ran = run("model", "verify", folder)
    assert ran.returncode == 2
    assert "golden.npz: not a golden file" in ran.stderr


def test_a_model_is_given_one_and_stays_the_same_otherwise(folder: Path) -> None:
    before = ModelFolder.load(folder)
    without_golden(folder)
    assert add_golden(folder) == folder / GOLDEN
    after = ModelFolder.load(folder)
    assert replace(after.manifest, golden_sha256=None) == replace(before.manifest, golden_sha256=None)
    assert after.identity == before.identity
    assert "are as recorded" in run("model", "verify", folder).stdout


def test_a_last_bit_moves_no_recorded_score(golden: Golden) -> None:
    assert is_steady(golden.pairs, Scoring.load()).all()


def test_pairs_of_all_sorts_are_recorded(golden: Golden) -> None:
    counts = golden.pairs.counts
    assert len(counts) >= 250
    assert {1, 2, 3} <= set(counts.tolist())
    assert counts.max() >= 150
    equal = [bool(len(start) > 2 and np.ptp(start) == 0) for start in np.split(golden.pairs.start, np.cumsum(counts))]
    assert any(equal)
    assert 0.2 < np.isnan(golden.pairs.duration).mean() < 0.8
    for feature in CATALOGUE:
        defined = golden.features.column(feature.name)
        defined = defined[~np.isnan(defined)]
        assert len(defined) >= (2 if feature.name == "growth" else 20), feature.name
        assert np.ptp(defined) > 0, feature.name
    assert np.histogram(golden.scores["fused"], 5, (0, 1))[0].min() > 5
