"""The allow-list of a sidecar follows its file, and a bad file takes no good list away."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.live.allow_list_file import CHECK_INTERVAL, AllowListFile


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "allow.list"
    path.write_text("subnet 10.0.0.0/8\n")
    file = AllowListFile(path)
    first = file.current(CHECK_INTERVAL)
    path.write_text("subnet 10.0.0.0/8\nsubnet 192.0.2.0/24\n")
    assert file.current(1.5 * CHECK_INTERVAL) is first
    second = file.current(2 * CHECK_INTERVAL)
    assert second is not first
    assert file.current(9 * CHECK_INTERVAL) is second


def test_a_file_that_becomes_bad_leaves_the_last_good_list_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "allow.list"
    path.write_text("subnet 10.0.0.0/8\n")
    file = AllowListFile(path)
    good = file.current(CHECK_INTERVAL)
    path.write_text("subnet of nothing\n")
    assert file.current(2 * CHECK_INTERVAL) is good
    assert "allow.list" in file.problem
    path.unlink()
    assert file.current(3 * CHECK_INTERVAL) is good
    path.write_text("subnet 10.0.0.0/9\n")
    assert file.current(4 * CHECK_INTERVAL) is not good
    assert file.problem == ""


def test_a_file_that_is_bad_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        AllowListFile(tmp_path / "nowhere")


def test_a_list_of_everything_is_in_force_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "allow.list"
    file.write_text("subnet 0.0.0.0/0\n")
    allowed = AllowListFile(file)
    assert "allows everything" in allowed.problem
    assert "allow_list_too_wide" in caplog.text
    file.write_text("subnet 10.0.0.0/8\nname a.example\n")
    assert allowed.current(1e9).subnets
    assert allowed.problem == ""
