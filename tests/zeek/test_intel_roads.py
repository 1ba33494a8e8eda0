"""Hits of Zeek's Intel framework mark the same pairs on every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zeek_beacons.config import Config
from zeek_beacons.keys import Key
from zeek_beacons.readers import Request, read

from .conftest import TRACES
from .test_channels import loop, rows, scored

HOSTILE = (
    *(r"a\x01b\n\x1b[31m.example", r"\xff\xfe.example", r"{\"x\":\"y\\z\"}, comma", "n" * 400),
    *(r"\xc3\x84\xe2\x84\xaa.Example", r"blank.example\t", "(empty)"),
)
# By trace what is on the list, and the pairs that are marked: who, whom, with which hit.
LISTS = {
    "presented": (("203.0.113.60", "ADDR"), ("b.example", "DOMAIN"), ("10.0.0.9", "ADDR"), ("web.example", "DOMAIN")),
    "names": (("one.example", "DOMAIN"), ("two.example", "DOMAIN"), ("203.0.113.13", "ADDR")),
    "hostile_names": tuple((text, "DOMAIN") for text in HOSTILE),
    "sessions": (("185.12.45.61", "ADDR"), ("c2.example", "DOMAIN")),
    "split_sessions": (("203.0.113.7", "ADDR"),),
}


def listing(name: str, folder: Path) -> str:
    """A script that puts what is listed into Zeek's Intel framework."""
    items = "".join(
        f'Intel::insert(Intel::Item($indicator="{text}", $indicator_type=Intel::{kind}, '
        '$meta=Intel::MetaData($source="tests")));\n'
        for text, kind in LISTS[name]
    )
    script = folder / "list.zeek"
    script.write_text("@load frameworks/intel/seen\nevent zeek_init()\n{\n" + items + "}\n")
    return str(script)


def marked(log: Path) -> dict[Key, str]:
    """What each pair with two connections or more is marked with."""
    pairs, _ = read(Request([str(log)]), Config())
    return {key: hit for key, hit, n in zip(pairs.keys(), pairs.intel, pairs.conns.tolist(), strict=True) if n >= 2}


@pytest.mark.parametrize("as_json", ["T", "F"])
@pytest.mark.parametrize("name", LISTS)
def test_logs_and_candidates_mark_the_same(
    name: str, as_json: str, run_zeek: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = listing(name, tmp_path_factory.mktemp("list"))
    folder = run_zeek(
        TRACES / f"{name}.pcap", script, f"LogAscii::use_json={as_json}", "Beacons::poll_channel=T",
        "Beacons::expire_after=3days",
    )  # fmt: skip
    by_candidates = marked(folder / "beacon_candidates.log")
    assert marked(folder / "conn.log") == by_candidates
    hits = {hit for hit in by_candidates.values() if hit}
    assert len(hits) >= (len(HOSTILE) - 1 if name == "hostile_names" else 1)
    assert all(hit.isascii() and hit.isprintable() and len(hit) <= 200 for hit in hits)


def test_a_beacon_with_a_hit_says_so_in_notice_and_reports(zeek: str, tmp_path: Path) -> None:
    looped = loop(zeek, TRACES / "sessions.pcap", tmp_path / "loop", "--zeek-arg", listing("sessions", tmp_path))
    told = "in Zeek's Intel framework as "
    notices = {row["src"]: row["sub"] for row in rows(looped / "notice.log") if row["note"] == "Beacons::C2_Beacon"}
    assert notices.keys() == {"10.0.0.5", "10.0.0.6"}
    assert "indicator_list" in notices["10.0.0.5"]
    found = scored(looped / "conn.log")
    alerting = {found.pairs.orig_h[row]: found.listed.get(row) for row in found.verdicts.alerts.nonzero()[0].tolist()}
    # Zeek looks at the address of a server once a TCP connection is established; 10.0.0.6 sends datagrams.
    assert alerting == {"10.0.0.5": f"{told}DOMAIN c2.example", "10.0.0.6": None}
