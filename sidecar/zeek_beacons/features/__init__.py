"""Features: Pairs -> matrix. `CATALOGUE` names the columns, `extract` computes them."""

from zeek_beacons.features.catalogue import CATALOGUE, MODEL_FEATURES, SCHEMA_VERSION, Feature
from zeek_beacons.features.jitter import JITTER_KINDS
from zeek_beacons.features.matrix import Features, extract

__all__ = ["CATALOGUE", "JITTER_KINDS", "MODEL_FEATURES", "SCHEMA_VERSION", "Feature", "Features", "extract"]
