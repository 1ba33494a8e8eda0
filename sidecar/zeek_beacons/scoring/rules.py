"""The interpretable scorer: a table of rules over features. It needs no model file.

A rule looks at one feature. Its membership rises from 0 at `start` to 1 at `full` (falls, where `full` is lower), its
contribution is weight times membership, and the score is the sum of all contributions, cut to [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Floats


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. A negative weight speaks against a beacon. `text` is filled with the feature's value."""

    code: str
    feature: str
    start: float
    full: float
    weight: float
    text: str
    is_log: bool = False  # the feature is a logarithm, and the text tells what it is of

    def membership(self, values: Floats) -> Floats:
        """How far the rule holds, 0 to 1; 0 where the feature is undefined."""
        risen = (values - self.start) / (self.full - self.start)
        return np.clip(np.fmax(risen, 0.0), 0.0, 1.0)


RULES: tuple[Rule, ...] = (
    Rule("one_interval", "near_folded_20", 0.45, 0.95, 0.26, "{:.0%} of the waits lie within 20 % of one interval"),
    Rule("steady", "block_mad", 0.35, 0.03, 0.16, "waits stray only {:.0%} from the middle one"),
    Rule(
        "not_chance",
        "llr_poisson",
        0.2,
        1.6,
        0.14,
        "each wait is {:.1f} times likelier from a timer than by chance",
        True,
    ),
    Rule("in_phase", "coherence", 0.3, 0.9, 0.08, "check-ins stay in step with one clock ({:.0%})"),
    Rule("regular_windows", "best_window", 0.4, 0.95, 0.10, "its most regular stretch of hours is {:.0%} regular"),
    Rule("same_request", "orig_near_median", 0.5, 0.98, 0.10, "{:.0%} send the same amount"),
    Rule("same_answer", "resp_near_median", 0.5, 0.98, 0.06, "{:.0%} receive the same amount"),
    Rule("persistent", "parts_filled", 0.5, 1.0, 0.06, "active through {:.0%} of its time span"),
    Rule("ladder", "step_gain", 0.2, 0.8, 0.04, "retries come in a fixed series ({:.0%} steadier when added up)"),
    Rule("odd_service", "service_fit", 0.0, -1.0, 0.10, "the service is not the one that its port is for"),
    Rule("odd_port", "port_class", 1.0, 3.0, 0.08, "its port is not one that common services use"),
    Rule("shared", "prevalence", 0.2, 0.8, -0.15, "{:.0%} of the site's other hosts go there too"),
    Rule("bursts", "short_gap_share", 0.2, 0.7, -0.20, "{:.0%} of the waits are short bursts"),
    Rule("wild_waits", "gap_mad", 0.5, 1.0, -0.15, "waits stray {:.0%} from the middle one"),
)


def contributions(features: Features) -> Floats:
    """What each rule adds for each pair, (n, len(RULES))."""
    columns = [rule.weight * rule.membership(features.column(rule.feature).astype(np.float64)) for rule in RULES]
    return np.stack(columns, axis=1)


def score(features: Features) -> Floats:
    """The rules' score, (n,), 0 to 1."""
    total = np.zeros(len(features.matrix))
    for column in contributions(features).T:
        total = total + column
    return np.clip(total, 0.0, 1.0)
