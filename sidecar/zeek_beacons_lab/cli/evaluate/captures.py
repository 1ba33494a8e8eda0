"""Commands over labelled captures: real, polled, peers, stress, behaviours, calibration, ablation, list."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES
from zeek_beacons_lab.captures import labelled as labelled
from zeek_beacons_lab.captures.sample import ours
from zeek_beacons_lab.cli.evaluate.shared import (
    DRAWS,
    RESULTS,
    Captures,
    Keep,
    LeaveOut,
    ModelFolder,
    Output,
    PairsToTrainOn,
    Results,
    Seed,
    SeedBenchmark,
    Trees,
    extra,
    finish,
    scoring_for_each,
    trainer_of,
)
from zeek_beacons_lab.studies import real as study

if TYPE_CHECKING:
    from zeek_beacons_lab.studies.calibration import Judged
    from zeek_beacons_lab.studies.tables import Report


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

        python -m zeek_beacons_lab evaluate real captures/

        python -m zeek_beacons_lab evaluate real captures/ --leave-out -o docs/evaluation
    """
    if rules_only and (model or leave_out):
        raise ConfigError("--rules-only needs no model; give neither --model nor --leave-out")
    settings = options.settings(config, profile=profile)
    captures = labelled.load_all(folder, settings)
    if rules_only:
        method = ours(lambda _capture: Scoring.rules_only(), settings)
    else:
        trainer = trainer_of(leave_out, folder, pairs, seed, trees, keep)
        method = ours(scoring_for_each(captures, model, trainer), settings)
    found = study.evaluate(captures, method, settings)
    report = found.report(seed)
    print(report.text())
    if output:
        report.save(output)


def polled(
    folder: Captures,
    zeek: Annotated[Optional[Path], typer.Option(help="Zeek's executable.", show_default=False)] = None,
    model: ModelFolder = None,
    output: Output = None,
    config: options.ConfigFile = None,
) -> None:
    """What exchanges inside connections that stay open add to the alerts on captures. Needs a Zeek.

    Captures whose packets (`*.pcap`) lie beside their labels; an alert is right where these say C2.

    Examples:

        python -m zeek_beacons_lab evaluate polled captures/
    """
    from zeek_beacons.live.pcap_loop import find_zeek
    from zeek_beacons_lab.studies import polled as study

    found = study.captures_of(folder)
    report = study.run(found, find_zeek(zeek), Scoring.load(model), options.settings(config))
    print(report.text())
    if output:
        report.save(output)


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

        python -m zeek_beacons_lab evaluate peers captures/ --seed-benchmark seed-benchmark/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import peers as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    trainer = trainer_of(True, folder, pairs, seed, trees, keep)
    chosen = {
        study.OURS: ours(scoring_for_each(captures, None, trainer), settings),
        f"{study.OURS} as shipped": ours(scoring_for_each(captures, None, None), settings),
    }
    chosen |= study.methods(captures, seed_benchmark, settings, seed)
    finish(study.report(study.compare(captures, chosen, settings), seed), output)


def stress(
    folder: Annotated[
        Optional[Path],
        typer.Argument(
            help="Folder of captures: a conn.log and a labels.csv in a folder each (default: the sample site's day).",
            show_default=False,
        ),
    ] = None,
    model: ModelFolder = None,
    leave_out: LeaveOut = False,
    draws: Annotated[int, typer.Option(min=1, help="Beacons of each family and length.")] = DRAWS,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """Simulated beacons injected into the real benign days of captures: what is found, by family and length.

    The threshold is the score that 1 % of all the captures' benign pairs exceed. Without a folder the sample site's
    day is taken, which is synthetic itself.

    Examples:

        python -m zeek_beacons_lab evaluate stress --draws 2 -o out

        python -m zeek_beacons_lab evaluate stress captures/ --leave-out
    """
    if leave_out and folder is None:
        raise ConfigError("--leave-out trains on the other captures; give their folder")
    with extra("lab"):
        from zeek_beacons_lab.studies import stress as study
        from zeek_beacons_lab.studies.hidden import sample_day
    settings = options.settings(config)
    captures = [sample_day(settings)] if folder is None else labelled.load_all(folder, settings)
    trainer = None if folder is None else trainer_of(leave_out, folder, pairs, seed, trees, keep)
    scoring_for = scoring_for_each(captures, model, trainer)
    chosen = study.contenders(scoring_for, settings)
    shots = study.run(captures, chosen, settings, draws, seed)
    report = study.report(shots, study.early_auc(captures, chosen, shots, settings))
    finish(report.called("sample_") if folder is None else report, output)


def behaviours(
    folder: Captures,
    model: ModelFolder = None,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """What implants do beside keeping one timer, hidden in real days: what the shipped model finds, and when.

    Each behaviour with eight sleeps from 30 s to 1 h, after 12 check-ins, after 40 (or as many as there are) and over
    the whole day. Where no capture has a long day of a clean host, the sample site's day is taken.

    Examples:

        python -m zeek_beacons_lab evaluate behaviours captures/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import behaviour_figures as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    finish(study.report(study.run(captures, Scoring.load(model), settings, seed)), output)


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

        python -m zeek_beacons_lab evaluate calibration captures/ --leave-out
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import calibration as study
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    scoring_for = scoring_for_each(captures, model, trainer_of(leave_out, folder, pairs, seed, trees, keep))
    judged = judged_pairs(captures, scoring_for, Scoring.load(model), settings, seed, draws)
    finish(study.report(judged, seed), output)


class Parts(StrEnum):
    """What `ablation` takes out."""

    pipeline = "pipeline"
    features = "features"
    checkins = "checkins"


def ablation(
    folder: Captures,
    model: ModelFolder = None,
    leave_out: LeaveOut = False,
    only: Annotated[
        Optional[list[Parts]], typer.Option(help="Only these tables; may be repeated.", show_default=False)
    ] = None,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """What each part buys: families of features, scorers, look-alikes, check-ins, stretches, groups, evidence.

    Families of features by forests trained without each, and with each alone, every lab left out in turn; scorers and
    look-alikes by taking them out of the pipeline; check-ins and what is made of them (`--only checkins`) by training
    all anew without each.

    Examples:

        python -m zeek_beacons_lab evaluate ablation captures/ --leave-out

        python -m zeek_beacons_lab evaluate ablation captures/ --only checkins
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import ablation as study
        from zeek_beacons_lab.studies import checkin_ablation, pipeline_ablation
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    wanted = set(only or Parts)
    if Parts.pipeline in wanted:
        scoring_for = scoring_for_each(captures, model, trainer_of(leave_out, folder, pairs, seed, trees, keep))
        finish(pipeline_ablation.report(*pipeline_ablation.run(captures, scoring_for, settings)), output)
    if Parts.features in wanted:
        finish(study.report(*study.run(captures, settings, seed), seed), output)
    if Parts.checkins in wanted:
        finish(checkin_ablation.report(checkin_ablation.run(folder, captures, settings, pairs, seed)), output)


def judged_pairs(
    captures: list[labelled.Capture],
    scoring_for: Callable[[labelled.Capture], Scoring],
    shipped: Scoring,
    settings: Config,
    seed: int,
    draws: int = 6,
) -> dict[str, Judged]:
    from zeek_beacons_lab.studies import calibration as study

    return {
        "captures": study.on_captures(captures, scoring_for, settings),
        "injected beacons": study.on_injections(captures, scoring_for, settings, draws, seed),
        "synthetic pairs, shipped model": study.on_synthetic(shipped, settings, seed),
    }


def alert_list(
    folder: Captures,
    seed_benchmark: SeedBenchmark = None,
    pairs: PairsToTrainOn = 20_000,
    seed: Seed = 1,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """The alert list as shown, nothing set aside: with and without context, gates and facts, and the peers.

    Everything that learns saw nothing of a capture's lab, or of its family where one lab made most of the C2.

    Examples:

        python -m zeek_beacons_lab evaluate list captures/ --seed-benchmark seed-benchmark/
    """
    captures = labelled.load_all(folder, options.settings(config))
    finish(list_report(folder, captures, seed_benchmark, pairs, seed), output)


def list_report(
    folder: Path, captures: list[labelled.Capture], seed_benchmark: Path | None, pairs: int, seed: int
) -> Report:
    """The tables of the alert list; `captures`: those in `folder`."""
    with extra("lab"):
        from zeek_beacons_lab.studies import alert_list as study
        from zeek_beacons_lab.studies import peers
    rivals = {name: peers.over(one.formula) for name, one in BASELINES.items()}
    if seed_benchmark is not None:
        rivals[peers.STUDY_FOREST] = peers.study_forest(seed_benchmark)
    everything = [capture.pairs for capture in captures]
    return study.run(folder, Scoring.load(), rivals, everything, pairs, seed)
