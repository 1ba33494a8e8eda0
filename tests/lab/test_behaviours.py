"""Behaviours of implants hidden in real days: each does what its name says, and is counted when found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Pairs, joined
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import BEACON, BENIGN, LOOK_ALIKE, NOT_SUPPRESSED, Verdicts
from zeek_beacons_lab.studies.behaviour_figures import GROUP, found, report, share_found
from zeek_beacons_lab.studies.behaviours import BEHAVIOURS, DAY, WORKDAY, Contacts, act
from zeek_beacons_lab.studies.hidden import LENGTHS, NETWORKS, NOTHING, WHOLE_DAY, Hidden, hide, host_days

from .sites import site

SLEEP = 300.0


def acted(name: str, sleep: float = SLEEP, seed: int = 1) -> Contacts:
    behaviour = BEHAVIOURS[name]
    return act(np.random.default_rng(seed), behaviour, sleep, behaviour.jitter[-1])


def waits(made: Contacts) -> Floats:
    """Seconds from the first connection of each check-in to that of the next."""
    _, first = np.unique(made.checkin, return_index=True)
    return np.diff(made.start[first])


@pytest.mark.parametrize("name", BEHAVIOURS)
@pytest.mark.parametrize("sleep", [30.0, 3600.0])
def test_every_behaviour_fills_its_days_and_can_be_cut(name: str, sleep: float) -> None:
    made = acted(name, sleep)
    assert (np.diff(made.checkin) >= 0).all()
    assert made.start.min() >= 0
    assert made.start.max() <= BEHAVIOURS[name].days * DAY + 60
    assert made.start.max() >= (BEHAVIOURS[name].days - 1) * DAY + 4 * 3600
    assert np.isfinite(made.orig_bytes).all()
    assert len(made.state) == len(made.start) == len(made.duration)
    short = made.until(12)
    assert short.checkin.max() <= 11
    np.testing.assert_array_equal(short.start, made.start[: len(short.start)])


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("fixed timer", 1.0, 1.0),
        ("sleep shortened", 0.5, 1.0),
        ("sleep lengthened", 1.0, 1.5),
        ("sleep both ways", 0.5, 1.5),
        ("jitter 80 %", 0.2, 1.0),
        ("2-4 connections a check-in", 1.0, 1.0),
        ("2-4 connections, jitter", 0.8, 1.2),
        ("3-8 connections a check-in", 1.0, 1.0),
        ("retries inside a check-in", 1.0, 1.0),
        ("fallback, first server dead", 1.0, 1.0),
    ],
)
def test_check_ins_keep_the_timer(name: str, low: float, high: float) -> None:
    shares = waits(acted(name)) / SLEEP
    assert low - 0.01 <= shares.min() <= low + 0.05
    assert high - 0.05 <= shares.max() <= high + 0.01


def test_a_back_off_doubles_up_to_the_sleep_and_begins_again() -> None:
    made = acted("back-off, dead server", 60.0)
    np.testing.assert_allclose(waits(made)[:10], [5, 10, 20, 40, 60, 5, 10, 20, 40, 60], atol=0.6)
    assert set(made.state) == {"S0"}
    assert made.resp_bytes.sum() == 0


def test_an_operator_changes_the_sleep_after_some_check_ins() -> None:
    shares = np.round(waits(acted("operator changes the sleep", 60.0)) / 60.0, 1)
    assert (shares[:39] == 1.0).all()
    assert set(shares) == {1.0, 0.1, 3.0}


def test_connections_of_a_check_in_come_seconds_apart() -> None:
    for name, fewest, most in (("2-4 connections a check-in", 2, 4), ("3-8 connections a check-in", 3, 8)):
        made = acted(name)
        counts = np.bincount(made.checkin)
        assert (counts.min(), counts.max()) == (fewest, most)
        inside = np.diff(made.start)[np.diff(made.checkin) == 0]
        assert 0.3 <= inside.min() < inside.max() <= 4.0


def test_retries_fail_first_and_then_get_through() -> None:
    made = acted("retries inside a check-in")
    last = np.append(np.diff(made.checkin) > 0, True)
    assert {made.state[row] for row in np.flatnonzero(last)} == {"SF"}
    assert {made.state[row] for row in np.flatnonzero(~last)} == {"REJ"}
    assert 0.3 <= (np.bincount(made.checkin) > 1).mean() <= 0.5


def test_servers_are_chosen_as_said() -> None:
    assert acted("servers in turn").server[:6].tolist() == [0, 1, 2, 3, 0, 1]
    counts = np.bincount(acted("one of five at random", 30.0).server)
    assert (counts / counts.sum()).tolist() == pytest.approx([0.2] * 5, abs=0.03)
    hours = acted("each server for hours")
    np.testing.assert_array_equal(hours.server, hours.start // (4 * 3600.0))
    fallback = acted("fallback, first server dead")
    assert {state for server, state in zip(fallback.server, fallback.state, strict=True) if server == 0} == {"S0"}
    assert {state for server, state in zip(fallback.server, fallback.state, strict=True) if server == 1} == {"SF"}
    assert set(acted("several ports of one server").port) == {0, 1, 2, 3}


def test_what_misses_posts_holds_and_works_by_day() -> None:
    full = DAY / SLEEP
    assert len(acted("a quarter missed").start) == pytest.approx(0.75 * full, rel=0.1)
    assert len(acted("two on one pair").start) == pytest.approx(full * (1 + 1 / 0.7), rel=0.02)
    posts = acted("GET, now and then POST", 30.0).orig_bytes
    assert (posts > 3 * np.median(posts)).mean() == pytest.approx(0.05, abs=0.02)
    assert acted("long poll").duration.min() > SLEEP - 0.1
    office = acted("office hours").start
    assert (office % DAY).max() < WORKDAY
    assert set(office // DAY) == set(range(5))


@pytest.fixture(scope="module")
def hidden() -> Hidden:
    return hide([site("made", people=12)], Config(), 3, sleeps=(600.0, 1800.0))


def judged(hidden: Hidden, label: int, suppressed: int = NOT_SUPPRESSED) -> Verdicts:
    """Verdicts of the rules in which every pair of an implant has this label, no other one alerts."""
    scored = score(hidden.pairs, Scoring.rules_only(), Config()).verdicts
    rows = np.array([key in hidden.keys for key in keys(hidden.pairs)])
    return replace(
        scored,
        label=np.where(rows, label, BENIGN).astype(np.uint8),
        suppressed=np.full(len(rows), suppressed, dtype=np.uint8),
        score=np.where(rows, 0.9, 0.1),
    )


def keys(pairs: Pairs) -> list[tuple[str, str, int]]:
    return list(zip(pairs.orig_h, pairs.resp, pairs.resp_p.tolist(), strict=True))


def test_every_shot_is_a_host_with_its_day_and_one_beacon(hidden: Hidden) -> None:
    shots = hidden.shots
    assert len(shots) == 1 + len(BEHAVIOURS) * 2 * len(LENGTHS) * len(NETWORKS)
    assert shots["host"].is_unique
    assert set(hidden.pairs.orig_h) == set(shots["host"])
    own = pd.Series(hidden.pairs.orig_h).value_counts()
    day = own[shots.loc[shots["behaviour"] == NOTHING, "host"].item()]
    fixed = shots[shots["behaviour"] == "fixed timer"]
    assert (own[fixed["host"]] == day + 1).all()
    assert fixed["checkins"].tolist() == [12, 12, 40, 40, 144, 144, 12, 12, 40, 40, 48, 48]
    again = hide([site("made", people=12)], Config(), 3, sleeps=(600.0, 1800.0))
    np.testing.assert_array_equal(again.pairs.start, hidden.pairs.start)


def test_a_beacon_among_the_implants_pairs_is_found_unless_suppressed(hidden: Hidden) -> None:
    shots = found(hidden, hidden.pairs, judged(hidden, BEACON))
    assert shots["found"].tolist() == (shots["behaviour"] != NOTHING).tolist()
    assert not found(hidden, hidden.pairs, judged(hidden, BENIGN))["found"].any()
    assert not found(hidden, hidden.pairs, judged(hidden, BEACON, LOOK_ALIKE))["found"].any()


def test_a_benign_pair_that_alerts_only_counts_where_nothing_is_hidden(hidden: Hidden) -> None:
    verdicts = judged(hidden, BENIGN)
    rows = np.array([key not in hidden.keys for key in keys(hidden.pairs)])
    wrong = replace(verdicts, label=np.where(rows, BEACON, BENIGN).astype(np.uint8))
    shots = found(hidden, hidden.pairs, wrong)
    assert shots["found"].tolist() == (shots["behaviour"] == NOTHING).tolist()


def test_a_group_of_the_implants_host_counts_wherever_its_row_stands(hidden: Hidden) -> None:
    one = hidden.pairs.take(np.array([len(hidden.pairs) - 1]))
    group = replace(one, resp=np.array([f"{GROUP}1"], dtype=object), addr=np.array([f"{GROUP}1"], dtype=object))
    pairs, verdicts = joined([hidden.pairs, group]), judged(hidden, BENIGN)
    rows = np.append(np.arange(len(hidden.pairs)), len(hidden.pairs) - 1)[::-1]
    more = Verdicts(
        **{
            name: getattr(verdicts, name)[rows]
            for name in Verdicts.__dataclass_fields__
            if name not in ("scorers", "threshold", "calibrated")
        },
        scorers={},
        threshold=0.5,
    )
    more.label[0] = BEACON
    shots = found(hidden, pairs.take(np.arange(len(pairs))[::-1]), more)
    assert shots.loc[shots["found"], "host"].tolist() == [one.orig_h[0]]


def test_the_table_says_what_was_found_and_told_right(hidden: Hidden) -> None:
    shots = found(hidden, hidden.pairs, judged(hidden, BEACON))
    right = shots.assign(told_sleep=shots["sleep"] * 1.04, told_jitter=shots["jitter"] + 0.09)
    off = shots.assign(told_sleep=shots["sleep"] * 1.06, told_jitter=shots["jitter"] + 0.11)
    off.loc[off["length"] == WHOLE_DAY, "found"] = False
    table = share_found(right)
    assert (table.drop(index=NOTHING).iloc[:, : len(LENGTHS) * len(NETWORKS)] == 1).all(axis=None)
    assert table.loc["fixed timer", ["sleep told", "jitter told"]].tolist() == [1, 1]
    assert table.loc["exponential waits", ["sleep told", "jitter told"]].isna().all()
    wrong = share_found(off)
    assert wrong.loc["fixed timer", ["sleep told", "jitter told"]].tolist() == [0, 0]
    assert wrong.loc["mean", "cloud, whole day"] == 0
    assert len(report(off).tables["behaviours"].rows) == len(BEHAVIOURS) + 2


def test_days_come_from_clean_hosts_of_every_lab_or_from_the_sample() -> None:
    days = host_days([site("one", people=12), site("other", people=9), site("few", people=3)], Config())
    assert [day.capture for day in days] == ["one", "other"]
    assert {day.capture for day in host_days([site("short", hours=3)], Config())} == {"sample site"}


def test_the_two_generators_share_no_code() -> None:
    for one, other in (("studies.behaviour_figures", "traffic"), ("traffic", "studies")):
        loaded = f"import sys, zeek_beacons_lab.{one}; print(*sys.modules, sep='\\n')"
        ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
        modules = ran.stdout.split()
        assert f"zeek_beacons_lab.{one}" in modules
        assert not [name for name in modules if name.startswith(f"zeek_beacons_lab.{other}")]
