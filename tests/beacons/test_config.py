"""Settings: file < environment < flag, and every bad value names its setting."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.config import DIRECTIONS, NOT_SETTINGS, PROFILES, Config, layered
from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.pipeline import alert_threshold
from zeek_beacons.scoring import Scoring

ROOT = Path(__file__).parents[2]


def load(folder: Path, toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Config:
    (folder / "beacons.toml").write_text(toml)
    return Config.load(folder / "beacons.toml", environ or {}, flags)


def test_nothing_given_is_the_default() -> None:
    assert Config.load(environ={}) == Config()


def test_flag_over_environment_over_file(tmp_path: Path) -> None:
    toml = "min_connections = 7\nmax_observations = 70\nprofile = 'sensitive'\n"
    environ = {"ZEEK_BEACONS_MAX_OBSERVATIONS": "80", "ZEEK_BEACONS_PROFILE": "balanced", "OTHER": "x"}
    found = load(tmp_path, toml, environ, profile="conservative", merge_gap=None)
    assert found == Config(min_connections=7, max_observations=80, profile="conservative")


@pytest.mark.parametrize("text", ["10.0.0.0/8, fd00::/8", "10.0.0.0/8,fd00::/8"])
def test_a_list_comes_from_text_or_toml(text: str, tmp_path: Path) -> None:
    expected = ("10.0.0.0/8", "fd00::/8")
    assert load(tmp_path, environ={"ZEEK_BEACONS_LOCAL_NETS": text}).local_nets == expected
    assert load(tmp_path, "local_nets = ['10.0.0.0/8', 'fd00::/8']").local_nets == expected
    assert load(tmp_path, local_nets=["10.0.0.0/8", "fd00::/8"]).local_nets == expected


BAD: list[tuple[str, Any]] = [
    ("min_connections", 2),
    ("min_connections", 6.5),
    ("min_connections", "many"),
    ("min_connections", True),
    ("min_connections", float("inf")),
    ("min_connections", float("nan")),
    ("min_connections", []),
    ("max_observations", 7),
    ("max_observations", "5e2"),
    ("merge_gap", -1),
    ("merge_gap", 86_401),
    ("merge_gap", float("nan")),
    ("merge_gap", "hour"),
    ("direction", "sideways"),
    ("intel", 5),
    ("mmdb", [5]),
    ("profile", "brave"),
    ("profile", 5),
    ("threshold", 1.01),
    ("threshold", -0.1),
    ("long_after", 59.0),
    ("long_after", float("nan")),
    ("long_after", "a day"),
    ("map", ["orig_h"]),
    ("map", ["=Source"]),
    ("map", ["orig_h="]),
    ("threshold", float("nan")),
    ("threshold", "high"),
    ("local_nets", "10.0.0.0/33"),
    ("local_nets", "10.0.0.1/8"),
    ("local_nets", ""),
    ("local_nets", 5),
    ("local_nets", [5]),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_names_the_setting(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.load(environ={}, flags={name: value})
    if isinstance(value, str):
        with pytest.raises(ConfigError, match=name):
            Config.load(environ={f"ZEEK_BEACONS_{name.upper()}": value})


def test_every_setting_has_a_bad_value_in_this_test() -> None:
    assert {name for name, _ in BAD} == {field.name for field in fields(Config)}


def test_fewer_kept_than_needed_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_connections is 20, over max_observations \(10\)"):
        Config(min_connections=20, max_observations=10)


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'min_conn', expected one of min_connections"):
        load(tmp_path, "min_conn = 7")


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"beacons\.toml: not valid TOML"):
        load(tmp_path, "min_connections = = 7")
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        Config.load(tmp_path / "nowhere.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"binary\.toml: not valid TOML"):
        Config.load(tmp_path / "binary.toml", {})


def test_a_value_refused_names_where_it_came_from(tmp_path: Path) -> None:
    toml = "min_connections = 20\nmax_observations = 10\n"
    for text, environ, flags, source in (
        (toml, {}, {}, r"\(.*beacons\.toml\)"),
        ("", {"ZEEK_BEACONS_MAX_OBSERVATIONS": "10"}, {"min_connections": 20}, r"\(command line\)"),
        ("", {"ZEEK_BEACONS_MIN_CONNECTIONS": "600"}, {}, r"\(ZEEK_BEACONS_MIN_CONNECTIONS\)"),
    ):
        with pytest.raises(ConfigError, match=r"over max_observations \(\d+\) " + source):
            load(tmp_path, text, environ, **flags)


def test_the_source_is_told_by_the_setting_and_not_by_the_words() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        depth: int = 1

        def __post_init__(self) -> None:
            if self.depth == 2:
                raise SettingError("depth", "is 2")
            if self.depth == 3:
                raise ConfigError("depth of the sea is not to be had")

    for depth, problem in (("2", r"^depth is 2 \(DEPTH\)$"), ("3", r"^depth of the sea is not to be had$")):
        with pytest.raises(ConfigError, match=problem):
            layered(Odd, "file", {}, "", {"DEPTH": depth}, None)


def test_every_choice_is_accepted_and_nothing_changes_later() -> None:
    for direction in DIRECTIONS:
        for profile in PROFILES:
            assert Config(direction=direction, profile=profile).direction == direction
    with pytest.raises(FrozenInstanceError):
        Config().profile = "sensitive"  # type: ignore[misc]


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(
        ConfigError, match=r"ZEEK_BEACONS_PROFIL is no setting; the nearest one is ZEEK_BEACONS_PROFILE"
    ):
        Config.load(environ={"ZEEK_BEACONS_PROFIL": "sensitive"})
    with pytest.raises(ConfigError, match=r"SIDECAR_HISTRY is no setting; .* ZEEK_BEACONS_SIDECAR_HISTORY"):
        SidecarConfig.load(environ={"ZEEK_BEACONS_SIDECAR_HISTRY": "none"})
    both = {"ZEEK_BEACONS_PROFILE": "sensitive", "ZEEK_BEACONS_SIDECAR_HISTORY": "none", "ZEEK_BEACONS_NEEDS_ZEEK": "1"}
    both |= {"ZEEK_BEACONS_URL": "http://127.0.0.1:8520", "ZEEK_BEACONS_TOKEN": "secret"}  # of lists of another machine
    assert Config.load(environ=both).profile == "sensitive"
    assert SidecarConfig.load(environ=both).history == "none"


def test_a_threshold_takes_the_place_of_the_profile_s(tmp_path: Path) -> None:
    assert load(tmp_path, "threshold = 0.9").threshold == 0.9
    assert load(tmp_path, "", {"ZEEK_BEACONS_THRESHOLD": "0.8"}).threshold == 0.8
    scoring = Scoring.rules_only()
    assert alert_threshold(scoring, Config(threshold=0.9)) == 0.9
    assert alert_threshold(scoring, Config(profile="sensitive")) == scoring.thresholds["sensitive"]


def test_what_tests_and_ci_are_told_is_no_setting() -> None:
    """Every such variable that they name, so that a run of CI does not end at its first command."""
    files = [ROOT / ".ci" / "run", ROOT / "Makefile", *ROOT.glob("tests/**/*.py")]
    named = {name for path in files for name in re.findall(r"ZEEK_BEACONS_(?:NEEDS|FAULT)_[A-Z]+", path.read_text())}
    assert {"ZEEK_BEACONS_NEEDS_ZEEK", "ZEEK_BEACONS_NEEDS_BROWSER"} <= named <= NOT_SETTINGS
