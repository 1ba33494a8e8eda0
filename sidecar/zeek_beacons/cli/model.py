"""`zeek-beacons model`: what a model is, and whether it is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(help="Look at a model folder.", no_args_is_help=True)
SHOWN = 10  # features and scores that an error names
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
    """Check hashes, schema, feature order and thresholds, and that known pairs get the features and scores recorded.

    The file of public knowledge and the anomaly model are checked too, where they are in the folder.

    Examples:

        zeek-beacons model verify models
    """
    from zeek_beacons.errors import ModelError
    from zeek_beacons.features import MODEL_FEATURES
    from zeek_beacons.knowledge.file import KNOWLEDGE
    from zeek_beacons.scoring import Scoring, golden
    from zeek_beacons.scoring.anomaly import ANOMALY, Anomaly
    from zeek_beacons.scoring.model import GOLDEN, ModelFolder, shipped_model

    model = ModelFolder.load(folder or shipped_model())
    scoring = Scoring.load(model.path)
    if model.golden is None:
        compared = f"it has no {GOLDEN}, so features and scores were compared with nothing"
    else:
        pairs, differences = golden.check(model.golden, model.path / GOLDEN, scoring)
        if differences:
            more = f"; and {len(differences) - SHOWN} more columns" if len(differences) > SHOWN else ""
            raise ModelError(f"{model.path / GOLDEN}: {'; '.join(map(str, differences[:SHOWN]))}{more}")
        compared = f"features and scores of {pairs} pairs are as recorded"
    if known := scoring.knowledge:
        knowledge = f"{KNOWLEDGE} is good: {known.counts['popular_domains']:,} popular domains of {known.date}"
    else:
        knowledge = f"it has no {KNOWLEDGE}, so the one that ships with this program is used"
    anomaly = Anomaly.load(model.path)
    print(f"{model.path}: model {model.identity} is good: {len(MODEL_FEATURES)} features")
    print(compared)
    print(knowledge)
    if anomaly is not None:
        print(f"{ANOMALY} is good")
