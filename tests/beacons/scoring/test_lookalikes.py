"""Benign rhythms are told by more than their port."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.features import extract
from zeek_beacons.keys import POLL
from zeek_beacons.knowledge import shipped_knowledge
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports.sentence import sentence
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES
from zeek_beacons.scoring.lookalikes import (
    LONGEST,
    NONE,
    KnownRhythms,
    addressed,
    calling,
    find,
    may_be_named,
    within_reach,
)
from zeek_beacons.scoring.names import ServerNames
from zeek_beacons.verdicts import LOOK_ALIKE, NOT_SUPPRESSED

N = 60


def _pair(**columns: Any) -> Pairs:
    described = {
        "orig_h": "10.0.0.5",
        "resp": "45.77.1.9",
        "resp_p": 443,
        "start": 1_700_000_000 + 64.0 * np.arange(N),
        "orig_bytes": [500.0] * N,
        "resp_bytes": [500.0] * N,
        "duration": [0.1] * N,
        "state": ["SF"] * N,
    }
    return Pairs.build([described | columns])


def test_what_is_within_reach_is_all_that_some_pair_is_addressed_to() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        some = [
            {
                "orig_h": "10.0.0.5",
                "resp": str(rng.choice(["45.77.1.9", "time.windows.com", "10.0.0.9"])),
                "addr": "45.77.1.9",
                "resp_p": int(rng.choice([443, 80, 53, 123, 5223, 22, 514, 9])),
                "proto": str(rng.choice(["tcp", "udp"])),
                "channel": str(rng.choice(["conn", "http", "dns", "poll"])),
                "start": [0.0],
            }
            for _ in range(rng.integers(1, 4))
        ]
        pairs = Pairs.build(some)
        has_name = may_be_named(pairs)
        reached = [place for place, _ in within_reach(pairs, has_name)]
        addressed_to = [place for place, look in enumerate(LOOK_ALIKES) if addressed(pairs, look, has_name).any()]
        assert set(addressed_to) <= set(reached)
        assert len(reached) < len(LOOK_ALIKES)


def _looks_like(**columns: Any) -> str:
    (found,) = _found(**columns).index
    return "" if found == NONE else LOOK_ALIKES[found].code


def _found(**columns: Any) -> KnownRhythms:
    pairs = _pair(**columns)
    return find(pairs, extract(pairs), ServerNames.of(pairs, shipped_knowledge()))


def _is_proven(**columns: Any) -> bool:
    found = _found(**columns)
    assert found.index[0] != NONE
    return bool(found.proven[0])


NTP = {"resp_p": 123, "proto": "udp", "service": "ntp", "orig_bytes": [48.0] * N, "resp_bytes": [48.0] * N}


def test_ntp_is_known_by_its_packets() -> None:
    assert _looks_like(**NTP) == "ntp"
    assert _looks_like(**NTP | {"orig_bytes": [48.0, 96.0] * (N // 2)}) == "ntp"


@pytest.mark.parametrize(
    "other",
    [
        {"orig_bytes": [60.0] * N},
        {"orig_bytes": None, "resp_bytes": None},
        {"resp_bytes": [300.0] * N},
        {"proto": "tcp"},
        {"resp_p": 124},
        {"orig_bytes": [4800.0] * N},
    ],
)
def test_a_port_alone_hides_nothing(other: dict[str, Any]) -> None:
    assert _looks_like(**NTP | {"service": ""} | other) == ""


def test_a_resolver_is_shared_or_known() -> None:
    dns = {"resp_p": 53, "proto": "udp", "service": "dns", "orig_bytes": [40.0] * N}
    assert _looks_like(**dns) == "outside_resolver"
    assert _looks_like(**dns | {"orig_bytes": [61.0] * N}) == ""
    assert _looks_like(**dns, resp_hosts=5, site_hosts=9) == "resolver"
    assert _looks_like(**dns, resp="8.8.8.8") == "resolver"
    assert _looks_like(**dns | {"orig_bytes": [200.0] * N}, resp="8.8.8.8") == ""


def test_what_zeek_recognised_needs_no_sizes() -> None:
    unknown = {"orig_bytes": None, "resp_bytes": None}
    assert _looks_like(**NTP | unknown) == "time_service"
    assert _looks_like(**unknown, resp="10.0.0.1", resp_p=67, proto="udp", service="dhcp") == "dhcp_service"
    assert _looks_like(**unknown, resp="10.0.0.1", resp_p=137, proto="udp") == "netbios"
    assert _looks_like(**unknown, resp_p=137, proto="udp") == ""


def test_dhcp_stays_inside() -> None:
    dhcp = {"resp_p": 67, "proto": "udp", "orig_bytes": [300.0] * N, "resp_bytes": [300.0] * N}
    assert _looks_like(**dhcp, resp="192.168.1.1") == "dhcp"
    assert _looks_like(**dhcp) == ""


@pytest.mark.parametrize("name", ["au.download.windowsupdate.com", "windowsupdate.com", "WindowsUpdate.com"])
def test_names_match_below_their_domain(name: str) -> None:
    assert _looks_like(resp_p=80, service="http", server_name=name, named=N) == "update"


@pytest.mark.parametrize("name", ["windowsupdate.com.evil.example", "notwindowsupdate.com", "ocspx"])
def test_names_that_only_look_similar_do_not_match(name: str) -> None:
    assert _looks_like(resp_p=443, service="ssl", server_name=name, named=N) == ""


def test_a_name_needs_its_service_and_most_connections() -> None:
    named = {"service": "ssl", "server_name": "d.dropbox.com", "named": N}
    assert _looks_like(**named) == "sync"
    assert _looks_like(**named | {"service": ""}) == ""
    assert _looks_like(**named | {"named": 5}) == ""


def test_only_protocols_are_proof_by_themselves() -> None:
    servers = ["connectivity_servers"]  # of one operator, where nobody else runs anything
    certain = [look.code for look in LOOK_ALIKES if look.certain and not (look.names or look.labels)]
    alive = ["ipsec", "wireguard", "mqtt", "bgp", "session", "telephone"]  # inside connections alone
    protocols = ["ntp", "time_service", "dhcp", "dhcp_service", "netbios", "snmp", "resolver"]
    assert certain == [*protocols, *alive, "echo", *servers]
    assert all(look.channel == POLL for look in LOOK_ALIKES if look.code in alive)
    assert _is_proven(**NTP)
    assert not _is_proven(resp="10.0.0.53", resp_p=53, proto="udp", service="dns", orig_bytes=[40.0] * N)
    assert not _is_proven(resp="10.0.0.9", resp_p=445, service="gssapi,smb")


UPDATE: dict[str, Any] = {"service": "ssl", "server_name": "aus5.mozilla.org", "named": N}


@pytest.mark.parametrize(
    ("witness", "proven"),
    [
        ({}, False),
        ({"dns_name": "aus5.mozilla.org"}, True),
        ({"dns_name": "cdn.attacker.example"}, False),
        ({"server_name": "", "named": 0, "dns_name": "aus5.mozilla.org"}, True),
        ({"server_name": "safebrowsing.google.com"}, False),
        ({"server_name": "safebrowsing.google.com", "resp": "173.194.113.71"}, True),
        ({"server_name": "d.dropbox.com", "dns_name": "d.dropbox.com"}, False),  # implants talk through it
        ({"cert_name": "*.mozilla.org", "cert_valid": 1.0}, True),
        ({"cert_name": "*.mozilla.org", "cert_valid": 0.0}, False),
        ({"cert_name": "*.mozilla.org"}, False),
        ({"cert_name": "attacker.example", "cert_valid": 1.0}, False),
        ({"server_name": "", "named": 0, "cert_name": "aus5.mozilla.org", "cert_valid": 1.0}, True),
        ({"resp_p": 993, "server_name": "imap.attacker.example", "dns_name": "imap.attacker.example"}, False),
    ],
)
def test_a_name_is_proof_with_a_second_witness(witness: dict[str, Any], proven: bool) -> None:
    assert _is_proven(**UPDATE | witness) == proven


def test_a_look_alike_is_told_and_does_not_alert() -> None:
    scored = score(_pair(**NTP), Scoring.rules_only(), Config())
    assert scored.verdicts.suppressed.tolist() == [LOOK_ALIKE]
    assert not scored.verdicts.alerts.any()
    assert "looks like NTP" in sentence(scored, 0)


def test_a_claimed_name_does_not_hide_what_is_sure() -> None:
    claimed = _pair(service="ssl", resp="d.dropbox.com", addr="203.0.113.9", server_name="d.dropbox.com", named=N)
    scored = score(claimed, Scoring.rules_only(), Config())
    assert scored.verdicts.score[0] >= Scoring.rules_only().thresholds["conservative"]
    assert scored.verdicts.suppressed.tolist() == [NOT_SUPPRESSED]
    assert scored.verdicts.alerts.all()
    assert "looks like a file synchronisation client" in sentence(scored, 0)


OCSP: dict[str, Any] = {"resp_p": 80, "service": "http", "named": N, "orig_bytes": [300.0] * N}
MAIL: dict[str, Any] = {"resp_p": 993, "service": "ssl", "named": N}


def test_names_match_by_how_their_first_label_begins() -> None:
    assert _looks_like(**OCSP, server_name="ocsp2.example.org") == "ocsp"
    assert _looks_like(**OCSP, server_name="crl.example.org") == "ocsp"
    assert _looks_like(**OCSP, server_name="www.ocsp.example.org") == ""
    assert _looks_like(**OCSP | {"orig_bytes": [900.0] * N}, server_name="ocsp.example.org") == ""
    assert _looks_like(**MAIL, server_name="imap.example.org") == "mail_names"
    assert _looks_like(**MAIL, server_name="example.org") == ""


@pytest.mark.parametrize(("named", "expected"), [(N // 2, "mail_names"), (N // 2 - 1, "")])
def test_half_of_the_connections_must_carry_the_name(named: int, expected: str) -> None:
    assert _looks_like(**MAIL | {"named": named}, server_name="imap.example.org") == expected


# Each protocol's packets: the smallest and largest that fit, each way.
EDGES = [
    ("ntp", {"resp_p": 123, "proto": "udp"}, (48, 960), (48, 48_000)),
    ("dhcp", {"resp_p": 67, "proto": "udp", "resp": "192.168.1.1"}, (60, 600), (0, 700)),
    ("resolver", {"resp_p": 53, "proto": "udp", "service": "dns", "resp": "9.9.9.9"}, (17, 120), (0, 60_000)),
    ("echo", {"resp_p": 0, "proto": "icmp"}, (0, 64), (0, 64)),
    ("ocsp", OCSP | {"server_name": "ocsp.example.org"}, (100, 700), (0, 60_000)),
]


@pytest.mark.parametrize(("code", "pair", "sent", "received"), EDGES, ids=[edge[0] for edge in EDGES])
def test_sizes_fit_up_to_the_edge(
    code: str, pair: dict[str, Any], sent: tuple[int, int], received: tuple[int, int]
) -> None:
    def found(up: float, down: float) -> str:
        return _looks_like(**pair | {"orig_bytes": [up] * N, "resp_bytes": [down] * N})

    for up in sent:
        for down in received:
            assert found(up, down) == code, (up, down)
    step = 48 if code == "ntp" else 1
    assert found(sent[1] + step, received[0]) == ""
    assert sent[0] == 0 or found(sent[0] - step, received[0]) == ""
    assert received[1] > 1000 or found(sent[0], received[1] + 1) == ""


@pytest.mark.parametrize(
    ("addr", "inside"),
    [
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.255.255", True),
        ("192.169.0.0", False),
        ("169.254.3.3", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("2001:67c::1", False),
    ],
)
def test_what_is_inside(addr: str, inside: bool) -> None:
    snmp = {"resp_p": 161, "proto": "udp", "service": "snmp"}
    assert _looks_like(**snmp, resp=addr) == ("snmp" if inside else "")


@pytest.mark.parametrize(("strays", "expected"), [(6, "ntp"), (7, "")])
def test_nine_packets_in_ten_are_whole(strays: int, expected: str) -> None:
    sizes = [49.0] * strays + [48.0] * (N - strays)
    assert _looks_like(**NTP | {"service": ""} | {"orig_bytes": sizes, "resp_bytes": sizes}) == expected


@pytest.mark.parametrize(("hosts", "expected"), [(2, "outside_resolver"), (3, "resolver")])
def test_a_resolver_is_shared_by_three(hosts: int, expected: str) -> None:
    dns = {"resp_p": 53, "proto": "udp", "service": "dns", "orig_bytes": [40.0] * N}
    assert _looks_like(**dns, resp_hosts=hosts, site_hosts=9) == expected


@pytest.mark.parametrize(("same", "expected"), [(57, "echo"), (56, "")])
def test_echoes_are_of_one_size(same: int, expected: str) -> None:
    sizes = [32.0] * same + [60.0] * (N - same)
    echo = {"resp_p": 0, "proto": "icmp", "orig_bytes": sizes, "resp_bytes": [32.0] * N}
    assert _looks_like(**echo) == expected


@pytest.mark.parametrize(("addr", "local"), [("147.32.80.9", True), ("10.9.9.9", False)])
def test_inside_is_what_the_site_says(addr: str, local: bool) -> None:
    snmp = {"resp_p": 161, "proto": "udp", "service": "snmp"}
    assert _looks_like(**snmp, resp=addr, resp_local=local) == ("snmp" if local else "")


def stated_one_by_one(name: str) -> set[int]:
    """The rule in its plainest form: a stated name or one below it, or a first label that begins so."""
    small = name.lower()
    labels = small.split(".")
    above = {".".join(labels[at:]) for at in range(len(labels))} - {""}
    return {
        place
        for place, look in enumerate(LOOK_ALIKES)
        if name
        and len(name) <= LONGEST
        and (above & set(look.names) or any(labels[0].startswith(label) for label in look.labels))
    }


@pytest.mark.parametrize("before", ["", "www.", "a.b.", "x", "MAIL.", "."])
def test_every_stated_name_is_found_as_each_look_alike_states_it(before: str) -> None:
    names = {name for look in LOOK_ALIKES for name in look.names} | {
        label for look in LOOK_ALIKES for label in look.labels
    }
    for name in sorted(names):
        for after in ("", ".", ".example.com"):
            text = before + name + after
            assert set(calling(text)) == stated_one_by_one(text), text
    assert calling("") == calling("a." * 127 + "ntp.org") == []


@given(st.text(alphabet="abemniltpo.-\x00", max_size=30))
def test_any_name_is_found_as_one_by_one(name: str) -> None:
    assert set(calling(name)) == stated_one_by_one(name)
