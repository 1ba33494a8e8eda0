"""Synthetic traffic with labels: implants and benign services, drawn by documented laws, repeatable by seed.

    traffic = generate(beacons=6, benign=60, hours=24, seed=7)   # a site, for files
    pairs, truth = labelled_pairs(50_000, seed=1)                # many small sites, for training

Each pair has a random stream of its own: adding pairs changes none that were there. Lengths (connections and span) of
C2 and benign follow one law (lengths.py); what a kind does inside that is in c2.py, benign.py and people.py.
"""

from zeek_beacons_lab.traffic.behaviours import with_behaviours
from zeek_beacons_lab.traffic.columns import PairTruth, Traffic
from zeek_beacons_lab.traffic.kinds import KINDS, Kind
from zeek_beacons_lab.traffic.lengths import Lengths
from zeek_beacons_lab.traffic.site import EPOCH, generate, labelled_pairs

__all__ = ["EPOCH", "KINDS", "Kind", "Lengths", "PairTruth", "Traffic", "generate", "labelled_pairs", "with_behaviours"]
