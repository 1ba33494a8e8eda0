"""From pairs to verdicts: the one place where the flow can be read from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.features import Features, extract
from zeek_beacons.pairs import Ints, Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.judge import judge
from zeek_beacons.verdicts import Verdicts


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A batch of `n` pairs and what was concluded about each of them."""

    pairs: Pairs
    verdicts: Verdicts  # n
    features: Features  # of the pairs with enough connections only
    feature_row: Ints  # (n,) the row in `features`, -1 for pairs that were not measured


def score(pairs: Pairs, scoring: Scoring, config: Config, allow: AllowList | None = None) -> Scored:
    """Verdicts for a batch of pairs; batch, live, API and evaluation all call this.

    Pairs with fewer than `config.min_connections` connections stay in the batch, unscored, as
    `insufficient_evidence`.
    """
    pairs = pairs.latest(config.max_observations)
    enough = np.minimum(pairs.conns, pairs.counts) >= config.min_connections
    measured = pairs.take(enough)
    features = extract(measured)
    scores = scoring.score(features)
    fused = scoring.fuse(scores)
    verdicts = judge(measured, features, scores, fused, scoring.thresholds, config.profile, scoring.evidence)
    verdicts = verdicts.spread(enough, config.min_connections)
    verdicts = verdicts.suppress((allow or AllowList()).covers(pairs), pairs.is_twin, pairs.is_multicast)
    return Scored(pairs, verdicts, features, np.where(enough, np.cumsum(enough) - 1, -1))
