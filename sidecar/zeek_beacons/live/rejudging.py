"""Judges again what the history holds: once a new model takes over, or when someone asks for it.

The history gets the new verdicts, and the sinks are told of what rises. Zeek is told of it with the pair's next
candidate, which is what a notice needs. Some pairs at a time, between batches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.incidents import Member, members_at
from zeek_beacons.keys import Key
from zeek_beacons.live.conclusions import judged_again, placed_conclusion, settings_in_force
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Changes
from zeek_beacons.live.verdict_message import placed_summary
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.store.judged import Conclusion
from zeek_beacons.store.keys import pair_number

if TYPE_CHECKING:
    from zeek_beacons.alerts.alert import Alert
    from zeek_beacons.live.alerting import LiveAlerts

PAGE = 50  # pairs at a time: candidates wait no longer than for a small batch

Row = Mapping[str, Any]
log = logging.getLogger(__name__)


class Rejudging:
    """All pairs of the history, once from the first to what was the last at the start.

    `progress`: what the history is to note once all of it is done.
    """

    def __init__(
        self,
        worker: Worker,
        history: HistoryGuard,
        alerts: LiveAlerts | None,
        progress: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._worker, self._history, self._alerts = worker, history, alerts
        self._progress = progress or {}
        self._after = 0
        self._end: int | None = None

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return self._after / self._end if self._end else 0.0

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
        rows = self._worker.held(held)
        self._judge(rows, self._worker.near(list(rows), list(rows.values())), sent, allow)
        if page and page[-1][0] < self._end:
            self._after = page[-1][0]
            return False
        if self._progress and not self._history.store(Changes(progress=self._progress)):
            return False
        if self._alerts is not None:
            self._alerts.channels.note_model(self._worker.scoring.identity)
        log.info("judged_again", extra={"fields": {"model": self._worker.scoring.identity}})
        return True

    def _judge(self, rows: Mapping[Key, Row], near: Sequence[Row], sent: Mapping[Key, int], allow: AllowList) -> None:
        """Stores what is concluded now, and tells of what alerts at a higher level than was sent.

        `near`: pairs that these may form groups with.

        One that cannot be scored takes no other along.
        """
        try:
            risen, concluded = self._judged(rows, near, sent, allow)
        except Exception:
            log.exception("scoring_failed", extra={"fields": {"pairs": len(rows)}})
            if len(rows) > 1:
                for key, row in rows.items():
                    self._judge({key: row}, [], sent, allow)
            else:
                self._worker.faults += 1
            return
        worker = self._worker
        places = worker.incidents.place([member for _, member in risen], time.time()) if risen else {}
        if self._alerts is not None:
            self._alerts.tell(
                (
                    (draft, places[member.key], placed_summary(draft.summary, member, places[member.key]))
                    for draft, member in risen
                    if draft is not None
                ),
                rising_only=True,
            )
        incident = {pair_number(key): place.incident for key, place in places.items()}
        changes = Changes(
            concluded=[placed_conclusion(one, incident.get(one.pair.id, "")) for one in concluded],
            seen=False,
            incidents=worker.incidents.take_changes(),
            about=settings_in_force(worker.scoring, worker.config, worker.in_force),
        )
        self._history.store(changes)

    def _judged(
        self, rows: Mapping[Key, Row], near: Sequence[Row], sent: Mapping[Key, int], allow: AllowList
    ) -> tuple[list[tuple[Alert | None, Member]], list[Conclusion]]:
        """What alerts at a higher level than was sent, and what was concluded of all."""
        worker, alerts = self._worker, self._alerts
        risen: list[tuple[Alert | None, Member]] = []
        concluded: list[Conclusion] = []
        keys = list(rows)
        for threshold, places in worker.by_threshold(keys).items():
            if not len(places):
                continue
            own = [keys[place] for place in places]
            pairs = Pairs.build([*(rows[key] for key in own), *near])
            scored = score(pairs, worker.scoring, worker.config, allow, threshold, worker.said)
            concluded += judged_again(scored, own, worker.has_alerted)
            alerting = np.flatnonzero(scored.verdicts.alerts[: len(own)])
            members = members_at(scored.pairs, scored.verdicts, alerting, scored.members)
            for row, member in zip(alerting.tolist(), members, strict=True):
                if scored.verdicts.severity[row] > sent.get(member.key, 0):
                    told = None if alerts is None else alerts.draft(scored, row, worker.scoring.identity)
                    risen.append((told, member))
        return risen, concluded
