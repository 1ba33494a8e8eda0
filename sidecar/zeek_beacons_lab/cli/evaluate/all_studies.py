"""`python -m zeek_beacons_lab evaluate all`: every table and figure in one run."""

from __future__ import annotations

from zeek_beacons.cli import options
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures import labelled as labelled
from zeek_beacons_lab.captures.sample import ours
from zeek_beacons_lab.cli.evaluate.captures import judged_pairs, list_report
from zeek_beacons_lab.cli.evaluate.shared import (
    DRAWS,
    RESULTS,
    SEEDS,
    SITES,
    Captures,
    Keep,
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


def every(
    folder: Captures,
    seed_benchmark: SeedBenchmark = None,
    pairs: PairsToTrainOn = 20_000,
    trees: Trees = 100,
    seed: Seed = 1,
    keep: Keep = None,
    output: Results = RESULTS,
    config: options.ConfigFile = None,
) -> None:
    """Every study at once, with labs left out: all tables and figures of docs/evaluation.

    The benchmark's tables are left out without `--seed-benchmark`.

    Examples:

        python -m zeek_beacons_lab evaluate all captures/ --seed-benchmark seed-benchmark/
    """
    with extra("lab"):
        from zeek_beacons_lab.studies import (
            ablation,
            behaviour_figures,
            calibration,
            checkin_ablation,
            classify,
            evidence,
            grid,
            peers,
            pipeline_ablation,
            stress,
        )
    settings = options.settings(config)
    captures = labelled.load_all(folder, settings)
    shipped = Scoring.load()
    scoring_for = scoring_for_each(captures, None, trainer_of(True, folder, pairs, seed, trees, keep))
    mine = ours(scoring_for, settings)
    finish(list_report(folder, captures, seed_benchmark, pairs, seed), output)
    finish(study.evaluate(captures, mine, settings).report(seed), output)
    rivals = {peers.OURS: mine, f"{peers.OURS} as shipped": ours(lambda _capture: shipped, settings)}
    rivals |= peers.methods(captures, seed_benchmark, settings, seed)
    finish(peers.report(peers.compare(captures, rivals, settings), seed), output)
    chosen = stress.contenders(scoring_for, settings)
    shots = stress.run(captures, chosen, settings, DRAWS, seed)
    finish(stress.report(shots, stress.early_auc(captures, chosen, shots, settings)), output)
    finish(behaviour_figures.report(behaviour_figures.run(captures, shipped, settings, seed)), output)
    finish(calibration.report(judged_pairs(captures, scoring_for, shipped, settings, seed), seed), output)
    finish(evidence.report(evidence.run(evidence.scorers(shipped), SEEDS, seed)), output)
    finish(pipeline_ablation.report(*pipeline_ablation.run(captures, scoring_for, settings)), output)
    finish(ablation.report(*ablation.run(captures, settings, seed), seed), output)
    finish(checkin_ablation.report(checkin_ablation.run(folder, captures, settings, pairs, seed)), output)
    finish(classify.report(classify.run(classify.problems(SITES, seed, folder), seed), seed), output)
    if seed_benchmark:
        finish(grid.report(*grid.run(seed_benchmark, shipped, settings, seed)), output)
