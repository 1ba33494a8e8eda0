"""`evaluate forecast`: forecasting beside pair scoring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.cli.evaluate.shared import RESULTS, ModelFolder, Results, Seed, extra, finish


def forecast(
    folder: Annotated[
        Optional[Path],
        typer.Argument(help="Folder of captures (default: drawn days alone).", show_default=False),
    ] = None,
    drawn: Annotated[int, typer.Option(min=0, help="Drawn days.")] = 6,
    transformer_days: Annotated[
        int, typer.Option(min=0, help="Days of each kind that the transformer forecasts too; 0: it is left out.")
    ] = 4,
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """What forecasting finds of beacons that begin after its baseline, beside the pair scorer.

    Drawn days with C2 that begins after 12 hours, benign days of captures with beacons injected after 12 hours, and
    captures with C2 of their own that are long enough. The pair scorer is the model as it is: where it was trained on
    these captures, its figures on them are too good.

    Examples:

        python -m zeek_beacons_lab evaluate forecast --transformer-days 0 --drawn 2 -o out

        python -m zeek_beacons_lab evaluate forecast captures/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import forecasting as study
    settings = options.settings(config)
    names = study.FORECASTS if transformer_days else study.FORECASTS[:1]
    outcomes = study.run(
        study.days(folder, settings, drawn, seed), Scoring.load(model), settings, seed, transformer_days
    )
    finish(study.report(outcomes, study.costs(names, seed)), output)
