"""`python -m zeek_beacons_lab convert`: the beaconing study's benchmark as input for `score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeek_beacons_lab.captures import datasets


def convert(
    source: Annotated[Path, typer.Argument(help="A *.csv.gz of the benchmark, or the folder with them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for flows.csv and labels.csv.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Convert the beaconing study's synthetic benchmark to flow CSV and labels.

    Examples:

        python -m zeek_beacons_lab convert standard_eval.csv.gz -o seed

        zeek-beacons score seed/flows.csv --min-connections 3 --truth seed/labels.csv
    """
    for path in datasets.convert(source, output, force=force):
        print(path)
