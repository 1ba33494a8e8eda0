"""Turns a batch of candidates into verdicts: joins them with the history, scores them, and stores the result.

What an alert rests on is stored before the alert is sent. `verdict_message.py` makes the messages.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.groups import MOST
from zeek_beacons.incidents import Member, members_at
from zeek_beacons.keys import Key
from zeek_beacons.live.conclusions import conclusions, placed_conclusion, seen_in, settings_in_force
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.rows import Row, from_store, newest, to_store
from zeek_beacons.live.history.store import Changes, Stored
from zeek_beacons.live.incidents import LiveIncidents, Place
from zeek_beacons.live.neighbours import Neighbours
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.messages import Candidate, Noticed, Verdict
from zeek_beacons.live.threshold import AlertThreshold, SiteThreshold
from zeek_beacons.live.verdict_message import placed, unscored_message, verdict_message
from zeek_beacons.locality import locality
from zeek_beacons.operator_file.telemetry import ORIGIN
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, alert_threshold, score
from zeek_beacons.readers.candidate_rows import is_of_other_card, join, localized
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.sentence import ServerFacts
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring, twins
from zeek_beacons.store.host_owners import of_traits
from zeek_beacons.store.judged import Conclusion
from zeek_beacons.store.long_connection import LongConnection
from zeek_beacons.store.observation_codec import ObservationsError
from zeek_beacons.traits import with_first_sight

if TYPE_CHECKING:
    from zeek_beacons.alerts.alert import Alert
    from zeek_beacons.live.alerting import LiveAlerts
    from zeek_beacons.live.endpoints.held import HeldEvents

log = logging.getLogger(__name__)
FOLLOWED = "follow"  # in place of a Zeek node's name, where logs are followed
NO_ZEEK = (ORIGIN, FOLLOWED)  # where no notice can be raised
MOST_NEAR = 32  # pairs of the history that are looked at beside a batch
NEAR_SHARE = 0.25  # of the batch, at most, where that is more than a candidate alone may have


class JudgedCandidate(NamedTuple):
    """A candidate's verdict, and what is made of it."""

    verdict: Verdict
    member: Member | None = None  # of what alerts: what incidents are formed by
    alert: Alert | None = None  # of what alerts, where there are sinks: what to tell them
    conclusion: Conclusion | None = None  # what the history keeps


@dataclass(slots=True)
class Worker:
    """Scores batches; lives in one thread. `sidecar`: the identity that verdicts carry.

    `site`: the site's own threshold in place of the profile's; needs a history. `alerts`: sinks beside Zeek's notices.
    `events`: what endpoints tell of processes.
    """

    sidecar: str
    scoring: Scoring
    config: Config
    history: HistoryGuard | None
    site: SiteThreshold | None = None
    alerts: LiveAlerts | None = None
    events: HeldEvents | None = None
    rejudging: Callable[[AllowList], bool] | None = field(init=False, default=None)  # see `Rejudging.step`
    said: Said = field(init=False, default_factory=Said)  # what operators said, see operators.py
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
        long: Sequence[LongConnection] = (),
    ) -> list[Verdict]:
        """One verdict a candidate, in their order; what an alert rests on is committed on return.

        `serving`: whether a Zeek is being watched. `long`: what it tells of pairs that are connected for long.
        """
        site = self.site
        if site is not None and self.history is not None:
            site.watch(serving)
            site.refresh(self.history)
        stored = self._stored(batch)
        sights = self._first_sights(batch)
        rows = [self._joined(candidate, stored, sights) for candidate in batch]
        judged = self._verdicts(batch, rows, self.near([_key(candidate.row) for candidate in batch], rows), allow)
        verdicts, news = self._placed(judged)
        if self.alerts is not None:  # before the history has it: from there Zeek hears of it, whatever happens here
            self.alerts.tell(news)
        incidents = self.incidents.take_changes()
        if self.history is not None:
            if batch or confirmed or long or (site is not None and site.is_due):
                changes = Changes(
                    pairs={key: to_store(row) for key, row in stored.items()},
                    alerts={v.key: (v.level, wire.encode(v).text) for v in sorted(verdicts, key=_level) if v.level},
                    confirmed={noticed.key: noticed.level for noticed in sorted(confirmed, key=_level)}
                    | {v.key: v.level for v in verdicts if v.level and v.node in NO_ZEEK},
                    progress=progress or {},
                    long_connections=long,
                    incidents=incidents,
                    site=None if site is None else site.take_changes(),
                    concluded=[
                        placed_conclusion(one.conclusion, verdict.incident)
                        for one, verdict in zip(judged, verdicts, strict=True)
                        if one.conclusion is not None
                    ],
                    owners=of_traits((key[0], row["traits"], row["start"].max()) for key, row in stored.items()),
                    sights=sights,
                    about=settings_in_force(self.scoring, self.config, self.in_force),
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

    def _first_sights(self, batch: Sequence[Candidate]) -> dict[str, float]:
        """When each server of a batch was first seen here, as far as the history and the batch know."""
        servers = {candidate.row["resp"] for candidate in batch}
        found = {} if self.history is None or not servers else self.history.first_sights(servers)
        for candidate in batch:
            server, first = candidate.row["resp"], candidate.row["first_ts"]
            found[server] = min(found.get(server, first), first)
        return found

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
                found[key] = from_store(key, row)
            except ObservationsError:
                self.unreadable += 1
        return found

    def near(self, keys: Sequence[Key], rows: Sequence[Row]) -> list[Row]:
        """Other pairs that these may form groups with, from the history; from now on these are known as such too.

        Not more than MOST_NEAR, nor than NEAR_SHARE of a batch: where many come at once, verdicts on them go before
        groups with others.
        """
        most = min(MOST_NEAR, max(2 * MOST, int(NEAR_SHARE * len(keys))))
        for key, row in zip(keys, rows, strict=True):
            self.neighbours.note(key, row)
        own, wanted = set(keys), set[Key]()
        for key in keys:
            wanted.update(islice((one for one in self.neighbours.of(key) if one not in own), most - len(wanted)))
            if len(wanted) >= most:
                break
        return [localized(dict(row), self._is_local) for row in self._loaded(wanted).values()]

    def _joined(self, candidate: Candidate, stored: dict[Key, Row], sights: Mapping[str, float]) -> Row:
        """The candidate with what its earlier ones held and endpoints tell; from now on that is what is stored.

        What another network card held under the originator's address is not joined: what is later is stored.
        """
        key = _key(candidate.row)
        row: Row = localized(dict(candidate.row), self._is_local)
        if key in stored and is_of_other_card(stored[key], row):
            if row["start"].max() < stored[key]["start"].max():
                return row
        elif key in stored:
            row = join([localized(dict(stored[key]), self._is_local), dict(row)])
        row = dict(row) | {"traits": with_first_sight(row["traits"], sights[key[1]])}
        if self.events is not None and (told := self.events.of(candidate.row, candidate.orig_p)) is not None:
            row = dict(row) | told
        if self.history is not None:
            oldest = row["start"].max() - self.history.horizon
            row = stored[key] = newest(row, self.config.max_observations, oldest)
        return row

    def _placed(self, judged: Sequence[JudgedCandidate]) -> tuple[list[Verdict], list[tuple[Alert, Place, str]]]:
        """The verdicts, those that alert with their incident; and what to tell the sinks of these."""
        alerts = [one.member for one in judged if one.member is not None]
        places = self.incidents.place(alerts, time.time()) if alerts else {}
        verdicts, news = [], []
        for verdict, member, alert, _ in judged:
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
    ) -> list[JudgedCandidate]:
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
        return [JudgedCandidate(unscored)]

    def _scored(
        self, batch: Sequence[Candidate], rows: Sequence[Row], near: Sequence[Row], allow: AllowList
    ) -> list[JudgedCandidate]:
        model = self.scoring.identity
        found: dict[int, JudgedCandidate] = {}
        for threshold, places in self.by_threshold([_key(candidate.row) for candidate in batch]).items():
            pairs = Pairs.build([*(rows[place] for place in places), *near])
            scored = score(pairs, self.scoring, self.config, allow, threshold, self.said, len(places))
            if beside := self._names_of(scored):
                pairs = Pairs.build([*(rows[place] for place in places), *near, *beside])
                scored = score(pairs, self.scoring, self.config, allow, threshold, self.said, len(places))
            alerting = np.flatnonzero(scored.verdicts.alerts[: len(places)])
            members = dict(
                zip(alerting.tolist(), members_at(scored.pairs, scored.verdicts, alerting, scored.members), strict=True)
            )
            candidates = [batch[place] for place in places]
            server, sources = ServerFacts.of(scored, np.arange(len(candidates))), seen_in(candidates)
            verdicts = [
                verdict_message(scored, row, one, self.sidecar, model, server, sources)
                for row, one in enumerate(candidates)
            ]
            kept = self._conclusions(scored, candidates, verdicts, sources)
            for row, place in enumerate(places):
                member = members.get(row)
                told = None if self.alerts is None or member is None else self.alerts.draft(scored, row, model)
                found[place] = JudgedCandidate(verdicts[row], member, told, kept[row])
            if self.site is not None:
                self.site.record(scored, len(places))
        return [found[place] for place in range(len(batch))]

    def _names_of(self, scored: Scored) -> list[Row]:
        """Pairs by name from the history that speak for address pairs of the batch which would alert: see twins.py."""
        loud = twins.loud_twins(scored.pairs, scored.verdicts, self.scoring.thresholds["balanced"])
        missing = twins.missing_names(scored.pairs, loud[:MOST_NEAR])
        return [localized(dict(row), self._is_local) for row in self._loaded(set(missing)).values()]

    def _conclusions(
        self, scored: Scored, candidates: Sequence[Candidate], verdicts: Sequence[Verdict], sources: Sources
    ) -> Sequence[Conclusion | None]:
        if self.history is None:
            return [None] * len(candidates)
        return conclusions(scored, candidates, verdicts, self.has_alerted, sources)

    def has_alerted(self, key: Key) -> bool:
        """Whether this pair alerts or did, as far as that is remembered."""
        return self.incidents.of(key) is not None

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
    return row["orig_h"], row["resp"], row["resp_p"], row["proto"], row["channel"]
