"""The threshold that verdicts are held against: the profile's, or, with a budget of alerts, the site's own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.keys import Key
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.site import SiteChanges
from zeek_beacons.pipeline import Scored
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.site import SiteBaseline

REFRESH = 60.0  # seconds between readings of the baseline
MOST_WATCHED = 60.0  # seconds from one batch to the next that count as watched; this process may have stood still
STEPS = 100  # the threshold is rounded up to 1 / STEPS: it moves less often, and few different ones meet in a batch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertThreshold:
    """A threshold and what it rests on, for `zeek-beacons status`."""

    threshold: float
    profile: str
    is_set: bool = False  # by hand, in place of the profile's
    alerts_per_host_day: float | None = None  # None: the threshold is the profile's
    pairs: int = 0
    hosts: int = 0
    host_days: float = 0.0


class SiteThreshold:
    """The site's threshold, read from the history from time to time; collects what the next batch adds to it."""

    def __init__(
        self, scoring: Scoring, config: Config, budget: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._scoring, self._profile, self._budget, self._clock = scoring, config.profile, budget, clock
        self.in_force = self._threshold_of(SiteBaseline(budget))
        self._refresh_at = 0.0
        self._watching_since: float | None = None
        self._changes = SiteChanges(scoring.identity, budget)

    @property
    def is_due(self) -> bool:
        """Whether the time watched is worth a write of its own."""
        return self._changes.seconds >= REFRESH

    def watch(self, serving: bool) -> None:
        """Counts the time since the last call, if a Zeek was served then and now."""
        now, since = self._clock(), self._watching_since
        if serving and since is not None:
            self._changes.seconds += min(now - since, MOST_WATCHED)
        self._watching_since = now if serving else None

    def refresh(self, history: HistoryGuard) -> None:
        """Reads the baseline where it is time to. The threshold stays where the history fails."""
        if self._clock() < self._refresh_at:
            return
        self._refresh_at = self._clock() + REFRESH
        site = history.baseline(self._scoring.identity, self._budget)
        if site is not None:
            before, self.in_force = self.in_force.threshold, self._threshold_of(site)
            if self.in_force.threshold != before:
                log.info("threshold", extra={"fields": asdict(self.in_force) | {"before": before}})

    def for_pairs(self, keys: Iterable[Key], history: HistoryGuard) -> list[float]:
        """The threshold of each pair: that at which it alerted before, else the one in force."""
        wanted = list(keys)
        before = history.thresholds(set(wanted), self._scoring.identity, self._budget)
        return [before.get(key, self.in_force.threshold) for key in wanted]

    def record(self, scored: Scored, n: int) -> None:
        """Takes note of how the first `n` pairs scored."""
        verdicts, may = scored.verdicts, scored.may_alert
        keys = scored.pairs.keys(slice(n))
        for row in np.flatnonzero(scored.feature_row[:n] >= 0).tolist():
            key = keys[row]
            if may[row]:
                held = verdicts.threshold if verdicts.alerts[row] else None
                self._changes.scored.append((key, float(verdicts.score[row]), held))
            else:
                self._changes.quiet.append(key)

    def take_changes(self) -> SiteChanges:
        """Hands out what has been noted since the last time."""
        taken, self._changes = self._changes, SiteChanges(self._scoring.identity, self._budget)
        return taken

    def _threshold_of(self, site: SiteBaseline) -> AlertThreshold:
        exact = self._scoring.threshold(self._profile, site)
        steps = math.ceil(exact * STEPS)
        steps += steps / STEPS < exact  # by an ulp, on which many pairs of the same score may hang
        days = round(site.host_days, 2)
        return AlertThreshold(steps / STEPS, self._profile, False, self._budget, len(site.scores), site.hosts, days)
