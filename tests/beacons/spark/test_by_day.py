"""`score --engine spark --state`: days one after the other come to what one run over all of them says."""

from __future__ import annotations

import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ..cli.commands import Ran, run
from .same import BEGIN, FEW, alerts, assert_same, names_log, on_one_machine, on_spark, tsv

pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark's own sockets, and what it thinks of pandas

Same = tuple[Path, list[dict[str, Any]], dict[str, str]]
CUTS = (
    BEGIN + 10_000,
    BEGIN + 20_300,
)  # where a "day" ends: between the pieces of sessions, and in the midst of beacons


def add(inputs: Path, state: Path, out: Path, *more: object) -> Ran:
    return run("score", inputs, "--engine", "spark", "--state", state, "-o", out, *(more or FEW))


@pytest.fixture(scope="module")
def days(spark: Any, same: Same, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with days and the state after each."""
    from zeek_beacons.spark import by_day

    folder = tmp_path_factory.mktemp("days")
    _, rows, names = same
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_day, "KEPT", 1000.0)  # the days here are hours, and most open connections are to be forgotten
        for number, (begin, end) in enumerate(pairwise((BEGIN, *CUTS, BEGIN + 40_000))):
            given = folder / f"day{number}"
            given.mkdir()
            before = sorted((row for row in rows if row["ts"] < begin), key=lambda row: float(row["ts"]))
            tsv(given / "conn.log", before[-40:] + [row for row in rows if begin <= row["ts"] < end])
            # Connections of the first hour have their names in the log of the day before.
            told_from = begin + (3600 if number else 0)
            told = {row["uid"] for row in rows if told_from <= row["ts"] < end + 3600} & names.keys()
            names_log(given / "ssl.log", {uid: names[uid] for uid in sorted(told)}, end - 10)
            ran = add(given, folder / "state", folder / f"report{number}")
            assert ran.returncode == 0, ran.stderr
            shutil.copytree(folder / "state", folder / f"state{number}")
    return folder


def test_days_come_to_what_one_run_says(days: Path, same: Same) -> None:
    """Pieces over midnight are joined, names told before are found, repeats dropped; many pairs hold all they may."""
    assert_same(on_spark(days / "report2"), on_one_machine(same[0] / "report"))
    assert alerts(days / "report2") == alerts(same[0] / "report")
    assert on_spark(days / "report0").keys() < on_spark(days / "report2").keys()
    summaries = [json.loads((days / f"report{number}" / "run_summary.json").read_text()) for number in range(3)]
    assert all(summary["ingest"]["duplicates"] >= 40 for summary in summaries[1:])


def test_a_half_written_state_does_not_count(days: Path, same: Same, tmp_path: Path) -> None:
    """The state before it does: the day is added again."""
    state = tmp_path / "state"
    shutil.copytree(days / "state2", state)  # number 3 in b, number 2 in a
    manifest = next((state / "b" / "manifest").glob("part-*"))
    manifest.write_text(manifest.read_text()[:-20])
    for checksum in (state / "b" / "manifest").glob(".*.crc"):
        checksum.unlink()
    next((state / "b" / "pairs").glob("part-*")).unlink()
    ran = add(days / "day2", state, tmp_path / "report")
    assert ran.returncode == 0, ran.stderr
    assert_same(on_spark(tmp_path / "report"), on_one_machine(same[0] / "report"))


def test_what_was_taken_is_not_taken_again(days: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(days / "state1", state)
    refused = add(days / "day1", state, tmp_path / "report")
    assert refused.returncode == 2
    assert "everything here is in the state already" in refused.stderr


@pytest.mark.parametrize("table", ["pairs", "open", "names"])
def test_a_state_that_is_not_what_was_written_is_refused(days: Path, tmp_path: Path, table: str) -> None:
    """A file of another state in its place, all in good form."""
    state = tmp_path / "state"
    shutil.copytree(days / "state1", state)  # number 2 in a
    shutil.rmtree(state / "a" / table)
    shutil.copytree(days / "state0" / "b" / table, state / "a" / table)
    refused = add(days / "day2", state, tmp_path / "report")
    assert refused.returncode == 2
    assert f"a/{table}: holds " in refused.stderr
    assert not (tmp_path / "report" / "scored").exists()


def test_a_state_of_another_version_is_refused(days: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(days / "state0", state)
    (manifest,) = (state / "b" / "manifest").glob("part-*")
    content = json.loads(json.loads(manifest.read_text())["content"]) | {"version": 2}
    text = json.dumps(content, sort_keys=True)
    manifest.write_text(json.dumps({"content": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}))
    refused = add(days / "day1", state, tmp_path / "report")
    assert refused.returncode == 2
    assert "a state of version 2, expected 1" in refused.stderr


def test_other_settings_are_refused(days: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(days / "state0", state)
    refused = add(days / "day1", state, tmp_path / "report", "--max-observations", 65)
    assert refused.returncode == 2
    assert "this state was made with max_observations 64, and now it is 65" in refused.stderr


def test_a_state_without_names_or_open_connections(spark: Any, same: Same, tmp_path: Path) -> None:
    """Its tables are empty, and there."""
    tsv(tmp_path / "conn.log", [row for row in same[1] if row["service"] == "dns"])
    ran = add(tmp_path, tmp_path / "state", tmp_path / "report")
    assert ran.returncode == 0, ran.stderr
    again = add(tmp_path / "conn.log", tmp_path / "state", tmp_path / "report")
    assert again.returncode == 2
    assert "everything here is in the state already" in again.stderr


def test_a_state_is_for_spark(tmp_path: Path) -> None:
    refused = run("score", tmp_path, "--state", tmp_path)
    assert refused.returncode == 2
    assert "--state is for --engine spark" in refused.stderr
