"""CTU-13 by its own fields: standard detectors over single flows, within a scenario and from one to another.

What must be found is every flow of a bot, or its C2 channel alone; what must stay quiet are the flows of normal hosts,
or these and the background, whose nature nobody knows. All of it stands beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.readers.inputs import expand
from zeek_beacons_lab.captures.ctu13_flows import (
    BOT,
    BOT_C2,
    KINDS,
    NORMAL,
    Flows,
    load,
    scenario_names,
)
from zeek_beacons_lab.studies.ctu13_detectors import ALLOWED, SETTINGS, Detector, DetectorScores, Setting
from zeek_beacons_lab.studies.tables import Cell, Report, Table

MOST = 3_000  # flows of a scenario and kind that are drawn
SHOWN = 0.01  # of ALLOWED, in the short table
DRAWS = 400  # of the bootstrap over scenarios
OTHERS, HALF, ONE = "all other scenarios", "its own first half", "one other scenario"

By = Mapping[Setting, Sequence[DetectorScores]]


def load_all(inputs: Sequence[str], most: int, seed: int) -> list[Flows]:
    """The flows of every file, a scenario each. Raises InputError."""
    paths = expand(inputs).files
    return [load(path, name, most, seed) for path, name in zip(paths, scenario_names(paths), strict=True)]


def run(scenarios: Sequence[Flows], seed: int) -> Report:
    """All tables. Raises InputError where no scenario holds flows of bots, or none flows of normal hosts."""
    there = {kind for flows in scenarios for kind in np.unique(flows.kind).tolist()}
    if NORMAL not in there or not there & {BOT, BOT_C2}:
        raise InputError("CTU-13", "no flow of a bot, or none of a normal host, in these files")
    judged = {setting: list(_judged(setting, scenarios, seed)) for setting in SETTINGS}
    return Report(
        {
            "ctu13_native": _short(judged, seed),
            "ctu13_native_tradeoff": _trade_off(judged, seed),
            "ctu13_native_transfer": _transfer(judged),
            "ctu13_native_flows": _counted(scenarios),
        },
        shown=("ctu13_native", "ctu13_native_flows"),
    )


def _judged(setting: Setting, scenarios: Sequence[Flows], seed: int) -> Iterator[DetectorScores]:
    """Each scenario by what was learned from the others, from each of them, and from its own first half."""
    chosen = [setting.chosen(flows) for flows in scenarios]
    alone = [Detector.learned(setting, flows.name, [flows], seed) for flows in chosen]
    for number, flows in enumerate(chosen):
        others = chosen[:number] + chosen[number + 1 :]
        half = np.arange(len(flows.kind)) < len(flows.kind) // 2
        tried = [
            (Detector.learned(setting, HALF, [flows.take(half)], seed), flows.take(~half)),
            (Detector.learned(setting, OTHERS, others, seed), flows),
            *((detector, flows) for detector in alone[:number] + alone[number + 1 :]),
        ]
        for detector, judged in tried:
            if detector is not None and (found := detector.judge(judged)) is not None:
                yield found


def _ways(found: Sequence[DetectorScores]) -> Iterator[tuple[str, Sequence[DetectorScores]]]:
    """By where was learned."""
    for way in (OTHERS, ONE, HALF):
        of = [one for one in found if (one.learned_from if one.learned_from in (OTHERS, HALF) else ONE) == way]
        if of:
            yield way, of


_ASKED = ("to be found", "background", "learned from", "method")


def _short(by: By, seed: int) -> Table:
    """AUC, and the figures at one threshold, each with its interval."""
    at = ALLOWED.index(SHOWN)
    rows: list[list[Cell]] = []
    for setting, found in by.items():
        for way, judged in _ways(found):
            figures = [{"AUC": one.auc, **one.figures(at)} for one in judged]
            shown = [_text(*_interval([one[name] for one in figures], judged, seed)) for name in figures[0]]
            rows.append([setting.wanted, setting.background, way, setting.method, *shown])
    order = sorted(rows, key=lambda row: [str(cell) for cell in row[:3]])
    return Table((*_ASKED, "AUC", "recall", "FPR", "precision"), order)


def _trade_off(by: By, seed: int) -> Table:
    """What each threshold gives."""
    rows: list[list[Cell]] = []
    for setting, found in by.items():
        for way, judged in _ways(found):
            for at, allowed in enumerate(ALLOWED):
                threshold = float(np.median([one.thresholds[at] for one in judged]))
                figures = [one.figures(at) for one in judged]
                row: list[Cell] = [setting.wanted, setting.background, way, setting.method, allowed, threshold]
                for name in figures[0]:
                    row += _interval([one[name] for one in figures], judged, seed)
                rows.append(row)
    figures_of = [f"{name}{end}" for name in ("recall", "FPR", "precision") for end in ("", ", low", ", high")]
    return Table((*_ASKED, "benign flows aside above it", "threshold (median)", *figures_of), rows)


def _transfer(by: By) -> Table:
    """The AUC of every detector on every scenario."""
    rows: list[list[Cell]] = [
        [setting.wanted, setting.background, setting.method, one.learned_from, one.scenario, one.auc]
        for setting, found in by.items()
        for one in found
    ]
    return Table(("to be found", "background", "method", "learned from", "judged on", "AUC"), rows)


def _counted(scenarios: Sequence[Flows]) -> Table:
    rows: list[list[Cell]] = [[flows.name, *flows.seen, len(flows.kind), flows.skipped] for flows in scenarios]
    return Table(("scenario", *KINDS, "drawn", "lines skipped"), rows)


def _text(mean: float | None, low: float | None, high: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2f}" if low is None else f"{mean:.2f} ({low:.2f} to {high:.2f})"


def _interval(
    values: Sequence[float], judged: Sequence[DetectorScores], seed: int
) -> tuple[float | None, float | None, float | None]:
    """The mean over judged scenarios, each weighing the same, and 95 % of those over redrawn ones; NaN left out."""
    names = sorted({one.scenario for one in judged})
    of = np.array([names.index(one.scenario) for one in judged])
    known = ~np.isnan(values)
    held = np.bincount(of[known], minlength=len(names))
    means = (np.bincount(of[known], np.asarray(values)[known], len(names)) / np.maximum(held, 1))[held > 0]
    if not len(means):
        return None, None, None
    if len(means) == 1:
        return float(means[0]), None, None
    drawn = means[np.random.default_rng(seed).integers(0, len(means), (DRAWS, len(means)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(means.mean()), float(low), float(high)
