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


def test_modal_window_leaves_bursts_out() -> None:
    assert value("modal_window", after(np.tile([0.5, 0.5, 60.0], 20))) == 1
    assert np.isnan(value("modal_window", every(1.0, 40)))
