"""What server and client showed is told, and changes no score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports import tables
from zeek_beacons.reports.details import details
from zeek_beacons.reports.facts import notice
from zeek_beacons.reports.presented import certificate, web_client
from zeek_beacons.scoring import Scoring

Make = Callable[..., dict[str, Any]]
SELF_SIGNED = {
    "cert_name": "c2.example",
    "cert_issuer": "CN=c2.example",
    "cert_self_signed": 1.0,
    "cert_valid": 0.0,
    "cert_days": 3650.0,
    "cert_servers": 4.0,
}
CLIENT = {"user_agent": "curl/8", "agent_hosts": 1.0, "no_host": 1.0, "site_hosts": 12.0}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "self-signed, for c2.example, valid for 3650 days, seen on 4 servers"),
        ({"cert_self_signed": np.nan}, ""),
        ({"cert_name": "", "cert_days": 1.0, "cert_servers": 1.0}, "self-signed, valid for 1 day"),
        ({"cert_days": np.nan, "cert_servers": np.nan}, "self-signed, for c2.example"),
        (
            {"cert_self_signed": 0.0, "cert_issuer": "CN=Lab", "cert_days": 90.0, "cert_servers": 1.0},
            "issued by CN=Lab, for c2.example, which Zeek could not verify, valid for 90 days",
        ),
        (
            {"cert_self_signed": 0.0, "cert_valid": np.nan, "cert_issuer": "", "cert_servers": 1.0},
            "issued by nobody named, for c2.example, valid for 3650 days",
        ),
        (
            {"cert_self_signed": 0.0, "cert_valid": 1.0},
            "issued by CN=c2.example, for c2.example, valid for 3650 days, seen on 4 servers",
        ),
    ],
)
def test_a_certificate_in_words(given: dict[str, Any], told: str, pair: Make) -> None:
    assert certificate(Pairs.build([pair(**SELF_SIGNED | given)]), 0) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "user agent curl/8 (that of 1 of 12 hosts), a request without Host"),
        ({"no_host": np.nan}, ""),
        ({"no_host": 0.0, "site_hosts": np.nan}, "user agent curl/8"),
        ({"user_agent": "", "agent_hosts": np.nan, "no_host": 0.0}, "no user agent"),
    ],
)
def test_a_web_client_in_words(given: dict[str, Any], told: str, pair: Make) -> None:
    assert web_client(Pairs.build([pair(**CLIENT | given)]), 0) == told


def test_what_was_shown_stands_in_tables_report_and_notice(pair: Make) -> None:
    scored = score(Pairs.build([pair(**SELF_SIGNED, **CLIENT)]), Scoring.rules_only(), Config(threshold=0.05))
    (alert,) = tables.alerts(scored).to_pylist()
    assert alert["certificate"] == certificate(scored.pairs, 0)
    assert alert["web_client"] == web_client(scored.pairs, 0)
    report = "\n".join(details(scored, 0))
    assert "- **certificate**: self-signed" in report
    assert "- **web client**: user agent curl/8" in report
    assert "; certificate self-signed" in notice(scored, 0)


def test_what_was_shown_is_no_mark_up_in_the_report(pair: Make) -> None:
    hostile = SELF_SIGNED | {"cert_name": "<b>[x](//y.example)"}
    scored = score(Pairs.build([pair(**hostile)]), Scoring.rules_only(), Config(threshold=0.05))
    report = "\n".join(details(scored, 0))
    assert "<b>" not in report
    assert "[x]" not in report


def test_what_was_shown_changes_no_score(pair: Make) -> None:
    """dev has no x509.log: there is nothing that a weight could be fitted to."""
    shown = score(Pairs.build([pair(**SELF_SIGNED, **CLIENT)]), Scoring.load(), Config()).verdicts
    plain = score(Pairs.build([pair(site_hosts=12.0)]), Scoring.load(), Config()).verdicts
    assert shown.score.tolist() == plain.score.tolist()
    assert shown.reasons.tolist() == plain.reasons.tolist()
