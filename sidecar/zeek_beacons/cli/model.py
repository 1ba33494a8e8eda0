"""`zeek-beacons model`: what a model is, and whether it is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(help="Look at a model folder.", no_args_is_help=True)
Folder = Annotated[Optional[Path], typer.Argument(help="Model folder (default: the shipped one).", show_default=False)]


@app.command()
def show(folder: Folder = None) -> None:
    """Print a model's manifest.

    Examples:

        zeek-beacons model show
    """
    from zeek_beacons.scoring.model import MANIFEST, ModelFolder, shipped_model

    model = ModelFolder.load(folder or shipped_model())
    print((model.path / MANIFEST).read_text(encoding="utf-8"), end="")


@app.command()
def verify(folder: Folder = None) -> None:
    """Check hash, schema, feature order and thresholds, and score one pair.

    Examples:

        zeek-beacons model verify models
    """
    from zeek_beacons.features import MODEL_FEATURES, extract
    from zeek_beacons.pairs import Pairs
    from zeek_beacons.scoring.forest import Forest
    from zeek_beacons.scoring.model import ModelFolder, shipped_model

    model = ModelFolder.load(folder or shipped_model())
    timer = Pairs.build([{"orig_h": "192.0.2.1", "resp": "192.0.2.2", "resp_p": 443, "start": range(0, 6000, 60)}])
    score = Forest(model).score(extract(timer))[0]
    print(f"{model.path}: model {model.identity} is good: {len(MODEL_FEATURES)} features")
    print(f"a perfect timer scores {score:.2f}")
