"""The site baseline: a threshold for this very network, from how its own pairs score and an alert budget.

Networks differ: one has timers that another does not, and one threshold for all wastes alerts here and misses there.
The baseline remembers each pair's last score and how long how many hosts were watched. Its threshold is the lowest
score at which the rate of alerts, of the site and of the captures that the model was tried on together, stays within
the budget. The captures count like PRIOR_DAYS host-days, so a new site starts with their rate alone.

Pairs that even the conservative profile alerts on are not held against the budget: an implant, or three, among the
pairs must not raise the threshold above themselves. Scores are never changed, so a verdict depends on a pair and a
baseline, and not on the batch that the pair came in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Floats

# (score, alerts per host-day at it) on captures that the model had not seen, by falling score.
AlertRates = tuple[tuple[float, float], ...]

PRIOR_DAYS = 5.0  # host-days that the captures' rate counts for
STEPS = 1001  # scores tried besides those seen
MOST_PAIRS = 50_000  # remembered; the longest unseen are forgotten
MOST_HOSTS = 50_000
DAY = 86_400.0
VERSION = 1


@dataclass(slots=True)
class SiteBaseline:
    """What is remembered of one site. `update` it with scored pairs, then ask for its `threshold`."""

    budget: float  # alerts per host-day
    scores: dict[str, float] = field(default_factory=dict)  # by pair, those that may alert, oldest first
    hosts: set[str] = field(default_factory=set)  # originators
    first: float = np.inf  # seconds since the epoch
    last: float = -np.inf

    def __post_init__(self) -> None:
        if not (np.isfinite(self.budget) and self.budget > 0):
            raise ConfigError(f"alerts per host-day: {self.budget}, expected a number above 0")

    @property
    def host_days(self) -> float:
        """Hosts watched, times days from the first to the last connection."""
        return len(self.hosts) * max(0.0, self.last - self.first) / DAY if self.hosts else 0.0

    def update(self, pairs: Iterable[str], hosts: Iterable[str], scores: Floats, first: float, last: float) -> None:
        """Remembers the last score of these pairs; a pair that comes again counts once."""
        for pair, host, score in zip(pairs, hosts, scores.tolist(), strict=True):
            self.scores.pop(pair, None)
            self.scores[pair] = score
            if len(self.hosts) < MOST_HOSTS:
                self.hosts.add(host)
        while len(self.scores) > MOST_PAIRS:
            del self.scores[next(iter(self.scores))]
        self.first, self.last = min(self.first, first), max(self.last, last)

    def threshold(self, rates: AlertRates, lowest: float, certain: float) -> float:
        """The score from which pairs of this site alert: within the budget, and never below `lowest`.

        `rates`: the model's; `certain`: the score from which pairs are not held against the budget.
        """
        seen = np.sort(np.array(list(self.scores.values())))
        known = np.array(rates)
        grid = np.unique(np.concatenate([seen, known[:, 0], [lowest, certain], np.linspace(0, 1, STEPS)]))
        grid = grid[grid >= lowest]
        prior = np.interp(grid, known[::-1, 0], known[::-1, 1], left=known[-1, 1], right=0.0)
        here = np.searchsorted(seen, max(certain, lowest)) - np.searchsorted(seen, grid)
        rate = (np.maximum(here, 0) + PRIOR_DAYS * prior) / (self.host_days + PRIOR_DAYS)
        within = np.flatnonzero(rate > self.budget)
        return float(grid[min(within[-1] + 1, len(grid) - 1)]) if len(within) else float(grid[0])

    def to_json(self) -> str:
        """For the history file."""
        times = [self.first, self.last] if self.hosts else []
        content = {"version": VERSION, "budget": self.budget, "scores": self.scores, "hosts": sorted(self.hosts)}
        return json.dumps(content | {"times": times})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ConfigError on anything but what `to_json` wrote."""
        try:
            content = json.loads(text)
            if content["version"] != VERSION:
                raise ConfigError(f"site baseline: version {content['version']}, expected {VERSION}")
            first, last = content["times"] or (np.inf, -np.inf)
            scores = {str(pair): float(score) for pair, score in content["scores"].items()}
            return cls(float(content["budget"]), scores, set(content["hosts"]), float(first), float(last))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"not a site baseline: {error}") from error
