"""A verdict as a colleague would put it, made from data at the edge."""

from __future__ import annotations

import math
import re

import numpy as np

from zeek_beacons.features import CATALOGUE, JITTER_KINDS, Features
from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.pipeline import Scored
from zeek_beacons.scoring.context_term import CODES, Indicator, told
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES
from zeek_beacons.scoring.reasons import REASONS, Reason
from zeek_beacons.verdicts import BEACON

# Frameworks whose documented law of waiting makes this kind of jitter; the laboratory's traffic/c2.py has the sources.
FAMILIES = {
    "constant": "",
    "shortened": "Cobalt Strike",
    "symmetric": "Empire, PoshC2 or Havoc",
    "lengthened": "Sliver or Merlin",
}
ROUND_SLEEPS = (3600, 900, 300, 60, 30, 15, 10, 5, 1)  # seconds, the roundest first
WORTH_A_HINT = 20  # check-ins
WORTH_TELLING = 0.5  # share of equal sizes that says something


def sentence(scored: Scored, row: int) -> str:
    """Who, to where, how often, how regular, how long, how sure: one line on the pair at `row`."""
    pairs, verdicts = scored.pairs, scored.verdicts
    parts = [
        f"{pairs.orig_h[row]} {'checks in with' if verdicts.label[row] == BEACON else 'talks to'} {target(scored, row)}"
    ]
    sleep, jitter = verdicts.sleep[row], verdicts.jitter[row]
    if not math.isnan(sleep):
        spread = "" if math.isnan(jitter) else f" (jitter {jitter:.0%}{_kind(scored, row)})"
        parts.append(f"every {duration(sleep)}{spread}")
    text = " ".join(parts)
    span = pairs.last_ts[row] - pairs.first_ts[row]
    text += f", {pairs.conns[row]} times over {duration(span)}"
    same = _feature(scored, row, "same_size_share")
    if same >= WORTH_TELLING:
        text += f", {same:.0%} the same size"
    if verdicts.look_alike[row] >= 0:
        text += f", looks like {LOOK_ALIKES[verdicts.look_alike[row]].text}"
    score = verdicts.score[row]
    if not math.isnan(score):
        text += f"; {'probability' if verdicts.calibrated else 'score'} {score:.2f}"
    return _spaced(text + _family(scored, row))


def _family(scored: Scored, row: int) -> str:
    """A hint at what might be configured so, where there is enough to go by."""
    verdicts = scored.verdicts
    sleep, jitter = verdicts.sleep[row], verdicts.jitter[row]
    code = _feature(scored, row, "jitter_kind")
    enough = _feature(scored, row, "checkins") >= WORTH_A_HINT
    if verdicts.label[row] != BEACON or not enough or math.isnan(code) or math.isnan(sleep + jitter):
        return ""
    kind = JITTER_KINDS[int(code)]
    if kind not in FAMILIES:
        return ""
    spread = "" if kind == "constant" else f" / {round_jitter(jitter):.0%}"
    like = f", as {FAMILIES[kind]} would wait" if FAMILIES[kind] else ""
    return f"; looks like an implant with sleep {duration(round_sleep(sleep))}{spread}{like}"


def round_sleep(seconds: float) -> float:
    """The round number of seconds that a person would have configured, where one is within 3 %."""
    near = (step * round(seconds / step) for step in ROUND_SLEEPS)
    return next((value for value in near if value and abs(value - seconds) <= 0.03 * seconds), seconds)


def round_jitter(jitter: float) -> float:
    """The nearest whole 5 %."""
    return round(jitter * 20) / 20


def reasons(scored: Scored, row: int) -> list[str]:
    """The reasons of one verdict as texts: what speaks most for a beacon first, what speaks most against it last."""
    return [_told(scored, row, index) for index in scored.verdicts.reasons[row].tolist() if index >= 0]


def weighed_reasons(scored: Scored, row: int) -> list[str]:
    """The same, each with its contribution to the score where it was measured."""
    given = scored.verdicts.contributions[row].tolist()
    weights = ["" if math.isnan(added) else f" ({added:+.2f})" for added in given]
    return [text + weight for text, weight in zip(reasons(scored, row), weights, strict=False)]


def reason_value(scored: Scored, row: int, reason: Reason) -> float:
    """The number behind a reason: its feature, or how far a fact about the server holds; NaN where it is not known."""
    place = scored.feature_row[row]
    if isinstance(reason, Indicator):
        return (
            math.nan if scored.context is None or place < 0 else float(scored.context[place, CODES.index(reason.code)])
        )
    return _feature(scored, row, reason.feature)


def _told(scored: Scored, row: int, index: int) -> str:
    reason = REASONS[index]
    if isinstance(reason, Indicator):
        place = np.array([scored.feature_row[row]])
        one = scored.pairs.take(np.array([row])), Features(scored.features.matrix[place])
        return _spaced(told(reason, *one, 0))
    value = _feature(scored, row, reason.feature)
    if math.isnan(value):
        return f"{CATALOGUE[COLUMN[reason.feature]].meaning}: not known"
    return _spaced(reason.text.format(value))


def target(scored: Scored, row: int) -> str:
    """The responder with its port, and its address where it is known by name."""
    pairs = scored.pairs
    resp = pairs.resp[row]
    host = f"[{resp}]" if ":" in resp else resp
    return f"{host}:{pairs.resp_p[row]}/{pairs.proto[row]}"


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use: `2.2 s`, `61 s`, `5.0 min`, `7.2 h`, `3.1 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 1.5 * size or size == 60:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _spaced(text: str) -> str:
    """Percentages as this project writes them: `96 %`."""
    return re.sub(r"(?<=\d)%", " %", text)


def _kind(scored: Scored, row: int) -> str:
    code = _feature(scored, row, "jitter_kind")
    return "" if math.isnan(code) or JITTER_KINDS[int(code)] == "constant" else f", {JITTER_KINDS[int(code)]}"


def _feature(scored: Scored, row: int, name: str) -> float:
    place = scored.feature_row[row]
    return math.nan if place < 0 else float(scored.features.column(name)[place])
