"""Training from labelled rows of one's own: what joins in, what is skipped, and what is too little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from tests.lab.test_cli import lab
from zeek_beacons.errors import InputError
from zeek_beacons_lab.training import forest
from zeek_beacons_lab.training.examples import C2, Examples
from zeek_beacons_lab.training.rows import collect_rows, with_synthetic

HEADER = "timestamp,src_ip,dst_ip,dst_port,protocol,total_bytes,label"


def silent(_text: str) -> None:
    pass


def pair(host: int, server: str, label: str, n: int = 40, gap: float = 300.0) -> list[str]:
    """Rows of one pair: a timer for a beacon, else times at random."""
    rng = np.random.default_rng(host * 1000 + n)
    timer = label in ("beacon", "c2")
    times = np.arange(n) * gap + rng.uniform(0, 5, n) if timer else np.sort(rng.uniform(0, n * gap, n))
    sizes = rng.integers(200, 220, n) if timer else rng.integers(100, 90_000, n)
    return [
        f"{1_767_225_600 + at:.3f},10.0.0.{host},{server},443,tcp,{size},{label}"
        for at, size in zip(times, sizes, strict=True)
    ]


def rows(hosts: int = 12) -> list[str]:
    """Each host has a benign pair and a beacon, each to a server of its own."""
    benign = [row for host in range(hosts) for row in pair(host, f"198.51.100.{host}", "benign")]
    return benign + [
        row for host in range(hosts) for row in pair(host, f"203.0.113.{host}", ("beacon", "c2")[host % 2])
    ]


def write(folder: Path, lines: Sequence[str], header: str = HEADER) -> str:
    file = folder / "own.csv"
    file.write_text("\n".join([header, *lines, ""]))
    return str(file)


def collected(folder: Path, lines: Sequence[str]) -> Examples:
    return collect_rows([write(folder, lines)], silent)


@pytest.mark.parametrize("form", ["csv", "events"])
def test_what_synth_writes_trains_a_model_that_scores(form: str, tmp_path: Path) -> None:
    """Nothing synthetic of the generator's own joins in, and the thresholds come from rows that were left out."""
    made = lab("synth", tmp_path / "own", "--format", form, "--beacons", 14, "--benign", 30, "--hours", 12)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "own" / {"csv": "flows.csv", "events": "events.csv"}[form]
    ran = lab("train", "-o", tmp_path / "model", "--rows", file, "--trees", 10)
    assert ran.returncode == 0, ran.stderr
    training = json.loads((tmp_path / "model" / "manifest.json").read_text())["training"]
    assert training["pairs"].keys() == {"benign of rows", "c2 of rows"}
    assert training["pairs"]["c2 of rows"] >= 10
    assert "left out" in training["thresholds_by"]["balanced"]
    assert run("score", file, "--model", tmp_path / "model").returncode == 0


def test_rows_without_a_known_label_are_skipped(tmp_path: Path) -> None:
    plain = collected(tmp_path, rows())
    more = [
        *rows(),
        *pair(1, "198.51.100.77", "unknown"),
        *(row.replace(",beacon", ",?") for row in pair(2, "203.0.113.2", "beacon", n=80)),
    ]
    assert np.array_equal(collected(tmp_path, more).features.matrix, plain.features.matrix, equal_nan=True)


def test_pairs_that_contradict_themselves_are_left_out_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    lines = [*rows(), *pair(1, "203.0.113.1", "benign")]
    found = collect_rows([write(tmp_path, lines)], said.append)
    assert int((found.role == C2).sum()) == 11
    assert "1 pairs are left out: some of their rows say beacon, others benign" in said


def test_a_host_is_never_on_both_sides(tmp_path: Path) -> None:
    """Nor are two hosts whose beacons go to one server."""
    lines = [row.replace("203.0.113.4,", "203.0.113.3,") for row in rows()]
    found = collected(tmp_path, lines)
    parts = forest.folds(found, 1)
    assert len(parts) > 1
    for out, known in parts:
        assert not set(found.capture[out]) & set(found.capture[known])
        assert (found.role[known] == C2).any()
    assert len(set(found.capture.tolist())) == 11
    assert np.any([out for out, _ in parts], axis=0).all()


def test_synthetic_pairs_join_only_when_asked(tmp_path: Path) -> None:
    found = collected(tmp_path, rows())
    assert (found.capture >= 0).all()
    both = with_synthetic(found, 200, 1, silent)
    assert (len(both.role), int((both.capture < 0).sum())) == (len(found.role) + 200, 200)
    assert both.owner.min(initial=200) >= 200


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (rows()[: 12 * 40], "0 beacon pairs with enough connections, expected 10 of each class"),
        (rows()[12 * 40 :], "0 benign pairs with enough connections"),
        (rows(3), "3 beacon and 3 benign pairs"),
        (pair(1, "203.0.113.1", "beacon", gap=1.0), "span 39 s, expected an hour or more"),
        (
            [*rows()[: 12 * 40], *(row for at in range(12) for row in pair(1, f"203.0.113.{at}", "beacon"))],
            "all beacons are of one host, or go to one server",
        ),
        ([], "span 0 s"),
    ],
)
def test_too_little_is_one_clear_error_and_nothing_written(lines: list[str], problem: str, tmp_path: Path) -> None:
    file = write(tmp_path, lines)
    ran = lab("train", "-o", tmp_path / "model", "--rows", file, "--trees", 10)
    assert ran.returncode == 2
    assert problem in ran.stderr
    assert str(file) in ran.stderr
    assert not (tmp_path / "model").exists()


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column label"):
        collect_rows([write(tmp_path, rows(), HEADER.replace("label", "other"))], silent)
    with pytest.raises(InputError, match="expected a normalized flow CSV or an event table"):
        collect_rows([write(tmp_path, ["1,2"], "a,b")], silent)


def test_rows_and_captures_exclude_each_other(tmp_path: Path) -> None:
    ran = lab("train", "-o", tmp_path / "m", "--rows", write(tmp_path, rows()), "--captures", tmp_path)
    assert ran.returncode == 2
    assert "exclude each other" in ran.stderr
