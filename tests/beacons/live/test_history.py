"""What pairs did before: kept over restarts, joined as the reader joins, and never the sidecar's death."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.history.guard import RETRY, HistoryGuard
from zeek_beacons.live.history.observation_codec import ObservationsError, pack, unpack
from zeek_beacons.live.history.store import HOUR, Changes, History, Limits
from zeek_beacons.live.protocol.messages import Candidate, Noticed
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import candidates as reader
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.scoring import Scoring

from .made import T0, candidate

RULES = Scoring.rules_only()
NOW = 2_000_000_000.0
KEY = candidate(1).key


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guarded(path: Path, clock: Callable[[], float] = Clock(), **limits: Any) -> HistoryGuard:  # noqa: B008
    made = HistoryGuard(path, Limits(**limits), clock=clock, wall=lambda: NOW)
    made.start()
    return made


def judge(worker: Worker, candidates: Sequence[Candidate], **more: Any) -> list[Any]:
    return worker.work(candidates, AllowList(), **more)


def at(seq: int, times: Sequence[float], **given: Any) -> Candidate:
    """A candidate with observations at these seconds after T0."""
    n = len(times)
    starts = [T0 + time for time in times]
    vectors = {"starts": starts, "durations": [0.5] * n, "orig_bytes": [seq] * n, "resp_bytes": [9] * n}
    return candidate(seq, **({"n": n, "first_ts": min(starts), "states": ["SF"] * n} | vectors | given))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


SIZES = st.floats(0, 2.0**64) | st.just(float("nan"))


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**17), 10**17), st.integers(-1, 10**12), SIZES, SIZES, st.sampled_from(["", "SF", "S0"])
        ),
        max_size=40,
    )
)
def test_observations_come_back_as_they_were(rows: list[tuple[int, int, float, float, str]]) -> None:
    start, duration, up, down, state = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    row = {
        "start": np.array(start, dtype=np.int64) / 1e6,
        "duration": np.array([np.nan if value < 0 else value / 1e6 for value in duration], dtype=np.float64),
        "orig_bytes": np.array(up, dtype=np.float64),
        "resp_bytes": np.array(down, dtype=np.float64),
        "state": np.array(state, dtype=np.object_),
    }
    found = unpack(pack(row))
    for name, column in row.items():
        assert np.array_equal(found[name], column, equal_nan=name != "state"), name


@given(st.binary() | st.binary().map(lambda data: b"\x01" + data))
def test_no_bytes_are_taken_for_observations(data: bytes) -> None:
    with pytest.raises(ObservationsError):
        unpack(data)


def test_a_changed_blob_is_refused() -> None:
    blob = bytearray(pack(candidate(1).row))
    blob[len(blob) // 2] ^= 1
    with pytest.raises(ObservationsError):
        unpack(bytes(blob))


TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True)


@given(st.lists(TIMES, min_size=1, max_size=6), st.sampled_from([8, 512]))
def test_history_joins_as_the_reader_does(windows: list[list[int]], most: int) -> None:
    """Candidates one after the other through the history equal beacon_candidates.log read in one go."""
    windows.sort(key=max)
    made = [at(seq, sorted(times)) for seq, times in enumerate(windows, 1)]
    config = Config(min_connections=3, max_observations=most)
    worker = Worker("me", RULES, config, HistoryGuard(Path(":memory:"), Limits()))
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


def test_a_corrupt_file_is_set_aside(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)
    kept = guarded(path)
    worker = Worker("me", RULES, Config(), kept)
    for seq in (1, 2):
        assert len(judge(worker, [candidate(seq)])) == 1
    assert kept.health.working
    assert kept.health.set_aside == 1
    assert [file.name for file in path.parent.glob("*corrupt*")] == ["history.db.corrupt-2000000000"]
    assert len(worker._stored([candidate(3)])) == 1


def test_a_file_that_breaks_while_in_use_is_set_aside(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    for seq in range(1, 40):
        judge(worker, [candidate(seq, orig_h=f"10.0.0.{seq}", n=400, jitter=0.9)])
    assert worker.history is not None
    worker.history.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * len(data[4096:])
    path.write_bytes(data)
    worker = Worker("me", RULES, Config(), guarded(path))
    for seq in range(1, 5):
        assert len(judge(worker, [candidate(seq, orig_h=f"10.0.0.{seq}")])) == 1
    assert worker.history is not None
    assert (worker.history.health.set_aside, worker.history.health.working) == (1, True)


def test_a_row_that_is_broken_is_left_out(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    judge(worker, [at(1, [0, 60])])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE pairs SET observations = x'01ff'")
    db.close()
    assert judge(worker, [at(2, [120, 180])])[0].observations == 2
    assert worker.unreadable == 1


def test_a_later_schema_and_a_strange_database_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(ConfigError, match="history of schema 7, this program knows 1"):
        guarded(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 0")
        db.execute("CREATE TABLE other (x)")
    db.close()
    with pytest.raises(ConfigError, match="a database of another program"):
        guarded(path)
    assert not list(path.parent.glob("*corrupt*"))


def test_a_full_disk_is_survived_and_recovered_from(path: Path) -> None:
    clock = Clock()
    kept = guarded(path, clock)
    worker = Worker("me", RULES, Config(), kept)
    assert kept._history is not None
    kept._history._db.execute("PRAGMA max_page_count = 12")
    many = [candidate(seq, orig_h=f"10.0.{seq}.1", n=400, jitter=0.9) for seq in range(1, 20)]
    assert len(judge(worker, many)) == 19
    assert (kept.health.working, kept.health.last_error) == (False, "database or disk is full")
    assert len(judge(worker, many)) == 19
    assert kept.health.skipped == 1
    clock.now += RETRY
    judge(worker, many)
    assert kept.health.working
    assert len(worker._stored(many)) == 19


def test_a_folder_that_cannot_be_written_is_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = guarded(tmp_path / "file" / "history.db")
    assert len(judge(Worker("me", RULES, Config(), kept), [candidate(1)])) == 1
    assert kept.health.errors >= 1


def test_a_disk_that_hangs_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = guarded(path)
    kept._patience = 0.05
    worker = Worker("me", RULES, Config(), kept)
    release, load = threading.Event(), History.load

    def hang(self: History, keys: Any) -> Any:
        release.wait(60)
        return load(self, keys)

    monkeypatch.setattr(History, "load", hang)
    for seq in (1, 2, 3):
        assert len(judge(worker, [candidate(seq)])) == 1
    assert (kept.health.errors, kept.health.skipped, kept.health.working) == (1, 3, False)
    monkeypatch.setattr(History, "load", load)
    assert kept._stuck is not None
    release.set()
    kept._stuck.result(10)
    kept._patience = 10
    judge(worker, [candidate(4)])
    assert kept.health.working


def test_a_slow_disk_is_used_a_tenth_of_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    kept = guarded(path, clock)
    worker = Worker("me", RULES, Config(), kept)
    load = History.load

    def slow(self: History, keys: Any) -> Any:
        clock.now += 1.0
        return load(self, keys)

    monkeypatch.setattr(History, "load", slow)
    for seq in range(1, 12):
        judge(worker, [candidate(seq)])
        clock.now += 1.0
    assert kept.health.errors == 2
    assert kept.health.skipped == 9


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    history = History.open(path, Limits())
    good = ("a", "", "", 1, 1, 0.0, None, None, b"")
    bad = (None, "", "", 1, 1, 0.0, None, None, b"")
    with pytest.raises(sqlite3.IntegrityError):
        history.store(Changes(pairs={("a", "b", 1, "tcp"): good, ("c", "b", 1, "tcp"): bad}), NOW)
    assert history.pairs() == 0


def test_old_pairs_are_forgotten(path: Path) -> None:
    history = History.open(path, Limits(days=30))
    row = ("a", "", "", 1, 1, 0.0, None, None, pack(candidate(1).row))
    for day in range(0, 60, 10):
        history.store(Changes(pairs={("10.0.0.1", f"r{day}", 1, "tcp"): row}), NOW + day * 24 * HOUR)
    assert history.prune(NOW + 50 * 24 * HOUR) == 2
    assert history.pairs() == 4
    assert history.prune(NOW + 50 * 24 * HOUR) == 0


def test_the_size_is_capped_and_given_back(path: Path) -> None:
    size = 500_000
    history = History.open(path, Limits(size=size))
    row = ("a", "", "", 1, 1, 0.0, None, None, b"x" * 2000)
    for block in range(20):
        pairs = {(f"10.0.0.{host}", f"r{block}", 1, "tcp"): row for host in range(100)}
        history.store(Changes(pairs=pairs), NOW + block * HOUR)
    assert history.size() > size
    while history.prune(NOW + 20 * HOUR):
        pass
    assert history.size() <= size
    kept = [resp for (resp,) in history._db.execute("SELECT DISTINCT resp FROM pairs")]
    assert "r19" in kept
    assert "r0" not in kept
    history.close()
    assert path.stat().st_size < 2 * size


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
