"""What pairs did before: kept over restarts, and joined as the reader joins."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.histories import KEY, RULES, at, guarded, judge
from tests.beacons.live.made import T0, candidate
from zeek_beacons import pipeline
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.protocol.messages import Noticed
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import candidates as reader
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.scoring import Scoring

TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True)


@given(st.lists(TIMES, min_size=1, max_size=6), st.sampled_from([8, 512]))
def test_history_joins_as_the_reader_does(windows: list[list[int]], most: int) -> None:
    """Candidates one after the other through the history equal beacon_candidates.log read in one go."""
    windows.sort(key=max)
    made = [at(seq, sorted(times)) for seq, times in enumerate(windows, 1)]
    config = Config(min_connections=3, max_observations=most)
    worker = Worker("me", RULES, config, HistoryGuard(Path(":memory:"), Limits(), clock=lambda: 0.0))
    for one in made:
        judge(worker, [one])
    stored = worker._stored(made[:1])
    joined = reader.joined([dict(one.row) for one in made], config, Ingest())
    live = Pairs.build(list(stored.values()))
    assert live.start.tolist() == joined.start.tolist()
    assert live.first_ts[0] == joined.first_ts[0]
    if most == 512:  # what was cut from the history is no longer counted
        assert live.conns[0] == joined.conns[0]


def test_the_newest_version_of_an_observation_counts(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60, 120])])
    judge(worker, [at(2, [120, 180])])
    (row,) = worker._stored([at(3, [0])]).values()
    assert (row["start"] - T0).tolist() == [0, 60, 120, 180]
    assert row["orig_bytes"].tolist() == [1, 1, 2, 2]


def test_one_batch_joins_as_several_do(path: Path, tmp_path: Path) -> None:
    made = [at(seq, [60 * (seq + step) for step in range(10)]) for seq in range(5)[1:]]
    together = Worker("me", RULES, Config(), guarded(path))
    apart = Worker("me", RULES, Config(), guarded(tmp_path / "other.db"))
    verdicts = judge(together, made)
    assert verdicts == [verdict for one in made for verdict in judge(apart, [one])]
    assert [verdict.observations for verdict in verdicts] == [10, 11, 12, 13]


def test_a_pair_slower_than_zeeks_memory_is_joined_over_restarts(path: Path) -> None:
    days = [86_400 * day for day in range(12)]
    for first in range(0, 12, 3):
        kept = guarded(path)
        (verdict,) = judge(Worker("me", RULES, Config(), kept), [at(first + 1, days[first : first + 3])])
        assert (verdict.label == "beacon") == (first >= 3)
        kept.close()
    (whole,) = judge(Worker("me", RULES, Config(), None), [at(10, days)])
    assert (verdict.observations, verdict.label, verdict.conns) == (12, whole.label, whole.conns)


def test_what_is_older_than_the_retention_is_left_out(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path, days=2.0))
    judge(worker, [at(1, [0, 86_400, 2 * 86_400])])
    (verdict,) = judge(worker, [at(2, [3 * 86_400])])
    assert verdict.observations == 3


def test_alerts_and_progress_are_kept_until_confirmed(path: Path) -> None:
    kept = guarded(path)
    worker = Worker("me", RULES, Config(), kept)
    (verdict,) = judge(worker, [candidate(5)], progress={("zeek", "b1"): 5})
    assert verdict.level
    kept.close()
    kept = HistoryGuard(path, Limits())
    alerts, progress = kept.start()
    assert (len(alerts), progress) == (1, {("zeek", "b1"): 5})
    judge(Worker("me", RULES, Config(), kept), [], confirmed=[Noticed("zeek", "b1", KEY, verdict.level)])
    kept.close()
    assert HistoryGuard(path, Limits()).start()[0] == []


def test_a_row_that_is_broken_is_left_out(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60])])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE pairs SET observations = x'01ff'")
    db.close()
    assert judge(worker, [at(2, [120, 180])])[0].observations == 2
    assert worker.unreadable == 1


def test_names_and_places_are_kept(path: Path) -> None:
    worker = Worker("me", RULES, Config(local_nets=("203.0.113.0/24",)), guarded(path))
    given = {"named": 2, "server_name": "a.example", "name_conns": 2, "dns_name": "b.example", "dns_named": 1}
    given |= {"cert_name": "c.example", "cert_valid": False, "user_agent": "d e", "no_host": True}
    judge(worker, [at(1, [0, 60], **given, cert_days=None, local_orig=True, local_resp=None, site_tls_named=0.75)])
    (row,) = worker._stored([at(2, [0])]).values()
    assert np.isnan(row["cert_days"])
    assert {name: row[name] for name in given} == given
    assert (row["orig_local"], row["resp_local"], row["site_tls_named"]) == (True, True, 0.75)


def test_a_hit_in_zeek_is_kept_until_a_newer_one_comes(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    held = []
    for seq, hit in enumerate(("DOMAIN evil.example", None, "ADDR 203.0.113.9"), 1):
        judge(worker, [at(seq, [60 * seq], intel=hit)])
        held += [row["intel"] for row in worker._stored([at(9, [0])]).values()]
    assert held == ["DOMAIN evil.example", "DOMAIN evil.example", "ADDR 203.0.113.9"]


def test_what_an_older_version_kept_has_no_places_and_one_name(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60], named=2, server_name="a.example")])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE pairs SET name_conns = NULL, orig_local = NULL, resp_local = NULL, dns_named = NULL")
    db.close()
    (row,) = worker._stored([at(2, [0])]).values()
    assert (row["name_conns"], row["orig_local"], row["resp_local"]) == (2, None, None)
    assert np.isnan(row["dns_named"])
    judge(worker, [at(2, [120, 180], named=2, server_name="a.example", name_conns=2, local_resp=None)])
    (row,) = worker._stored([at(2, [0])]).values()
    assert (row["conns"], row["named"], row["name_conns"]) == (4, 4, 4)
    assert (row["orig_local"], row["resp_local"]) == (True, True)
    assert Pairs.build([row]).is_twin.all()


def test_incidents_are_formed_once_and_over_all_that_alerted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a batch alone would be thrown away."""

    def formed(*_: object) -> NoReturn:
        raise AssertionError("the incidents of a batch were formed")

    monkeypatch.setattr(pipeline, "find", formed)
    worker = Worker("me", RULES, Config(), guarded(path))
    (verdict,) = judge(worker, [candidate(5)])
    assert verdict.level
    assert worker.incidents.of(KEY) == verdict.incident
    assert worker.faults == 0


def test_scoring_that_fails_takes_only_the_one_with_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    build = Pairs.build

    def broken(rows: Any) -> Pairs:
        if any(row["orig_h"] == "10.0.0.2" for row in rows):
            raise ArithmeticError("a fault of ours")
        return build(rows)

    monkeypatch.setattr(Pairs, "build", broken)
    verdicts = judge(worker, [candidate(seq, orig_h=f"10.0.0.{seq}") for seq in (1, 2, 3)])
    assert [verdict.label for verdict in verdicts] == ["beacon", "insufficient_evidence", "beacon"]
    assert worker.faults == 1


def test_what_another_card_held_is_not_joined(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    earlier, later = ["orig_mac=02:00:00:00:00:07", "orig_name=A"], ["orig_mac=02:00:00:00:00:08", "orig_name=B"]
    judge(worker, [at(1, [0, 60], traits=earlier), at(2, [120]), at(3, [200, 290], traits=later)])
    judge(worker, [at(4, [60, 120], traits=earlier), at(5, [380], traits=later)])  # the first one comes late
    (row,) = worker._stored([at(6, [0])]).values()
    assert (row["start"] - T0).tolist() == [200, 290, 380]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM host_owners").fetchall() == [("B",)]


def test_a_beacon_does_not_hide_behind_a_name_that_came_before_it(tmp_path: Path) -> None:
    """The pair by name has no rhythm and came in another batch: the history tells of it."""
    rng = np.random.default_rng(3)
    beacon = np.round(np.cumsum(60 * (1 - 0.1 * rng.random(200))), 6)
    browsing = np.sort(np.repeat(rng.uniform(6000, 12_000, 100), 5) + rng.exponential(3, 500))
    named: dict[str, Any] = {"server_name": "www.busy.example"}
    address = at(1, beacon.tolist(), resp="45.0.0.9", resp_h="45.0.0.9", named=200, name_conns=200, **named)
    named |= {name: rng.integers(300, 50_000, 500).tolist() for name in ("orig_bytes", "resp_bytes")}
    named |= {"resp": "www.busy.example", "resp_h": "46.0.0.1", "conns": 1200, "named": 1200, "name_conns": 1200}
    name = at(2, np.round(browsing, 6).tolist(), **named)
    held = guarded(tmp_path / "history.db")
    worker = Worker("me", Scoring.load(), Config(), held)
    assert [verdict.level > 0 for verdict in worker.work([address], AllowList())] == [False]
    assert [verdict.level > 0 for verdict in worker.work([name], AllowList())] == [False]
    (again,) = worker.work([address], AllowList())
    held.close()
    assert (again.level > 0, again.suppressed) == (True, "")


def test_when_a_server_was_first_seen_is_remembered_beyond_its_pairs(path: Path) -> None:
    day = 86_400
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60])])
    (row,) = worker._stored([at(2, [0])]).values()
    assert row["traits"] == "server_first_seen=2026-01-01"
    assert worker.history is not None
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM pairs")
    judge(worker, [at(3, [40 * day, 41 * day]), at(4, [39 * day], resp="new.example")])
    found = {key[1]: row["traits"] for key, row in worker._stored([at(5, [0]), at(6, [0], resp="new.example")]).items()}
    assert set(found.values()) == {"server_first_seen=2026-01-01", "server_first_seen=2026-02-09"}
    assert found["new.example"] == "server_first_seen=2026-02-09"


def test_first_sights_are_forgotten_after_months(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60]), at(2, [0, 60], resp="old.example")])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE first_sights SET touched = touched - 24 * 181 WHERE resp = 'old.example'")
        db.execute("UPDATE first_sights SET touched = touched - 24 * 179 WHERE resp <> 'old.example'")
    again = guarded(path)
    again.maintain()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM first_sights WHERE resp = 'old.example'").fetchone()[0] == 0
        assert db.execute("SELECT count(*) FROM first_sights").fetchone()[0] == 1
