"""Lines are given once each and whole, whatever happens to the files between two looks."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from zeek_beacons.live.follow.log_files import LogFiles

from ...readers.logs import conn, json_line, tsv_header, tsv_line

HEADER = tsv_header()


def lines(numbers: range, as_json: bool = False) -> bytes:
    return b"".join((json_line if as_json else tsv_line)(conn(float(number))) for number in numbers)


def new(files: LogFiles, rest: bool = False) -> bytes:
    """The rows that came since the last time."""
    files.look()
    chunks = [chunk for one in files.of("conn") for chunk in files.chunks(one, rest=rest)]
    found = b"".join(block.data for chunk in chunks for block in chunk.blocks())
    return b"".join(line for line in found.splitlines(keepends=True) if not line.startswith(b"#"))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 400)),
        st.tuples(
            st.sampled_from(["rename", "pack", "pack beside", "copytruncate", "reopen", "copy", "look"]), st.just(0)
        ),
    ),
    max_size=25,
)


@example(steps=[("write", 1), ("copy", 0), ("write", 1), ("pack", 0)], as_json=False)
@example(steps=[("write", 93), ("look", 0), ("copytruncate", 0)], as_json=False)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, as_json=st.booleans())
def test_every_line_once(steps: list[tuple[str, int]], as_json: bool) -> None:
    """A writer that writes so many bytes, and what rotates its file, in whatever order."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "old").mkdir()
        current, number = folder / "conn.log", 0
        written, seen, waiting = b"", b"", b""

        def begin() -> bytes:
            return b"" if as_json else HEADER.replace(b"00-00-00", b"%02d-00-00" % (number % 100))

        files = LogFiles([folder])
        current.write_bytes(begin())
        text = iter(lines(range(i, i + 1), as_json) for i in range(10_000))
        for step, size in [*steps, ("look", 0)]:
            if step == "write":
                while len(waiting) < size:
                    waiting += next(text)
                with current.open("ab") as out:
                    out.write(waiting[:size])
                written, waiting = written + waiting[:size], waiting[size:]
                continue
            if step != "look":
                end = waiting[: waiting.find(b"\n") + 1]  # a line that was begun is ended before a file is put aside
                if written and not written.endswith(b"\n"):
                    with current.open("ab") as out:
                        out.write(end)
                    written, waiting = written + end, waiting[len(end) :]
                number += 1
            old = folder / "old" / f"conn.{number:03d}.log"
            if step == "rename":
                current.rename(old)
                current.write_bytes(begin())
            elif step == "pack":
                old.with_suffix(".log.gz").write_bytes(gzip.compress(current.read_bytes()))
                current.unlink()
                current.write_bytes(begin())
            elif step == "pack beside":
                old.with_suffix(".log.gz").write_bytes(gzip.compress(current.read_bytes()))
                shutil.copy(current, old)
                current.unlink()
                current.write_bytes(begin())
            elif step == "copytruncate":
                shutil.copy(current, old)
                os.truncate(current, 0)  # goes on without a header
            elif step == "copy":
                shutil.copy(current, old)
            elif step == "reopen" and not as_json:
                with current.open("ab") as out:
                    out.write(b"#close\t2026-01-01-01-00-00\n" + HEADER)
            seen += new(files)
        files.close()
        whole = written[: written.rfind(b"\n") + 1].splitlines()
        assert sorted(seen.splitlines()) == sorted(whole)


def test_a_file_that_is_cut_and_written_anew(tmp_path: Path) -> None:
    file, files = tmp_path / "conn.log", LogFiles([tmp_path])
    file.write_bytes(HEADER + lines(range(5)))
    assert new(files) == lines(range(5))
    file.write_bytes(HEADER + lines(range(5, 7)))
    assert new(files) == lines(range(5, 7))
    assert files.counts.cut == 1
    files.close()


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_cut_before_this_run_goes_on_under_the_header_of_its_copy(tmp_path: Path, packed: bool) -> None:
    old, pack = tmp_path / ("conn.log.1.gz" if packed else "conn.log.1"), gzip.compress if packed else bytes
    old.write_bytes(pack(HEADER + lines(range(3))))
    other = HEADER.replace(b"#fields\t", b"#fields\tmore\t")
    (tmp_path / "conn.log.0").write_bytes(other + b"-\t" + lines(range(1)))  # newer, of another shape
    (tmp_path / "conn.log").write_bytes(lines(range(3, 6)))
    files = LogFiles([tmp_path / "conn.log"])
    files.look()
    one = next(one for one in files.of("conn") if one.path.name == "conn.log")
    given = [block.data for chunk in files.chunks(one) for block in chunk.blocks()]
    assert given == [HEADER + lines(range(3, 6))]
    files.close()


def test_a_file_that_is_renamed_to_where_nobody_looks_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    file, files = tmp_path / "logs" / "conn.log", LogFiles([tmp_path / "logs"])
    file.write_bytes(HEADER + lines(range(5)))
    assert new(files) == lines(range(5))
    file.rename(tmp_path / "away")
    with (tmp_path / "away").open("ab") as out:
        out.write(lines(range(5, 8)))
    file.write_bytes(HEADER + lines(range(8, 9)))
    assert sorted(new(files).splitlines()) == sorted(lines(range(5, 9)).splitlines())
    files.close()


def test_a_packed_file_that_is_not_whole_yet_is_read_later(tmp_path: Path) -> None:
    packed, files = gzip.compress(HEADER + lines(range(3000))), LogFiles([tmp_path])
    file = tmp_path / "conn.00:00:00-01:00:00.log.gz"
    file.write_bytes(packed[: len(packed) // 2])
    some = new(files)
    assert lines(range(3000)).startswith(some)
    assert files.counts.unreadable <= 1
    file.write_bytes(packed)
    assert some + new(files) == lines(range(3000))
    assert new(files) == b""


def test_where_an_earlier_run_stopped(tmp_path: Path) -> None:
    """What it read is known; a file that came while nothing ran is read, however old it is."""
    file, first = tmp_path / "conn.log", LogFiles([tmp_path], back=3600.0)
    file.write_bytes(HEADER + lines(range(5)))
    old = tmp_path / "conn.2025-01-01.log"
    old.write_bytes(HEADER + lines(range(100, 103)))
    os.utime(old, (0, 0))
    assert new(first) == lines(range(5))
    assert first.counts.left_out == 1
    first.close()
    with file.open("ab") as out:
        out.write(lines(range(5, 6)))
    late = tmp_path / "conn.2025-01-02.log"
    late.write_bytes(HEADER + lines(range(200, 203)))
    os.utime(late, (0, 0))
    again = LogFiles([tmp_path], first.progress(), back=3600.0)
    assert sorted(new(again).splitlines()) == sorted((lines(range(6)) + lines(range(200, 203))).splitlines())
    (one,) = (one for one in again.files.values() if one.path == file)
    assert one.known == len(HEADER + lines(range(5)))
    again.close()


@pytest.mark.parametrize("name", ["conn-summary.00:00:00-01:00:00.log", "conn.log.swp", "weird.log", "stderr.log"])
def test_other_files_are_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HEADER + lines(range(5)))
    files = LogFiles([tmp_path])
    assert new(files) == b""


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "current").symlink_to(tmp_path / "spool")
    (tmp_path / "spool" / "again").symlink_to(tmp_path / "logs")
    (tmp_path / "spool" / "conn.log").write_bytes(HEADER + lines(range(5)))
    files = LogFiles([tmp_path / "logs"])
    assert new(files) == lines(range(5))
    files.close()
