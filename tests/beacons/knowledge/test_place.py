"""Where servers lie, by databases in MaxMind's format; empty where nothing is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.made import candidate
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.knowledge import places
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.knowledge.places import PlaceFacts, Places
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports import tables
from zeek_beacons.reports.facts import facts, notice
from zeek_beacons.scoring import Scoring

ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}


def written(file: Path, records: dict[str, dict[str, Any]]) -> str:
    """A tiny database. Skips where what writes or reads one is not installed."""
    pytest.importorskip("maxminddb", reason="maxminddb is not installed: pip install 'zeek-beacons[place]'")
    writer = pytest.importorskip("mmdb_writer", reason="mmdb-writer, which makes test databases, is not installed")
    netaddr = pytest.importorskip("netaddr")
    made = writer.MMDBWriter(ip_version=6, ipv4_compatible=True)
    for network, record in records.items():
        made.insert_network(netaddr.IPSet([network]), record)
    made.to_db_file(str(file))
    return str(file)


def of(*records: object) -> PlaceFacts:
    return Places([{"203.0.113.9": record}.get for record in records]).of("203.0.113.9")


@pytest.mark.parametrize(
    ("record", "expected", "text"),
    [
        (ASN, PlaceFacts(64500, "Example"), "AS64500 Example"),
        ({"country": {"iso_code": "NL"}}, PlaceFacts(country="NL"), "NL"),
        (
            {"asn": "AS64500", "as_name": "Example", "country": "Netherlands", "country_code": "NL"},
            PlaceFacts(64500, "Example", "NL"),
            "AS64500 Example, NL",
        ),
        ({"asn": "none", "as_name": 5, "country": {"iso_code": "Holland"}}, PlaceFacts(), ""),
        ({"autonomous_system_organization": "a\x1bb"}, PlaceFacts(as_org="ab"), "ab"),
        (None, PlaceFacts(), ""),
        ("text", PlaceFacts(), ""),
    ],
)
def test_what_a_record_says(record: object, expected: PlaceFacts, text: str) -> None:
    assert of(record) == expected
    assert expected.text == text


def test_databases_complete_each_other_and_the_first_counts() -> None:
    country = {"country": {"iso_code": "NL"}}
    assert of(ASN, country, {"country": {"iso_code": "FR"}}) == PlaceFacts(64500, "Example", "NL")
    assert Places().of("203.0.113.9") == PlaceFacts()


def test_addresses_are_remembered_and_no_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "REMEMBERED", 2)
    asked: list[str] = []
    known = Places([asked.append])
    for addr in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"):
        known.of(addr)
        assert len(known.known) <= 2
    assert asked == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ConfigError, match=r"pip install 'zeek-beacons\[place\]'"):
        Places.load([str(tmp_path / "asn.mmdb")])


def test_a_file_that_is_missing_or_none_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb", reason="maxminddb is not installed: pip install 'zeek-beacons[place]'")
    with pytest.raises(InputError, match=r"asn\.mmdb: cannot be read"):
        Places.load([str(tmp_path / "asn.mmdb")])
    for content in (b"", b"no database"):
        (tmp_path / "asn.mmdb").write_bytes(content)
        with pytest.raises(InputError, match=r"asn\.mmdb: is no database"):
            Places.load([str(tmp_path / "asn.mmdb")])


def test_a_database_is_read(tmp_path: Path) -> None:
    asn = written(tmp_path / "asn.mmdb", {"203.0.113.0/24": ASN})
    country = written(tmp_path / "country.mmdb", {"203.0.0.0/16": {"country": {"iso_code": "NL"}}})
    known = Places.load([asn, country])
    assert known.of("203.0.113.9") == PlaceFacts(64500, "Example", "NL")
    assert known.of("203.0.112.9") == PlaceFacts(country="NL")
    for nothing in ("10.0.0.5", "2001:db8::1", "no address", ""):
        assert known.of(nothing) == PlaceFacts()


def test_the_place_stands_in_tables_notice_and_facts_and_changes_no_verdict() -> None:
    pairs = Pairs.build([candidate(1).row, candidate(2, orig_h="10.0.0.6", resp="192.0.2.1", resp_h="192.0.2.1").row])
    local = LocalKnowledge(places=Places([lambda address: ASN if address == "203.0.113.9" else None]))
    plain = score(pairs, Scoring.rules_only(), Config(threshold=0.5))
    placed = score(pairs, Scoring.rules_only().knowing(local), Config(threshold=0.5))
    assert (placed.verdicts.score == plain.verdicts.score).all()
    assert (placed.verdicts.severity == plain.verdicts.severity).all()
    row = pairs.addr.tolist().index("203.0.113.9")
    assert facts(placed, row).place == "AS64500 Example"
    assert "; in AS64500 Example" in notice(placed, row)
    assert facts(plain, row).place == facts(placed, 1 - row).place == ""
    for table in (tables.scored_pairs, tables.alerts):
        found = table(placed).to_pylist()
        assert {one["addr"]: one["asn"] for one in found} == {"203.0.113.9": 64500, "192.0.2.1": None}
        assert {one["addr"]: one["as_org"] for one in found} == {"203.0.113.9": "Example", "192.0.2.1": None}
        assert [one["asn"] for one in table(plain).to_pylist()] == [None, None]
