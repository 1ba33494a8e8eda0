"""The beaconing study's benchmark: models trained on its training half, and the shipped one as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from zeek_beacons.config import Config
from zeek_beacons.features.catalogue import CATALOGUE, Feature
from zeek_beacons.metrics import Counts, roc_auc
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs, Strings
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES
from zeek_beacons_lab.baselines.learners import inputs
from zeek_beacons_lab.captures.datasets import SeedFlows, load_seed_benchmark
from zeek_beacons_lab.captures.study_mix import MIXES, made
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.peers import STUDY_FOREST, STUDY_THRESHOLD, over, study_features
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.studies.truncate import shortened

MIN_CONNECTIONS = 3
TREES, ROUNDS = 500, 200  # of the forest; of the boosting
OURS = "our features without destinations and magnitudes, trained on standard_train"
OURS_ALL = "all our features, trained on standard_train"
MAGNITUDES = ("log_orig", "log_resp", "log_duration")

Judged = tuple[Floats, Bools]  # score and alert of each flow
# Fits on labelled flows and gives what judges others.
Fit = Callable[[SeedFlows, Config, int], Callable[[SeedFlows], Judged]]


def our_vote(families: Callable[[Feature], bool], share: float = 1.0) -> Fit:
    """The mean vote of a forest and of boosted trees on some of our features.

    It alerts where F1 is best on votes by trees that did not see the flow's case and seed. `share`: of the trees.
    """
    columns = np.array([families(feature) for feature in CATALOGUE if feature.model])

    def fit(train: SeedFlows, config: Config, seed: int) -> Callable[[SeedFlows], Judged]:
        matrix = _filled(train.pairs, config)[:, columns]
        folds = GroupKFold(5).split(matrix, groups=_site_names(train))
        held_out = np.zeros(len(matrix))
        for seen, unseen in folds:
            held_out[unseen] = _vote(matrix[seen], train.is_c2[seen], seed, share)(matrix[unseen])
        bound, vote = best_f1(held_out, train.is_c2), _vote(matrix, train.is_c2, seed, share)

        def judge(flows: SeedFlows) -> Judged:
            votes = vote(_filled(flows.pairs, config)[:, columns])
            return votes, votes >= bound

        return judge

    return fit


def _vote(matrix: Floats, is_c2: Bools, seed: int, share: float) -> Callable[[Floats], Floats]:
    models = (
        RandomForestClassifier(round(TREES * share), class_weight="balanced", random_state=seed, n_jobs=2),
        HistGradientBoostingClassifier(
            max_iter=round(ROUNDS * share),
            learning_rate=0.05,
            max_leaf_nodes=15,
            l2_regularization=1.0,
            class_weight="balanced",
            random_state=seed,
        ),
    )
    with threadpool_limits(1):  # threads that wait for one another cost more than they save on so few rows
        fitted = [model.fit(matrix, is_c2) for model in models]

    def vote(rows: Floats) -> Floats:
        votes: Floats = np.mean([model.predict_proba(rows)[:, 1] for model in fitted], axis=0)
        return votes

    return vote


def study_forest(train: SeedFlows, config: Config, seed: int) -> Callable[[SeedFlows], Judged]:
    """The study's forest, with its own features, settings and threshold."""
    forest = RandomForestClassifier(
        n_estimators=200, max_depth=8, min_samples_leaf=2, class_weight="balanced", random_state=42
    ).fit(study_features(train.pairs, np.arange(len(train.pairs))), train.is_c2)

    def judge(flows: SeedFlows) -> Judged:
        votes: Floats = forest.predict_proba(study_features(flows.pairs, np.arange(len(flows.pairs))))[:, 1]
        return votes, votes >= STUDY_THRESHOLD

    return judge


def is_shape(feature: Feature) -> bool:
    """Whether a feature says how a pair behaves, not where it goes or how much it sends."""
    return feature.family != "context" and feature.name not in MAGNITUDES


# The benchmark's C2 goes to servers of its own and sends sizes of its own: whoever sees that needs no rhythm.
TRAINED: Mapping[str, Fit] = {
    OURS: our_vote(is_shape),
    OURS_ALL: our_vote(lambda _feature: True),
    STUDY_FOREST: study_forest,
}
QUICK: Mapping[str, Fit] = {
    OURS: our_vote(is_shape, 0.25),
    OURS_ALL: our_vote(lambda _feature: True, 0.25),
    STUDY_FOREST: study_forest,
}
DRAWN_SEEDS = 5  # of each case and half, as in the study


def as_shipped(scoring: Scoring, config: Config) -> Callable[[SeedFlows], Judged]:
    """A ready scoring on each (case, seed), which is a site of its own."""

    def judge(flows: SeedFlows) -> Judged:
        votes, alerts = np.zeros(len(flows.pairs)), np.zeros(len(flows.pairs), dtype=np.bool_)
        for rows in _sites(flows):
            verdicts = score(flows.pairs.take(rows), scoring, config).each.verdicts
            votes[rows], alerts[rows] = np.nan_to_num(verdicts.score), verdicts.alerts
        return votes, alerts

    return judge


def by_formula(name: str) -> Callable[[SeedFlows], Judged]:
    """A published formula on each (case, seed)."""
    peer = BASELINES[name]

    def judge(flows: SeedFlows) -> Judged:
        votes = np.zeros(len(flows.pairs))
        for rows in _sites(flows):
            votes[rows] = over(peer.formula)(flows.pairs.take(rows), np.arange(len(rows)))
        return votes, votes >= peer.threshold

    return judge


def best_f1(votes: Floats, is_c2: Bools) -> float:
    """The vote from which on F1 is best."""
    candidates = np.unique(votes)
    hits = np.array([(is_c2 & (votes >= one)).sum() for one in candidates])
    alerts = np.array([(votes >= one).sum() for one in candidates])
    return float(candidates[np.argmax(2 * hits / (alerts + is_c2.sum()))])


def matched(flows: SeedFlows, seed: int) -> SeedFlows:
    """The same flows, those of both classes cut to lengths of one distribution: that of the benign ones.

    The published flows differ in length by class (C2 5 to 18 events, benign 3 to 12), which a model can learn.
    """
    rng = np.random.default_rng(seed)
    counts = flows.pairs.counts
    wanted = counts.copy()
    wanted[flows.is_c2] = rng.choice(counts[~flows.is_c2], int(flows.is_c2.sum()))
    return replace(flows, pairs=shortened(flows.pairs, np.minimum(counts, wanted)))


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """One method's outcome on one set of flows."""

    method: str
    lengths: str  # as published or matched; or the mix
    votes: Floats
    alerts: Bools


def run(folder: Path, scoring: Scoring, config: Config, seed: int) -> tuple[SeedFlows, list[Graded]]:
    """Every method on `standard_eval`, with lengths as published and matched. Raises InputError."""
    train, test = (load_seed_benchmark(folder / f"standard_{name}.csv.gz") for name in ("train", "eval"))
    graded = grade("as published", train, test, scoring, config, seed)
    return test, graded + grade("matched", matched(train, seed), matched(test, seed), scoring, config, seed)


def run_made(scoring: Scoring, config: Config, seed: int, quick: bool = False) -> tuple[SeedFlows, list[Graded]]:
    """Every method on flows drawn here, without any file: the study's mix, with lengths matched, and under stress.

    `quick`: a fifth of the flows, a quarter of the trees. The two halves are of different seeds.
    """
    seeds, fits = (1, QUICK) if quick else (DRAWN_SEEDS, TRAINED)
    halves = {mix: [made(mix, range(begin, begin + seeds)) for begin in (700, 300)] for mix in MIXES}
    train, test = halves.pop("standard")
    graded = grade("as published", train, test, scoring, config, seed, fits)
    graded += grade("matched", matched(train, seed), matched(test, seed), scoring, config, seed, fits)
    for mix, (other, stressed) in halves.items():
        graded += grade(mix, other, stressed, scoring, config, seed, fits)
    return test, graded


def grade(
    flows: str,
    train: SeedFlows,
    test: SeedFlows,
    scoring: Scoring,
    config: Config,
    seed: int,
    fits: Mapping[str, Fit] = TRAINED,
) -> list[Graded]:
    """Every method on the flows called so: those that learn do so on `train`."""
    config = replace(config, min_connections=MIN_CONNECTIONS)
    judges = {name: fit(train, config, seed) for name, fit in fits.items()}
    judges["zeek-beacons as shipped"] = as_shipped(scoring, config)
    judges |= {name: by_formula(name) for name in BASELINES}
    return [Graded(name, flows, *judge(test)) for name, judge in judges.items()]


def report(test: SeedFlows, graded: list[Graded]) -> Report:
    """Figures by method, and recall by scenario."""
    tables = {"grid": _figures(test, graded), "grid_scenarios": _scenarios(test, graded)}

    def chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        groups = {
            one.method: {
                lengths: roc_auc(two.votes, test.is_c2) or 0.0
                for two in graded
                if two.method == one.method
                for lengths in [two.lengths]
            }
            for one in graded
        }
        plots.bars(path, groups, "AUC on the beaconing study's standard_eval, by lengths", "AUC")

    return Report(tables, {"grid": chart})


def _figures(test: SeedFlows, graded: list[Graded]) -> Table:
    rows: list[list[Cell]] = []
    for one in graded:
        counts = Counts(
            hits=int((one.alerts & test.is_c2).sum()),
            false_alerts=int((one.alerts & ~test.is_c2).sum()),
            misses=int((~one.alerts & test.is_c2).sum()),
        )
        found = (roc_auc(one.votes, test.is_c2), metrics.average_precision(one.votes, test.is_c2))
        tpr = metrics.tpr_at(one.votes, test.is_c2, 0.01)
        rows.append([one.method, one.lengths, *found, tpr, counts.precision, counts.recall, counts.f1])
    head = ("method", "lengths", "AUC", "average precision", "TPR at 1 % FPR", "precision", "recall", "F1")
    return Table(head, rows)


def _scenarios(test: SeedFlows, graded: list[Graded]) -> Table:
    names = sorted(set(test.scenario[test.is_c2]))
    rows: list[list[Cell]] = [
        [one.method, one.lengths, *(float(one.alerts[test.is_c2 & (test.scenario == name)].mean()) for name in names)]
        for one in graded
    ]
    return Table(("recall of", "lengths", *names), rows)


def _site_names(flows: SeedFlows) -> Strings:
    return np.array([f"{case}/{seed}" for case, seed in zip(flows.case, flows.seed, strict=True)], dtype=object)


def _sites(flows: SeedFlows) -> list[Ints]:
    keys = _site_names(flows)
    return [np.flatnonzero(keys == key) for key in dict.fromkeys(keys.tolist())]


def _filled(pairs: Pairs, config: Config) -> Floats:
    matrix = inputs(pairs, config)
    return np.where(np.isnan(matrix), -1e6, matrix).astype(np.float64)
