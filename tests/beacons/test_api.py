"""The Python interface: the same as the command, and shown in a notebook that runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zeek_beacons
from zeek_beacons.errors import BeaconsError

from .cli.commands import run

Make = Callable[..., dict[str, Any]]
Log = Callable[..., Path]
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_it_concludes_what_the_command_concludes(conn_log: Log, pair: Make, tmp_path: Path) -> None:
    log = conn_log([pair(), pair(rhythm=False, orig_h="10.0.0.6"), pair(n=4, orig_h="10.0.0.7")])
    result = zeek_beacons.score(log, profile="sensitive", min_connections=5)
    assert run("score", log, "-o", tmp_path / "out", "--profile", "sensitive", "--min-connections", 5).returncode == 0
    with (tmp_path / "out" / "scored_pairs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    frame = result.to_pandas()
    assert frame["orig_h"].tolist() == [row["orig_h"] for row in rows]
    assert frame["label"].tolist() == [row["label"] for row in rows]
    assert len(result.pairs) == len(result.verdicts) == 3
    assert "10.0.0.5 checks in with" in result.alerts()[0]["summary"]
    assert result.ingest.rows == 204


def test_what_is_wrong_is_named(conn_log: Log, pair: Make) -> None:
    with pytest.raises(BeaconsError, match="nowhere"):
        zeek_beacons.score("nowhere.log")
    with pytest.raises(BeaconsError, match="colour"):
        zeek_beacons.score(conn_log([pair()]), colour="red")
    with pytest.raises(AttributeError, match="scores"):
        zeek_beacons.scores  # noqa: B018


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code
    for source in code:
        exec(compile(source, str(NOTEBOOK), "exec"), names)
    assert len(names["result"].alerts()) > 0
