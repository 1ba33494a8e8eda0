"""Which files the user means, and their bytes as whole lines."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.readers import files
from zeek_beacons.readers.files import Input

from .logs import assert_same, conn, conns, load, take, tsv


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


class Head(bytes):
    """The beginning of a file, counted while it is held."""

    held = 0
    most = 0

    def __init__(self, _: bytes) -> None:
        Head.held += 1
        Head.most = max(Head.most, Head.held)

    def __del__(self) -> None:
        Head.held -= 1


@pytest.mark.parametrize("count", [1, 40])
def test_the_heads_of_many_files_are_not_held(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(count):
        (tmp_path / f"conn.{number}.log").write_bytes(tsv([conn(float(number))]))
        (tmp_path / f"ssl.{number}.log").write_bytes(tsv([], ("ts", "uid", "server_name"), "ssl"))
    look = Input.head
    monkeypatch.setattr(Input, "head", lambda source: Head(look(source)))
    Head.most = 0
    pairs, _ = take([tmp_path])
    assert pairs.conns.tolist() == [count]
    assert 1 <= Head.most <= 2
    assert Head.held == 0


def test_the_head_is_as_long_as_what_shows_the_format(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for data, read in (
        (b"short", b"short"),
        (b"line\n" * 100_000, (b"line\n" * 100_000)[: files.HEAD]),
        (b"x" * 300_000 + b"\nrest", b"x" * 300_000 + b"\nrest"),
        (b"x" * 9_000_000, b"x" * files.LONGEST_HEAD),
    ):
        file.write_bytes(data)
        assert Input(str(file)).head() == read


def test_a_pipe_gives_its_beginning_again_and_keeps_no_more_than_that(tmp_path: Path) -> None:
    data = b"".join(b"line %d\n" % number for number in range(400_000))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    source = Input(str(pipe))
    assert source.head() == source.head() == data[: files.HEAD]
    assert b"".join(block.data for block in source.blocks()) == data
    writer.join()
    assert source._once is not None
    assert not source._once._kept


@pytest.mark.parametrize("size", [0, 1, 1000, (1 << 16) - 1, 1 << 16, 200_000])
def test_line_ends_are_counted_in_steps(size: int) -> None:
    data = (b"ab\n\x0b\n\xff" * (size // 6 + 1))[:size]
    assert files.newlines(data) == data.count(b"\n")
