"""Labelled captures: spelling of keys, labs, and host-days."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.labels import PairLabel, folders_of, host_days, hosts_of, lab_of, labels_of, pair_key, read_labels
from zeek_beacons.pairs import Pairs

from .cli.commands import run

Make = Callable[..., dict[str, Any]]
Log = Callable[..., Path]
HEADER = "orig_h,resp_h,resp_p,proto,label\n"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (("10.0.0.5", "2001:DB8:0:0::9", 443, "TCP"), ("10.0.0.5", "2001:db8::9", 443, "tcp")),
        (("::ffff:10.0.0.5", " 203.0.113.9 ", 53, "17"), ("10.0.0.5", "203.0.113.9", 53, "udp")),
        (("fe80::1%eth0", "CDN.Example", 443, "6"), ("fe80::1", "cdn.example", 443, "tcp")),
        (("10.0.0.5", "203.0.113.9", 8, "1"), ("10.0.0.5", "203.0.113.9", 8, "icmp")),
    ],
)
def test_keys_are_spelled_as_pairs_are(given: tuple[str, str, int, str], key: tuple[str, str, int, str]) -> None:
    assert pair_key(*given) == key


@pytest.mark.parametrize("proto", ["TCP", "6", " tcp"])
def test_score_matches_labels_of_any_spelling(proto: str, conn_log: Log, pair: Make, tmp_path: Path) -> None:
    log = conn_log([pair(orig_h="2001:db8::5"), pair(rhythm=False, orig_h="10.0.0.6")])
    truth = tmp_path / "labels.csv"
    truth.write_text(f"{HEADER}2001:0DB8:0::5,203.0.113.9,443,{proto},C2\n10.0.0.6,203.0.113.9,443,{proto},benign\n")
    ran = run("score", log, "--truth", truth)
    assert "ROC AUC 1.000, precision 1.000, recall 1.000" in ran.stdout


def test_labels_that_match_nothing_are_said(conn_log: Log, pair: Make, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    truth.write_text(f"{HEADER}192.0.2.1,203.0.113.9,443,tcp,c2\n")
    ran = run("score", conn_log([pair()]), "--truth", truth)
    assert ran.returncode == 0
    assert f"none of the labelled pairs of {truth} is in the input" in ran.stdout


def test_columns_may_have_other_names_and_the_file_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(
            "resp,orig_h,resp_p,proto,label,family,evidence,case\n203.0.113.9,10.0.0.5,443,tcp,c2,Sliver,seen,a\n"
        )
    expected = PairLabel("c2", "", "Sliver seen", "a", 2)
    assert read_labels(path) == {("10.0.0.5", "203.0.113.9", 443, "tcp"): expected}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("orig_h,resp_h,resp_p,proto\n", "label"),
        (HEADER + "10.0.0.5,203.0.113.9,https,tcp,c2\n", "'https'"),
        (HEADER + "10.0.0.5,203.0.113.9,443\n", "proto is missing"),
        (HEADER + "10.0.0.5,,443,tcp,c2\n", "without address"),
    ],
)
def test_a_bad_labels_file_is_named_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as raised:
        read_labels(path)
    assert str(path) in str(raised.value)


def test_a_pair_takes_the_label_of_its_address(pair: Make) -> None:
    pairs = Pairs.build([pair(), pair(resp="c.example", addr="203.0.113.9"), pair(orig_h="10.0.0.6")])
    labels = {("10.0.0.5", "203.0.113.9", 443, "tcp"): PairLabel("c2")}
    assert labels_of(pairs, labels).tolist() == ["c2", "c2", ""]


def test_the_lab_is_what_its_file_says_else_the_folders_first_word(tmp_path: Path) -> None:
    for name in ("one_a", "two_b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(HEADER)
    (tmp_path / "two_b" / "lab").write_text("one\n")
    assert [lab_of(folder) for folder in folders_of(tmp_path)] == ["one", "one"]
    (tmp_path / "two_b" / "lab").write_text(" ")
    with pytest.raises(InputError, match="empty"):
        lab_of(tmp_path / "two_b")
    with pytest.raises(InputError, match=r"labels\.csv"):
        folders_of(tmp_path / "one_a")


def test_host_days_count_labelled_originators_over_captures_of_an_hour_and_more() -> None:
    labels = {
        ("10.0.0.5", "203.0.113.9", port, "tcp"): PairLabel(label) for port, label in ((1, "c2"), (2, "benign"))
    } | {("10.0.0.6", "203.0.113.9", 1, "tcp"): PairLabel("exclude")}
    assert hosts_of(labels) == 1
    assert host_days(3, 43_200.0) == 1.5
    assert host_days(3, 3599.0) == 0.0
