"""What the evaluation commands share: options, the models that judge captures, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.errors import ConfigError
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import Trainer, left_out
from zeek_beacons_lab.studies.tables import Report

Captures = Annotated[
    Path, typer.Argument(help="Folder of captures: a conn.log and a labels.csv in a folder each.", show_default=False)
]
ModelFolder = Annotated[
    Optional[Path], typer.Option("--model", help="Model folder (default: the shipped one).", show_default=False)
]
LeaveOut = Annotated[
    bool,
    typer.Option(
        "--leave-out", help="Train anew for each lab, on synthetic traffic and the captures of the other labs."
    ),
]
PairsToTrainOn = Annotated[int, typer.Option("--pairs", min=200, help="With --leave-out: synthetic pairs.")]
Trees = Annotated[int, typer.Option(min=10, max=2000, help="With --leave-out: trees of the forest.")]
Seed = Annotated[int, typer.Option(min=0, help="Of training and of everything drawn; the same gives the same.")]
Keep = Annotated[
    Optional[Path],
    typer.Option(help="With --leave-out: folder to keep the models in, for the next study.", show_default=False),
]
Output = Annotated[
    Optional[Path],
    typer.Option("--output", "-o", help="Write the tables into this folder as well.", show_default=False),
]

Results = Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and figures.")]
RESULTS = Path("docs/evaluation")
DRAWS, SEEDS = 18, 10  # of the stress and the evidence study
SITES = 15  # synthetic ones, of the study of single connections
SeedBenchmark = Annotated[
    Optional[Path],
    typer.Option(help="Folder of the beaconing study's benchmark; its forest is left out without it."),
]


def scoring_for_each(
    captures: list[Capture], model: Path | None, trainer: Trainer | None
) -> Callable[[Capture], Scoring]:
    """One scoring for every capture, or with a trainer one for each that saw nothing of its lab."""
    if trainer and model:
        raise ConfigError("--leave-out trains its own models; give no --model")
    if trainer:
        return left_out(captures, trainer)
    scoring = Scoring.load(model)
    return lambda _capture: scoring


def finish(report: Report, output: Path) -> None:
    print(report.text())
    with extra("lab"):
        written = report.save(output)
    print(f"{len(written)} files in {output}")


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turns a missing package into a ConfigError that names the extra it comes with."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[{name}]' in the checkout") from error


def trainer_of(wanted: bool, folder: Path, pairs: int, seed: int, trees: int, keep: Path | None) -> Trainer | None:
    """The trainer of the shipped model, where wanted. Raises ConfigError where the `lab` extra is missing."""
    if not wanted:
        return None
    with extra("lab"):
        from zeek_beacons_lab.training.leave_out import forest_trainer
    return forest_trainer(folder, pairs, seed, trees, keep)
