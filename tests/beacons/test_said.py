"""What people say of a pair holds on every road: false and snoozed silence it, true makes it an alert."""

from __future__ import annotations

import numpy as np
import pytest

from tests.beacons.live.made import T0, candidate
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.quiet import kept_quiet
from zeek_beacons.reports.sentence import sentence
from zeek_beacons.said import RAISED_TO, Said, Word
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import BEACON, SUPPRESSIONS

RULES = Scoring.rules_only()
ANA = Word("ana", T0, "our backup")
BEACONING, QUIET = candidate(1), candidate(2, orig_h="10.0.0.6", n=12, jitter=1.0)
UNSCORED = candidate(3, orig_h="10.0.0.7", n=2)


def judged(said: Said | None = None) -> Scored:
    pairs = Pairs.build([one.row for one in (BEACONING, QUIET, UNSCORED)])
    return score(pairs, RULES, Config(threshold=0.5), said=said)


def test_nothing_said_changes_nothing() -> None:
    plain, empty = judged(), judged(Said())
    assert plain.verdicts.alerts.tolist() == [True, False, False]
    assert (plain.verdicts.label == empty.verdicts.label).all()
    assert empty.said == {}


@pytest.mark.parametrize(
    ("said", "why"), [(Said(false={BEACONING.key: ANA}), "feedback"), (Said(snoozed={BEACONING.key: ANA}), "snoozed")]
)
def test_false_and_snoozed_silence_a_beacon_and_say_who(said: Said, why: str) -> None:
    scored = judged(said)
    assert not scored.verdicts.alerts.any()
    assert scored.verdicts.label[0] == BEACON  # what it is stays said
    assert SUPPRESSIONS[scored.verdicts.suppressed[0]] == why
    assert "by ana on 2026-01-01" in sentence(scored, 0)
    assert "our backup" in "\n".join(kept_quiet(scored))


def test_true_makes_an_alert_of_what_was_scored_and_of_nothing_else() -> None:
    scored = judged(Said(true={QUIET.key: ANA, UNSCORED.key: ANA}))
    assert scored.verdicts.alerts.tolist() == [True, True, False]
    assert scored.verdicts.severity[1] == RAISED_TO
    assert sentence(scored, 1).endswith("marked as true by ana on 2026-01-01: our backup")
    assert np.isnan(scored.verdicts.score[2])


def test_true_never_lowers_what_the_model_says() -> None:
    before, after = judged(), judged(Said(true={BEACONING.key: ANA}))
    assert after.verdicts.severity[0] == max(before.verdicts.severity[0], RAISED_TO)


def test_a_snooze_ends() -> None:
    said = Said(snoozed={BEACONING.key: Word("ana", T0, until=T0 + 60), QUIET.key: ANA})
    assert said.at(T0 + 59) is said
    assert list(said.at(T0 + 60).snoozed) == [QUIET.key]


def test_who_says_false_last_of_a_pair_by_name_speaks_of_that_pair_only() -> None:
    named = candidate(4, resp="c2.example", server_name="c2.example", named=64, name_conns=64)
    scored = score(Pairs.build([named.row]), RULES, Config(threshold=0.5), said=Said(false={named.key: ANA}))
    assert SUPPRESSIONS[scored.verdicts.suppressed[0]] == "feedback"
