"""`python -m zeek_beacons_lab golden`: the golden file of a model that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def golden(
    folder: Annotated[
        Optional[Path], typer.Argument(help="Model folder (default: the shipped one).", show_default=False)
    ] = None,
) -> None:
    """Record what a model's features and scores are, for `zeek-beacons model verify`.

    Examples:

        python -m zeek_beacons_lab golden models
    """
    from zeek_beacons.scoring.model import shipped_model
    from zeek_beacons_lab.training.golden import add_golden

    path = add_golden(folder or shipped_model())
    print(f"{path}: {path.stat().st_size:,} bytes")
