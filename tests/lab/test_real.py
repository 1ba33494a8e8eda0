"""The shipped model on real C2, where the labelled captures are at hand; and the figures on captures made here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.labels import BENIGN, lab_of
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import known_family, load_all
from zeek_beacons_lab.captures.sample import left_out, ours
from zeek_beacons_lab.studies.real import evaluate

# Capture -> a responder of its C2 (or of its scripted check-ins).
MUST_ALERT = {
    "motd_comfoo": "68.183.138.51",
    "motd_taidoor": "104.248.234.238",
    "empire_http443": "192.252.210.107",
    "emotet_icedid": "160.36.66.221",
    "njrat_230-1": "41.108.179.197",
    "slips_testcc1": "141.193.213.21",
    "slips_testcc2": "141.193.213.20",
}
ALL: frozenset[str] = frozenset()
FEW = frozenset({"rita_lab_http_24h", "njrat_230-1"})


@pytest.mark.parametrize(("capture", "addr"), MUST_ALERT.items())
def test_known_c2_alerts_under_balanced(captures: Path, capture: str, addr: str) -> None:
    pairs, _ = read(Request([str(captures / "dev" / capture)]), Config())
    scored = score(pairs, Scoring.load(), Config())
    assert addr in set(pairs.addr[scored.verdicts.alerts])


def test_on_benign_days_no_group_of_servers_alerts(captures: Path) -> None:
    scoring, groups, days = Scoring.load(), 0, 0.0
    for capture in load_all(captures / "dev", Config()):
        benign = capture.pairs.take(np.isin(capture.label, list(BENIGN)))
        scored = score(benign, scoring, Config())
        at = np.flatnonzero(scored.pairs.is_group)
        assert not scored.verdicts.alerts[at].any(), capture.name
        groups, days = groups + len(at), days + capture.host_days
    assert groups < days / 20


@pytest.mark.parametrize("names", [FEW, pytest.param(ALL, marks=pytest.mark.heavy)], ids=["few", "all"])
def test_every_capture_is_measured(captures: Path, names: Collection[str], tmp_path: Path) -> None:
    folders = sorted(path for path in (captures / "dev").iterdir() if names == ALL or path.name in names)
    for folder in folders:
        (tmp_path / folder.name).symlink_to(folder)
    found = load_all(tmp_path, Config())
    scoring = Scoring.load()
    table = evaluate(found, ours(lambda _: scoring, Config()), Config()).by_capture()
    assert [row[0] for row in table.rows] == [path.name for path in folders]
    # Simulated check-ins are C2 like others; the forty address pairs of one host and site are ten by name.
    assert {row[0]: row[4] for row in table.rows}["rita_lab_http_24h"] == "10"


def test_a_folder_without_captures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.csv"):
        load_all(tmp_path, Config())


@pytest.fixture
def site(tmp_path: Path, pair: Callable[..., dict[str, Any]], conn_log: Callable[..., Path]) -> Path:
    """Two captures of lab `here` and one that a file says is of lab `there`: a beacon and a human pair each."""
    for name in ("here_1", "here_2", "here_3"):
        folder = tmp_path / "site" / name
        folder.mkdir(parents=True)
        beacon = pair(n=200, sleep=60.0)
        conn_log([beacon, pair(n=200, rhythm=False, resp="198.51.100.7")]).rename(folder / "conn.log")
        head = "orig_h,resp_h,resp_p,proto,label\n"
        rows = "10.0.0.5,203.0.113.9,443,tcp,c2\n10.0.0.5,198.51.100.7,443,tcp,benign\n10.0.0.9,1.1.1.1,9,tcp,exclude\n"
        (folder / "labels.csv").write_text(head + rows)
    (tmp_path / "site" / "here_3" / "lab").write_text("there\n")
    return tmp_path / "site"


def test_figures_of_a_perfect_site(site: Path) -> None:
    found = evaluate(load_all(site, Config()), ours(lambda _: Scoring.rules_only(), Config()), Config())
    figures = {row[0]: str(row[1]) for row in found.figures(seed=1).rows}
    assert figures["C2 pairs"] == "3"
    assert figures["C2 first"] == "3"
    assert figures["AUC"].startswith("1.000")
    assert figures["recall, balanced"].startswith("1.000")
    assert figures["false alerts per host-day, balanced"].startswith("0.000")


def test_the_lab_is_the_name_up_to_the_underscore_or_what_its_file_says(site: Path) -> None:
    assert [lab_of(site / name) for name in ("here_1", "here_2", "here_3")] == ["here", "here", "there"]
    (site / "here_3" / "lab").write_text("")
    with pytest.raises(InputError, match="lab"):
        lab_of(site / "here_3")


def test_each_lab_is_left_out_once(site: Path) -> None:
    asked: list[frozenset[str]] = []

    def trainer(names: frozenset[str]) -> Scoring:
        asked.append(names)
        return Scoring.rules_only()

    captures = load_all(site, Config())
    evaluate(captures, ours(left_out(captures, trainer), Config()), Config())
    assert asked == [frozenset({"here_1", "here_2"}), frozenset({"here_3"})]


@pytest.mark.parametrize(
    ("evidence", "family"),
    [("Cobalt Strike, Comfoo malleable profile", "Cobalt Strike"), ("IcedID C2 SNI x.biz", "IcedID"), ("beacon", "")],
)
def test_the_family_is_what_the_evidence_names(evidence: str, family: str) -> None:
    assert known_family(evidence) == family


def test_families_are_told_apart_or_named_by_their_capture(site: Path) -> None:
    labels = (site / "here_1" / "labels.csv").read_text().replace(",label", ",label,evidence")
    (site / "here_1" / "labels.csv").write_text(labels.replace(",c2", ",c2,an Empire agent"))
    found = evaluate(load_all(site, Config()), ours(lambda _: Scoring.rules_only(), Config()), Config()).by_family()
    assert [(row[0], row[2]) for row in found.rows] == [("Empire", "1"), ("here_2", "1"), ("here_3", "1")]
