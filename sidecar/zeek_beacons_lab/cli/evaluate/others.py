"""Commands that need no captures: grid, evidence, ctu13."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeek_beacons.cli import options
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.cli.evaluate.shared import (
    RESULTS,
    SEEDS,
    ModelFolder,
    Results,
    Seed,
    extra,
    finish,
)


def grid(
    seed_benchmark: Annotated[
        Path, typer.Argument(help="Folder of the beaconing study's benchmark.", show_default=False)
    ],
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """The beaconing study's benchmark: trained on its training half, and the shipped model as it is.

    Flows of 3 events and more are scored. With lengths matched, flows of both classes are equally long.

    Examples:

        python -m zeek_beacons_lab evaluate grid seed-benchmark/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import grid as study
    test, graded = study.run(seed_benchmark, Scoring.load(model), options.settings(config), seed)
    finish(study.report(test, graded), output)


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
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """CTU-13's `.binetflow` files, one a scenario: the shipped model, and models trained on CTU-13 itself.

    Transfer: the model as it is. Native: trained on the other scenarios. Within: on the other half of the scenario.

    Examples:

        python -m zeek_beacons_lab evaluate ctu13 ctu13/*.binetflow
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import ctu13 as study
    settings = options.settings(config)
    comparison = study.run(study.load_all(inputs, settings), Scoring.load(model), settings, seed)
    finish(study.report(comparison, seed), output)
