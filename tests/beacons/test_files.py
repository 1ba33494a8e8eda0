"""Files are written whole or not at all, whoever writes them and whatever goes wrong."""

from __future__ import annotations

import ast
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest

import zeek_beacons
from zeek_beacons.errors import OutputError
from zeek_beacons.files import replacing, staged, write_all, write_atomic
from zeek_beacons.live import state as states
from zeek_beacons_lab.studies.tables import Report, Table

Break = Callable[[], None]


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_staged(folder: Path) -> None:
    with staged(folder) as aside:
        (aside / "a").write_text("new")
        full()


def by_write_all(folder: Path) -> None:
    def bad(stream: TextIO) -> None:
        stream.write("new")
        full()

    write_all(folder, {"a": lambda stream: stream.write("new"), "b": bad}, force=True)


def by_write_atomic(folder: Path) -> None:
    write_atomic(folder / "a", "new")


def by_replacing(folder: Path) -> None:
    with replacing(folder, force=True) as aside:
        (aside / "a").write_text("new")
        full()


def by_a_study(folder: Path) -> None:
    Report({"a": Table(["x"], [[1.0]])}, {"chart": full}).save(folder)


def by_the_state(folder: Path) -> None:
    states.write({"a": 1}, folder / "a")


WRITERS = [by_staged, by_write_all, by_write_atomic, by_replacing, by_a_study, by_the_state]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_leaves_what_was_there(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("a", "a.csv", "other"):
        (folder / name).write_text("old")
    before = tree(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"out: cannot be written, nothing was changed: No space left"):
        write(folder)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_that_was_not_there_is_not_there_after_a_failure(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError):
        write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_any_error_of_the_writer_leaves_what_was_there(tmp_path: Path) -> None:
    def bad(stream: TextIO) -> None:
        stream.write("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_all(tmp_path, {"a": bad})
    assert list(tmp_path.iterdir()) == []


def test_files_go_in_place_together_beside_others(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "other").write_text("old")
    with staged(tmp_path) as aside:
        (aside / "a").write_text("new")
        (aside / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert tree(tmp_path) == {"a": b"new", "b": b"new", "other": b"old"}


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_moved(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="b is a folder"):
        write_all(tmp_path, dict.fromkeys(("a", "b"), lambda stream: stream.write("new")), force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_without_force_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old")
    with pytest.raises(OutputError, match="b: exists already"):
        write_all(tmp_path, {"a": lambda stream: stream.write("new"), "b": lambda stream: stream.write("new")})
    assert tree(tmp_path) == {"b": b"old"}


def test_lines_end_alike_on_every_system(tmp_path: Path) -> None:
    write_all(tmp_path, {"a": lambda stream: stream.write("é\n")})
    write_atomic(tmp_path / "b", "é\n")
    assert tree(tmp_path) == dict.fromkeys(("a", "b"), "é\n".encode())


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with replacing(out) as aside:
        (aside / "a").write_text("new")
    with pytest.raises(OutputError, match="out: exists; name another folder"), replacing(out):
        pass
    with replacing(out, force=True) as aside:
        (aside / "b").write_text("new")
    assert tree(tmp_path) == {"out/b": b"new"}


def test_others_may_read_the_state(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        states.write({"a": 1}, tmp_path / "status.json")
    finally:
        os.umask(before)
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o644
    assert json.loads((tmp_path / "status.json").read_text()) == {"a": 1}


def test_there_is_one_way_to_write_in_place() -> None:
    """Nobody else makes temporary files to rename, or opens a result for writing under its own name."""
    package = Path(zeek_beacons.__file__).parent
    names = {"mkstemp", "mkdtemp", "NamedTemporaryFile"}
    others = {package / "files.py", package / "spark" / "shipping.py"}  # the latter unpacks the package on executors
    for path in [*package.rglob("*.py"), *package.with_name("zeek_beacons_lab").rglob("*.py")]:
        used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path in others or not names & used, path
