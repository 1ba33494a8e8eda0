"""How long histories are: the one law from which C2 and benign are both drawn, and the choice of a kind that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.traffic.behaviours import ALL_KINDS
from zeek_beacons_lab.traffic.kinds import KINDS, Label
from zeek_beacons_lab.traffic.series import Plan, Rng, log_uniform

_MARGIN = 0.85  # of the window; leaves room for where a history begins


@dataclass(frozen=True, slots=True)
class Lengths:
    """Connections and span of a pair.

    Half of the histories are short (`shortest` to 30 connections), the others up to `longest`, log-uniform each; the
    mean gap is log-uniform from 2 s to 6 h as far as the window allows. A share `whole` fills the window instead.
    """

    shortest: int = 6
    longest: int = 700
    window: float = 7 * 86_400.0  # seconds
    whole: float = 0.0  # share of histories that last as long as the window
    rough: float = 1.0  # how often rhythms are disturbed; 0: never

    def __post_init__(self) -> None:
        if not 2 <= self.shortest <= self.longest:
            raise ConfigError(
                f"lengths: {self.shortest} to {self.longest} connections, expected 2 <= shortest <= longest"
            )
        if not (np.isfinite(self.window) and self.window >= 60.0):
            raise ConfigError(f"lengths: a window of {self.window} s, expected at least 60")
        if not (0.0 <= self.whole <= 1.0 and 0.0 <= self.rough <= 3.0):
            raise ConfigError(f"lengths: whole {self.whole}, rough {self.rough}, expected 0 to 1 and 0 to 3")

    def draw(self, rng: Rng) -> Plan:
        room = _MARGIN * self.window
        if rng.random() < self.whole:
            gap = log_uniform(rng, max(2.0, room / self.longest), min(21_600.0, room / self.shortest))
            n = int(np.clip(rng.uniform(0.9, 1.0) * room / gap, self.shortest, self.longest))
        else:
            middle = min(max(30, self.shortest), self.longest)
            low, high = (self.shortest, middle) if rng.random() < 0.5 else (middle, self.longest)
            n = round(log_uniform(rng, low, high))
            gap = log_uniform(rng, min(2.0, room / n), min(21_600.0, room / n))
        return Plan(n, gap, self.window, self.rough)


class Menu:
    """Kinds of one label with their weights, all of KINDS by default: picks one that is real at the plan's gap."""

    def __init__(self, label: Label, weights: Mapping[str, float] | None = None) -> None:
        weights = dict.fromkeys(KINDS, 1.0) if weights is None else weights
        unknown = sorted(set(weights) - set(ALL_KINDS))
        if unknown:
            raise ConfigError(f"kinds: {unknown[0]!r} is none of {', '.join(ALL_KINDS)}")
        chosen = {
            name: kind.weight * weights[name]
            for name, kind in ALL_KINDS.items()
            if kind.label == label and weights.get(name, 0.0) > 0.0
        }
        self.names = tuple(chosen)
        self.weights = np.array(list(chosen.values()))
        self.low = np.array([ALL_KINDS[name].gaps[0] for name in chosen])
        self.high = np.array([ALL_KINDS[name].gaps[1] for name in chosen])

    def __len__(self) -> int:
        return len(self.names)

    def pick(self, rng: Rng, plan: Plan) -> tuple[str, Plan]:
        """A kind, and the plan, its gap moved into the kind's range where no kind fits."""
        fits = (self.low <= plan.gap) & (plan.gap <= self.high)
        weights = np.cumsum(self.weights * fits if fits.any() else self.weights)
        index = int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))
        gap = float(np.clip(plan.gap, self.low[index], self.high[index]))
        n = plan.n if gap <= plan.gap else max(2, min(plan.n, int(plan.window / gap)))
        return self.names[index], Plan(n, gap, plan.window, plan.rough)
