"""Judges again what the history holds, once a new model takes over: the sinks are told of what it rates higher.

Zeek is told of it with the pair's next candidate, which is what a notice needs. Some pairs at a time, between batches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.allow import AllowList
from zeek_beacons.incidents import Member, members_at
from zeek_beacons.live.alerting import LiveAlerts
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.site import Key
from zeek_beacons.live.verdict_message import placed_summary
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score

PAGE = 50  # pairs at a time: candidates wait no longer than for a small batch

log = logging.getLogger(__name__)


class Rejudging:
    """All pairs of the history, once from the first to what was the last at the start."""

    def __init__(self, worker: Worker, history: HistoryGuard, alerts: LiveAlerts) -> None:
        self._worker, self._history, self._alerts = worker, history, alerts
        self._after = 0
        self._end: int | None = None

    def step(self, allow: AllowList) -> bool:
        """Judges the next pairs. Returns whether that was all; where the history fails, it is tried again."""
        if self._end is None:
            self._end = self._history.end()
        page = self._history.page(self._after, PAGE) if self._end is not None else None
        if self._end is None or page is None:
            return False
        held = {key: row for place, key, row in page if place <= self._end}
        sent = self._history.sent(held)
        if sent is None:
            return False
        self._judge(self._worker.held(held), sent, allow)
        if page and page[-1][0] < self._end:
            self._after = page[-1][0]
            return False
        self._alerts.channels.note_model(self._worker.scoring.identity)
        log.info("judged_again", extra={"fields": {"model": self._worker.scoring.identity}})
        return True

    def _judge(self, rows: Mapping[Key, Mapping[str, Any]], sent: Mapping[Key, int], allow: AllowList) -> None:
        """Tells of those that alert at a higher level than was sent. One that cannot be scored takes no other along."""
        try:
            risen = self._risen(rows, sent, allow)
        except Exception:
            log.exception("scoring_failed", extra={"fields": {"pairs": len(rows)}})
            if len(rows) > 1:
                for key, row in rows.items():
                    self._judge({key: row}, sent, allow)
            else:
                self._worker.faults += 1
            return
        if risen:
            places = self._worker.incidents.place([member for _, member in risen], time.time())
            self._alerts.tell(
                (
                    (draft, places[member.key], placed_summary(draft.summary, member, places[member.key]))
                    for draft, member in risen
                ),
                rising_only=True,
            )

    def _risen(
        self, rows: Mapping[Key, Mapping[str, Any]], sent: Mapping[Key, int], allow: AllowList
    ) -> list[tuple[Alert, Member]]:
        worker, found = self._worker, []
        keys = list(rows)
        for threshold, places in worker.by_threshold(keys).items():
            if not len(places):
                continue
            pairs = Pairs.build([rows[keys[place]] for place in places])
            scored = score(pairs, worker.scoring, worker.config, allow, threshold)
            alerting = np.flatnonzero(scored.verdicts.alerts)
            for row, member in zip(alerting.tolist(), members_at(scored.pairs, scored.verdicts, alerting), strict=True):
                if scored.verdicts.severity[row] > sent.get(member.key, 0):
                    found.append((self._alerts.draft(scored, row, worker.scoring.identity), member))
        return found
