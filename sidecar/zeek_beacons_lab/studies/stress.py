"""Simulated beacons in real benign days: what is found at the threshold that 1 % of the benign pairs exceed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES, Baseline
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import Method, measure, ours, pooled, ranked
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.figures import view
from zeek_beacons_lab.studies.injection import (
    FAMILIES,
    FULL_DAY,
    LENGTHS,
    Injection,
    can_host,
    inject,
    with_pair,
)
from zeek_beacons_lab.studies.peers import OURS, by_scores, over
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.studies.truncate import shortened

FPR = 0.01
FIRST = 20  # connections of each pair that the early look sees
ALL_DAY = "full day"
LABELS = [ALL_DAY if length == FULL_DAY else str(length) for length in LENGTHS]
VIEW = "no infrastructure"

One = Callable[[Capture], tuple[float, bool]]  # the score of a capture's last pair, and whether it alerts


@dataclass(frozen=True, slots=True)
class Contender:
    """A method, and the quick way to its score of one pair."""

    method: Method
    one: One


def contenders(scoring_for: Callable[[Capture], Scoring], config: Config) -> dict[str, Contender]:
    """This package and every published formula."""

    def last(capture: Capture) -> tuple[float, bool]:
        scored = score(capture.pairs, scoring_for(capture), config).each
        return float(ranked(scored)[-1]), bool(scored.verdicts.alerts[-1])

    found = {OURS: Contender(ours(scoring_for, config), last)}
    for name, peer in BASELINES.items():
        found[name] = Contender(by_scores(over(peer.formula), peer.threshold, config), _one(peer))
    return found


def _one(peer: Baseline) -> One:
    scores = over(peer.formula)

    def last(capture: Capture) -> tuple[float, bool]:
        found = float(scores(capture.pairs, np.array([len(capture.pairs) - 1]))[0])
        return found, found >= peer.threshold

    return last


def run(
    captures: Sequence[Capture], chosen: Mapping[str, Contender], config: Config, draws: int, seed: int
) -> pd.DataFrame:
    """A row an injection: family, check-ins, sleep, jitter, capture, and by method whether it was found.

    Columns: `NAME` whether the score exceeds what 1 % of the benign pairs exceed, `NAME alerts` whether it does so at
    the method's own threshold (`balanced`), `NAME early` the score of its first 20 connections.
    Raises InputError where no capture can host a beacon.
    """
    hosting = [capture for capture in captures if can_host(capture)]
    if not hosting:
        raise InputError("captures", "none is half a day long, with sizes and a host without C2")
    limits = {name: threshold(captures, one.method, config) for name, one in chosen.items()}
    rows = []
    for number, family in enumerate(FAMILIES):
        for length in LENGTHS:
            for draw in range(draws):
                capture = hosting[draw % len(hosting)]
                injection = inject(capture, family, length, (seed, number, length, draw))
                rows.append(_described(injection, capture) | _found(injection, capture, chosen, limits))
    return pd.DataFrame(rows)


def threshold(captures: Sequence[Capture], method: Method, config: Config) -> float:
    """The score that at most 1 % of the captures' benign pairs exceed, infrastructure set aside."""
    sample = pooled(captures, config)
    benign = measure(sample, captures, method).score[view(sample, VIEW) & ~sample.beacon]
    return metrics.limit(benign, int(FPR * len(benign)))


def early_auc(
    captures: Sequence[Capture], chosen: Mapping[str, Contender], shots: pd.DataFrame, config: Config
) -> dict[str, float | None]:
    """By method: AUC of injected days against the benign pairs of the same captures, first 20 connections of each."""
    hosting = [replace(one, pairs=first(one.pairs, FIRST)) for one in captures if can_host(one)]
    sample = pooled(hosting, config)
    rows = view(sample, VIEW) & ~sample.beacon
    days = shots[shots["check-ins"] == ALL_DAY]
    found: dict[str, float | None] = {}
    for name, contender in chosen.items():
        benign = measure(sample, hosting, contender.method).score[rows]
        injected = days[f"{name} early"].to_numpy(dtype=np.float64)
        truth = np.arange(len(benign) + len(injected)) >= len(benign)
        found[name] = roc_auc(np.concatenate([benign, injected]), truth)
    return found


def first(pairs: Pairs, n: int) -> Pairs:
    """Only the first `n` connections of each pair."""
    return shortened(pairs, np.minimum(pairs.counts, n))


def report(shots: pd.DataFrame, early: Mapping[str, float | None]) -> Report:
    """Found by family and length, by sleep and jitter, and by method."""
    by_family = _pivot(shots, "family", OURS)
    bands = pd.concat(
        [_banded(shots, "sleep", (10, 60, 300, 1800, 14_401)), _banded(shots, "jitter", (0, 0.1, 0.3, 0.6, 1))]
    )
    tables = {
        "stress_families": _table(by_family, "family"),
        "stress_methods": _methods(shots, early),
        "stress_sleep_and_jitter": _table(bands, "drawn"),
        "stress_every_injection": Table(list(shots.columns), shots.to_numpy(dtype=object).tolist()),
    }

    def family_chart(path: Path) -> None:
        _chart(path, {str(name): by_family.loc[name] for name in by_family.index}, f"{OURS}: found by family", "all")

    def method_chart(path: Path) -> None:
        rows = {name: _pivot(shots, "family", name).loc["all"] for name in early}
        _chart(path, rows, "Injected beacons found, all families", OURS)

    charts = {"stress_families": family_chart, "stress_methods": method_chart}
    return Report(tables, charts, ("stress_families", "stress_methods", "stress_sleep_and_jitter"))


def _described(injection: Injection, capture: Capture) -> dict[str, object]:
    return {
        "family": injection.family,
        "check-ins": ALL_DAY if injection.length == FULL_DAY else str(injection.length),
        "sleep": round(injection.sleep, 1),
        "jitter": round(injection.jitter, 3),
        "connections": int(injection.pair.conns[0]),
        "capture": capture.name,
    }


def _found(
    injection: Injection, capture: Capture, chosen: Mapping[str, Contender], limits: Mapping[str, float]
) -> dict[str, object]:
    found: dict[str, object] = {}
    infected = with_pair(capture, injection.pair)
    for name, contender in chosen.items():
        value, alerts = contender.one(infected)
        found |= {name: value > limits[name], f"{name} alerts": alerts}
    if injection.length == FULL_DAY:
        early = with_pair(replace(capture, pairs=first(capture.pairs, FIRST)), first(injection.pair, FIRST))
        found |= {f"{name} early": one.one(early)[0] for name, one in chosen.items()}
    return found


def _pivot(shots: pd.DataFrame, by: str, method: str) -> pd.DataFrame:
    """Share found: a row a value of `by` and one for all, a column a length and one for all."""
    share = shots.pivot_table(index=by, columns="check-ins", values=method, aggfunc="mean", sort=False, observed=True)
    share = share.reindex(columns=LABELS).astype(np.float64)
    share["all"] = shots.groupby(by, sort=False, observed=True)[method].mean()
    share.loc["all"] = [*shots.groupby("check-ins")[method].mean().reindex(LABELS), shots[method].mean()]
    return share


def _banded(shots: pd.DataFrame, column: str, edges: Sequence[float]) -> pd.DataFrame:
    labels = [f"{column} {low:g} to {high:g}" for low, high in pairwise(edges)]
    cut = pd.cut(shots[column], list(edges), labels=labels, include_lowest=True, right=False)
    return _pivot(shots.assign(drawn=cut).sort_values("drawn", kind="stable"), "drawn", OURS).drop(index="all")


def _methods(shots: pd.DataFrame, early: Mapping[str, float | None]) -> Table:
    rows: list[list[Cell]] = []
    for name, auc in early.items():
        share = _pivot(shots, "family", name)
        worst = share[ALL_DAY].drop(index="all")
        overall: list[Cell] = list(share.loc["all"].to_numpy())
        own = float(shots[f"{name} alerts"].mean())
        rows.append([name, *overall, own, f"{worst.min():.2f} ({worst.idxmin()})", auc])
    return Table(
        ["method", *LABELS, "all", "all, own threshold", f"worst family, {ALL_DAY}", f"AUC, first {FIRST} connections"],
        rows,
    )


def _table(share: pd.DataFrame, head: str) -> Table:
    rows: list[list[Cell]] = [[str(name), *share.loc[name].tolist()] for name in share.index]
    return Table([head, *map(str, share.columns)], rows)


def _chart(path: Path, rows: Mapping[str, Any], title: str, bold: str) -> None:
    from zeek_beacons_lab.studies import plots

    at = np.array([float(length) if length != FULL_DAY else 250.0 for length in LENGTHS])
    curves = {name: (at, row[LABELS].to_numpy(dtype=np.float64)) for name, row in rows.items()}
    y = "share found at 1 % false positives"
    plots.lines(path, curves, title, "check-ins", y, bold=[bold], ticks=(at, LABELS), log_x=True)
