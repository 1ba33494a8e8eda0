"""Which files the user means, and their bytes as whole lines."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.readers.files import blocks, expand, head

from .logs import assert_same, conns, load, take, tsv

ROTATED = (
    "conn.log",
    "conn.2026-01-01-00-00-00.log.gz",
    "conn.00:00:00-01:00:00.log.gz",
    "conn_20260101_00:00:00-01:00:00-0500.log",
    "conn.json",
    "conn.log.labeled",
    "2026-01-01/conn.00:00:00-01:00:00.log.zst",
)
OTHERS = ("conn-summary.log", "conn_long.log", "dns.log", "ssl.log", "known_conns.log", "conn.txt", "flows.csv")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_means_its_conn_logs(tmp_path: Path) -> None:
    touch(tmp_path, *ROTATED, *OTHERS)
    assert expand([str(tmp_path)]) == sorted(str(tmp_path / name) for name in ROTATED)


def test_a_folder_without_conn_logs_means_candidates_then_csv(tmp_path: Path) -> None:
    touch(tmp_path, "b/flows.csv", "a.csv.gz", "dns.log")
    assert expand([str(tmp_path)]) == [str(tmp_path / "a.csv.gz"), str(tmp_path / "b/flows.csv")]
    touch(tmp_path, "beacon_candidates.2026-01-01.log")
    assert expand([str(tmp_path)]) == [str(tmp_path / "beacon_candidates.2026-01-01.log")]


def test_globs_and_repeats(tmp_path: Path) -> None:
    touch(tmp_path, "conn.1.log", "conn.2.log", "x/conn.3.log")
    one, two, three = (str(tmp_path / name) for name in ("conn.1.log", "conn.2.log", "x/conn.3.log"))
    assert expand([two, f"{tmp_path}/conn.*.log", two, "-", "-"]) == [two, one, "-"]
    assert expand([f"{tmp_path}/**/*.log"]) == [one, two, three]


@pytest.mark.parametrize("missing", ["nowhere.log", "*.nothing", "empty"])
def test_what_is_not_there_is_named(missing: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no such file, folder or pattern|in this folder") as error:
        expand([str(tmp_path / missing)])
    assert str(error.value).startswith(str(tmp_path / missing))


def test_a_glob_of_folders_only_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "conn.d").mkdir()
    with pytest.raises(InputError, match="no such file"):
        expand([f"{tmp_path}/conn.*"])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_blocks_are_whole_lines_with_their_numbers(size: int, tmp_path: Path) -> None:
    data = b"one\n\ntwo\nthree three\r\n\nlast without newline"
    (tmp_path / "f").write_bytes(data)
    found = list(blocks(str(tmp_path / "f"), size=size))
    assert b"".join(block.data for block in found) == data
    for block in found:
        assert block.line == data[: data.index(block.data)].count(b"\n") + 1 or block.data == b"\n"
        assert block.data.endswith(b"\n") or block is found[-1]


def test_progress_counts_the_bytes_on_disk(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"line\n" * 1000)
    counted: list[int] = []
    list(blocks(str(tmp_path / "f"), counted.append, 100))
    assert sum(counted) == 5000


def test_a_pipe_is_read_once_and_in_full(tmp_path: Path) -> None:
    data = tsv(conns([float(at) for at in range(3000)]))
    plain, _ = load(tmp_path, data)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    piped, _ = take([pipe])
    writer.join()
    assert_same(plain, piped)


def test_the_head_of_a_file_may_be_looked_at_twice(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfabc\n")
    assert head(str(tmp_path / "f")) == head(str(tmp_path / "f")) == b"abc\n"


def test_unreadable_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        head(str(tmp_path))


def test_an_empty_rotated_log_among_others_is_only_noted(tmp_path: Path) -> None:
    (tmp_path / "conn.00:00:00-01:00:00.log").write_bytes(b"")
    (tmp_path / "conn.01:00:00-02:00:00.log").write_bytes(tsv(conns([0.0, 60.0])))
    pairs, ingest = take([tmp_path])
    assert pairs.conns.tolist() == [2]
    assert any("00:00:00-01:00:00.log is empty" in note for note in ingest.notes)
