"""Commands that need no captures: grid, evidence, ctu13, classify."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.errors import ConfigError
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.cli.evaluate.shared import (
    RESULTS,
    SEEDS,
    SITES,
    ModelFolder,
    Results,
    Seed,
    extra,
    finish,
)
from zeek_beacons_lab.studies.tables import joined


class Ctu13Part(StrEnum):
    """What of CTU-13 is judged."""

    pairs = "pairs"
    flows = "flows"


def grid(
    seed_benchmark: Annotated[
        Optional[Path],
        typer.Argument(
            help="Folder of the beaconing study's benchmark (default: flows of the same scenarios, drawn here).",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without a folder: a fifth of the flows, in a minute.")
    ] = False,
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """The beaconing study's benchmark: trained on its training half, and the shipped model as it is.

    Flows of 3 events and more are scored. With lengths matched, flows of both classes are equally long. Without the
    folder flows are drawn here, in the study's mix and under stress: `overlap` gives benign timers the gaps and sizes
    of C2, `shortcut` takes from C2 its own servers, sizes and lengths. What is drawn is not the study's data.

    Examples:

        python -m zeek_beacons_lab evaluate grid --quick -o out

        python -m zeek_beacons_lab evaluate grid seed-benchmark/
    """
    if quick and seed_benchmark is not None:
        raise ConfigError("--quick draws flows of its own; give no folder")
    with extra("lab"):
        from zeek_beacons_lab.studies import grid as study
    scoring, settings = Scoring.load(model), options.settings(config)
    if seed_benchmark is None:
        finish(study.report(*study.run_made(scoring, settings, seed, quick)).called("drawn_"), output)
    else:
        finish(study.report(*study.run(seed_benchmark, scoring, settings, seed)), output)


def evidence(
    model: ModelFolder = None,
    seeds: Annotated[int, typer.Option(min=2, help="Draws of 1,000 benign and 200 C2 pairs for each length.")] = SEEDS,
    seed: Seed = 1,
    output: Results = RESULTS,
) -> None:
    """How many check-ins it takes: C2 and Poisson pairs of equal length that differ in their rhythm alone.

    Beside it stands the best that any test can do, the likelihood ratio with known laws.

    Examples:

        python -m zeek_beacons_lab evaluate evidence
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import evidence as study
    finish(study.report(study.run(study.scorers(Scoring.load(model)), seeds, seed)), output)


def ctu13(
    inputs: options.Inputs,
    only: Annotated[
        Optional[Ctu13Part], typer.Option(help="Pairs, judged on our features, or flows, on CTU-13's own fields.")
    ] = None,
    flows: Annotated[
        int, typer.Option(min=100, help="Flows of a scenario and kind (normal, background, botnet) that are drawn.")
    ] = 3_000,
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """CTU-13's `.binetflow` files, one a scenario: the shipped model, models trained on it, its own fields.

    Pairs, on our features. Transfer: the model as it is. Native: trained on the other scenarios. Within: on the other
    half of the scenario. Flows, on the fields of the file (duration, packets, bytes, state, ...): z-score, isolation
    forest, local outlier factor and random forest, learned from the other scenarios, from each of them, or from the
    scenario's first half; with the background as benign, and left out; with what each threshold gives.

    Examples:

        python -m zeek_beacons_lab evaluate ctu13 ctu13/*.binetflow

        python -m zeek_beacons_lab evaluate ctu13 ctu13/ --only flows -o out
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import ctu13 as study
        from zeek_beacons_lab.studies import ctu13_native as native
    settings = options.settings(config)
    reports = []
    if only != Ctu13Part.flows:
        comparison = study.run(study.load_all(inputs, settings), Scoring.load(model), settings, seed)
        reports.append(study.report(comparison, seed))
    if only != Ctu13Part.pairs:
        reports.append(native.run(native.load_all(inputs, flows, seed), seed))
    finish(joined(reports), output)


def classify(
    captures: Annotated[
        Optional[Path], typer.Option(help="Folder of labelled captures to judge as well.", show_default=False)
    ] = None,
    sites: Annotated[int, typer.Option(min=5, help="Synthetic sites, each a day with ten campaigns.")] = SITES,
    seed: Seed = 1,
    output: Results = RESULTS,
) -> None:
    """Single connections: the published recipe and ours, on the same rows, split at random and by group.

    Captures know attacks only as `malicious_other`: scans, Tor, floods and exfiltration together, against benign.

    Examples:

        python -m zeek_beacons_lab evaluate classify

        python -m zeek_beacons_lab evaluate classify --captures captures/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import classify as study
    finish(study.report(study.run(study.problems(sites, seed, captures), seed), seed), output)
