"""Which alerts of a running sidecar go to the sinks, by the rules by which Zeek raises notices.

An incident is told once for each level that it reaches; the same level again after the cooldown. What was told is in
the queue's file with the alert itself, and so outlives this process; the levels of earlier runs are known at the start.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from zeek_beacons.alerts.alert import Alert, stopped
from zeek_beacons.alerts.build import alert_of, quiet_limit
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.outbox import MOST_INCIDENTS, Raised
from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.live.incidents import Place
from zeek_beacons.live.protocol.messages import Verdict
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.sentence import duration

HOUR = 3600.0
# Zeek tells of a pair with new connections once an hour (Beacons::candidate_interval): one silence may be an accident.
LEAST_SILENCE = 3 * HOUR
LOOK = 60.0  # seconds between looks for what has stopped


class LiveAlerts:
    """Decides what the sinks get. Used by the scoring thread. `clock`: the wall clock."""

    def __init__(self, channels: Channels, config: AlertConfig, clock: Callable[[], float] = time.time) -> None:
        self.channels, self._config = channels, config
        self._cooldown, self._tell_stopped, self._clock = config.cooldown_hours * HOUR, config.stopped, clock
        self._raised: OrderedDict[str, Raised] = OrderedDict(channels.known)  # those told last at the end
        self._seen: dict[str, float] = {}  # when a candidate of an incident came last, in this run
        self._watching_since: float | None = None
        self._look_at = 0.0

    def change(self, cooldown_hours: float | None, tell_stopped: bool | None) -> None:
        """Changes the rules at run time; None: as it was configured."""
        config = self._config
        self._cooldown = (config.cooldown_hours if cooldown_hours is None else cooldown_hours) * HOUR
        self._tell_stopped = config.stopped if tell_stopped is None else tell_stopped

    def draft(self, scored: Scored, row: int, model: str) -> Alert:
        """What there would be to tell of the alerting pair at `row`."""
        return alert_of(scored, row, model, self._clock())

    def tell(self, found: Iterable[tuple[Alert, Place, str]], rising_only: bool = False) -> None:
        """Queues what is news of a batch: drafts, where they belong, and their summaries there.

        `rising_only`: nothing is told again of the same level, however long ago that was.
        """
        strongest: dict[str, tuple[Alert, Place]] = {}
        for draft, place, summary in found:
            alert = replace(draft, incident=place.incident, summary=summary, pairs=place.total + 1)
            known = strongest.get(place.incident)
            if known is None or _strength(alert) > _strength(known[0]):
                strongest[place.incident] = alert, place
        now = self._clock()
        news: dict[str, Raised] = {}
        joined: dict[str, Raised] = {}
        for name, (alert, place) in strongest.items():
            if alert.level > self._told(name, place.joined, now, rising_only):
                news[name] = Raised(alert.level, now, False, alert)
            for one in place.joined:  # not heard of any more under that name, which is no silence
                raised = self._raised.get(one)
                if raised is not None and not raised.stopped:
                    joined[one] = replace(raised, stopped=True)
        self._submit([one.alert for one in news.values()], joined | news)

    def see(self, verdicts: Sequence[Verdict], of: Callable[[Verdict], str | None]) -> None:
        """Takes note of the incidents that were heard of, whether what was judged alerts or not."""
        now = self._clock()
        for name in map(of, verdicts):
            raised = None if name is None else self._raised.get(name)
            if name is not None and raised is not None:
                self._seen[name] = now
                if raised.stopped:
                    self._submit([], {name: replace(raised, stopped=False)})

    def tick(self, serving: bool) -> None:
        """To be called every few seconds. `serving`: whether a Zeek is being watched."""
        now = self._clock()
        if not serving:
            self._watching_since = None
        elif self._watching_since is None:
            self._watching_since = now
        if self._tell_stopped and self._watching_since is not None and now >= self._look_at:
            self._look_at = now + LOOK
            self._tell_of_stopped(self._watching_since, now)
        self.channels.maintain()

    def _told(self, name: str, joined: Sequence[str], now: float, ever: bool) -> int:
        """The highest level told of an incident under any of its names, 0 where none or too long ago."""
        levels = [0]
        for one in (name, *joined):
            raised = self._raised.get(one)
            # Told in what is the future by now, the clock having been set back: not for ever either.
            if raised is not None and (ever or abs(now - raised.at) < self._cooldown):
                levels.append(raised.level)
        return max(levels)

    def _tell_of_stopped(self, since: float, now: float) -> None:
        """`since`: from when on nothing can have been missed."""
        alerts, gone = [], {}
        for name, raised in self._raised.items():
            silence = now - max(self._seen.get(name, 0.0), since)
            if not raised.stopped and silence > max(quiet_limit(raised.alert.sleep), LEAST_SILENCE):
                alerts.append(stopped(raised.alert, now, f"at least {duration(silence)}"))
                gone[name] = replace(raised, stopped=True)
        self._submit(alerts, gone)

    def _submit(self, alerts: Sequence[Alert], raised: dict[str, Raised]) -> None:
        if not raised:
            return
        for name, one in raised.items():
            self._raised[name] = one
            self._raised.move_to_end(name)
        while len(self._raised) > MOST_INCIDENTS:
            name, _ = self._raised.popitem(last=False)
            self._seen.pop(name, None)
        self.channels.submit(alerts, raised)


def _strength(alert: Alert) -> tuple[int, float]:
    return alert.level, alert.score or 0.0
