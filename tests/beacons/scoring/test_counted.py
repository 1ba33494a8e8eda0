"""Strobes and long connections: told by counting, on every road and in every report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from zeek_beacons import reports
from zeek_beacons.allow import AllowList
from zeek_beacons.cli import app
from zeek_beacons.config import Config
from zeek_beacons.errors import SettingError
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.recorded import details
from zeek_beacons.reports.sentence import reasons, sentence
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import EXPECTED, KINDS, SUPPRESSIONS

SERVER, T0 = "185.12.45.60", 1_767_225_600.0
HOUR = 3600.0


def strobe(rate: float = 1.2, hours: float = 2.5, **given: Any) -> dict[str, Any]:
    """A pair of so many connections a second, of which the newest 512 are held."""
    conns = int(rate * hours * HOUR)
    start = T0 + np.arange(conns - 512, conns) / rate
    return {
        "orig_h": "10.0.0.5",
        "resp": SERVER,
        "resp_p": 8443,
        "start": start,
        "conns": conns,
        "first_ts": T0,
    } | given


def lasting(hours: float = 24.0, **given: Any) -> dict[str, Any]:
    """A pair of one connection that is open for so long."""
    return {"orig_h": "10.0.0.5", "resp": SERVER, "resp_p": 8443, "start": [T0], "duration": [hours * HOUR]} | given


def judged(*pairs: dict[str, Any], config: Config | None = None, allow: AllowList | None = None) -> Scored:
    return score(Pairs.build(pairs), Scoring.load(), config or Config(), allow)


def told(scored: Scored) -> list[tuple[str, bool]]:
    verdicts = scored.verdicts
    return [(KINDS[kind], bool(alerts)) for kind, alerts in zip(verdicts.kind, verdicts.alerts, strict=True)]


def test_more_than_one_a_second_over_hours_is_a_strobe() -> None:
    scored = judged(strobe())
    assert told(scored) == [("strobe", True)]
    assert scored.feature_row.tolist() == [-1]  # what is held covers minutes
    assert np.isnan(scored.verdicts.score[0])
    assert sentence(scored, 0) == (
        f"10.0.0.5 talks to {SERVER}:8443: 10800 connections in 2.5 h, more than one a second: a strobe"
    )


@pytest.mark.parametrize("pair", [strobe(rate=0.9), strobe(hours=1.9)], ids=["slower", "shorter"])
def test_less_is_none(pair: dict[str, Any]) -> None:
    assert [kind for kind, _ in told(judged(pair))] == ["beacon"]


def test_a_connection_of_a_day_is_told_of() -> None:
    scored = judged(lasting(), lasting(23.9, orig_h="10.0.0.6"))
    assert told(scored) == [("long", True), ("beacon", False)]
    assert sentence(scored, 0).endswith("a connection that has lasted 24.0 h, its only one")
    assert told(judged(lasting(2.0), config=Config(long_after=HOUR))) == [("long", True)]


def test_a_rhythm_beside_a_long_connection_speaks_for_the_pair() -> None:
    start = T0 + 60.0 * np.arange(200)
    sizes = np.full(200, 300.0)
    duration = np.full(200, 0.2)
    duration[0] = 25 * HOUR
    beacon = lasting(start=start, duration=duration, orig_bytes=sizes, resp_bytes=sizes, state=["SF"] * 200)
    assert told(judged(beacon)) == [("beacon", True)]


@pytest.mark.parametrize(
    "given",
    [
        {"resp": "10.0.0.9"},
        {"orig_h": "185.12.45.61", "resp": "10.0.0.9"},
        {"resp": "239.1.2.3"},
        {"channel": "http", "resp": "c2.example", "addr": SERVER},
    ],
    ids=["inside", "from outside", "to a group", "inside connections"],
)
def test_only_connections_that_leave_the_site_count(given: dict[str, Any]) -> None:
    assert {kind for kind, _ in told(judged(strobe(**given), lasting(**given)))} <= {"beacon", "inbound"}


@pytest.mark.parametrize(
    "pair",
    [
        strobe(resp_p=53, proto="udp"),
        lasting(resp_p=5228),
        lasting(resp="client.wns.windows.com", addr="20.199.120.151"),
    ],
    ids=["name server", "push service", "well-known name"],
)
def test_what_the_server_explains_stays_quiet_and_says_why(pair: dict[str, Any]) -> None:
    scored = judged(pair)
    assert not scored.verdicts.alerts.any()
    assert scored.verdicts.suppressed.tolist() == [EXPECTED]
    assert SUPPRESSIONS[EXPECTED] == "expected"


def test_the_allow_list_holds() -> None:
    allow = AllowList.parse(f"subnet {SERVER}/32")
    assert not judged(strobe(), lasting(orig_h="10.0.0.6"), allow=allow).verdicts.alerts.any()


def test_reports_tell_of_what_has_no_score(tmp_path: Path) -> None:
    elsewhere: dict[str, Any] = {
        "resp": "185.12.45.77",
        "addr": "185.12.45.77",
    }  # one server of two hosts were one incident
    scored = judged(strobe(), lasting(orig_h="10.0.0.6", duration=[30 * HOUR], **elsewhere))
    assert reasons(scored, 0)[0] == "10800 connections in 2.5 h, more than one a second: a strobe"
    found = details(scored, np.arange(2))
    assert '"code": "strobe"' in found[0]
    assert '"value": 30.0' in found[1]
    hosts = reports.tables.hosts(scored)
    assert sorted(zip(hosts["host"].to_pylist(), hosts["beaconing_pairs"].to_pylist(), strict=True)) == [
        ("10.0.0.5", 1),
        ("10.0.0.6", 1),
    ]
    assert sorted(reports.tables.incidents(scored)["kind"].to_pylist()) == ["long", "strobe"]


def test_the_logs_of_a_day_give_alerts_hosts_and_reasons(tmp_path: Path) -> None:
    head = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes"
    lines = ["#separator \\x09", "#path\tconn", f"{head}\tresp_bytes\tconn_state"]
    row = "\t10.0.0.{who}\t40000\t185.12.45.6{who}\t8443\ttcp\t-\t{lasts}\t100\t200\tSF"
    lines += [f"{T0 + 0.8 * n:.6f}\tC{n}" + row.format(who=5, lasts="0.1") for n in range(9_500)]
    lines.append(f"{T0:.6f}\tL0" + row.format(who=6, lasts="90000.0"))
    log, folder = tmp_path / "conn.log", tmp_path / "out"
    log.write_text("\n".join(lines) + "\n")
    assert CliRunner().invoke(app, ["score", str(log), "-o", str(folder)]).exit_code == 0
    alerts = CliRunner().invoke(app, ["alerts", str(folder), "--csv"]).output
    assert "strobe" in alerts
    assert "a connection that has lasted 25.0 h" in alerts
    hosts = CliRunner().invoke(app, ["hosts", str(folder), "--csv"]).output
    assert "10.0.0.5" in hosts
    assert "10.0.0.6" in hosts
    assert "9500 connections in 2.1 h, more than one a second" in (folder / "alerts.csv").read_text()
    assert "a connection that has lasted 25.0 h" in (folder / "report.md").read_text()


def test_the_setting_is_checked() -> None:
    with pytest.raises(SettingError, match="expected at least 60 seconds"):
        Config(long_after=5)
