"""The transformer, trained small and run from connections to alerts; skipped, and said so, where torch is missing."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from tests.beacons.forecast.made import HOUR, MONDAY, site, table, timer
from tests.beacons.readers.logs import conns, tsv
from zeek_beacons.errors import ConfigError, ModelError
from zeek_beacons.forecast import models
from zeek_beacons.forecast.plan import ForecastPlan
from zeek_beacons.forecast.run import Forecast, forecast
from zeek_beacons.forecast.windows import LEVELS

WITHOUT = "the transformer is NOT tested: pip install torch, then '.[forecast]'"
pytest.importorskip("torch", reason=WITHOUT)
pytest.importorskip("transformers", reason=WITHOUT)
pytest.importorskip("safetensors", reason=WITHOUT)

from zeek_beacons.forecast.models import kept, transformer  # noqa: E402  where torch is

BEACON = "198.51.100.77"
PLAN = ForecastPlan(false_alerts_per_host_day=0.5, model="transformer", seed=3)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "EXAMPLES", 512)
    monkeypatch.setattr(transformer, "EPOCHS", 3)


def found(seed: int = 3, busy: float = 0.0, hours: float = 16.0) -> Forecast:
    rare = table(MONDAY + np.array([1.0, 4.0, 7.0]) * HOUR, "10.0.0.2", BEACON)
    more = [timer(14, busy, 5, "10.0.0.2", BEACON, size=60_000.0)] if busy else []
    plan = ForecastPlan(false_alerts_per_host_day=0.5, model="transformer", seed=seed)
    return forecast([*site(hours, hosts=3), rare, *more], plan)


def test_trained_small_it_finds_a_known_pair_that_turns_busy() -> None:
    made = found(busy=1.5)
    assert made.learned["epochs"] <= 3
    assert made.learned["windows"] == len(made.parts.train) == 108
    assert all(np.isfinite(made.learned["validation_loss"]))
    of_it = [one for one in made.alerts if one.level == "pair" and one.resp_h == BEACON]
    assert of_it
    assert MONDAY + 14 * HOUR <= of_it[0].told <= MONDAY + 15 * HOUR


def test_a_seed_gives_the_same_and_no_later_window_moves_a_forecast() -> None:
    one, other = found(), found(busy=1.5)
    before = slice(0, 2 * 12)
    for name in LEVELS:
        np.testing.assert_allclose(
            one.levels[name].residual[:, before], other.levels[name].residual[:, before], rtol=1e-3, atol=1e-4
        )
    assert one.learned == other.learned
    assert found(seed=4).learned != one.learned


def test_too_short_a_baseline_is_said_to_be_too_short() -> None:
    with pytest.raises(ConfigError, match="--trained"):
        models.load("light", 1, Path())
    from zeek_beacons.errors import InputError

    with pytest.raises(InputError, match="model transformer needs 116"):
        forecast(site(16.0, hosts=1), ForecastPlan(model="transformer", train_hours=9))


def test_it_is_kept_without_pickle_and_used_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    log, first, again = tmp_path / "conn.log", tmp_path / "first", tmp_path / "again"
    rows = [
        row
        for host in "12"
        for row in conns(np.sort(rng.uniform(0, 15 * HOUR, 600)).tolist(), id__orig_h=f"10.0.0.{host}")
    ]
    log.write_bytes(tsv(sorted(rows, key=lambda row: row["ts"])))
    ran = run("forecast", log, "--model", "transformer", "-o", first)
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads((first / kept.MANIFEST).read_text())
    assert set(manifest["sha256"]) == {kept.WEIGHTS}
    assert run("forecast", log, "--model", "transformer", "--trained", first, "-o", again).returncode == 0
    assert scores(first) == scores(again)
    spoilt = tmp_path / "spoilt"
    shutil.copytree(first, spoilt)
    data = bytearray((spoilt / kept.WEIGHTS).read_bytes())
    data[-1] ^= 1
    (spoilt / kept.WEIGHTS).write_bytes(data)
    ran = run("forecast", log, "--model", "transformer", "--trained", spoilt, "-o", tmp_path / "none")
    assert ran.returncode == 2
    assert "changed since it was kept" in ran.stderr
    assert not (tmp_path / "none").exists()
    assert run("forecast", log, "-o", first).returncode == 0
    assert not (first / kept.WEIGHTS).exists(), "the light model's results lie beside the weights of an earlier run"


def scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "top_scores.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"version": 1}', '{"version": 1, "shape": 3, "sha256": []}'])
def test_any_other_folder_is_no_model(tmp_path: Path, manifest: str) -> None:
    (tmp_path / kept.MANIFEST).write_text(manifest)
    (tmp_path / kept.WEIGHTS).write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(ModelError, match="holds no kept forecast model"):
        models.load("transformer", 1, tmp_path)


def test_the_tail_of_students_t_is_that_of_tables() -> None:
    """Two-sided 5 % points."""
    degrees, distance = np.array([3.0, 5.0, 30.0], np.float32), np.array([3.182, 2.571, 2.042], np.float32)
    np.testing.assert_allclose(transformer.student_tail(distance, degrees), 0.05, rtol=0.03)


def test_without_torch_the_model_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "zeek_beacons.forecast.models.transformer")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match="torch is missing"):
        models.load("transformer", 1)
