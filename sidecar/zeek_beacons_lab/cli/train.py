"""`python -m zeek_beacons_lab train`: makes a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.errors import ConfigError

SYNTHETIC = 20_000  # pairs, where nothing else is asked for


def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the model.")],
    pairs: Annotated[
        Optional[int],
        typer.Option(
            min=200,
            help="Synthetic pairs, half of them C2.  [default: 20000; with --rows none]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data make the same model.")] = 1,
    trees: Annotated[int, typer.Option(min=10, max=2000, help="Trees of the forest.")] = 100,
    captures: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder of labelled captures (conn.log and labels.csv each) whose benign pairs join in.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        Optional[list[str]],
        typer.Option(
            help="Normalized CSV or event table with a column label (benign, beacon or c2): trains on these rows "
            "alone; may repeat.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train the forest on synthetic traffic and captures, or on labelled rows of one's own alone.

    Needs the `lab` extra: `pip install '.[lab]'` in the checkout.

    Examples:

        python -m zeek_beacons_lab train -o models

        python -m zeek_beacons_lab train -o models --captures captures/

        python -m zeek_beacons_lab train -o own --rows flows.csv --rows events.csv
    """
    if rows and captures is not None:
        raise ConfigError("--rows and --captures exclude each other")
    try:
        from zeek_beacons_lab.training.forest import train as make
        from zeek_beacons_lab.training.rows import train_rows
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[lab]' in the checkout") from error
    if rows:
        folder = train_rows(output, rows, pairs or 0, seed, trees)
    else:
        folder = make(output, SYNTHETIC if pairs is None else pairs, seed, captures, trees)
    print(f"model in {folder}")
