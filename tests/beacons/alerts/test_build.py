"""Alerts of a batch say what the reports say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zeek_beacons.alerts.build import incident_alerts, quiet_limit, stopped_alerts
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports import tables
from zeek_beacons.reports.facts import facts, notice
from zeek_beacons.scoring import Scoring

Make = Callable[..., dict[str, Any]]


def judged(*pairs: dict[str, Any]) -> Scored:
    return score(Pairs.build(pairs), Scoring.rules_only(), Config(threshold=0.05))


def test_there_is_one_alert_an_incident_and_it_says_what_the_reports_say(pair: Make) -> None:
    scored = judged(pair(), pair(orig_h="10.0.0.6"), pair(resp="198.51.100.7", orig_h="10.0.0.7", sleep=300.0))
    alerts = list(incident_alerts(scored, "model", 5.0))
    listed = tables.incidents(scored).to_pylist()
    for alert, row in zip(alerts, listed, strict=True):
        head = int(scored.incidents.rows[listed.index(row)][0])
        assert (alert.incident, alert.severity, alert.pairs) == (row["id"], row["severity"], row["members"])
        assert alert.summary.startswith(notice(scored, head))
        assert alert.facts == facts(scored, head)
        assert (alert.orig_h, alert.resp, alert.score) == (row["orig_h"], row["resp"], row["score"])
    assert sorted(alert.pairs for alert in alerts) == [1, 2]
    assert "1 further pair: also host" in next(alert.summary for alert in alerts if alert.pairs == 2)


def test_what_is_judged_again_has_the_same_ids(pair: Make) -> None:
    once, again = (list(incident_alerts(judged(pair()), "model", now)) for now in (1.0, 2.0))
    assert [alert.id for alert in once] == [alert.id for alert in again]


def test_a_beacon_that_fell_silent_before_the_logs_ended_has_stopped(pair: Make) -> None:
    scored = judged(pair(n=100), pair(orig_h="10.0.0.6", resp="198.51.100.7", n=400))
    (gone,) = stopped_alerts(scored, "model", 5.0)
    assert (gone.event, gone.orig_h) == ("stopped", "10.0.0.5")
    assert gone.summary.startswith("no check-in for 4.8 h: 10.0.0.5 checks in with")


def test_a_beacon_may_pause() -> None:
    assert [quiet_limit(sleep) for sleep in (None, 1.0, 3600.0)] == [900.0, 900.0, 36_000.0]
