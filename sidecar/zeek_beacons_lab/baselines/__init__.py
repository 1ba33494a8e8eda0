"""The peers' formulas, re-implemented for measurement side by side. One function a formula, one line here each.

They are described in words and formulas by public documents; none of their code is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeek_beacons_lab.baselines import ebpf, in_script, periodic, study
from zeek_beacons_lab.baselines.flows import Formula
from zeek_beacons_lab.baselines.rita import rita


@dataclass(frozen=True, slots=True)
class Baseline:
    formula: Formula
    threshold: float  # at and above which it alerts
    note: str = ""


BASELINES: Mapping[str, Baseline] = {
    "RITA v5 formula": Baseline(rita, 0.7, "alerts at .7, its medium severity"),
    "hardened rules of the beaconing study": Baseline(study.rules, 2.2),
    "eBPF beacon-detect, README": Baseline(ebpf.readme, 0.7),
    "eBPF beacon-detect, newest": Baseline(ebpf.newest, 0.7),
    "modal gap (Sentinel query)": Baseline(periodic.modal_gap, 0.8),
    "Elastic-style autocovariance": Baseline(periodic.autocovariance, 0.7),
    "msticpy's Fisher test": Baseline(periodic.fisher, 2.0, "alerts at p <= .01"),
    "modal window (flare)": Baseline(periodic.modal_window, 0.05),
    "our heuristic in the Zeek script": Baseline(in_script.heuristic, 1 - in_script.SPREAD),
    "plain CV of the gaps": Baseline(periodic.plain_cv, 1 / 1.2, "alerts at a CV of .2"),
}
