"""What sensors are called, and their tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.fleet.named import SensorSource, parted, sources, tokens, told_apart


@pytest.mark.parametrize(
    ("given", "name", "place"),
    [
        ("north=https://north.example:8520", "north", "https://north.example:8520"),
        ("https://north.example:8520/", "north.example", "https://north.example:8520/"),
        ("https://[2001:db8::1]:8520", "2001-db8--1", "https://[2001:db8::1]:8520"),
        ("/srv/south/history.db", "south", "/srv/south/history.db"),
        ("/srv/report", "report", "/srv/report"),
        ("dc=/srv/a=b/history.db", "dc", "/srv/a=b/history.db"),
    ],
)
def test_a_name_is_given_or_made(given: str, name: str, place: str) -> None:
    assert sources([given]) == [SensorSource(name, place)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["a=http://x", "a=/srv/b"], "two sensors called a"),
        (["/srv/a b/history.db"], "gives no name"),
        (["https://"], "expected .NAME=.https://HOST:PORT"),
        (["a=https://user:secret@host"], "//...@host"),
        (["a=https://host/?token=x"], "expected .NAME="),
        (["a=ftp://host"], "expected http:// or https://"),
        ([f"s{n}=/srv/{n}" for n in range(201)], "at most 200"),
    ],
)
def test_what_is_no_source_is_refused(given: list[str], problem: str) -> None:
    with pytest.raises(SettingError, match=problem) as told:
        sources(given)
    assert "secret" not in str(told.value)


def test_tokens_are_read_from_a_file_of_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# ours\nnorth = abc=\n\n")
    file.chmod(0o600)
    assert tokens(file, ["north", "south"]) == {"north": "abc="}
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        tokens(file, ["north"])
    file.chmod(0o600)
    for text, problem in (
        ("west=a", ":1: 'west' is no sensor"),
        ("north=", "expected NAME=TOKEN"),
        ("north=\x07", ":1: expected"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=problem):
            tokens(file, ["north"])
    with pytest.raises(ConfigError, match="cannot be read"):
        tokens(tmp_path / "none", [])


def test_pairs_are_told_apart() -> None:
    assert parted(told_apart("north", "ab")) == ("north", "ab")
    assert parted("ab") == ("", "ab")
