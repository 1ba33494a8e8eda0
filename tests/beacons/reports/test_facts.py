"""The facts of an alert: right, safe to paste, and short enough for a notice."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.uids import newest_uids
from zeek_beacons.reports import attack, tables
from zeek_beacons.reports.escape import code
from zeek_beacons.reports.facts import NOTICE, company, facts, notice, outcomes, size, sizes
from zeek_beacons.reports.queries import Sources
from zeek_beacons.scoring import Scoring

from ..readers.logs import CANDIDATE, T0, candidate, tsv

Make = Callable[..., dict[str, Any]]
HOSTILE = "x\";$(touch /tmp/p)`id`'|<b>.example"


def judged(*pairs: dict[str, Any]) -> Scored:
    return score(Pairs.build(pairs), Scoring.rules_only(), Config(threshold=0.05))


def test_the_facts_are_counted_from_what_is_held(pair: Make) -> None:
    state = ["S0"] * 40 + ["SF"] * 60
    received = np.where(np.arange(100) < 40, np.nan, 200.0)
    scored = judged(pair(state=state, resp_bytes=received, service="ssl", resp_hosts=3.0, site_hosts=36.0))
    known = facts(scored, 0)
    assert (known.answered, known.unanswered, outcomes(known)) == (60, 40, "40 of 100 unanswered")
    assert (known.bytes_out, known.bytes_in, sizes(known)) == (30_000, 12_000, "30 kB out, 12 kB in")
    assert company(known) == "2 of the 35 other hosts talk to it"
    assert known.attack == ("T1071.001", "T1573")
    assert known.first_seen == "2026-01-01T00:00:56Z"
    assert known.waits.startswith("waits of up to 10 % less than 6")


def test_a_name_says_where_it_was_learned(pair: Make) -> None:
    carried = {"server_name": "c2.example", "name_conns": 60, "named": 60}
    scored = judged(
        pair(service="ssl", **carried),
        pair(service="http", orig_h="10.0.0.6", **carried),
        pair(service="ssl,http", orig_h="10.0.0.7", **carried),
        pair(orig_h="10.0.0.8", dns_name="looked-up.example", dns_named=60),
        pair(orig_h="10.0.0.9"),
        pair(orig_h="10.0.0.10", channel="dns", resp="c2.example", addr="10.0.0.53", service="dns"),
    )
    assert [(facts(scored, row).name, facts(scored, row).name_from) for row in range(6)] == [
        ("c2.example", "TLS SNI"),
        ("c2.example", "HTTP Host"),
        ("c2.example", "TLS SNI or HTTP Host"),
        ("looked-up.example", "a DNS answer"),
        ("", ""),
        ("c2.example", "the names asked for"),
    ]


def test_what_is_not_known_is_not_said(pair: Make) -> None:
    nothing = np.full(100, np.nan)
    known = facts(judged(pair(state=[""] * 100, orig_bytes=nothing, resp_bytes=nothing)), 0)
    assert (known.answered, known.unanswered, known.bytes_out, known.other_hosts) == (None, None, None, None)
    assert (outcomes(known), company(known), known.command, known.uids) == ("", "", "", ())
    assert "T1008" not in known.attack


def test_nothing_answered_is_a_fallback_channel(pair: Make) -> None:
    known = facts(judged(pair(state=["S0"] * 100, resp_bytes=np.zeros(100))), 0)
    assert outcomes(known) == "100 of 100 unanswered"
    assert "T1008" in known.attack


def test_of_many_connections_the_newest_are_counted(pair: Make) -> None:
    known = facts(judged(pair(conns=4110, state=["S0"] * 100, resp_bytes=np.zeros(100))), 0)
    assert outcomes(known) == "100 of the newest 100 unanswered"


@pytest.mark.parametrize(
    ("proto", "port", "services", "expected"),
    [
        ("udp", 53, "dns", ["T1071.004"]),
        ("tcp", 443, "ssl", ["T1071.001", "T1573"]),
        ("tcp", 80, "http", ["T1071.001"]),
        ("tcp", 241, "ssl", ["T1071.001", "T1573", "T1571"]),
        ("tcp", 443, "", ["T1071.001", "T1573"]),
        ("tcp", 811, "", ["T1095"]),
        ("icmp", 0, "", ["T1095"]),
        ("tcp", 25, "smtp", ["T1071.003"]),
        ("tcp", 8883, "mqtt", ["T1071.005", "T1571"]),
        ("tcp", 22, "ssh", ["T1573"]),
    ],
)
def test_a_technique_follows_from_service_and_port(proto: str, port: int, services: str, expected: list[str]) -> None:
    channel = attack.Channel(proto, port, frozenset(filter(None, services.split(","))), True)
    assert attack.techniques(channel) == expected


def test_every_technique_has_a_name_and_a_page() -> None:
    assert {number for number, _ in attack.RULES} == attack.TECHNIQUES.keys()
    assert attack.url("T1071.001") == "https://attack.mitre.org/techniques/T1071/001/"
    assert attack.url("T1095") == "https://attack.mitre.org/techniques/T1095/"


def test_what_it_could_be_instead_follows_from_the_port_or_the_look_alike(pair: Make) -> None:
    scored = judged(
        pair(resp="45.77.1.9", resp_p=5666),
        pair(resp_p=4444, orig_h="10.0.0.6"),
        pair(service="ssl", resp_hosts=9.0, site_hosts=20.0, orig_h="10.0.0.7"),
        pair(
            resp="update.googleapis.com",
            addr="203.0.113.9",
            server_name="update.googleapis.com",
            named=100,
            service="ssl",
        ),
    )
    assert [facts(scored, row).could_be for row in range(4)] == [
        "a monitoring agent (NRPE, Zabbix, Prometheus, Wazuh)",
        "",
        "a web application, update check or telemetry that many hosts here use",
        "a software update check",
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"resp": "dns.google", "addr": "8.8.4.4", "service": "ssl"}, "DNS over HTTPS by Google"),
        ({"resp": "mozilla.cloudflare-dns.com", "addr": "45.77.1.9"}, "DNS over HTTPS by Cloudflare"),
        ({"resp": "a1b2c3.dns.nextdns.io", "addr": "45.77.1.9", "proto": "udp"}, "DNS over HTTPS by NextDNS"),
        ({"resp": "9.9.9.9"}, "DNS over HTTPS by Quad9"),
        ({"resp": "9.9.9.9", "resp_p": 853}, "DNS over TLS by Quad9"),
        ({"resp": "45.77.1.9", "resp_p": 853}, "DNS over TLS"),
        (
            {"resp": "dns.adguard-dns.com", "addr": "94.140.14.14", "resp_p": 853, "proto": "udp"},
            "DNS over QUIC by AdGuard",
        ),
        ({"resp": "10.0.0.53", "resp_p": 853, "resp_local": True}, ""),
        ({"resp": "9.9.9.9", "resp_p": 53, "proto": "udp", "service": "dns"}, ""),
        ({"resp": "dns.google", "addr": "10.0.0.53", "channel": "dns", "resp_local": False, "connected": 3.0}, ""),
        ({"resp": "mydns.google.example", "addr": "45.77.1.9"}, ""),
    ],
)
def test_a_resolver_asked_over_tls_is_told(pair: Make, given: dict[str, Any], text: str) -> None:
    if "addr" in given:
        given = {"server_name": given["resp"], "name_conns": 100, "named": 100} | given
    known = facts(judged(pair(**given)), 0)
    assert known.traits == text
    assert text in known.could_be


def test_a_domain_that_is_only_looked_up_is_told(pair: Make) -> None:
    asked = {"channel": "dns", "resp": "c2.example", "addr": "10.0.0.53", "service": "dns", "resp_local": False}
    told = "dns_types=TXT 100 %\ndns_entropy=3.9\ndns_nxdomain=0\ndns_unanswered=2"
    scored = judged(
        pair(**asked, connected=0.0, traits=told),
        pair(**asked, connected=1.0, orig_h="10.0.0.6"),
        pair(**asked, orig_h="10.0.0.7"),
    )
    assert [facts(scored, row).traits for row in range(3)] == [
        "queries for TXT 100 %, names of 3.9 bits a character, 0 % of the answers say no such name, "
        "2 % of the queries unanswered, never connected to",
        "",
        "",
    ]


def test_a_filter_holds_a_hostile_name_as_a_string(pair: Make) -> None:
    scored = judged(pair(resp=HOSTILE, addr="203.0.113.9", server_name=HOSTILE, named=100))
    known = facts(scored, 0)
    assert f"server_name == {json.dumps(HOSTILE)}" in known.filter
    assert "\n" not in known.filter
    assert HOSTILE not in known.command


def test_a_command_survives_a_hostile_file_name(pair: Make) -> None:
    path = "logs/a'b$(id) conn.log"
    command = facts(judged(pair()), 0, Sources({path: "conn"})).command
    assert shlex.split(command.split(" | ")[0]) == ["cat", path]
    packed = facts(judged(pair()), 0, Sources({"conn.log.gz": "conn"})).command
    assert packed.startswith("zcat conn.log.gz | zeek-cut ts uid id.orig_h")
    mixed = facts(judged(pair()), 0, Sources({"conn.log.gz": "conn", "conn.log": "conn"})).command
    assert mixed.startswith("zcat -f conn.log.gz conn.log | ")
    assert facts(judged(pair()), 0, Sources({"-": "conn"})).command == ""
    assert facts(judged(pair()), 0, Sources({"flows.csv": "flows"})).command == ""


def test_the_command_for_json_finds_the_connections(pair: Make, tmp_path: Path) -> None:
    log = tmp_path / "conn.log"
    row = {
        "ts": 1.0,
        "uid": "C1",
        "id.orig_h": "10.0.0.5",
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 443,
        "proto": "tcp",
    }
    log.write_text("".join(json.dumps(row | {"id.resp_p": port}) + "\n" for port in (443, 80)))
    command = facts(judged(pair()), 0, Sources.of({str(log): "conn"})).command
    assert " | jq -c " in command
    if shutil.which("jq"):
        found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert [json.loads(line)["id.resp_p"] for line in found.stdout.splitlines()] == [443]


def test_the_newest_uids_are_found_again_in_the_log(pair: Make, conn_log: Callable[..., Path]) -> None:
    log = conn_log([pair(), pair(orig_h="10.0.0.6", seed=2)])
    pairs, ingest = read(Request([str(log)]), Config())
    found = newest_uids(ingest.files, pairs, [0, 1])
    assert found == {0: ("C0x1123", "C0x1122", "C0x1121"), 1: ("C1x1123", "C1x1122", "C1x1121")}
    scored = score(pairs, Scoring.rules_only(), Config())
    (first, _) = tables.alerts(scored, Sources.of(ingest.files, found)).to_pylist()
    assert first["uids"] in ("C0x1123 C0x1122 C0x1121", "C1x1123 C1x1122 C1x1121")
    assert newest_uids({"-": "conn"}, pairs, [0]) == {}


def test_the_uid_of_the_newest_connection_is_found_in_a_log_of_candidates(tmp_path: Path) -> None:
    begun = [60.0 * number for number in range(20)]
    log = tmp_path / "beacon_candidates.log"
    rows = [candidate(begun[:count]) | {"uid": f"C{count}", "last_ts": T0 + begun[count - 1]} for count in (10, 20)]
    log.write_bytes(tsv(rows, [*CANDIDATE, "last_ts"], "beacon_candidates"))
    pairs, ingest = read(Request([str(log)]), Config())
    assert newest_uids(ingest.files, pairs, [0]) == {0: ("C20",)}


def test_a_notice_is_bounded_and_tells_what_decides(pair: Make) -> None:
    long = "a" * 240 + ".example"
    given = {"state": ["S0"] * 100, "resp_bytes": np.zeros(100), "service": "ssl", "resp_hosts": 2.0, "site_hosts": 9.0}
    scored = judged(pair(**given), pair(resp=long, addr="203.0.113.9", orig_h="10.0.0.6", **given))
    text = notice(scored, 0)
    assert "100 of 100 unanswered; 30 kB out, 0 B in; 1 of the 8 other hosts talks to it; could be " in text
    assert text.endswith("ATT&CK T1071.001, T1573, T1008")
    assert all(len(notice(scored, row)) <= NOTICE for row in range(2))
    quiet = score(Pairs.build([pair(rhythm=False)]), Scoring.load(), Config())
    assert "ATT&CK" not in notice(quiet, 0)


def test_no_word_of_the_workshop_reaches_a_reader(pair: Make) -> None:
    laws = [
        pair(sleep=60.0, jitter=jitter, orig_h=f"10.0.1.{row}", seed=row) for row, jitter in enumerate((0, 0.3, 0.9))
    ]
    scored = judged(*laws, pair(rhythm=False))
    texts = [str(value) for row in tables.alerts(scored).to_pylist() for value in row.values()]
    texts += [notice(scored, row) for row in range(len(scored.pairs))]
    for word in ("nats", "shortened", "gaussian", "keep phase"):
        assert not [text for text in texts if word in text.lower()]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (830, "830 B"), (12_345, "12.3 kB"), (3_100_000, "3.1 MB")])
def test_sizes_use_a_person_s_unit(count: int, text: str) -> None:
    assert size(count) == text


def test_code_in_markdown_holds_any_backtick() -> None:
    assert code("a") == "`a`"
    assert code("a`b") == "``a`b``"
    assert code("`a``b`") == "``` `a``b` ```"
