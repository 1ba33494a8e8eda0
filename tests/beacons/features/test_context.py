"""Where a pair goes: port, service, name and prevalence, alone and missing."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.features.context import fit
from zeek_beacons.features.payload import MIN_VALUES

from .traffic import after, every, value

BEATS = every(60, 20)


@pytest.mark.parametrize(
    ("port", "proto", "expected"),
    [(443, "tcp", 0), (80, "tcp", 0), (123, "udp", 1), (8080, "tcp", 2), (4444, "tcp", 3), (50_000, "tcp", 4)],
)
def test_ports_are_ordered_by_how_unusual_they_are(port: int, proto: str, expected: float) -> None:
    assert value("port_class", BEATS, resp_p=port, proto=proto) == expected


def test_icmp_has_no_port() -> None:
    assert np.isnan(value("port_class", BEATS, resp_p=0, proto="icmp"))


@pytest.mark.parametrize(
    ("port", "service", "expected"),
    [(443, "ssl", 1), (443, "http", -1), (443, "", 0), (4444, "ssl", -1), (445, "gssapi,smb", 1), (53, "dns", 1)],
)
def test_a_service_fits_its_port_or_does_not(port: int, service: str, expected: float) -> None:
    assert fit(port, service) == expected
    assert value("service_fit", BEATS, resp_p=port, service=service) == expected


def test_named_share_counts_connections_that_carried_a_name() -> None:
    assert value("named_share", BEATS, named=5, server_name="a.example") == 0.25
    assert value("named_share", BEATS) == 0


def test_prevalence_needs_a_site() -> None:
    assert value("prevalence", BEATS, resp_hosts=1, site_hosts=11) == 0
    assert value("prevalence", BEATS, resp_hosts=6, site_hosts=11) == 0.5
    assert np.isnan(value("prevalence", BEATS, resp_hosts=1, site_hosts=4))
    assert np.isnan(value("prevalence", BEATS))


def test_magnitudes_are_logarithms_of_medians() -> None:
    sizes = [99.0] * 20
    assert value("log_orig", BEATS, orig_bytes=sizes) == 2
    assert value("log_duration", BEATS, duration=[0.1] * 20) == pytest.approx(-1)
    assert np.isnan(value("log_resp", BEATS[: MIN_VALUES - 1], resp_bytes=sizes[: MIN_VALUES - 1]))


def test_rare_large_answers_stand_out() -> None:
    answers = [100.0] * 18 + [5000.0, 50_000.0]
    assert value("large_answer_share", BEATS, resp_bytes=answers) == pytest.approx(0.1)


def test_modal_window_is_absolute() -> None:
    rng = np.random.default_rng(1)
    assert value("modal_window", BEATS) == 1
    near = value("modal_window", after(300 + rng.uniform(-1, 1, 40)))
    wide = value("modal_window", after(300 + rng.uniform(-100, 100, 40)))
    assert near == 1
    assert wide < 0.2


def test_modal_window_counts_the_gaps_that_are_there() -> None:
    distinct = np.arange(100.0, 300.0, 10.0)
    for months in (1, 2, 4):
        assert value("modal_window", after(np.append(distinct, months * 30 * 86_400.0))) == pytest.approx(1 / 21)


def test_modal_window_leaves_bursts_out() -> None:
    assert value("modal_window", after(np.tile([0.5, 0.5, 60.0], 20))) == 1
    assert np.isnan(value("modal_window", every(1.0, 40)))


@pytest.mark.parametrize(
    ("service", "ports"),
    [
        ("ftp", [21]),
        ("ssh", [22]),
        ("smtp", [25, 465, 587]),
        ("dns", [53, 5353, 5355]),
        ("dhcp", [67]),
        ("http", [80]),
        ("krb", [88, 445]),
        ("krb_tcp", [88]),
        ("pop3", [110, 995]),
        ("ntp", [123]),
        ("dce_rpc", [135]),
        ("imap", [143, 993]),
        ("snmp", [161]),
        ("ldap", [389]),
        ("ssl", [443, 465, 587, 636, 853, 993, 995, 3389, 5222, 5223, 5228, 8443, 8883]),
        ("quic", [443]),
        ("smb", [445]),
        ("syslog", [514]),
        ("mqtt", [1883]),
        ("mysql", [3306]),
        ("rdp", [3389]),
        ("sip", [5060]),
        ("xmpp", [5222]),
        ("postgresql", [5432]),
        ("redis", [6379]),
        ("irc", [6667]),
    ],
)
def test_a_service_fits_the_ports_it_is_assigned_to_and_no_other(service: str, ports: list[int]) -> None:
    assert [port for port in range(65_536) if fit(port, service) > 0] == ports


@pytest.mark.parametrize("port", [8000, 8008, 8080, 8081, 8088, 8443, 8888])
def test_alternative_web_ports(port: int) -> None:
    assert value("port_class", BEATS, resp_p=port) == 2


@pytest.mark.parametrize(("port", "expected"), [(49_151, 3), (49_152, 4)])
def test_dynamic_ports_begin_where_they_are_said_to(port: int, expected: float) -> None:
    assert value("port_class", BEATS, resp_p=port) == expected


def test_gaps_without_spread_have_no_memory() -> None:
    assert np.isnan(value("memory", every(86_400.0, 40) + 1e-6 * np.arange(40) % 3e-6))
