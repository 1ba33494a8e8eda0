"""The site baseline: a threshold for this very network, from how its own pairs score and an alert budget.

Networks differ: one has timers that another does not, and one threshold for all wastes alerts here and misses there.
The baseline is how the site's pairs scored, and how long how many hosts were watched. Its threshold is the lowest
score at which the rate of alerts, of the site and of the captures that the model was tried on together, stays within
the budget. The captures count like PRIOR_DAYS host-days, so a new site starts with their rate alone.

Pairs that even the conservative profile alerts on are not held against the budget: an implant, or three, among the
pairs must not raise the threshold above themselves. Scores are never changed, so a verdict depends on a pair and a
threshold, and not on the batch that the pair came in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Floats

# (score, alerts per host-day at it) on captures that the model had not seen, by falling score.
AlertRates = tuple[tuple[float, float], ...]

PRIOR_DAYS = 5.0  # host-days that the captures' rate counts for
STEPS = 1001  # scores tried besides those seen
DAY = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class SiteBaseline:
    """What is known of one site: from its logs (`pipeline.score_site`), or from the sidecar's history."""

    budget: float  # alerts per host-day
    scores: Floats = field(default_factory=lambda: np.empty(0))  # (n,) one a pair, of those that may alert
    hosts: int = 0  # originators of these pairs
    seconds: float = 0.0  # watched

    def __post_init__(self) -> None:
        if not (np.isfinite(self.budget) and self.budget > 0):
            raise ConfigError(f"alerts per host-day: {self.budget}, expected a number above 0")

    @property
    def host_days(self) -> float:
        """Hosts watched, times days."""
        return self.hosts * self.seconds / DAY

    def threshold(self, rates: AlertRates, lowest: float, certain: float) -> float:
        """The score from which pairs of this site alert: within the budget, and never below `lowest`.

        `rates`: the model's; `certain`: the score from which pairs are not held against the budget.
        """
        seen = np.sort(self.scores)
        known = np.array(rates)
        grid = np.unique(np.concatenate([seen, known[:, 0], [lowest, certain], np.linspace(0, 1, STEPS)]))
        grid = grid[grid >= lowest]
        prior = np.interp(grid, known[::-1, 0], known[::-1, 1], left=known[-1, 1], right=0.0)
        here = np.searchsorted(seen, max(certain, lowest)) - np.searchsorted(seen, grid)
        rate = (np.maximum(here, 0) + PRIOR_DAYS * prior) / (self.host_days + PRIOR_DAYS)
        within = np.flatnonzero(rate > self.budget)
        return float(grid[min(within[-1] + 1, len(grid) - 1)]) if len(within) else float(grid[0])
