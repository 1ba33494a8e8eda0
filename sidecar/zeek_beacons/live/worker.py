"""Turns a batch of candidates into verdicts: joins them with the history, scores them, and stores the result.

What an alert rests on is stored before the alert is sent. `verdict_message.py` makes the messages.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.incidents import Member, members_at
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.observation_codec import ObservationsError, pack, unpack
from zeek_beacons.live.history.site import Key
from zeek_beacons.live.history.store import Changes, Stored
from zeek_beacons.live.incidents import LiveIncidents, Place
from zeek_beacons.live.neighbours import Neighbours
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.messages import Candidate, Noticed, Verdict
from zeek_beacons.live.threshold import AlertThreshold, SiteThreshold
from zeek_beacons.live.verdict_message import placed, unscored_message, verdict_message
from zeek_beacons.locality import locality
from zeek_beacons.pairs import KEY_COLUMNS, OBSERVATION_COLUMNS, Pairs
from zeek_beacons.pipeline import alert_threshold, score
from zeek_beacons.readers.candidate_rows import SITE, join, localized
from zeek_beacons.scoring import Scoring

if TYPE_CHECKING:
    from zeek_beacons.alerts.alert import Alert
    from zeek_beacons.live.alerting import LiveAlerts

log = logging.getLogger(__name__)
# As in the history's table.
_STORED = (
    *("addr", "service", "server_name", "conns", "named", "first_ts", "resp_hosts", "site_hosts"),
    *("dns_name", "name_conns", "dns_named", "orig_local", "resp_local", "site_tls_named"),
)

Row = Mapping[str, Any]
# Of those that alert, what incidents are formed by, and where there are sinks what to tell them.
Judged: TypeAlias = tuple[Verdict, Member | None, "Alert | None"]


@dataclass(slots=True)
class Worker:
    """Scores batches; lives in one thread. `sidecar`: the identity that verdicts carry.

    `site`: the site's own threshold in place of the profile's; needs a history. `alerts`: sinks beside Zeek's notices.
    """

    sidecar: str
    scoring: Scoring
    config: Config
    history: HistoryGuard | None
    site: SiteThreshold | None = None
    alerts: LiveAlerts | None = None
    rejudging: Callable[[AllowList], bool] | None = field(init=False, default=None)  # see `Rejudging.step`
    incidents: LiveIncidents = field(init=False, default_factory=LiveIncidents)
    neighbours: Neighbours = field(init=False, default_factory=Neighbours)
    faults: int = 0  # candidates that could not be scored, a fault of ours
    unreadable: int = 0  # stored observations that were none
    _is_local: Callable[[str], bool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._is_local = locality(self.config.local_nets)

    @property
    def in_force(self) -> AlertThreshold:
        """The threshold of pairs that have not alerted yet."""
        if self.site is not None:
            return self.site.in_force
        return AlertThreshold(
            alert_threshold(self.scoring, self.config), self.config.profile, self.config.threshold > 0
        )

    def work(
        self,
        batch: Sequence[Candidate],
        allow: AllowList,
        confirmed: Sequence[Noticed] = (),
        progress: Mapping[tuple[str, str], int] | None = None,
        serving: bool = True,
    ) -> list[Verdict]:
        """One verdict a candidate, in their order; what an alert rests on is committed on return.

        `serving`: whether a Zeek is being watched.
        """
        site = self.site
        if site is not None and self.history is not None:
            site.watch(serving)
            site.refresh(self.history)
        stored = self._stored(batch)
        rows = [self._joined(candidate, stored) for candidate in batch]
        verdicts, news = self._placed(self._verdicts(batch, rows, self._near(batch, rows), allow))
        if self.alerts is not None:  # before the history has it: from there Zeek hears of it, whatever happens here
            self.alerts.tell(news)
        incidents = self.incidents.take_changes()
        if self.history is not None:
            if batch or confirmed or (site is not None and site.is_due):
                changes = Changes(
                    pairs={key: _to_store(row) for key, row in stored.items()},
                    alerts={v.key: (v.level, wire.encode(v).text) for v in sorted(verdicts, key=_level) if v.level},
                    confirmed={noticed.key: noticed.level for noticed in sorted(confirmed, key=_level)},
                    progress=progress or {},
                    incidents=incidents,
                    site=None if site is None else site.take_changes(),
                )
                self.history.store(changes)
            self.history.maintain()
        if self.alerts is not None:
            self.alerts.see(verdicts, lambda verdict: verdict.incident or self.incidents.of(verdict.key))
            self.alerts.tick(serving)
        if self.rejudging is not None and self.rejudging(allow):
            self.rejudging = None
        return verdicts

    def _stored(self, batch: Sequence[Candidate]) -> dict[Key, Row]:
        """What the history holds of the pairs of a batch, as mappings for `Pairs.build`."""
        return self._loaded({_key(candidate.row) for candidate in batch})

    def _loaded(self, keys: Set[Key]) -> dict[Key, Row]:
        if self.history is None or not keys:
            return {}
        return self._unpacked(self.history.load(keys))

    def held(self, stored: Mapping[Key, Stored]) -> dict[Key, Row]:
        """What the history's table holds, as it would be judged now, without what is broken."""
        return {key: localized(dict(row), self._is_local) for key, row in self._unpacked(stored).items()}

    def _unpacked(self, stored: Mapping[Key, Stored]) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for key, row in stored.items():
            try:
                found[key] = _from_store(key, row)
            except ObservationsError:
                self.unreadable += 1
        return found

    def _near(self, batch: Sequence[Candidate], rows: Sequence[Row]) -> list[Row]:
        """Other pairs that those of a batch may form groups with, from the history."""
        keys = [_key(candidate.row) for candidate in batch]
        for key, row in zip(keys, rows, strict=True):
            self.neighbours.note(key, row)
        wanted = {other for key in keys for other in self.neighbours.of(key)} - set(keys)
        return [localized(dict(row), self._is_local) for row in self._loaded(wanted).values()]

    def _joined(self, candidate: Candidate, stored: dict[Key, Row]) -> Row:
        """The candidate with what earlier ones of its pair held; from now on that is what is stored."""
        key = _key(candidate.row)
        row: Row = localized(dict(candidate.row), self._is_local)
        if key in stored:
            row = join([localized(dict(stored[key]), self._is_local), dict(row)])
        if self.history is not None:
            oldest = row["start"].max() - self.history.horizon
            row = stored[key] = _newest(row, self.config.max_observations, oldest)
        return row

    def _placed(self, judged: Sequence[Judged]) -> tuple[list[Verdict], list[tuple[Alert, Place, str]]]:
        """The verdicts, those that alert with their incident; and what to tell the sinks of these."""
        alerts = [member for _, member, _ in judged if member is not None]
        places = self.incidents.place(alerts, time.time()) if alerts else {}
        verdicts, news = [], []
        for verdict, member, alert in judged:
            if member is None:
                verdicts.append(verdict)
                continue
            place = places[member.key]
            verdicts.append(placed(verdict, member, place))
            if alert is not None:
                news.append((alert, place, verdicts[-1].summary))
        return verdicts, news

    def _verdicts(
        self, batch: Sequence[Candidate], rows: Sequence[Row], near: Sequence[Row], allow: AllowList
    ) -> list[Judged]:
        if not batch:
            return []
        try:
            return self._scored(batch, rows, near, allow)
        except Exception:
            log.exception("scoring_failed", extra={"fields": {"candidates": len(batch)}})
        if len(batch) > 1:  # one of them is to blame: the others need not suffer for it
            return [
                verdict
                for candidate, row in zip(batch, rows, strict=True)
                for verdict in self._verdicts([candidate], [row], [], allow)
            ]
        self.faults += 1
        unscored = unscored_message(batch[0], self.sidecar, self.scoring.identity, self.config.min_connections)
        return [(unscored, None, None)]

    def _scored(
        self, batch: Sequence[Candidate], rows: Sequence[Row], near: Sequence[Row], allow: AllowList
    ) -> list[Judged]:
        model = self.scoring.identity
        found: dict[int, Judged] = {}
        for threshold, places in self.by_threshold([_key(candidate.row) for candidate in batch]).items():
            pairs = Pairs.build([*(rows[place] for place in places), *near])
            scored = score(pairs, self.scoring, self.config, allow, threshold)
            alerting = np.flatnonzero(scored.verdicts.alerts)
            members = dict(
                zip(alerting.tolist(), members_at(scored.pairs, scored.verdicts, alerting, scored.members), strict=True)
            )
            for row, place in enumerate(places):
                verdict = verdict_message(scored, row, batch[place], self.sidecar, model)
                member = members.get(row)
                told = None if self.alerts is None or member is None else self.alerts.draft(scored, row, model)
                found[place] = verdict, member, told
            if self.site is not None:
                self.site.record(scored, len(places))
        return [found[place] for place in range(len(batch))]

    def by_threshold(self, keys: Sequence[Key]) -> Mapping[float | None, Sequence[int]]:
        """Places among these pairs by the threshold that they are held against; None: the profile's."""
        if self.site is None or self.history is None:
            return {None: range(len(keys))}
        groups: dict[float | None, list[int]] = defaultdict(list)
        for place, threshold in enumerate(self.site.for_pairs(keys, self.history)):
            groups[threshold].append(place)
        return groups


def _level(message: Verdict | Noticed) -> int:
    return message.level


def _key(row: Row) -> Key:
    return row["orig_h"], row["resp"], row["resp_p"], row["proto"]


def _newest(row: Row, most: int, oldest: float) -> Row:
    """The row with its newest observations only, none of them older than `oldest`."""
    start = row["start"]
    if len(start) <= most and start.min() >= oldest:
        return row
    order = np.argsort(start, kind="stable")[-most:]
    order = order[start[order] >= oldest]
    return dict(row) | {name: row[name][order] for name in OBSERVATION_COLUMNS}


def _to_store(row: Row) -> Stored:
    described = (None if row[name] != row[name] else row[name] for name in _STORED)  # NaN is no SQL value
    return (*described, pack(row))


def _from_store(key: Key, stored: Stored) -> Row:
    described = dict(zip(_STORED, stored, strict=False))
    measured = {name: math.nan if described[name] is None else described[name] for name in (*SITE, "dns_named")}
    local = {name: None if described[name] is None else bool(described[name]) for name in ("orig_local", "resp_local")}
    if described["name_conns"] is None:  # written before names went by majority: all named connections agreed
        described["name_conns"] = described["named"] if described["server_name"] else 0
    return dict(zip(KEY_COLUMNS, key, strict=True)) | described | measured | local | unpack(stored[-1])
