"""Indicator lists in every format; rubbish is counted, and a hit makes a beacon severer but never a beacon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import candidate
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.knowledge import indicator_files, indicators
from zeek_beacons.knowledge.indicator_files import HASH, NOT_FOR_DETECTION, OTHER_KIND, TOO_COMPLEX, comparisons
from zeek_beacons.knowledge.indicator_text import ADDRESS, NAME, NETWORK, URL, NoIndicatorError, spelled
from zeek_beacons.knowledge.indicators import IndicatorLists
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports import tables
from zeek_beacons.reports.quiet import on_lists
from zeek_beacons.reports.recorded import weighed, worth_telling
from zeek_beacons.reports.sentence import reasons, sentence
from zeek_beacons.scoring import Scoring, listed
from zeek_beacons.verdicts import SEVERITIES

STIX = {
    "type": "bundle",
    "objects": [
        {"type": "indicator", "pattern_type": "stix", "pattern": "[ipv4-addr:value = '203.0.113.9']"},
        {
            "type": "indicator",
            "pattern": "[domain-name:value = 'evil.example' OR url:value = 'http://u.example/x']",
        },
        {"type": "indicator", "pattern": "[ipv4-addr:value = '203.0.113.10' AND domain-name:value = 'a.example']"},
        {"type": "indicator", "pattern": "[x509-certificate:hashes.'SHA-1' = 'abcd']"},
        {"type": "indicator", "pattern": "[domain-name:value = 'gone.example']", "revoked": True},
        {"type": "malware", "name": "x"},
    ],
}
MISP = {
    "Event": {
        "info": "x",
        "Attribute": [
            {"type": "ip-dst|port", "value": "203.0.113.9|443", "to_ids": True},
            {"type": "domain|ip", "value": "evil.example|203.0.113.11", "to_ids": True},
            {"type": "domain", "value": "seen.example", "to_ids": False},
            {"type": "comment", "value": "hello", "to_ids": True},
        ],
        "Object": [{"Attribute": [{"type": "url", "value": "http://u.example/x", "to_ids": True}]}],
    }
}
ZEEK = (
    "#fields\tindicator\tindicator_type\tmeta.source\n"
    "203.0.113.9\tIntel::ADDR\tx\n"
    "evil.example\tIntel::DOMAIN\tx\n"
    "u.example/x\tIntel::URL\tx\n"
    "abcd\tIntel::CERT_HASH\tx\n"
    "a@b.example\tIntel::EMAIL\tx\n"
)
RITA = "Severity,Source IP,Destination IP,FQDN\nHigh,10.0.0.5,203.0.113.9,\nHigh,10.0.0.5,,evil.example\n"
ABUSE = '# "first_seen_utc","dst_ip","dst_port"\n"2026-01-01 00:00:00","203.0.113.9","443"\n'
PLAIN = "# a list\n203.0.113.9  # a server\nevil[.]example\n\nhxxp://u.example/x\nrubbish here\n"


def lists(folder: Path, *contents: str) -> IndicatorLists:
    files = []
    for number, content in enumerate(contents):
        file = folder / f"list{number}.txt"
        file.write_text(content)
        files.append(str(file))
    return IndicatorLists.load(files)


def pair(**given: Any) -> dict[str, Any]:
    return {"orig_h": "10.0.0.5", "resp": "192.0.2.1", "resp_p": 443, "start": np.arange(8.0)} | given


def hits(found: IndicatorLists, **given: Any) -> str:
    return found.hits(Pairs.build([pair(**given)])).get(0, "")


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("203.0.113.9", ADDRESS, "203.0.113.9"),
        ("::ffff:203.0.113.9", ADDRESS, "203.0.113.9"),
        ("2001:DB8::1", ADDRESS, "2001:db8::1"),
        ("203.0.113.9:443", ADDRESS, "203.0.113.9"),
        ("[2001:db8::1]:443", ADDRESS, "2001:db8::1"),
        ("203.0.113.9/32", ADDRESS, "203.0.113.9"),
        ("203.0.113.9/24", NETWORK, "203.0.113.0/24"),
        ("Evil.Example.", NAME, "evil.example"),
        ("*.evil.example", NAME, "evil.example"),
        ("evil[.]example", NAME, "evil.example"),
        ("hxxps://user:pw@u.example:8443/x?y#z", URL, "u.example"),
        ("http://[2001:db8::1]:80/x", URL, "2001:db8::1"),
        ("u.example/x", URL, "u.example"),
    ],
)
def test_an_indicator_has_one_spelling(text: str, kind: int, expected: str) -> None:
    assert spelled(text) == (kind, expected)


@pytest.mark.parametrize(
    "text", ["", "com", "not an indicator", "0.0.0.0", "127.0.0.1", "0.0.0.0/0", "10.0.0.0/7", "d41d8cd98f", "http://"]
)
def test_what_is_none_or_marks_too_much_is_refused(text: str) -> None:
    with pytest.raises(NoIndicatorError):
        spelled(text)


@pytest.mark.parametrize(
    ("content", "form", "kept", "skipped"),
    [
        (PLAIN, "plain", 3, {"no address, name or URL": 1}),
        (ZEEK, "zeek", 3, {HASH: 1, OTHER_KIND: 1}),
        (RITA, "csv", 2, {}),
        (RITA + "Low,10.0.0.5,-,-\n", "csv", 2, {"no indicator in the line": 1}),
        (ABUSE, "csv", 1, {}),
        ("x,203.0.113.9,443\na\rb,c\n", "csv", 1, {"no line of a CSV": 1}),
        (json.dumps(MISP), "misp", 4, {NOT_FOR_DETECTION: 1, OTHER_KIND: 1}),
        (json.dumps({"response": [MISP]}), "misp", 4, {NOT_FOR_DETECTION: 1, OTHER_KIND: 1}),
        (json.dumps(STIX), "stix", 3, {TOO_COMPLEX: 1, HASH: 1, NOT_FOR_DETECTION: 1}),
    ],
)
def test_each_format_is_read_and_what_is_left_out_is_counted(
    content: str, form: str, kept: int, skipped: dict[str, int], tmp_path: Path
) -> None:
    found = lists(tmp_path, content)
    (tally,) = found.tallies
    assert (tally.form, tally.kept, tally.problem, dict(tally.skipped)) == (form, kept, "", skipped)
    assert hits(found, resp="203.0.113.9") == "on the indicator list list0.txt as 203.0.113.9"
    assert found.warnings == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[url:value = 'a']", [("url:value", "a")]),
        (r"[url:value='it\'s'] OR [ipv4-addr:value = 'b']", [("url:value", "it's"), ("ipv4-addr:value", "b")]),
        ("[url:value = 'a'] AND [url:value = 'b']", None),
        ("[url:value LIKE 'a%']", None),
        ("[url:value != 'a']", None),
        ("[url:value = 'a'] WITHIN 5 SECONDS", None),
        ("[url:value = 'a'", None),
        ("", None),
    ],
)
def test_a_stix_pattern_is_read_wholly_or_not_at_all(pattern: str, expected: object) -> None:
    assert comparisons(pattern) == expected


def test_a_pair_is_looked_up_by_each_of_its_names_and_its_address(tmp_path: Path) -> None:
    found = lists(tmp_path, "evil.example\n198.51.100.0/24\nhttp://u.example/x\nhttp://192.0.2.7/x\n")
    as_evil = "on the indicator list list0.txt as evil.example"
    assert hits(found, resp="a.b.evil.example", addr="192.0.2.1") == as_evil
    assert hits(found, resp="evil.example/stem", addr="192.0.2.1", channel="http") == as_evil
    assert hits(found, server_name="evil.example") == as_evil
    assert hits(found, dns_name="x.evil.example") == as_evil
    assert hits(found, cert_name="*.evil.example") == as_evil
    assert hits(found, resp="198.51.100.77") == "on the indicator list list0.txt as 198.51.100.0/24"
    assert hits(found, server_name="u.example") == "on the indicator list list0.txt as the host of a URL, u.example"
    assert hits(found, resp="192.0.2.7") == "on the indicator list list0.txt as the host of a URL, 192.0.2.7"
    for name in ("x.u.example", "notevil.example", "evil.example.net", "example"):
        assert hits(found, server_name=name) == ""
    assert hits(found) == ""


def test_a_shared_suffix_marks_no_customer_and_a_url_no_popular_site(tmp_path: Path) -> None:
    found = lists(tmp_path, "duckdns.org\nco.uk\nhttps://github.com/evil/x\n")
    assert hits(found, server_name="foo.duckdns.org") == ""
    assert hits(found, server_name="bbc.co.uk") == ""
    assert hits(found, server_name="github.com") == ""
    assert hits(found, server_name="duckdns.org") != ""


def test_the_first_list_that_has_it_is_named(tmp_path: Path) -> None:
    found = lists(tmp_path, "other.example\n", "evil.example\n", "evil.example\n")
    assert "list1.txt" in hits(found, server_name="evil.example")


@given(st.lists(st.text(max_size=60) | st.sampled_from(["evil.example", "1.2.3.4/", "a,b", '"', "#fields\tindicator"])))
def test_rubbish_never_raises_and_is_counted(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    file = tmp_path_factory.mktemp("rubbish") / "list"
    file.write_text("\n".join(lines), "utf-8", errors="replace")
    found = IndicatorLists.load([str(file)])
    (tally,) = found.tallies
    entries = len(list(indicator_files.opened(file).entries))
    assert tally.kept + sum(tally.skipped.values()) == entries
    assert all(text.isprintable() and text.isascii() for text in tally.texts() if not tally.problem)
    found.hits(Pairs.build([pair(), pair(server_name="evil.example")]))


@given(st.binary(max_size=300))
def test_any_bytes_are_told_of(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "list"
    file.write_bytes(content)
    found = IndicatorLists.load([str(file)])
    assert found.said
    assert bool(found) or found.warnings


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["Event", "Attribute", "Object", "response", "type", "value", "objects", "pattern"]),
                inner | st.sampled_from(["bundle", "indicator", "ip-dst", "domain|ip"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_told_of(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    file = tmp_path_factory.mktemp("json") / "list"
    file.write_text(json.dumps([content]) + "\n")
    assert IndicatorLists.load([str(file)]).said
    file.write_text(json.dumps({"type": "bundle", "objects": content, "Event": content}))
    assert IndicatorLists.load([str(file)]).said


def test_a_list_that_is_none_is_told_of_and_left_out(tmp_path: Path) -> None:
    found = lists(tmp_path, '{"type": "bundle"', "\0\1\2", "nothing here\n", "evil.example\n")
    assert [bool(one.problem) for one in found.tallies] == [True, True, False, False]
    assert len(found.warnings) == 3
    assert "scored without it" in found.said[0]
    assert hits(found, server_name="evil.example") == "on the indicator list list3.txt as evil.example"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt: cannot be read"):
        IndicatorLists.load([str(tmp_path / "nowhere.txt")])


def test_what_is_held_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicators, "MOST", 2)
    monkeypatch.setattr(indicators, "MOST_NETWORKS", 1)
    found = lists(tmp_path, "a.example\nb.example\nc.example\n198.51.100.0/24\n203.0.113.0/24\n")
    assert found.tallies[0].kept == 3
    assert dict(found.tallies[0].skipped) == {"over the limit of 2": 1, "over the limit of 1": 1}
    assert len(found.hashes) == 2


def test_a_line_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicator_files, "LONGEST_LINE", 64)
    found = lists(tmp_path, "x" * 1000 + "\nevil.example\n")
    assert dict(found.tallies[0].skipped) == {"a line too long": 1}
    assert found.tallies[0].examples["a line too long"][0] == 1
    assert hits(found, server_name="evil.example")


BEACONING, QUIET = (
    candidate(1, n=16, jitter=0.5),
    candidate(2, orig_h="10.0.0.6", resp="198.51.100.1", n=12, jitter=1.0),
)
SHORT = candidate(3, orig_h="10.0.0.7", resp="198.51.100.2", n=2)


def judged(folder: Path, content: str = "") -> Scored:
    pairs = Pairs.build([{**one.row, "addr": one.row["resp"]} for one in (BEACONING, QUIET, SHORT)])
    local = LocalKnowledge(lists(folder, content)) if content else LocalKnowledge()
    return score(pairs, Scoring.rules_only().knowing(local), Config(threshold=0.5))


def test_a_beacon_on_a_list_is_one_level_severer_and_says_why(tmp_path: Path) -> None:
    before, after = judged(tmp_path), judged(tmp_path, "203.0.113.9\n")
    assert before.verdicts.alerts.tolist() == after.verdicts.alerts.tolist() == [True, False, False]
    assert after.verdicts.severity.tolist() == [min(before.verdicts.severity[0] + 1, 4), 0, 0]
    assert before.verdicts.severity[0] < len(SEVERITIES) - 1, "or nothing was to be seen"
    assert (after.verdicts.score == before.verdicts.score)[:2].all()
    told = "on the indicator list list0.txt as 203.0.113.9"
    assert reasons(after, 0)[0] == told
    assert sentence(after, 0) == f"{sentence(before, 0)}; {told}"
    assert weighed(after, 0) == [{"code": "indicator_list", "text": told}, *weighed(before, 0)]
    assert tables.alerts(after)["indicator"].to_pylist() == [told]
    assert tables.alerts(before)["indicator"].to_pylist() == [None]


def test_a_hit_alone_makes_no_alert_but_is_shown_where_it_was_scored(tmp_path: Path) -> None:
    before, after = judged(tmp_path), judged(tmp_path, "198.51.100.1\n198.51.100.2\n")
    assert (before.verdicts.label == after.verdicts.label).all()
    assert (before.verdicts.severity == after.verdicts.severity).all()
    assert after.listed_quiet.tolist() == [1]
    assert before.listed_quiet.tolist() == []
    assert worth_telling(after, 3) == [0, 1]
    assert worth_telling(before, 3) == [0]
    assert "198.51.100.1" in "\n".join(on_lists(after))
    assert sum(text is not None for text in tables.scored_pairs(after)["indicator"].to_pylist()) == 2


def test_a_hit_in_zeek_counts_as_one_on_a_list(tmp_path: Path) -> None:
    marked = candidate(1, n=16, jitter=0.5, intel="CERT_HASH abcd")
    before, after = judged(tmp_path), score(Pairs.build([marked.row]), Scoring.rules_only(), Config(threshold=0.5))
    assert after.verdicts.severity[0] == before.verdicts.severity[0] + 1
    told = "in Zeek's Intel framework as CERT_HASH abcd"
    assert reasons(after, 0)[0] == told
    assert tables.alerts(after)["indicator"].to_pylist() == [told]
    named = Scoring.rules_only().knowing(LocalKnowledge(lists(tmp_path, "203.0.113.9\n")))
    both = score(Pairs.build([marked.row]), named, Config(threshold=0.5))
    assert reasons(both, 0)[0].startswith("on the indicator list")
    assert both.verdicts.severity[0] == after.verdicts.severity[0]


def test_a_group_is_on_a_list_with_one_of_its_members(tmp_path: Path) -> None:
    pairs = Pairs.build([pair(resp=f"192.0.2.{number}") for number in (1, 2)] + [pair(resp="group:x")])
    found = listed.listed(pairs, {2: np.array([0, 1])}, lists(tmp_path, "192.0.2.2\n"))
    told = "on the indicator list list0.txt as 192.0.2.2"
    assert found == {1: told, 2: told}
    spoken = listed.lent(found, {2: np.array([0, 1])}, np.array([2, 2, 2]))
    assert spoken == {0: f"together with a server {told}", 1: told, 2: told}
    assert listed.lent(found, {2: np.array([0, 1])}, np.arange(3)) == found
