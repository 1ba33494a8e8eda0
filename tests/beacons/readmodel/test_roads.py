"""The sidecar's history and `score`'s result say the same of the same connections."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.beacons.live.made import candidate
from tests.beacons.readmodel.made import history_of, judged, result_of, site
from zeek_beacons.readmodel import Beacon, PairRow, ReadModel
from zeek_beacons.scoring import Scoring


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory, scoring: Scoring) -> tuple[ReadModel, ReadModel]:
    """A history and a result of the same site."""
    folder = tmp_path_factory.mktemp("roads")
    history_of(site(), folder / "history.db", scoring)
    result_of(judged(site(), scoring), folder / "report")
    return ReadModel.open(folder / "history.db"), ReadModel.open(folder / "report")


def alike(row: PairRow) -> PairRow:
    """Without what a road alone can know: when it was judged, by which sensor."""
    return replace(row, since=None, judged=None, sensor="", stopped=False)


def alike_beacon(one: Beacon) -> Beacon:
    facts = None if one.facts is None else replace(one.facts, uids=())
    incident = None if one.incident is None else replace(one.incident, began=None, head=alike(one.incident.head))
    return replace(
        one,
        row=alike(one.row),
        facts=facts,
        uids=(),
        changes=tuple(replace(change, time=0.0) for change in one.changes),
        incident=None if incident is None else replace(incident, stopped=False, sensors=()),
        members=tuple(map(alike, one.members)),
    )


def test_every_pair_has_the_same_row(roads: tuple[ReadModel, ReadModel]) -> None:
    history, result = (model.pairs() for model in roads)
    assert history.total == result.total == 5
    assert [alike(row) for row in history.rows] == [alike(row) for row in result.rows]
    assert [row.level > 0 for row in history.rows] == [True] * 3 + [False] * 2


def test_every_pair_is_told_of_in_the_same_way(roads: tuple[ReadModel, ReadModel]) -> None:
    history, result = roads
    for row in history.pairs().rows:
        live, batch = history.beacon(row.id), result.beacon(row.id)
        assert live is not None
        assert batch is not None
        if not row.level and not row.near_miss:  # a result holds the connections of no others
            assert (batch.facts, live.facts, batch.observations.start) == (None, None, ())
            continue
        assert alike_beacon(live) == alike_beacon(batch)
        assert live.facts is not None
        assert live.uids == live.facts.uids != ()


def test_a_beacon_has_all_there_is_to_show(roads: tuple[ReadModel, ReadModel]) -> None:
    one = roads[0].beacon(roads[0].beacons().rows[0].id)
    assert one is not None
    assert one.summary.startswith(f"{one.row.orig_h} checks in with ")
    assert one.reasons
    assert {reason.about for reason in one.reasons} <= {"rhythm", "server"}
    assert len(one.checkins.time) == len(one.observations.start) == one.row.evidence
    assert sum(one.hours.counts) == one.row.evidence
    assert set(one.scorers) == {"forest", "significance", "rules"}
    assert sum(one.row.spark) == one.row.evidence
    assert one.fit is not None
    assert one.row.sleep == pytest.approx(one.fit.sleep)
    assert len(one.fit.gaps) == one.row.evidence - 1
    assert [change.level for change in one.changes] == [one.row.level]


def test_incidents_hosts_and_alerts_are_the_same(roads: tuple[ReadModel, ReadModel]) -> None:
    history, result = roads
    assert [(one.id, one.members, one.summary) for one in history.incidents().rows] == [
        (one.id, one.members, one.summary) for one in result.incidents().rows
    ]
    for mine, other in zip(history.hosts().rows, result.hosts().rows, strict=True):
        assert (mine.host, mine.combined_risk, mine.beacons) == (other.host, other.combined_risk, other.beacons)
    assert {(one.id, one.level) for one in history.alerts().rows} == {
        (one.id, one.level) for one in result.alerts().rows
    }


def test_what_a_file_is(roads: tuple[ReadModel, ReadModel]) -> None:
    history, result = (model.about() for model in roads)
    assert (history.kind, result.kind) == ("history", "result")
    for name in ("model", "calibrated", "threshold", "pairs", "scored", "beacons", "incidents", "hosts", "first_seen"):
        assert getattr(history, name) == getattr(result, name), name
    assert Path(result.path).name == "result.sqlite"


def test_a_hit_in_zeek_is_in_both_files(tmp_path: Path, scoring: Scoring) -> None:
    marked = [candidate(1, n=80, intel="DOMAIN evil.example"), candidate(2, n=80, resp="192.0.2.1", resp_h="192.0.2.1")]
    history_of(marked, tmp_path / "history.db", scoring)
    for file in (tmp_path / "history.db", result_of(judged(marked, scoring), tmp_path / "report")):
        with closing(sqlite3.connect(file)) as db:
            assert {row[0] for row in db.execute("SELECT intel FROM pairs")} == {"DOMAIN evil.example", ""}
