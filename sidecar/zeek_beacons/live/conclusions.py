"""What the history keeps of a batch that was judged: each pair's row, and of what alerts, did or nearly does all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zeek_beacons import __version__
from zeek_beacons.config import Config
from zeek_beacons.keys import Key
from zeek_beacons.live.protocol.messages import Candidate, Verdict
from zeek_beacons.live.threshold import AlertThreshold
from zeek_beacons.pairs import Floats
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.recorded import details, judged_pairs, worth_telling
from zeek_beacons.scoring import Scoring
from zeek_beacons.store.about import HISTORY
from zeek_beacons.store.judged import Conclusion
from zeek_beacons.store.long_connections import of_pairs


def conclusions(
    scored: Scored,
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    has_alerted: Callable[[Key], bool],
    sources: Sources,
) -> list[Conclusion]:
    """Of the first pairs of a batch, in their order: `candidates`, `verdicts` and `sources` (`seen_in`) are theirs."""
    reasons = {row: verdict.reasons for row, verdict in enumerate(verdicts)}
    made = _conclusions(scored, [one.key for one in candidates], has_alerted, sources, reasons)
    return [
        conclusion._replace(pair=conclusion.pair._replace(sensor=one.sensor))
        for conclusion, one in zip(made, candidates, strict=True)
    ]


def seen_in(candidates: Sequence[Candidate]) -> Sources:
    """The newest connections of the first pairs of a batch."""
    return Sources(uids={row: (one.uid, *one.row.get("uids", ())) for row, one in enumerate(candidates) if one.uid})


def judged_again(scored: Scored, keys: Sequence[Key], has_alerted: Callable[[Key], bool]) -> list[Conclusion]:
    """Of pairs that the history holds, without new connections."""
    return _conclusions(scored, keys, has_alerted, Sources(), None)


def _conclusions(
    scored: Scored,
    keys: Sequence[Key],
    has_alerted: Callable[[Key], bool],
    sources: Sources,
    reasons: Mapping[int, Sequence[Mapping[str, Any]]] | None,
) -> list[Conclusion]:
    rows = np.arange(len(keys))
    pairs = judged_pairs(scored, rows, scored.scoring.identity, uids=sources.uids)
    counted = {row for row, key in enumerate(keys) if pairs[row].level or has_alerted(key)}
    full = np.array(sorted(_scored(scored, counted) | set(worth_telling(scored, len(rows)))), dtype=np.int64)
    texts = details(scored, full, sources, reasons)
    long = {one.id: one for one in of_pairs(scored.pairs.take(rows))}
    return [
        Conclusion(
            pair=pair,
            details=texts.get(row),
            starts=_starts(scored, row) if row in counted else None,
            long=long.get(pair.id),
        )
        for row, pair in enumerate(pairs)
    ]


def placed_conclusion(conclusion: Conclusion, incident: str) -> Conclusion:
    """The same with the incident that it belongs to, where it is in one."""
    return conclusion._replace(pair=conclusion.pair._replace(incident=incident)) if incident else conclusion


def settings_in_force(scoring: Scoring, config: Config, in_force: AlertThreshold) -> dict[str, Any]:
    """What the history says of the sidecar that writes it, see store/about.py."""
    return {
        "kind": HISTORY,
        "model": scoring.identity,
        "calibrated": bool(scoring.calibration),
        "profile": config.profile,
        "threshold": in_force.threshold,
        "thresholds": dict(scoring.thresholds),
        "min_connections": config.min_connections,
        "version": __version__,
        "config": config.digest,
    }


def _scored(scored: Scored, rows: Iterable[int]) -> set[int]:
    return {row for row in rows if scored.feature_row[row] >= 0}


def _starts(scored: Scored, row: int) -> Floats:
    return scored.pairs.start[slice(*scored.pairs.offsets[row : row + 2])]
