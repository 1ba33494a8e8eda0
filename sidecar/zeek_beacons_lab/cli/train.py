"""`python -m zeek_beacons_lab train`: makes a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.errors import ConfigError


def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the model.")],
    pairs: Annotated[int, typer.Option(min=200, help="Synthetic pairs, half of them C2.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data make the same model.")] = 1,
    trees: Annotated[int, typer.Option(min=10, max=2000, help="Trees of the forest.")] = 100,
    captures: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder of labelled captures (conn.log and labels.csv each) whose benign pairs join in.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train the forest on synthetic traffic, and on benign pairs of real captures where given.

    Needs the `lab` extra: `pip install '.[lab]'` in the checkout.

    Examples:

        python -m zeek_beacons_lab train -o models

        python -m zeek_beacons_lab train -o models --captures captures/
    """
    try:
        from zeek_beacons_lab.training.forest import train as make
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[lab]' in the checkout") from error
    folder = make(output, pairs, seed, captures, trees)
    print(f"model in {folder}")
