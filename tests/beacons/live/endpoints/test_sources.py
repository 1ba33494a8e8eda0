"""A file that grows, rotates and is cut, and a socket with several writers, some of them bad."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.endpoints import event_socket, followed_file
from zeek_beacons.live.endpoints.event_socket import EventSocket
from zeek_beacons.live.endpoints.followed_file import FollowedFile
from zeek_beacons.live.endpoints.line_cutter import LONGEST
from zeek_beacons.live.endpoints.source import EventSource


def looked(source: EventSource, times: int = 4) -> list[bytes]:
    """The lines of some looks."""
    return [line for _ in range(times) for piece in source.look() for line in piece.lines]


def test_a_file_is_followed_from_before_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    file = FollowedFile(path, wait=0.0)
    assert (looked(file), file.problem) == ([], "no such file")
    path.write_bytes(b'{"a"')
    assert (looked(file), file.problem) == ([], "")
    with path.open("ab") as out:
        out.write(b": 1}\n{}\n{")
    assert looked(file) == [b'{"a": 1}', b"{}"]
    with path.open("ab") as out:
        out.write(b"2}\n")
    assert looked(file) == [b"{2}"]
    file.close()


def test_what_was_rotated_away_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b"{1}\n")
    file = FollowedFile(path, wait=0.0)
    assert looked(file) == [b"{1}"]
    path.rename(tmp_path / "events.json.1")
    assert looked(file) == []
    path.write_bytes(b"{4}\n")
    assert looked(file, 1) == []
    with (tmp_path / "events.json.1").open("ab") as out:  # who writes has not turned to the new file yet
        out.write(b"{2}\n{3")
    assert looked(file, 8) == [b"{2}", b"{3", b"{4}"]
    file.close()


def test_a_file_that_is_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b"{1}\n{2}\n{")
    file = FollowedFile(path, wait=0.0)
    assert looked(file) == [b"{1}", b"{2}"]
    with path.open("r+b") as out:
        out.truncate(0)
        out.write(b"{3}\n")
    assert looked(file) == [b"{", b"{3}"]
    file.close()


def test_each_csv_file_has_its_header(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"src_ip,dst_ip,proc_name\r\n1,2,a\r\n")
    file = FollowedFile(path, wait=0.0)
    (piece,) = file.look()
    assert (piece.header, piece.lines) == (b"src_ip,dst_ip,proc_name\r", [b"1,2,a\r"])
    path.unlink()
    path.write_bytes(b"proc_name,src_ip,dst_ip\na,1,2\n")
    pieces = [piece for _ in range(4) for piece in file.look() if piece.lines]
    assert [(piece.header, piece.lines) for piece in pieces] == [(b"proc_name,src_ip,dst_ip", [b"a,1,2"])]
    file.close()


def test_of_a_large_file_the_newest_part_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_file, "BACKLOG", 10)
    path = tmp_path / "events.json"
    path.write_bytes(b"{1}\n{2}\n{3}\n{4}\n")
    file = FollowedFile(path, wait=0.0)
    assert looked(file) == [b"{3}", b"{4}"]
    file.close()


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        file = FollowedFile(path, wait=0.0)
        assert (looked(file), file.problem) == ([], "not a regular file")


def connected(path: Path) -> socket.socket:
    writer = socket.socket(socket.AF_UNIX)
    writer.settimeout(5.0)
    writer.connect(str(path))
    return writer


def test_writers_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    listener = EventSocket(path, wait=0.01)
    assert path.stat().st_mode & 0o777 == 0o660
    one, two = connected(path), connected(path)
    one.sendall(b"{1")
    two.sendall(b"{2}\n{")
    assert looked(listener) == [b"{2}"]
    one.sendall(b"}\n")
    two.close()
    assert sorted(looked(listener)) == [b"{", b"{1}"]
    one.close()
    listener.close()
    assert not path.exists()


def test_a_line_without_an_end_is_counted_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    listener = EventSocket(path, wait=0.01)
    writer = connected(path)
    for _ in range(40):
        writer.sendall(b"x" * 60_000)
        assert looked(listener) == []
        assert all(len(cutter._rest) <= LONGEST for cutter in listener._writers.values())
    writer.sendall(b"\n{1}\n")
    assert looked(listener) == [b"{1}"]
    assert listener.long == 1
    writer.close()
    assert looked(listener) == []
    assert listener.long == 1
    listener.close()


def test_writers_beyond_the_most_are_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_socket, "MOST_WRITERS", 2)
    path = tmp_path / "events.sock"
    listener = EventSocket(path, wait=0.01)
    writers = [connected(path) for _ in range(3)]
    looked(listener, 8)
    assert (listener.refused, writers[2].recv(1)) == (1, b"")
    writers[0].close()
    looked(listener)
    writers.append(connected(path))
    writers[3].sendall(b"{}\n")
    assert looked(listener) == [b"{}"]
    for writer in writers:
        writer.close()
    listener.close()


def test_a_path_that_is_taken_is_refused_and_a_dead_socket_replaced(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    listener = EventSocket(path)
    with pytest.raises(ConfigError, match="another process listens there"):
        EventSocket(path)
    assert path.exists()
    listener.close()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    EventSocket(path).close()
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is no socket"):
        EventSocket(path)
    assert path.read_text() == "mine"
    with pytest.raises(ConfigError, match=r"events: .*too long"):
        EventSocket(tmp_path / ("x" * 200))


def test_a_socket_of_somebody_else_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    listener = EventSocket(path)
    path.unlink()
    path.write_text("theirs")
    listener.close()
    assert path.read_text() == "theirs"
