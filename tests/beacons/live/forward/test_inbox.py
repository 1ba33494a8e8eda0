"""Forwarded batches as logs in a folder: each once, whatever dies in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeek_beacons.live.forward import inbox as module
from zeek_beacons.live.forward.batches import LogBatch
from zeek_beacons.live.forward.inbox import ForwardInbox, InboxFullError, InboxOwnerError, is_name


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, most: int = 10**9, clock: Clock | None = None) -> ForwardInbox:
    return ForwardInbox.open(folder, most, 7200.0, clock or Clock())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "north").iterdir())}


def batch(number: int, header: bytes = b"#h\n") -> LogBatch:
    return LogBatch("conn", header, b"row %d\n" % number)


def test_a_batch_that_comes_again_is_taken_once(tmp_path: Path) -> None:
    inbox = opened(tmp_path)
    assert inbox.take("north", "s", 1, batch(1), "t") == (1, False)
    assert inbox.take("north", "s", 1, batch(1), "t") == (1, True)
    assert inbox.take("north", "s", 2, batch(2), "t") == (2, False)
    inbox.close()
    again = opened(tmp_path)
    assert again.take("north", "s", 2, batch(2), "t") == (2, True)
    assert again.take("north", "s", 5, batch(5), "t") == (5, False)
    assert again.take("north", "other", 1, batch(9), "t") == (1, False)  # a sender that began anew
    assert list(files(tmp_path).values()) == [b"#h\nrow 1\nrow 2\nrow 5\nrow 9\n"]
    (told,) = again.sources()
    assert (told.batches, told.rows, told.duplicates, told.missed) == (4, 4, 2, 2)
    again.close()


def test_what_was_written_but_not_remembered_is_written_over(tmp_path: Path) -> None:
    """As when the process is killed between the two."""
    inbox = opened(tmp_path)
    inbox.take("north", "s", 1, batch(1), "t")
    (path,) = (tmp_path / "north").iterdir()
    with path.open("ab") as file:
        file.write(b"row 2\nrow 3, cut in the mid")
    inbox.take("north", "s", 2, batch(2), "t")
    assert list(files(tmp_path).values()) == [b"#h\nrow 1\nrow 2\n"]
    inbox.close()


def test_another_header_hour_or_size_begins_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    inbox = opened(tmp_path, clock=clock)
    inbox.take("north", "s", 1, batch(1), "t")
    inbox.take("north", "s", 2, batch(2, b"#other\n"), "t")
    clock.now += 3601
    inbox.take("north", "s", 3, batch(3, b"#other\n"), "t")
    monkeypatch.setattr(module, "LARGEST_FILE", 5)
    inbox.take("north", "s", 4, batch(4, b"#other\n"), "t")
    inbox.take("north", "s", 5, LogBatch("flows", b"a,b\n", b"1,2\n"), "t")
    assert sorted(files(tmp_path).values()) == [
        b"#h\nrow 1\n",
        b"#other\nrow 2\n",
        b"#other\nrow 3\n",
        b"#other\nrow 4\n",
        b"a,b\n1,2\n",
    ]
    assert {name.split(".")[-1] for name in files(tmp_path)} == {"log", "csv"}
    inbox.close()


def test_a_full_inbox_takes_nothing_until_files_are_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(module, "TIDY", 0.0)
    clock = Clock()
    inbox = opened(tmp_path, 20, clock)
    inbox.take("north", "s", 1, batch(1), "t")
    with pytest.raises(InboxFullError):
        inbox.take("north", "s", 2, batch(1000), "t")
    assert inbox.take("north", "s", 1, batch(1), "t") == (1, True)  # what is there is told all the same
    for path in (tmp_path / "north").iterdir():
        os.utime(path, (clock.now - 7201, clock.now - 7201))
    assert inbox.take("north", "s", 2, batch(2), "t") == (2, False)
    assert list(files(tmp_path).values()) == [b"#h\nrow 2\n"]
    inbox.close()


def test_a_source_belongs_to_its_token(tmp_path: Path) -> None:
    inbox = opened(tmp_path)
    inbox.take("north", "s", 1, batch(1), "ana")
    with pytest.raises(InboxOwnerError):
        inbox.take("north", "s", 2, batch(2), "eve")
    inbox.close()


def test_names_of_sources() -> None:
    assert all(map(is_name, ("north", "sensor-1.example", "A_b")))
    assert not any(map(is_name, ("", "..", ".x", "a/b", "a b", "x" * 65, "a\n")))
