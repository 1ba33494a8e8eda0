"""`zeek-beacons evaluate`: how good the verdicts are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.evaluation import real as captures
from zeek_beacons.scoring import Scoring

app = typer.Typer(help="Measure detection quality.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Measure detection quality."""


@app.command()
def real(
    folder: Annotated[Path, typer.Argument(help="Folder of captures: a conn.log and a labels.csv in a folder each.")],
    model: Annotated[
        Optional[Path], typer.Option(help="Model folder (default: the shipped one).", show_default=False)
    ] = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Score by the interpretable rules alone.")] = False,
    profile: Annotated[
        Optional[str], typer.Option(help="conservative, balanced, sensitive.", show_default=False)
    ] = None,
    config: options.ConfigFile = None,
) -> None:
    """Labelled captures one by one: rank of their C2 pairs, how many alert, and what else does.

    Examples:

        zeek-beacons evaluate real captures/
    """
    settings = options.settings(config, profile=profile)
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model)
    print(captures.table(captures.evaluate(folder, scoring, settings)))
