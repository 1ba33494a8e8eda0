"""Which files the user means, and their bytes as whole lines."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.readers import files
from zeek_beacons.readers.files import Input

from .logs import assert_same, conns, load, take, tsv


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_blocks_are_whole_lines_with_their_numbers(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", size)
    data = b"one\n\ntwo\nthree three\r\n\nlast without newline"
    (tmp_path / "f").write_bytes(data)
    found = list(Input(str(tmp_path / "f")).blocks())
    assert b"".join(block.data for block in found) == data
    for block in found:
        assert block.line == data[: data.index(block.data)].count(b"\n") + 1 or block.data == b"\n"
        assert block.data.endswith(b"\n") or block is found[-1]


def test_progress_counts_the_bytes_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 100)
    (tmp_path / "f").write_bytes(b"line\n" * 1000)
    counted: list[int] = []
    list(Input(str(tmp_path / "f")).blocks(counted.append))
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
    source = Input(str(tmp_path / "f"))
    assert source.head() == source.head() == b"abc\n"


def test_unreadable_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Input(str(tmp_path)).head()


def test_an_empty_rotated_log_among_others_is_only_noted(tmp_path: Path) -> None:
    (tmp_path / "conn.00:00:00-01:00:00.log").write_bytes(b"")
    (tmp_path / "conn.01:00:00-02:00:00.log").write_bytes(tsv(conns([0.0, 60.0])))
    pairs, ingest = take([tmp_path])
    assert pairs.conns.tolist() == [2]
    assert any("00:00:00-01:00:00.log is empty" in note for note in ingest.notes)
