"""What else was seen of a pair's ends: on every road, whoever wrote it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.readers.logs import T0, conns, json_log, load, tsv
from zeek_beacons import traits
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.candidate_rows import checked, join

TEXT = "tls_version=TLSv12"


def test_a_line_is_printable_and_cut() -> None:
    assert traits.line("tls_version", "TLSv13") == "tls_version=TLSv13"
    assert traits.line("tls_version", "a\nb") == "tls_version=a\\x0ab"
    assert len(traits.line("tls_version", "x" * 999)) == len("tls_version=") + traits.LONGEST
    assert (
        traits.line("tls_version", "") == traits.line("tls_version", "-") == traits.line("tls_version", math.nan) == ""
    )
    assert traits.line("tls_version", 3.0) == "tls_version=3"


@given(st.lists(st.one_of(st.text(), st.none(), st.integers(), st.just(TEXT)), max_size=99))
def test_what_strangers_write_is_known_traits_or_nothing(lines: list[object]) -> None:
    found = traits.checked(lines)
    assert found == traits.checked(found.split("\n"))
    assert set(traits.read(found)) <= set(traits.BY_CODE)
    assert found.isascii()
    assert found.replace("\n", "").isprintable()


def test_of_two_texts_the_later_counts() -> None:
    assert traits.together("tls_version=TLSv10", TEXT) == traits.together("", TEXT) == traits.together(TEXT, "") == TEXT


def test_a_trait_of_every_pair() -> None:
    plain = {"orig_h": "10.0.0.1", "resp": "9.9.9.9", "resp_p": 443, "start": [1.0]}
    pairs = Pairs.build([plain | {"traits": TEXT}, plain])
    assert traits.of(pairs, "tls_version").tolist() == ["TLSv12", ""]
    assert np.isnan(traits.numbers(pairs, "tls_version")).all()
    assert (traits.in_words(pairs, 0), traits.in_words(pairs, 1)) == ("TLSv12", "")


SSL = ("ts", "uid", "version")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_newest_connection_that_told_counts(as_json: bool, tmp_path: Path) -> None:
    rows = [
        {"ts": T0, "uid": "C0.0", "version": "TLSv10"},
        {"ts": T0, "uid": "C60.0", "version": "TLSv12"},
        {"ts": T0, "uid": "C120.0", "version": None},
        {"ts": T0, "uid": "C7", "version": "TLSv13"},
    ]
    (tmp_path / "ssl.log").write_bytes(json_log(rows) if as_json else tsv(rows, SSL, "ssl"))
    pairs = load(tmp_path, tsv(conns((0.0, 60.0, 120.0), service="ssl")))[0]
    assert pairs.traits.tolist() == [TEXT]


def test_candidates_of_a_pair_tell_what_the_newest_of_them_told() -> None:
    row = {"id.orig_h": "10.0.0.1", "id.resp_h": "9.9.9.9", "id.resp_p": 443, "proto": "tcp", "resp": "9.9.9.9"}
    told = [
        checked(row | {"conns": 1, "starts": [at], "traits": traits_told})
        for at, traits_told in ((1.0, ["tls_version=TLSv10"]), (2.0, [TEXT, "strange=1"]), (3.0, None))
    ]
    assert join(told)["traits"] == TEXT


def test_a_separator_in_a_value_is_no_separator(tmp_path: Path) -> None:
    fields = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts", "traits")
    head = "#separator \\x09\n#set_separator\t,\n#path\tbeacon_candidates\n#fields\t" + "\t".join(fields) + "\n"
    line = "10.0.0.1\t9.9.9.9\t443\ttcp\t9.9.9.9\t3\t1.0,2.0,3.0\tstrange=1,tls_version=a\\x2cb\\\\x41\n"
    pairs, _ = load(tmp_path, (head + line).encode(), "beacon_candidates.log")
    assert pairs.traits.tolist() == ["tls_version=a,b\\x41"]
