"""What operators say and ask for, as it takes effect in a running sidecar.

`operator_file/follow.py` reads the file; here it becomes an allow-list, settings of the worker, candidates, and a look
at all that is held. Used by the loop while the scoring thread rests.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from zeek_beacons.allow import AllowList
from zeek_beacons.config import TRUTHS, Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.rejudging import Rejudging
from zeek_beacons.live.worker import Worker
from zeek_beacons.operator_file.follow import Fed, OperatorFollower
from zeek_beacons.operator_file.telemetry import ORIGIN, Connection, rows
from zeek_beacons.operator_file.words import Words
from zeek_beacons.readers.candidate_rows import Candidate as Row

ANALYSIS = "analysis"  # in place of a Zeek node's name, where the history keeps how far each node was followed
SCORING_SETTINGS = ("profile", "threshold")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Feed:
    """Candidates from telemetry, and what is to be noted once they are stored."""

    candidates: tuple[Candidate, ...] = ()
    fed: Fed | None = None


@dataclass(slots=True)
class _Analysis:
    """The request to judge again what is held that is being followed."""

    running: int = 0
    step: Rejudging | None = None


@dataclass(slots=True)
class Operators:
    """Their effects. `progress`: what the history holds of earlier runs, by node and boot."""

    follower: OperatorFollower
    worker: Worker
    analyses: dict[str, int] = field(default_factory=dict)  # by file, the last request that was done
    telemetry: int = 0  # connections taken
    unfit: int = 0  # of these, such as fit in no candidate
    _words: Words = field(default_factory=Words)
    _listed: tuple[AllowList, Words, AllowList] | None = None
    _config: Config = field(init=False)
    _problem: str = ""
    _analysis: _Analysis = field(default_factory=_Analysis)

    def __post_init__(self) -> None:
        self._config = self.worker.config

    def apply(self, listed: AllowList) -> AllowList:
        """Takes up what is new. Returns the allow-list with the operators' entries in it."""
        before, self._words = self._words, self.follower.words()
        self.worker.said = self._words.said
        if self._words.settings != before.settings:
            self._problem = self._change(self._words.settings)
        self._follow_analysis()
        if self._listed is None or self._listed[0] is not listed or self._listed[1] is not self._words:
            self._listed = listed, self._words, self._words.with_file(listed)
        return self._listed[2]

    def feed(self) -> Feed:
        """The telemetry that waits; without a history nothing could add up, and nothing is taken."""
        fed = self.follower.fed()
        if fed is None or self.worker.history is None:
            return Feed()
        found: list[Candidate] = []
        for collector, connections in fed.by_collector.items():
            made, bad = rows(connections)
            self.unfit += bad
            found += (_candidate(collector, fed, row, newest) for row, newest in made)
        return Feed(tuple(found), fed)

    def took(self, feed: Feed) -> None:
        """It was scored and stored, or could not be."""
        if feed.fed is not None:
            self.telemetry += sum(map(len, feed.fed.by_collector.values()))
            self.follower.took(feed.fed)

    def progress(self, feed: Feed) -> dict[tuple[str, str], int]:
        """How far the file was followed, for the history, with this feed."""
        taken = self.follower.taken() | ({} if feed.fed is None else {feed.fed.store: feed.fed.upto})
        kept = {(ORIGIN, store): upto for store, upto in taken.items()}
        return kept | {(ANALYSIS, store): number for store, number in self.analyses.items()}

    def state(self) -> dict[str, Any]:
        """For `zeek-beacons status` and the console."""
        words, analysis = self._words, self._analysis
        return asdict(self.follower.health) | {
            "store": words.store,
            "revision": words.revision,
            "allow_entries": len(words.allowed),
            "snoozed": len(words.said.snoozed),
            "feedback": len(words.said.true) + len(words.said.false),
            "settings": dict(words.settings),
            "problem": self._problem,
            "telemetry_taken": self.follower.taken(),
            "telemetry_connections": self.telemetry,
            "telemetry_unfit": self.unfit,
            "analysis": {
                "store": words.store,
                "running": analysis.running,
                "done": self.analyses.get(words.store, 0),
                "share": 0.0 if analysis.step is None else analysis.step.share,
            },
        }

    def _change(self, settings: Mapping[str, str]) -> str:
        """Changes settings at run time. Returns what is wrong with them; then the last good ones stay."""
        worker = self.worker
        wanted = {name: settings[name] for name in SCORING_SETTINGS if name in settings}
        if wanted and worker.site is not None:
            return f"{', '.join(wanted)} cannot be set: the threshold follows alerts_per_host_day"
        try:
            config = replace(
                self._config,
                profile=wanted.get("profile", self._config.profile),
                threshold=float(wanted.get("threshold", 0.0 if "profile" in wanted else self._config.threshold)),
            )
            hours = float(settings["cooldown_hours"]) if "cooldown_hours" in settings else None
            stopped = TRUTHS[settings["stopped"]] if "stopped" in settings else None
        except (ConfigError, ValueError, KeyError) as error:
            return f"settings of the console cannot be followed: {error}"
        if config != worker.config:
            log.info("settings_changed", extra={"fields": {"profile": config.profile, "threshold": config.threshold}})
        worker.config = config
        if worker.alerts is not None:
            worker.alerts.change(hours, stopped)
        return ""

    def _follow_analysis(self) -> None:
        """Begins to judge again where that was asked for, and notes the end."""
        analysis, store = self._analysis, self._words.store
        if analysis.step is not None and self.worker.rejudging is None:
            self.analyses[store] = analysis.running
            self._analysis = analysis = _Analysis()
        wanted = self._words.analyze > self.analyses.get(store, 0)
        if wanted and self.worker.rejudging is None and self.worker.history is not None:
            number = self._words.analyze
            note = {(ANALYSIS, store): number}
            step = Rejudging(self.worker, self.worker.history, self.worker.alerts, note)
            self._analysis = _Analysis(running=number, step=step)
            self.worker.rejudging = step.step
            log.info("judging_again", extra={"fields": {"request": number}})


def followed(progress: Mapping[tuple[str, str], int], node: str) -> dict[str, int]:
    """By file, how far it was followed in earlier runs."""
    return {store: upto for (name, store), upto in progress.items() if name == node}


def _candidate(collector: str, fed: Fed, row: Row, newest: Connection) -> Candidate:
    return Candidate(
        sensor=collector,
        node=ORIGIN,
        boot=fed.store,
        seq=fed.upto,
        ts=newest["ts"],
        uid=newest.get("uid", ""),
        orig_p=newest.get("id.orig_p", 0),
        resp_h=row["addr"],
        reason=ORIGIN,
        key=(row["orig_h"], row["resp"], row["resp_p"], row["proto"], row["channel"]),
        row=row,
    )
