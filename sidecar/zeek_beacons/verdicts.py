"""Verdicts: what the scorers concluded about each pair of a batch, in columns beside `Pairs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Bytes, Floats, Ints

LABELS = ("insufficient_evidence", "benign", "beacon")
INSUFFICIENT, BENIGN, BEACON = range(3)

# What kind of finding a pair is, or would be if it were one, beside its label. What comes from outside does not alert
# by default. Strobes and long connections are told by counting (scoring/counted.py), without a score.
KINDS = ("beacon", "inbound", "tunnel", "strobe", "long")
OWN_BEACON, FROM_OUTSIDE, TUNNEL, STROBE, LONG = range(5)

SEVERITIES = ("", "low", "medium", "high", "critical")
# Why a beacon does not alert: allowed; the pair by name speaks for it; its responder is no single host (a group, or
# the broadcast address of a network), or a neighbour on the same link; it comes from outside; a benign rhythm looks
# just like it; someone marked it as false, or snoozed it; a page that the host looks at polls its own site; names are
# looked up for connections, which are told of; a strobe or long connection of a kind of server, or of a well-known one,
# that explains it.
SUPPRESSIONS = (
    *("", "allow-list", "named-twin", "multicast", "look-alike", "broadcast", "link-local", "inbound"),
    *("feedback", "snoozed", "web-page", "look-up", "expected"),
)
NOT_SUPPRESSED, ALLOW_LISTED, NAMED_TWIN, MULTICAST, LOOK_ALIKE, BROADCAST, LINK_LOCAL, INBOUND = range(8)
BY_FEEDBACK, SNOOZED, WEB_PAGE, LOOK_UP, EXPECTED = 8, 9, 10, 11, 12


@dataclass(frozen=True, eq=False)
class Verdicts:
    """One verdict for each of `n` pairs. Scores lie in [0, 1], higher is more beacon-like, NaN where not scored."""

    label: Bytes  # (n,) index into LABELS
    score: Floats  # (n,) the fused score that the threshold is held against
    scorers: Mapping[str, Floats]  # (n,) each, by scorer: what went into the fusion
    severity: Bytes  # (n,) index into SEVERITIES, 0 unless the label is beacon
    suppressed: Bytes  # (n,) index into SUPPRESSIONS
    sleep: Floats  # (n,) estimated sleep of the implant, seconds, NaN where there is no rhythm
    jitter: Floats  # (n,) estimated jitter, 0 to 1, NaN where there is no rhythm
    jitter_kind: NDArray[np.int8]  # (n,) its shape, index into JITTER_KINDS, -1 where there is no rhythm
    hint_sleep: Floats  # (n,) seconds an implant would be configured with, NaN unless sure (see scoring/timer.py)
    hint_jitter: Floats  # (n,) the same of jitter, 0 to 1
    needed: Ints  # (n,) check-ins that this kind of rhythm needs for a verdict
    reasons: NDArray[np.int16]  # (n, k) indices into REASONS by falling contribution, -1 where there are fewer
    contributions: Floats  # (n, k) of the reasons to `score` (see scoring/explain.py), NaN where not measured
    kind: Bytes  # (n,) index into KINDS
    look_alike: NDArray[np.int16]  # (n,) the benign rhythm it looks like, index into LOOK_ALIKES, -1 for none
    threshold: float  # what `score` had to reach
    calibrated: bool = False  # whether `score` is a probability (see scoring/calibration.py)

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def alerts(self) -> Bools:
        """Beacons that nothing suppresses, (n,)."""
        alerts: Bools = (self.label == BEACON) & (self.suppressed == NOT_SUPPRESSED)
        alerts.flags.writeable = False  # computed once for all who ask
        return alerts

    def spread(self, rows: Bools, unscored_need: int) -> Self:
        """These verdicts at the rows of a larger batch where `rows` is true; the others have too little evidence."""
        n = len(rows)

        def column(values: NDArray[Any], fill: float) -> NDArray[Any]:
            wide = np.full((n, *values.shape[1:]), fill, dtype=values.dtype)
            wide[rows] = values
            return wide

        return replace(
            self,
            label=column(self.label, INSUFFICIENT),
            score=column(self.score, np.nan),
            scorers={name: column(values, np.nan) for name, values in self.scorers.items()},
            severity=column(self.severity, 0),
            suppressed=column(self.suppressed, NOT_SUPPRESSED),
            sleep=column(self.sleep, np.nan),
            jitter=column(self.jitter, np.nan),
            jitter_kind=column(self.jitter_kind, -1),
            hint_sleep=column(self.hint_sleep, np.nan),
            hint_jitter=column(self.hint_jitter, np.nan),
            needed=column(self.needed, unscored_need),
            reasons=column(self.reasons, -1),
            contributions=column(self.contributions, np.nan),
            kind=column(self.kind, OWN_BEACON),
            look_alike=column(self.look_alike, -1),
        )

    def take(self, rows: Ints) -> Self:
        """The verdicts on the pairs at `rows`."""
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        taken: dict[str, Any] = {
            name: values[rows] for name, values in columns.items() if isinstance(values, np.ndarray)
        }
        return replace(self, scorers={name: values[rows] for name, values in self.scorers.items()}, **taken)

    def lent(self, speaker: Ints) -> Self:
        """These verdicts where each of `n` pairs is judged by the row that speaks for it; what keeps it quiet stays."""
        own = {name: getattr(self, name) for name in ("suppressed", "kind", "look_alike")}
        return replace(self.take(speaker), **own)

    def suppress(self, why: Mapping[int, Bools]) -> Self:
        """The same verdicts with the pairs marked that must not alert: by the first of `why`, (n,) each, that holds.

        What was suppressed before stays so where none holds.
        """
        quiet = np.select(list(why.values()), list(why), self.suppressed.astype(np.int64))
        return replace(self, suppressed=quiet.astype(np.uint8))

    def ranking(self) -> Ints:
        """Positions of all pairs, alerts first, then by falling score; ties keep their order."""
        score = np.nan_to_num(self.score, nan=-1.0)
        return np.lexsort((-score, ~self.alerts))
