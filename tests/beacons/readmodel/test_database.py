"""Whatever state a file is in, reading it ends in an answer or in one sentence, and leaves no trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.beacons.readmodel.made import NOW, result_of, row, store
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readmodel import ReadModel, database
from zeek_beacons.scoring import Scoring
from zeek_beacons.store.keys import id_of
from zeek_beacons.store.schema import VERSION


def id_at(number: int) -> str:
    return id_of(row(number).id)


def files(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir()}


def make(path: Path, *rows: int) -> None:
    history = History.open(path, Limits())
    store(history, [row(number, level=2) for number in rows])
    history.close()


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def with_version(version: int) -> Callable[[Path], None]:
    def make_it(path: Path) -> None:
        make(path)
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version = {version}")
        db.close()

    return make_it


def strange(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()


def half_written(path: Path) -> None:
    make(path, *range(200))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_a_table(path: Path) -> None:
    make(path, 1)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE about")
    db.close()


@pytest.mark.parametrize(
    ("make_it", "said"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (write(b""), "is empty: nothing was written to it yet"),
        (write(b"not a database at all " * 100), "no history and no result of zeek-beacons"),
        (strange, "no history and no result of zeek-beacons"),
        (with_version(1), f"has schema 1, this program reads {VERSION}: the sidecar brings its history up to date"),
        (with_version(99), f"has schema 99, this program reads {VERSION}: update zeek-beacons"),
        (half_written, "is damaged or incomplete"),
        (without_a_table, "is damaged or incomplete: no such table: about"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(path: Path, make_it: Callable[[Path], object], said: str) -> None:
    make_it(path)
    before = files(path)
    with pytest.raises(InputError, match=said) as raised:
        ReadModel.open(path).pairs()
    assert str(raised.value).startswith(f"{path}: ")
    assert files(path) == before


def test_a_folder_means_the_result_or_history_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result\.sqlite and no history\.db in this folder"):
        ReadModel.open(tmp_path)
    make(tmp_path / "history.db", 1)
    assert ReadModel.open(tmp_path).pairs().total == 1


def test_reading_makes_no_file_and_changes_none(path: Path) -> None:
    make(path, 1, 2)
    content, before = path.read_bytes(), files(path)
    model = ReadModel.open(path)
    model.about()
    assert model.pairs().total == 2
    model.close()
    assert (path.read_bytes(), files(path)) == (content, before)


def test_what_a_running_sidecar_commits_is_seen_at_once(path: Path, history: History) -> None:
    model = ReadModel.open(path)
    seen = [(model.beacons().total, model.revision())]
    for number in range(3):
        store(history, [row(number, level=1)])
        seen.append((model.beacons().total, model.revision()))
    assert [total for total, _ in seen] == [0, 1, 2, 3]
    assert len({revision for _, revision in seen}) == 4


def test_a_sidecar_that_comes_and_goes_is_followed(path: Path) -> None:
    make(path, 1)
    model = ReadModel.open(path)
    assert model.pairs().total == 1
    history = History.open(path, Limits())
    store(history, [row(2)])
    assert model.beacons().total == 1
    assert model.pair(id_at(2)) is not None
    history.close()
    assert model.pair(id_at(2)) is not None
    make(path, 3)
    assert model.pair(id_at(3)) is not None


def test_a_file_that_vanishes_and_comes_back_is_read_again(path: Path) -> None:
    make(path, 1)
    model = ReadModel.open(path)
    path.rename(path.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be read"):
            model.beacons()
    path.with_suffix(".away").rename(path)
    assert model.beacons().total == 1


def test_a_result_that_is_written_anew_is_seen(tmp_path: Path, scoring: Scoring) -> None:
    nothing = score(Pairs.empty(), scoring, Config())
    result_of(nothing, tmp_path / "one")
    model = ReadModel.open(tmp_path / "one")
    assert model.pairs().total == 0
    make(tmp_path / "two.sqlite", 1, 2)
    (tmp_path / "two.sqlite").replace(tmp_path / "one" / "result.sqlite")
    assert model.beacons().total == 2


def test_a_locked_file_is_said_to_be_and_read_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    make(path, 1)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    path.with_name(f"{path.name}-wal").touch()  # as where somebody writes: then locks count
    model = ReadModel(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InputError, match="is locked by another program; try again"):
        model.beacons()
    other.execute("COMMIT")
    other.close()
    assert model.beacons().total == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_said_so(path: Path) -> None:
    make(path, 1)
    path.chmod(0)
    with pytest.raises(InputError):
        ReadModel.open(path)


def test_threads_share_a_model(path: Path, history: History) -> None:
    model = ReadModel.open(path)
    problems: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(40):
                listed = model.beacons()
                assert listed.total == len(listed.rows)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(40):
        store(history, [row(number, level=1)], NOW + number)
    for thread in threads:
        thread.join(60)
    assert not problems
    assert model.beacons().total == 40


def test_damage_inside_is_said_and_a_mended_file_read(path: Path) -> None:
    make(path, *range(200))
    shutil.copy(path, path.with_suffix(".good"))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    model = ReadModel(path)
    with pytest.raises(InputError, match="is damaged or incomplete"):
        model.pairs()
    path.with_suffix(".good").replace(path)
    assert model.pairs().total == 200
