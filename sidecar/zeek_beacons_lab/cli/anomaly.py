"""`python -m zeek_beacons_lab anomaly`: the anomaly model beside the forest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.errors import ConfigError


def anomaly(
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder that it goes into.")],
    pairs: Annotated[int, typer.Option(min=200, help="Synthetic pairs, of which the benign ones count.")] = 8_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data make the same model.")] = 1,
    captures: Annotated[
        Optional[Path], typer.Option(help="Folder of labelled captures whose benign pairs join in.", show_default=False)
    ] = None,
) -> None:
    """Train the isolation forest on benign pairs that says how unlike them a pair is.

    Examples:

        python -m zeek_beacons_lab anomaly -o models

        python -m zeek_beacons_lab anomaly -o models --captures captures/
    """
    try:
        from zeek_beacons_lab.training.anomaly import make
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[lab]' in the checkout") from error
    path = make(output, pairs, seed, captures)
    print(f"{path}: {path.stat().st_size:,} bytes")
