"""Each pair by what speaks loudest: its whole history, or the stretch of it that scores clearly higher.

A stretch of a rhythm that is the same throughout lends the pair its score and no more: what is told of the pair, its
sleep, jitter and counts, is that of the whole then, which knows them better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.features import CATALOGUE, Features, extract
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.stretches import stretches
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.judge import proven

MARGIN = 0.03  # by which a stretch must score higher than the whole
CALMER = 0.7  # times the std / mean of the whole's waits, at most: a stretch with a rhythm of its own

_TOLD = np.flatnonzero([not feature.model for feature in CATALOGUE])


@dataclass(frozen=True, slots=True, eq=False)
class Busiest:
    """`n` pairs by their whole history or by a stretch of it."""

    pairs: Pairs  # n, with the observations that are told of
    features: Features
    scores: Mapping[str, Floats]  # by scorer
    stretch: Floats  # (n, 2) begin and end of the stretch that is told of, seconds; NaN where that is the whole


def busiest(pairs: Pairs, features: Features, checkins: FlatCheckins, scoring: Scoring) -> Busiest:
    """Scores pairs and their stretches, and keeps of each pair what speaks loudest. `features`: of the whole."""
    scores = scoring.score(features)
    parts = stretches(pairs, checkins)
    stretch = np.full((len(pairs), 2), np.nan)
    if not len(parts.owner):
        return Busiest(pairs, features, scores, stretch)
    of_parts = extract(parts.pairs)
    scores_of_parts = scoring.score(of_parts)
    enough = proven(of_parts, scoring.evidence)
    won = louder(scoring.rhythm(scores), scoring.rhythm(scores_of_parts), parts.owner, enough)
    rows = parts.owner[won]
    matrix = features.matrix.copy()
    matrix[rows] = of_parts.matrix[won]
    mixed = {name: values.copy() for name, values in scores.items()}
    for name, values in mixed.items():
        values[rows] = scores_of_parts[name][won]
    own = of_parts.column("gap_cv")[won] < CALMER * features.column("gap_cv")[rows]
    matrix[rows[~own, None], _TOLD] = features.matrix[rows[~own, None], _TOLD]
    begin, counts = pairs.offsets[:-1].copy(), pairs.counts.copy()
    begin[rows[own]] += parts.first[won[own]]
    counts[rows[own]] = parts.pairs.counts[won[own]]
    spoken = pairs.cut(np.arange(len(pairs)), begin, counts)
    stretch[rows[own]] = np.stack([spoken.first_ts, spoken.last_ts], axis=1)[rows[own]]
    return Busiest(spoken, Features(matrix), mixed, stretch)


def louder(whole: Floats, parts: Floats, owner: Ints, enough: Bools) -> Ints:
    """The stretches that speak for their pair: the best of each, where it scores MARGIN higher than the whole.

    `whole`: (n,); `parts`: (k,), of the pairs at `owner`; `enough`: (k,) whether a stretch is evidence.
    """
    order = np.lexsort((parts, owner))
    order = order[enough[order]]
    best = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    return best[parts[best] > whole[owner[best]] + MARGIN]
