"""What `bench spark` measures: a command with all its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest

from zeek_beacons_lab.bench.conn_log import make_log
from zeek_beacons_lab.bench.spark import differing, processes, run_tree

CHILD = "held = bytearray(150 << 20); held[::4096] = b'x' * len(held[::4096]); print('held', flush=True); input()"
PARENT = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this machine")
def test_the_children_of_a_command_are_measured_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        found = processes(process.pid)
        process.communicate(b"\n")
    assert len(found) == 2
    assert max(size for *_, size in found) > 150
    assert all(seconds >= 0 and "python" in name for _, name, seconds, _ in found)


def test_a_command_is_run_to_its_end() -> None:
    measured = run_tree([sys.executable, "-c", "sum(range(10**6))"])
    assert measured.seconds > 0
    assert measured.java == 0


def test_a_command_that_fails_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        run_tree([sys.executable, "-c", "raise SystemExit(3)"])


def test_verdicts_that_differ_are_counted(tmp_path: Path) -> None:
    """A pair with another label, one with another score, one that is missing; nothing else differs."""
    rows = [["10.0.0.1", f"192.0.2.{n}", 443, "tcp", "conn", "benign", False, n / 8 or None] for n in range(6)]
    names = ["orig_h", "resp", "resp_p", "proto", "channel", "label", "alert", "score"]
    (tmp_path / "scored").mkdir()
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    arrow_csv.write_csv(table, tmp_path / "scored_pairs.csv")
    parquet.write_table(table, tmp_path / "scored" / "part.parquet")
    assert differing(tmp_path, tmp_path) == (6, 0)
    rows[1][5], rows[2][7] = "beacon", 0.9
    other = pa.table(dict(zip(names, map(list, zip(*rows[:5], strict=True)), strict=True)))
    parquet.write_table(other, tmp_path / "scored" / "part.parquet")
    assert differing(tmp_path, tmp_path) == (6, 3)


def test_a_resolver_takes_its_share(tmp_path: Path) -> None:
    make_log(tmp_path / "conn.log", 5000, 100, resolver=0.4)
    rows = [line.split("\t") for line in (tmp_path / "conn.log").read_text().splitlines() if line[0] != "#"]
    asked = [row for row in rows if row[4] == "203.0.0.0" and row[5] == "53"]
    assert 0.38 < len(asked) / len(rows) < 0.43
    assert len({row[2] for row in asked}) == 2, "hosts: one for fifty pairs"
