"""What is said of a timer: right where side connections and retries hide it, and hints that hold what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.sentence import implant, round_jitter, round_sleep, sentence, waits
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import BEACON
from zeek_beacons_lab.traffic import labelled_pairs
from zeek_beacons_lab.traffic.laws import LAWS

Make = Callable[..., dict[str, Any]]
BEGIN = 1_767_225_600.0
SLEEPS = (10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
JITTERS = (0.1, 0.2, 0.3, 0.5)


def judged(pairs: list[dict[str, Any]]) -> Scored:
    return score(Pairs.build(pairs), Scoring.rules_only(), Config(threshold=0.05))


def right(scored: Scored, row: int, sleep: float, jitter: float) -> bool:
    """Whether the hint says what was configured: sleep within 5 %, jitter within 5 points."""
    verdicts = scored.verdicts
    said = round_sleep(verdicts.hint_sleep[row]), round_jitter(verdicts.hint_jitter[row])
    return abs(said[0] - sleep) <= 0.05 * sleep and abs(said[1] - jitter) <= 0.05 + 1e-9


def test_hints_at_the_laboratory_s_implants_are_right() -> None:
    pairs, truth = labelled_pairs(1200, 21, c2_share=1.0)
    known = {key: row for row, key in enumerate(zip(truth.orig_h, truth.resp, truth.resp_p, truth.proto, strict=True))}
    scored = score(pairs, Scoring.load(), Config())
    hinted = np.flatnonzero(~np.isnan(scored.verdicts.hint_sleep)).tolist()
    held = []
    for row in hinted:
        of = known[pairs.orig_h[row], pairs.addr[row], pairs.resp_p[row], pairs.proto[row]]
        held.append(right(scored, row, truth.sleep[of], truth.jitter[of]))
    assert len(held) >= 60
    assert np.mean(held) >= 0.9


def test_hints_at_the_settings_that_people_choose_are_right_and_not_rare() -> None:
    rng = np.random.default_rng(4)
    settings, rows = [], []
    for number in range(600):
        law = str(rng.choice(["shortened", "symmetric", "lengthened", "fixed"]))
        sleep, jitter = float(rng.choice(SLEEPS)), 0.0 if law == "fixed" else float(rng.choice(JITTERS))
        n = int(rng.integers(40, 300))
        took = 0.004 * sleep * np.exp(0.3 * rng.standard_normal(n))
        start = BEGIN + np.cumsum(LAWS[law].waits(rng, sleep, jitter, n) + took)
        settings.append((f"10.0.{number // 250}.{number % 250 + 1}", sleep, jitter))
        rows.append({"orig_h": settings[-1][0], "resp": "203.0.113.9", "resp_p": 443, "start": start})
        rows[-1] |= {"duration": took, "state": ["SF"] * n}
    scored = judged(rows)
    hinted = [row for row in range(len(rows)) if implant(scored, row)]
    assert len(hinted) >= 0.4 * len(rows)
    assert np.mean([right(scored, row, *settings[row][1:]) for row in hinted]) >= 0.9
    assert sum(settings[row][2] > 0 for row in hinted) >= 100


def with_retries(n: int = 120, sleep: float = 82.0) -> Floats:
    """A fixed timer whose server fails: 2, 4 and 8 s after each attempt it is tried again."""
    first = BEGIN + sleep * np.arange(n)
    return np.sort(np.concatenate([first + later for later in (0.0, 2.0, 6.0, 14.0)]))


def test_retries_do_not_hide_a_fixed_timer(pair: Make) -> None:
    start = with_retries()
    given = pair(n=len(start), start=start, state=["S0"] * len(start), duration=np.full(len(start), np.nan))
    scored = judged([given])
    assert scored.verdicts.label[0] == BEACON
    assert scored.verdicts.sleep[0] == pytest.approx(82.0, rel=0.01)
    assert scored.verdicts.jitter[0] < 0.02
    assert " every 82 s (jitter 0 %)" in sentence(scored, 0)
    assert not implant(scored, 0), "half of the connections are retries: no hint"


def test_connections_beside_each_check_in_do_not_hide_a_fixed_timer(pair: Make) -> None:
    rng = np.random.default_rng(2)
    first = BEGIN + 60.0 * np.arange(200)
    beside = first + rng.uniform(2.0, 9.0, len(first))
    start = np.sort(np.concatenate([first, beside]))
    scored = judged([pair(n=len(start), start=start)])
    assert scored.verdicts.sleep[0] == pytest.approx(60.0, rel=0.01)
    assert implant(scored, 0) == "looks like an implant with sleep 60 s"


def test_a_clean_timer_is_told_as_its_features_have_it(pair: Make) -> None:
    scored = judged([pair(n=200, jitter=0.2), pair(n=200, jitter=0.0, orig_h="10.0.0.6")])
    assert implant(scored, 0) == "looks like an implant with sleep 60 s / 20 %"
    assert waits(scored, 0).startswith("waits of up to 20 % less than 6")
    assert waits(scored, 1) == "waits of 60 s, always the same"


def test_a_poor_fit_gives_no_hint(pair: Make) -> None:
    scored = judged([pair(n=200, rhythm=False), pair(n=12, orig_h="10.0.0.6"), pair(sleep=57.0, jitter=0.35)])
    assert [implant(scored, row) for row in range(3)] == ["", "", ""]
