"""The figures of one method on a sample, with bootstrap intervals over scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.metrics import roc_auc, share
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons_lab.captures.sample import BUDGETS, Result, Sample
from zeek_beacons_lab.studies import metrics

DRAWS = 400  # of the bootstrap

Values = dict[str, float | None]

# Pairs by which connections they have and whether infrastructure is set aside.
VIEWS: Mapping[str, tuple[int, bool]] = {
    "all": (0, False),
    "no infrastructure": (0, True),
    "10+ connections": (10, False),
    "10+, no infrastructure": (10, True),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and the middle 95 % of its values over redrawn scenarios; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def view(sample: Sample, name: str) -> Bools:
    """The rows that a view shows, (n,)."""
    conns, aside = VIEWS[name]
    return (sample.conns >= conns) & ~(sample.infrastructure & aside)


def values(sample: Sample, result: Result) -> Values:
    """Every figure, by its name."""
    score, beacon = result.score, sample.beacon
    found: Values = {
        "scenarios with C2": len(np.unique(sample.scenario[beacon])),
        "C2 pairs": int(beacon.sum()),
        "benign pairs": int((~beacon).sum()),
        "host-days": float(sample.host_days.sum()),
        "AUC": roc_auc(score, beacon),
        "AUC, scenarios equal": roc_auc(score, beacon, metrics.equal_weights(sample.scenario, beacon)),
        "average precision": metrics.average_precision(score, beacon),
        "TPR at 1 % FPR": metrics.tpr_at(score, beacon, 0.01),
        "precision in the top 10": metrics.precision_at(score, beacon, 10),
    }
    for name, alert in result.alerts.items():
        found |= _alerting(sample, alert, name)
    for budget in BUDGETS:
        found[f"recall at {budget:g} per host-day"] = scenario_recall(sample, within_budget(sample, result, budget))
    ranks = np.array(list(ranks_of_c2(sample, score).values()))
    return found | {"C2 first": int((ranks == 1).sum()), "C2 in the top 3": int((ranks <= 3).sum())}


def with_intervals(sample: Sample, result: Result, seed: int) -> dict[str, Figure]:
    """Every figure with its interval."""
    rng = np.random.default_rng(seed)
    k = len(sample.names)
    redrawn = []
    for _ in range(DRAWS):
        drawn, rows = sample.redrawn(rng.integers(0, k, k))
        redrawn.append(values(drawn, result.take(rows)))
    return {
        name: Figure(value, *_interval([v for one in redrawn if (v := one[name]) is not None]))
        for name, value in values(sample, result).items()
    }


def scenario_recall(sample: Sample, alert: Bools) -> float | None:
    """Share of the C2 pairs that alert, as the mean over scenarios."""
    return metrics.mean_by_group(alert[sample.beacon], sample.scenario[sample.beacon])


def within_budget(sample: Sample, result: Result, budget: float) -> Bools:
    """What alerts at the lowest threshold that keeps false alerts to `budget` per host-day, (n,)."""
    negative = result.score[~sample.beacon & sample.counted & ~result.silent]
    allowed = int(budget * sample.host_days.sum() + 1e-9)
    return (result.score > metrics.limit(negative, allowed)) & ~result.silent


def ranks_of_c2(sample: Sample, score: Floats) -> dict[int, int]:
    """By scenario: the place of its best C2 pair among its benign ones; benign pairs of the same score come first."""
    best: dict[int, int] = {}
    for number in np.unique(sample.scenario[sample.beacon]).tolist():
        rows = sample.of_scenario(number)
        top = score[rows][sample.beacon[rows]].max()
        best[number] = 1 + int((score[rows][~sample.beacon[rows]] >= top).sum())
    return best


def _alerting(sample: Sample, alert: Bools, name: str) -> Values:
    false = alert & ~sample.beacon
    return {
        f"recall, {name}": scenario_recall(sample, alert),
        f"false alerts per host-day, {name}": share(int((false & sample.counted).sum()), sample.host_days.sum()),
        f"false alerts per 100 benign, {name}": share(100 * int(false.sum()), int((~sample.beacon).sum())),
    }


def _interval(found: list[float]) -> tuple[float | None, float | None]:
    if not found:
        return None, None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
