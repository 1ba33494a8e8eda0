"""Flows of the beaconing study's scenarios, drawn here: what its benchmark holds, without its files.

Laws are by the published figures of its flows (mean and spread of gaps and sizes, numbers of events, flows by
scenario); what is drawn is not its data. A mix is one of

- `standard`: as published: C2 has servers and sizes of its own, and longer flows than most benign ones;
- `overlap`: benign timers have the gaps, sizes and lengths of C2, only their spread is their own;
- `shortcut`: C2 goes where benign flows go, sends sizes and has lengths of theirs: only the rhythm is its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons_lab.captures.datasets import SeedFlows

MIXES = ("standard", "overlap", "shortcut")
CASES = 13  # of the study, each with every scenario
BENIGN_FLOWS = 21  # of a case and seed, as in the study; C2: one of each scenario
BEGIN = 1_767_225_600.0


@dataclass(frozen=True, slots=True)
class ScenarioLaw:
    """What flows of a benign scenario look like: means, and deviations as shares of them."""

    flows: int  # in the study's half
    gap: float  # seconds
    gap_cv: float
    size: float  # bytes
    size_cv: float


BENIGN: Mapping[str, ScenarioLaw] = {
    "normal_api_polling": ScenarioLaw(210, 46, 0.31, 257, 0.24),
    "normal_bursty_session": ScenarioLaw(265, 32, 1.65, 900, 0.41),
    "normal_cloud_sync": ScenarioLaw(100, 100, 0.49, 835, 0.48),
    "normal_keepalive": ScenarioLaw(270, 120, 0.12, 96, 0.07),
    "normal_software_update": ScenarioLaw(195, 206, 0.15, 420, 0.11),
    "normal_telemetry": ScenarioLaw(310, 75, 0.26, 180, 0.14),
}
C2 = ("bursty", "fixed_periodic", "jittered", "time_size_jittered")
SLEEP, SIZE, SPREAD, SIZE_SPREAD = 60.0, 120.0, 0.4, 0.25  # of C2; the spreads to both sides
C2_EVENTS, BENIGN_EVENTS, EQUAL_EVENTS = (5, 18), (3, 12), (5, 14)
BURST = (3, 4.0, 210.0)  # events, seconds between them, seconds between bursts
OVERLAP_SLEEP, OVERLAP_SIZE = (45.0, 90.0), (100.0, 200.0)


def made(mix: str, seeds: range) -> SeedFlows:
    """The flows of one mix: every case with every seed. The same seeds give the same flows, in whatever mix the same
    scenarios in the same order.
    """
    sites = [(case, seed) for case in range(CASES) for seed in seeds]
    flows = [flow for number, site in enumerate(sites) for flow in _site(mix, number, *site)]
    scenario = np.array([flow.pop("scenario") for flow in flows], dtype=np.object_)
    site = np.array([flow.pop("site") for flow in flows])
    return SeedFlows(
        pairs=Pairs.build(flows),
        is_c2=np.isin(scenario, C2),
        case=np.array([f"case_{sites[number][0]}" for number in site.tolist()], dtype=np.object_),
        seed=np.array([sites[number][1] for number in site.tolist()], dtype=np.int64),
        scenario=scenario,
    )


def _site(mix: str, number: int, case: int, seed: int) -> Iterator[dict[str, Any]]:
    which = np.random.default_rng((case, seed))
    weight = np.array([law.flows for law in BENIGN.values()], dtype=np.float64)
    kinds = [*C2, *which.choice(list(BENIGN), BENIGN_FLOWS, p=weight / weight.sum()).tolist()]
    for place, kind in enumerate(kinds):
        rng = np.random.default_rng((case, seed, place))
        gaps, sizes = _c2(kind, mix, rng) if kind in C2 else _benign(BENIGN[kind], mix, rng)
        server = str(rng.choice(list(BENIGN))) if mix == "shortcut" and kind in C2 else kind
        yield {
            "orig_h": f"10.{number}.0.{place + 1}",
            "resp": "203.0.113.10" if server in C2 else f"198.51.100.{1 + list(BENIGN).index(server)}",
            "resp_p": 443,
            "proto": "tcp",
            "start": BEGIN + float(rng.uniform(0, 3600)) + np.concatenate([[0.0], np.cumsum(gaps)]),
            "orig_bytes": np.rint(sizes),
            "resp_hosts": 4 if server in C2 else kinds.count(server),
            "site_hosts": len(kinds),
            "scenario": kind,
            "site": number,
        }


def _c2(kind: str, mix: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    n = _events(rng, C2_EVENTS if mix == "standard" else EQUAL_EVENTS)
    sleep = float(rng.uniform(*OVERLAP_SLEEP)) if mix == "overlap" else SLEEP
    size = float(rng.uniform(*OVERLAP_SIZE)) if mix == "overlap" else SIZE
    gaps = np.full(n - 1, sleep)
    if kind == "bursty":
        events, short, long = BURST
        gaps = np.where(np.arange(1, n) % events, short, long) * rng.uniform(0.8, 1.2, n - 1)
    elif kind != "fixed_periodic":
        gaps *= rng.uniform(1 - SPREAD, 1 + SPREAD, n - 1)
    if mix == "shortcut":
        return gaps, _drawn(rng, list(BENIGN.values())[rng.integers(len(BENIGN))], n)
    spread = SIZE_SPREAD if kind == "time_size_jittered" else 0.0
    return gaps, size * rng.uniform(1 - spread, 1 + spread, n)


def _benign(law: ScenarioLaw, mix: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    n = _events(rng, BENIGN_EVENTS if mix == "standard" else EQUAL_EVENTS)
    if mix != "overlap":
        return _gamma(rng, law.gap, law.gap_cv, n - 1), _drawn(rng, law, n)
    gap, size = float(rng.uniform(*OVERLAP_SLEEP)), float(rng.uniform(*OVERLAP_SIZE))
    return _gamma(rng, gap, law.gap_cv, n - 1), _gamma(rng, size, law.size_cv, n)


def _drawn(rng: np.random.Generator, law: ScenarioLaw, n: int) -> Floats:
    return _gamma(rng, law.size, law.size_cv, n)


def _events(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _gamma(rng: np.random.Generator, mean: float, cv: float, n: int) -> Floats:
    return rng.gamma(cv**-2, mean * cv**2, n)
