"""Hits of Zeek's Intel framework, of intel.log, joined by uid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.intel_log import LONGEST_HIT
from zeek_beacons.readers.names import log_of

from .logs import T0, conn, conns, json_log, load, tsv

INTEL = ("ts", "uid", "seen.indicator", "seen.indicator_type", "seen.where", "matched", "sources")


def hit(at: float, what: str = "evil.example", kind: str = "Intel::DOMAIN", **given: Any) -> dict[str, Any]:
    """A row of intel.log of the connection at this time."""
    row = {"ts": T0 + at, "uid": f"C{at}", "seen.indicator": what, "seen.indicator_type": kind}
    return row | {"seen.where": "SSL::IN_SERVER_NAME", "matched": [kind], "sources": ["a", "b"], **given}


def marked(folder: Path, rows: list[dict[str, Any]], as_json: bool = False, **more: Any) -> Pairs:
    """The pairs of connections, three to one server and one to another, with this intel.log beside."""
    folder.mkdir(exist_ok=True)
    (folder / "intel.log").write_bytes(json_log(rows) if as_json else tsv(rows, INTEL, "intel"))
    lines = [*conns([0.0, 60.0, 120.0]), conn(5.0, id__resp_h="203.0.113.10")]
    return load(folder, tsv(lines), **more)[0]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_first_hit_of_the_newest_connection_counts(as_json: bool, tmp_path: Path) -> None:
    rows = [hit(60.0, "b.example"), hit(0.0), hit(60.0, "203.0.113.9", "Intel::ADDR", ts=T0 + 59.0)]
    rows[-1]["seen.where"] = "Conn::IN_RESP"
    pairs = marked(tmp_path, rows, as_json)
    assert dict(zip(pairs.resp, pairs.intel, strict=True)) == {"203.0.113.9": "ADDR 203.0.113.9", "203.0.113.10": ""}


def test_a_hit_marks_the_pair_by_name_too(tmp_path: Path) -> None:
    names = [{"uid": f"C{at}", "server_name": "evil.example"} for at in (0.0, 60.0)]
    (tmp_path / "ssl.log").write_bytes(tsv(names, ("uid", "server_name"), "ssl"))
    pairs = marked(tmp_path, [hit(60.0)])
    assert dict(zip(pairs.resp, pairs.intel, strict=True)) == {
        "203.0.113.9": "DOMAIN evil.example",
        "203.0.113.10": "",
        "evil.example": "DOMAIN evil.example",
    }


@pytest.mark.parametrize(
    "given", [{"uid": None}, {"uid": "C7"}, {"seen.where": None}, {"seen.where": "DNS::IN_REQUEST"}]
)
def test_what_is_no_hit_on_a_server_tells_nothing(given: dict[str, Any], tmp_path: Path) -> None:
    for as_json in (False, True):
        assert set(marked(tmp_path, [hit(0.0, **given)], as_json).intel) == {""}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_hit_stays_short_and_printable(as_json: bool, tmp_path: Path) -> None:
    hostile = "a\u00c4\x1b" + "x" * 500_000
    (found, *_) = sorted(set(marked(tmp_path, [hit(0.0, hostile)], as_json).intel), reverse=True)
    assert len(found) == LONGEST_HIT
    assert found.startswith(r"DOMAIN a\xc3\x84\x1bx")


@pytest.mark.parametrize(("escaped", "text"), [(r"\x28empty)", "(empty)"), (r"\x2d", "-"), (r"a\x2d", r"a\x2d")])
def test_what_looks_unset_is_as_it_was(escaped: str, text: str, tmp_path: Path) -> None:
    assert f"DOMAIN {text}" in marked(tmp_path, [hit(0.0, escaped)]).intel.tolist()


def test_pieces_of_one_connection_share_a_hit(tmp_path: Path) -> None:
    pieces = [
        conn(0.0, conn_state="S1", history="ShADad", duration=10.0),
        conn(400.0, conn_state="SF", history="DadFf", duration=10.0),
    ]
    (tmp_path / "intel.log").write_bytes(tsv([hit(400.0)], INTEL, "intel"))
    pairs = load(tmp_path, tsv(pieces))[0]
    assert (pairs.conns.tolist(), pairs.intel.tolist()) == ([1], ["DOMAIN evil.example"])


def test_hits_in_a_stream_of_all_logs_are_joined(tmp_path: Path) -> None:
    stream = [{"_path": "conn"} | row for row in conns([0.0, 60.0])] + [{"_path": "intel"} | hit(60.0)]
    pairs = load(tmp_path, json_log(stream))[0]
    assert pairs.intel.tolist() == ["DOMAIN evil.example"]


def test_the_log_is_known_by_its_columns_too(tmp_path: Path) -> None:
    for name, content in {
        "plain.log": tsv([hit(0.0)], INTEL, "intel").replace(b"#path\tintel\n", b""),
        "rows.log": json_log([hit(0.0)]),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert log_of(str(tmp_path / name)) == "intel"
        assert load(tmp_path, tsv([conn(0.0)]), name_logs=[str(tmp_path / name)])[0].intel[0] == "DOMAIN evil.example"
