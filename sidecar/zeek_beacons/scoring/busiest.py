"""Each pair by what speaks loudest: its whole history, or the stretch of it that scores clearly higher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.features import Features, extract
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.stretches import stretches
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.judge import proven

MARGIN = 0.03  # by which a stretch must score higher than the whole


@dataclass(frozen=True, slots=True, eq=False)
class Busiest:
    """`n` pairs by their whole history or by a stretch of it."""

    pairs: Pairs  # n, with the observations that count
    features: Features
    scores: Mapping[str, Floats]  # by scorer
    is_part: Bools  # (n,) whether a stretch speaks for the pair


def busiest(pairs: Pairs, features: Features, checkins: FlatCheckins, scoring: Scoring) -> Busiest:
    """Scores pairs and their stretches, and keeps of each pair what speaks loudest. `features`: of the whole."""
    scores = scoring.score(features)
    parts = stretches(pairs, checkins)
    is_part = np.zeros(len(pairs), dtype=np.bool_)
    if not len(parts.owner):
        return Busiest(pairs, features, scores, is_part)
    of_parts = extract(parts.pairs)
    scores_of_parts = scoring.score(of_parts)
    enough = proven(of_parts, scoring.evidence)
    won = louder(scoring.rhythm(scores), scoring.rhythm(scores_of_parts), parts.owner, enough)
    rows = parts.owner[won]
    is_part[rows] = True
    matrix = features.matrix.copy()
    matrix[rows] = of_parts.matrix[won]
    mixed = {name: values.copy() for name, values in scores.items()}
    for name, values in mixed.items():
        values[rows] = scores_of_parts[name][won]
    begin, counts = pairs.offsets[:-1].copy(), pairs.counts
    begin[rows] += parts.first[won]
    counts[rows] = parts.pairs.counts[won]
    return Busiest(pairs.cut(np.arange(len(pairs)), begin, counts), Features(matrix), mixed, is_part)


def louder(whole: Floats, parts: Floats, owner: Ints, enough: Bools) -> Ints:
    """The stretches that speak for their pair: the best of each, where it scores MARGIN higher than the whole.

    `whole`: (n,); `parts`: (k,), of the pairs at `owner`; `enough`: (k,) whether a stretch is evidence.
    """
    order = np.lexsort((parts, owner))
    order = order[enough[order]]
    best = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    return best[parts[best] > whole[owner[best]] + MARGIN]
