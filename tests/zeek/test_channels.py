"""What hides from conn.log is found in channels of its own, by the same verdict on every road."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import LABELS

from .conftest import CAPTURES, TRACES

Found = dict[tuple[str, str, str], tuple[str, float]]

# By trace the pairs that alert: who, channel, whom.
ALERTS = {
    "web": {
        ("10.0.0.5", "http", "c2.example/submit.php"),
        ("10.0.0.6", "http", "185.12.45.60/beacon"),
        ("10.0.0.7", "http", "c2.example"),
        ("10.0.0.7", "http", "c2.example/news"),
        ("10.0.0.7", "http", "c2.example/mail"),
    },
    "proxied": {("10.0.0.5", "proxy", "c2.example"), ("10.0.0.6", "proxy", "plain.example")},
}


def scored(log: Path) -> Scored:
    return score(read(Request([str(log)]), Config())[0], Scoring.load(), Config())


def verdicts(found: Scored) -> Found:
    """Label and score of the pairs that were scored."""
    pairs, told = found.pairs, found.verdicts
    keys = zip(pairs.orig_h, pairs.channel, pairs.resp, strict=True)
    rows = zip(keys, told.label, told.score, found.feature_row, strict=True)
    return {key: (LABELS[label], points) for key, label, points, row in rows if row >= 0}


def alerting(found: Scored) -> set[tuple[str, str, str]]:
    pairs = found.pairs
    ends = zip(pairs.orig_h, pairs.channel, pairs.resp, strict=True)
    return {key for key, alerts in zip(ends, found.verdicts.alerts, strict=True) if alerts}


def loop(zeek: str, trace: Path, folder: Path, *more: str) -> Path:
    """The closed loop over a trace: the folder with Zeek's logs."""
    command = [sys.executable, "-m", "zeek_beacons", "pcap", str(trace), "-o", str(folder), "--zeek", zeek]
    subprocess.run([*command, "--zeek-arg", "LogAscii::use_json=T", *more], check=True, capture_output=True)
    return folder


def rows(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def told(folder: Path) -> Found:
    """The last verdict of each pair that Zeek was told and that was scored."""
    last = {(row["id.orig_h"], row["channel"], row["resp"]): row for row in rows(folder / "beacon_verdicts.log")}
    return {key: (row["label"], float(row["score"])) for key, row in last.items() if "score" in row}


def same(one: Found, other: Found, keys: Iterable[tuple[str, str, str]]) -> None:
    for key in keys:
        assert other[key][0] == one[key][0], key
        assert other[key][1] == pytest.approx(one[key][1], abs=1e-6), key


@pytest.mark.parametrize("name", ALERTS)
def test_every_road_says_the_same(name: str, zeek: str, run_zeek: Callable[..., Path], tmp_path: Path) -> None:
    trace, expected = TRACES / f"{name}.pcap", ALERTS[name]
    looped = loop(zeek, trace, tmp_path / "loop")
    by_loop = told(looped)
    by_logs = scored(looped / "conn.log")
    by_candidates = scored(run_zeek(trace) / "beacon_candidates.log")
    assert alerting(by_logs) == alerting(by_candidates) == expected
    known = verdicts(by_logs)
    assert verdicts(by_candidates).keys() == known.keys() == by_loop.keys()
    same(known, by_loop, known)
    same(known, verdicts(by_candidates), known)
    notices = [row for row in rows(looped / "notice.log") if row["note"] == "Beacons::C2_Beacon"]
    assert len({row["sub"].partition("incident=")[2].split()[0] for row in notices}) == len(by_logs.incidents)
    assert {row["src"] for row in notices} == {orig for orig, _, _ in expected}


def test_the_notice_says_where_it_hides(zeek: str, tmp_path: Path) -> None:
    notices = rows(loop(zeek, TRACES / "web.pcap", tmp_path / "web") / "notice.log")
    notices += rows(loop(zeek, TRACES / "proxied.pcap", tmp_path / "proxied") / "notice.log")
    texts = " ".join(row["msg"] for row in notices if row["note"] == "Beacons::C2_Beacon")
    assert "10.0.0.5 checks in with c2.example:80/submit.php, inside kept-alive connections, every " in texts
    assert "10.0.0.5 checks in with c2.example:443, through the proxy 10.0.0.9, every " in texts


def test_sandcat_is_found_inside_its_one_connection(zeek: str, tmp_path: Path) -> None:
    folder = CAPTURES / "dev" / "caldera_sandcat"
    if not folder.is_dir():
        pytest.skip("no labelled captures here")
    expected = ("172.18.0.3", "http", "172.18.0.2/beacon")
    assert expected in alerting(scored(folder / "conn.log"))
    looped = loop(zeek, folder / "sandcat.pcap", tmp_path / "loop")
    *_, notice = [row for row in rows(looped / "notice.log") if row["note"] == "Beacons::C2_Beacon"]
    assert "172.18.0.3 checks in with 172.18.0.2:8888/beacon, inside kept-alive connections, every " in notice["msg"]
