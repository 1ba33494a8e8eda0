"""Logs beside the input add context: one that is damaged takes away its own, and nothing else."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.errors import InputError
from zeek_beacons.readers import files

from .logs import CONN, assert_same, conn, conns, json_log, tsv
from .test_answers import DNS, answer, load, take

TIMES = [60.0 * number for number in range(20)]
CONNECTIONS = tsv(conns(TIMES))
NOISE = np.random.default_rng(1)


def dns_rows(n: int = 40) -> list[dict[str, Any]]:
    """Answers before the connections, all of them for their address but the last."""
    return [answer(number - 3600.0, f"n{number}.example", f"203.0.113.{9 + (number == n)}") for number in range(1, n)]


LOGS = {
    "dns": tsv(dns_rows(), DNS, "dns"),
    "ssl": tsv([{"uid": f"C{at}", "server_name": "a.example"} for at in TIMES], ("uid", "server_name"), "ssl"),
    "http": tsv([{"uid": f"C{at}", "host": "b.example"} for at in TIMES], ("uid", "host"), "http"),
}


def damaged(whole: bytes) -> dict[str, bytes]:
    """Ways in which a log gets damaged, by the name of its file without `LOG.`."""
    packed = gzip.compress(whole)
    middle = len(packed) // 2
    headless = whole.replace(b"uid", b"vid", 1) if b"#path\tdns" not in whole else b""
    return {
        "cut.log.gz": packed[: len(packed) // 2],
        "end.log.gz": packed[:-4],
        "noise.log.gz": packed[:middle] + NOISE.bytes(40) + packed[middle + 40 :],
        "column.log": headless,
        "other.log": whole + b"#path\tconn\n#fields\tts\n",
    }


CASES = [
    pytest.param(log, name, content, id=f"{log}.{name}")
    for log, whole in LOGS.items()
    for name, content in damaged(whole).items()
    if content
]


@pytest.mark.parametrize(("log", "name", "content"), CASES)
def test_a_damaged_log_takes_away_its_own_context_only(
    log: str, name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "HEAD", 500)  # the damage is met late, after rows were taken
    monkeypatch.setattr(files, "BLOCK", 256)
    without = load(tmp_path / "without", CONNECTIONS)[0]
    path = tmp_path / f"{log}.{name}"
    path.write_bytes(content)
    pairs, ingest = load(tmp_path, CONNECTIONS)
    assert_same(pairs, without)
    (note,) = [note for note in ingest.notes if "nothing of this log is used" in note]
    assert note.startswith(str(path))
    assert str(path) not in ingest.files
    assert ingest.rows_used == len(TIMES)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load(tmp_path, CONNECTIONS, strict=True)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load(tmp_path, CONNECTIONS, name_logs=[str(path)])


@pytest.mark.parametrize("log", LOGS)
def test_a_whole_log_beside_a_damaged_one_counts(log: str, tmp_path: Path) -> None:
    (tmp_path / f"{log}.log").write_bytes(LOGS[log])
    whole = load(tmp_path, CONNECTIONS)[0]
    assert (whole.dns_name != "").any() or (whole.server_name != "").any()
    for number in (1, 3):
        (tmp_path / f"{log}.0{number}.log.gz").write_bytes(gzip.compress(LOGS[log])[:-4])
    pairs, ingest = load(tmp_path, CONNECTIONS)
    assert_same(pairs, whole)
    assert len(ingest.notes) == 2


def test_noise_in_place_of_a_log_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "dns.log").write_bytes(NOISE.bytes(500))
    pairs, ingest = load(tmp_path, CONNECTIONS)
    assert_same(pairs, load(tmp_path / "without", CONNECTIONS)[0])
    assert "no dns log" in ingest.notes[0]


def test_a_damaged_log_is_told_on_the_screen_and_in_the_summary(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_bytes(CONNECTIONS)
    (tmp_path / "dns.log.gz").write_bytes(gzip.compress(LOGS["dns"])[:-4])
    ran = run("score", tmp_path / "conn.log", "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    (note,) = json.loads((tmp_path / "out" / "run_summary.json").read_text())["ingest"]["notes"]
    assert note.startswith(f"{tmp_path / 'dns.log.gz'}: compressed data is damaged or cut short")
    assert f"note: {note}" in ran.stdout


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"ts": 1e308}, "time missing or impossible"),
        ({"ts": -1e15}, "time missing or impossible"),
        ({"ts": None}, "time missing or impossible"),
        ({"rtt": 1e308}, "round-trip time negative or impossible"),
        ({"rtt": -1.0}, "round-trip time negative or impossible"),
    ],
)
def test_an_answer_at_an_impossible_time_is_a_bad_row(
    wrong: dict[str, Any], problem: str, as_json: bool, tmp_path: Path
) -> None:
    rows = [answer(-5.0), answer(-4.0, "wrong.example", **wrong), answer(-3.0, "wrong.example", **wrong)]
    path = tmp_path / "dns.log"
    path.write_bytes(json_log(rows) if as_json else tsv(rows, DNS, "dns"))
    pairs, ingest = load(tmp_path, CONNECTIONS)
    assert pairs.dns_name.tolist() == ["a.example"]
    line = 2 if as_json else 10
    assert ingest.notes == [f"left out 2 bad rows of {path}, first at {path}:{line}: {problem}"]
    assert ingest.rows_used == len(TIMES)
    with pytest.raises(InputError, match=f"dns.log:{line}: {problem}"):
        load(tmp_path, CONNECTIONS, strict=True)


@pytest.mark.parametrize("log", LOGS)
def test_lines_that_do_not_parse_are_counted(log: str, tmp_path: Path) -> None:
    path = tmp_path / f"{log}.log"
    lines = LOGS[log].splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:9], b"rubbish\n", *lines[9:]]))
    pairs, ingest = load(tmp_path, CONNECTIONS)
    assert (pairs.dns_name != "").any() or (pairs.server_name != "").any()
    assert ingest.notes == [f"left out 1 bad row of {path}, first at {path}:10: too few fields"]


def test_a_stream_of_all_logs_has_its_bad_rows_told_once(tmp_path: Path) -> None:
    rows = [{"_path": "conn"} | conn(at) for at in TIMES] + [{"_path": "dns"} | answer(-5.0)]
    path = tmp_path / "all.log"
    path.write_bytes(json_log(rows) + b"{rubbish\n")
    pairs, ingest = take([path])
    assert pairs.dns_name.tolist() == ["a.example"]
    assert (ingest.rows_skipped, ingest.notes) == (1, [])
    assert set(CONN) <= rows[0].keys()
