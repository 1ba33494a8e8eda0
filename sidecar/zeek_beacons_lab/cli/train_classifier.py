"""`python -m zeek_beacons_lab train-classifier`: the classifier of connections beside the pair model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.cli.evaluate.shared import extra


def train_classifier(
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder that it goes into.")],
    sites: Annotated[int, typer.Option(min=0, help="Synthetic sites, each a day with ten campaigns.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data make the same model.")] = 1,
    captures: Annotated[
        Optional[Path],
        typer.Option(help="Folder of labelled captures whose benign and C2 connections join in.", show_default=False),
    ] = None,
    rows: Annotated[
        Optional[list[str]],
        typer.Option(help="Connections with label columns, such as UWF-ZeekData; may repeat.", show_default=False),
    ] = None,
) -> None:
    """Train the classifier of connections on synthetic sites, captures and labelled exports.

    Examples:

        python -m zeek_beacons_lab train-classifier -o models

        python -m zeek_beacons_lab train-classifier -o models --captures captures/

        python -m zeek_beacons_lab train-classifier -o own --sites 0 --rows uwf.parquet
    """
    if not sites and captures is None and not rows:
        raise ConfigError("--sites 0 without --captures or --rows leaves nothing to learn from")
    with extra("lab"):
        from zeek_beacons_lab.training.classifier import make
    path = make(output, sites, seed, captures, rows or ())
    print(f"{path}: {path.stat().st_size:,} bytes")
