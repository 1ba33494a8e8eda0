"""What is followed makes the pairs that `score` reads from the same files, however the files come."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.live.follow.kinds import STREAM
from zeek_beacons.live.follow.log_files import QUIET, LogFiles
from zeek_beacons.live.follow.tracker import Tracker, TrackerBounds
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PAIR_COLUMNS, Pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.first_sights import first_sights

from ....conftest import CAPTURES
from ...readers.logs import T0, json_line
from .made import HOUR, grown, rotated, site, whole

LOGS = site()
FOLDERS = ("dridex_2020-09-24", "emotet_icedid", "njrat_230-1", "m57_office_nov18", "saitama_dns")


class Followed:
    """Files that are followed in steps, logs beside conn.log first."""

    def __init__(self, *roots: Path, bounds: TrackerBounds | None = None, **config: Any) -> None:
        self.files = LogFiles(roots)
        self.tracker = Tracker(Config(**config), bounds or TrackerBounds())

    def step(self, ends: bool = False) -> None:
        self.files.look()
        for kind in sorted(self.files.kinds(), key=lambda kind: (kind in ("conn", STREAM), kind == "x509")):
            for one in self.files.of(kind):
                for chunk in self.files.chunks(one, rest=ends):
                    self.tracker.take(one.kind, chunk)

    def pairs(self) -> Pairs:
        self.step(ends=True)
        self.files.close()
        return self.tracker.pairs(ends=True)


def told(pairs: Pairs) -> dict[Any, dict[str, Any]]:
    """By key all that is known of a pair."""
    found = {}
    for row, key in enumerate(pairs.keys()):
        held = slice(*pairs.offsets[row : row + 2])
        found[key] = {name: getattr(pairs, name)[row] for name in PAIR_COLUMNS}
        found[key] |= {name: getattr(pairs, name)[held] for name in OBSERVATION_COLUMNS}
    return found


def same(followed: Pairs, scored: Pairs, but: tuple[str, ...] = ()) -> None:
    first = first_sights(followed, Config().min_connections)  # which the worker tells live, from the history
    one, other = told(replace(followed, traits=first)), told(scored)
    assert one.keys() == other.keys()
    for key, columns in other.items():
        for name in columns.keys() - set(but):
            np.testing.assert_array_equal(one[key][name], columns[name], f"{key} {name}")


def scored(folder: Path, **config: Any) -> Pairs:
    return read(Request([str(folder)]), Config(**config))[0]


@pytest.mark.parametrize("as_json", [False, True])
def test_whole_files(tmp_path: Path, as_json: bool) -> None:
    folder = whole(tmp_path / "logs", LOGS, as_json)
    pairs = Followed(folder).pairs()
    same(pairs, scored(folder))
    assert {"conn", "http", "dns"} <= set(pairs.channel)
    assert (pairs.server_name != "").any()
    assert (pairs.cert_name != "").any()
    assert (pairs.dns_name != "").any()


@pytest.mark.parametrize("as_json", [False, True])
def test_files_that_grow_in_fifty_slices_cut_within_lines(tmp_path: Path, as_json: bool) -> None:
    rng = np.random.default_rng(5)
    growing, followed = tmp_path / "growing", Followed(tmp_path / "growing")
    growing.mkdir()
    for until in np.sort(rng.uniform(T0, T0 + 4 * HOUR, 50)):
        grown(growing, LOGS, float(until), int(rng.integers(0, 200)), as_json)
        followed.step()
        if rng.random() < 0.2:
            followed.tracker.pairs()  # a look between changes nothing
    grown(growing, LOGS, np.inf, 0, as_json)
    same(followed.pairs(), scored(whole(tmp_path / "whole", LOGS, as_json)))
    assert followed.tracker.counts().bad == 0


@pytest.mark.parametrize(
    "late", [(), ("dns_name", "dns_named", "connected", "other_paths")], ids=["in order", "an hour late"]
)
def test_rotated_and_packed_files(tmp_path: Path, late: tuple[str, ...]) -> None:
    """Of an hour that comes late its answers of name servers are missing in later ones, and the order of requests."""
    logs, followed = tmp_path / "logs", Followed(tmp_path / "logs")
    (logs / "2026-01-01").mkdir(parents=True)
    found = rotated(logs, LOGS, HOUR / 2)
    hours = [list(same) for _, same in itertools.groupby(found, key=lambda one: one[0].name.split(".")[1])]
    for number in (0, 1, 3, 2, *range(4, len(hours))) if late else range(len(hours)):
        for path, body in hours[number]:
            path.write_bytes(body)
        followed.step()
        followed.tracker.pairs()
    same(followed.pairs(), scored(whole(tmp_path / "whole", LOGS)), late)


@pytest.mark.parametrize("name", FOLDERS)
def test_captures(name: str) -> None:
    folder = CAPTURES / "dev" / name
    if not folder.is_dir():
        pytest.skip("no captures at hand")
    same(Followed(folder).pairs(), scored(folder))


def test_a_file_of_all_logs(tmp_path: Path) -> None:
    """Also where a slice holds one log alone."""
    rows = sorted(((at, name, row) for name, log in LOGS.items() for at, row in log), key=lambda one: one[0])
    lines = [json_line({"_path": name} | row) for _, name, row in rows]
    file, followed = tmp_path / "all.json", Followed(tmp_path / "all.json")
    for upto in (600, 601, 602, 603, 604, 605, 2000, len(lines)):
        file.write_bytes(b"".join(lines[:upto]))
        followed.step()
    same(followed.pairs(), read(Request([str(file)]), Config())[0])


def test_pairs_seen_least_lately_are_forgotten_and_counted(tmp_path: Path) -> None:
    folder = whole(tmp_path / "logs", LOGS)
    followed = Followed(folder, bounds=TrackerBounds(pairs=40, shown=5))
    everything = told(followed.pairs())
    assert followed.tracker.counts().forgotten_pairs > 0
    left = told(followed.tracker.pairs(ends=True))
    by_connection = {key: one for key, one in left.items() if key[-1] == "conn"}
    assert 0 < len(by_connection) <= 40
    newest = sorted((one["start"].max() for key, one in everything.items() if key[-1] == "conn"), reverse=True)
    assert min(one["start"].max() for one in by_connection.values()) >= newest[len(by_connection) - 1]
    for key, one in by_connection.items():
        for column in (*OBSERVATION_COLUMNS, "conns", "server_name", "cert_name", "user_agent", "dns_name", "addr"):
            np.testing.assert_array_equal(one[column], everything[key][column], f"{key} {column}")


def test_what_was_forgotten_comes_anew(tmp_path: Path) -> None:
    """After pairs were forgotten, and numbers given anew, more can be taken."""
    growing, followed = tmp_path / "growing", Followed(tmp_path / "growing", bounds=TrackerBounds(pairs=30, shown=4))
    growing.mkdir()
    for until in np.linspace(T0 + HOUR / 2, T0 + 4 * HOUR, 12):
        grown(growing, LOGS, float(until))
        followed.step()
        followed.tracker.pairs()
    pairs = told(followed.pairs())
    expected = told(scored(whole(tmp_path / "whole", LOGS)))
    beacon = ("10.0.0.11", "c1.example", 443, "tcp", "conn")
    for column in (*OBSERVATION_COLUMNS, "conns", "server_name", "cert_name", "cert_issuer"):
        np.testing.assert_array_equal(pairs[beacon][column], expected[beacon][column], column)


def test_observations_are_bounded(tmp_path: Path) -> None:
    followed = Followed(whole(tmp_path / "logs", LOGS), bounds=TrackerBounds(observations=1000))
    before = followed.pairs()
    after = followed.tracker.pairs()
    held = int(after.counts[after.channel == "conn"].sum())
    assert held <= 1000 < int(before.counts[before.channel == "conn"].sum())
    assert followed.tracker.counts().cut_observations > 0
    for key, one in told(after).items():
        if key[-1] == "conn":
            assert one["conns"] == told(before)[key]["conns"]
            assert one["start"].max() == told(before)[key]["start"].max()


def test_garbage_is_counted(tmp_path: Path) -> None:
    folder = whole(tmp_path / "logs", LOGS)
    file = folder / "conn.log"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[50:50] = [b"\x00\xff\xfe\n", b"half a line\t3\n"]
    file.write_bytes(b"".join(lines))
    followed = Followed(folder)
    same(followed.pairs(), scored(folder))
    assert followed.tracker.counts().bad == 2
    assert str(file) in followed.tracker.counts().problem


def test_rows_beside_are_bounded(tmp_path: Path) -> None:
    followed = Followed(whole(tmp_path / "logs", LOGS), bounds=TrackerBounds(held=100))
    assert len(followed.pairs())
    assert followed.tracker.counts().forgotten_rows > 0


def test_a_last_line_without_its_end_counts_once_nothing_comes_any_more(tmp_path: Path) -> None:
    folder = whole(tmp_path / "logs", LOGS)
    file = folder / "conn.log"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    files = LogFiles([folder])
    files.look()
    (one,) = files.of("conn")
    assert sum(len(chunk.head()) > 0 for chunk in files.chunks(one)) == 1
    assert one.read < file.stat().st_size
    os.utime(file, (0, 0))
    assert QUIET > 0
    files.look()
    assert list(files.chunks(one, rest=True))
    files.close()
    assert one.read == file.stat().st_size
