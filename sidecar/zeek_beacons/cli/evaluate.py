"""`zeek-beacons evaluate`: how good the verdicts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.errors import ConfigError
from zeek_beacons.evaluation import captures as labelled
from zeek_beacons.evaluation import real as study
from zeek_beacons.evaluation.sample import Trainer, left_out, ours
from zeek_beacons.evaluation.tables import Report
from zeek_beacons.scoring import Scoring

app = typer.Typer(help="Measure detection quality.", no_args_is_help=True)

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
SeedBenchmark = Annotated[
    Optional[Path],
    typer.Option(help="Folder of the beaconing study's benchmark; its forest is left out without it."),
]


@app.callback()
def root() -> None:
    """Measure detection quality."""


@app.command()
def real(
    folder: Captures,
    model: ModelFolder = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Score by the interpretable rules alone.")] = False,
    leave_out: LeaveOut = False,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    profile: Annotated[
        Optional[str], typer.Option(help="conservative, balanced, sensitive.", show_default=False)
    ] = None,
    output: Output = None,
    config: options.ConfigFile = None,
) -> None:
    """Labelled captures: what is found, what alerts falsely, and where the C2 ranks.

    The shipped model knows the benign pairs of the captures it was trained with; `--leave-out` judges each capture by
    a model that saw nothing of its lab. A lab is the text before the first `_` of a folder's name, or what a file
    `lab` in it says.

    Examples:

        zeek-beacons evaluate real captures/

        zeek-beacons evaluate real captures/ --leave-out -o docs/evaluation
    """
    if rules_only and (model or leave_out):
        raise ConfigError("--rules-only needs no model; give neither --model nor --leave-out")
    settings = options.settings(config, profile=profile)
    captures = labelled.load_all(folder, settings)
    if rules_only:
        method = ours(lambda _capture: Scoring.rules_only(), settings)
    else:
        trainer = _trainer(leave_out, folder, pairs, seed, trees, keep)
        method = ours(_scoring_for(captures, model, trainer), settings)
    found = study.evaluate(captures, method, settings)
    report = found.report(seed)
    print(report.text())
    if output:
        report.save(output)


@app.command()
def peers(
    folder: Captures,
    seed_benchmark: SeedBenchmark = None,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """The published formulas and standard learners beside this package, on the same pairs in the same run.

    Everything that learns saw nothing of a capture's lab; `as shipped` is the shipped model, which may have seen benign
    pairs of these captures.

    Examples:

        zeek-beacons evaluate peers captures/ --seed-benchmark seed-benchmark/
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import peers as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    trainer = _trainer(True, folder, pairs, seed, trees, keep)
    chosen = {
        study.OURS: ours(_scoring_for(captures, None, trainer), settings),
        f"{study.OURS} as shipped": ours(_scoring_for(captures, None, None), settings),
    }
    chosen |= study.methods(captures, seed_benchmark, settings, seed)
    _finish(study.report(study.compare(captures, chosen, settings), seed), output)


@app.command()
def stress(
    folder: Captures,
    model: ModelFolder = None,
    leave_out: LeaveOut = False,
    draws: Annotated[int, typer.Option(min=1, help="Beacons of each family and length.")] = 18,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """Simulated beacons injected into the real benign days of captures: what is found, by family and length.

    The threshold is the score that 1 % of all the captures' benign pairs exceed.

    Examples:

        zeek-beacons evaluate stress captures/ --leave-out
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import stress as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    scoring_for = _scoring_for(captures, model, _trainer(leave_out, folder, pairs, seed, trees, keep))
    chosen = study.contenders(scoring_for, settings)
    shots = study.run(captures, chosen, settings, draws, seed)
    _finish(study.report(shots, study.early_auc(captures, chosen, shots, settings)), output)


@app.command()
def grid(
    seed_benchmark: Annotated[
        Path, typer.Argument(help="Folder of the beaconing study's benchmark.", show_default=False)
    ],
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """The beaconing study's benchmark: trained on its training half, and the shipped model as it is.

    Flows of 3 events and more are scored. With lengths matched, flows of both classes are equally long.

    Examples:

        zeek-beacons evaluate grid seed-benchmark/
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import grid as study
    test, graded = study.run(seed_benchmark, Scoring.load(model), options.settings(config), seed)
    _finish(study.report(test, graded), output)


@app.command()
def evidence(
    model: ModelFolder = None,
    seeds: Annotated[int, typer.Option(min=2, help="Draws of 1,000 benign and 200 C2 pairs for each length.")] = 10,
    seed: Seed = 1,
    output: Results = RESULTS,
) -> None:
    """How many check-ins it takes: C2 and Poisson pairs of equal length that differ in their rhythm alone.

    Beside it stands the best that any test can do, the likelihood ratio with known laws.

    Examples:

        zeek-beacons evaluate evidence
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import evidence as study
    _finish(study.report(study.run(study.scorers(Scoring.load(model)), seeds, seed)), output)


@app.command()
def calibration(
    folder: Captures,
    model: ModelFolder = None,
    leave_out: LeaveOut = False,
    draws: Annotated[int, typer.Option(min=1, help="Injected beacons of each family and length.")] = 6,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """Whether a score means what it says: reliability diagram and expected calibration error.

    On the captures, on beacons injected into them, and on synthetic pairs that were not trained on.

    Examples:

        zeek-beacons evaluate calibration captures/ --leave-out
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import calibration as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    scoring_for = _scoring_for(captures, model, _trainer(leave_out, folder, pairs, seed, trees, keep))
    judged = {
        "captures": study.on_captures(captures, scoring_for, settings),
        "injected beacons": study.on_injections(captures, scoring_for, settings, draws, seed),
        "synthetic pairs, shipped model": study.on_synthetic(Scoring.load(model), settings, seed),
    }
    _finish(study.report(judged, seed), output)


@app.command()
def ablation(folder: Captures, seed: Seed = 1, output: Results = RESULTS, config: options.ConfigFile = None) -> None:
    """What each family of features buys: forests trained without it, and with it alone, every lab left out in turn.

    Examples:

        zeek-beacons evaluate ablation captures/
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import ablation as study
    settings = options.settings(config)
    sample, results = study.run(labelled.load_all(folder, settings), settings, seed)
    _finish(study.report(sample, results, seed), output)


@app.command()
def ctu13(
    inputs: options.Inputs,
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """CTU-13's `.binetflow` files, one a scenario: the shipped model, and models trained on CTU-13 itself.

    Transfer: the model as it is. Native: trained on the other scenarios. Within: on the other half of the scenario.

    Examples:

        zeek-beacons evaluate ctu13 ctu13/*.binetflow
    """
    with _extra("evaluate"):
        from zeek_beacons.evaluation import ctu13 as study
    settings = options.settings(config)
    comparison = study.run(study.load_all(inputs, settings), Scoring.load(model), settings, seed)
    _finish(study.report(comparison, seed), output)


def _scoring_for(
    captures: list[labelled.Capture], model: Path | None, trainer: Trainer | None
) -> Callable[[labelled.Capture], Scoring]:
    """One scoring for every capture, or with a trainer one for each that saw nothing of its lab."""
    if trainer and model:
        raise ConfigError("--leave-out trains its own models; give no --model")
    if trainer:
        return left_out(captures, trainer)
    scoring = Scoring.load(model)
    return lambda _capture: scoring


def _finish(report: Report, output: Path) -> None:
    print(report.text())
    with _extra("evaluate"):
        written = report.save(output)
    print(f"{len(written)} files in {output}")


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Turns a missing package into a ConfigError that names the extra it comes with."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[{name}]' in the checkout") from error


def _trainer(wanted: bool, folder: Path, pairs: int, seed: int, trees: int, keep: Path | None) -> Trainer | None:
    """The trainer of the shipped model, where wanted. Raises ConfigError where the `train` extra is missing."""
    if not wanted:
        return None
    with _extra("train"):
        from zeek_beacons.evaluation.leave_out import forest_trainer
    return forest_trainer(folder, pairs, seed, trees, keep)
