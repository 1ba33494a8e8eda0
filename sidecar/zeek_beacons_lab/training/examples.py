"""What the forest is trained on: synthetic pairs of both classes, and the benign pairs of labelled captures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.features import Features, extract
from zeek_beacons.features.matrix import Matrix
from zeek_beacons.labels import BENIGN, folders_of, host_days, hosts_of, lab_of, labels_of, read_labels
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs, Strings
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import lookalikes
from zeek_beacons_lab.traffic import labelled_pairs

WITHOUT_ANSWERS = 0.15  # share of synthetic pairs shown as one-way flows: no answer, duration or state
WITHOUT_SIZES = 0.25  # share shown without any size
WITHOUT_NAMES = 0.35  # share shown as from a sensor without ssl and http logs
WITHOUT_SERVICE = 0.25  # share shown without a service
WITHOUT_PREVALENCE = 0.4  # share shown without a count of hosts
REAL_WEIGHT = 0.8  # share of the benign weight given to real pairs, where there are any
LONG = 3600.0  # seconds from which a capture counts for alerts a day
DAY = 86_400.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Labelled rows to train on. `weight` balances classes and sources."""

    features: Features
    is_c2: Bools
    weight: Floats
    quiet: Ints  # 2: a look-alike that never alerts, 1: one that does not below the conservative threshold, else 0
    capture: Ints  # number of the capture, -1 for synthetic pairs
    lab: Strings  # who made the capture, see `labels.lab_of`; "" for synthetic pairs
    host_days: Mapping[int, float]  # of each capture of an hour or longer
    sources: Mapping[str, int]  # pairs by source


@dataclass(frozen=True, slots=True, eq=False)
class Benign:
    """The benign pairs of one capture that are scored and may alert."""

    matrix: Matrix
    quiet: Ints  # as in Examples
    host_days: float  # see `labels.host_days`


def collect(pairs: int, seed: int, captures: Path | None, say: Say = print) -> Examples:
    """Synthetic pairs of both classes and, where `captures` is a folder of labelled captures, their benign pairs."""
    say(f"generating {pairs} synthetic pairs")
    synthetic, truth = labelled_pairs(pairs, seed)
    synthetic = impoverish(synthetic.latest(Config().max_observations), seed)
    parts, is_c2 = [extract(synthetic).matrix], [np.asarray(truth.label == "c2")]
    sources = {"synthetic c2": int(is_c2[0].sum()), "synthetic benign": int((~is_c2[0]).sum())}
    quiet = [np.zeros(pairs, dtype=np.int64)]
    capture, lab = [np.full(pairs, -1)], [np.full(pairs, "", dtype=np.object_)]
    days_of: dict[int, float] = {}
    for number, folder in enumerate(folders_of(captures) if captures is not None else []):
        real = real_benign(folder)
        n = len(real.matrix)
        parts.append(real.matrix)
        is_c2.append(np.zeros(n, dtype=np.bool_))
        quiet.append(real.quiet)
        capture.append(np.full(n, number))
        lab.append(np.full(n, lab_of(folder), dtype=np.object_))
        sources[f"benign of {folder.name}"] = n
        days_of[number] = real.host_days
    if captures is not None:
        say(f"{sum(map(len, parts[1:]))} benign pairs of {len(parts) - 1} captures")
    labels, numbers = np.concatenate(is_c2), np.concatenate(capture)
    return Examples(
        features=Features(np.concatenate(parts)),
        is_c2=labels,
        weight=_weights(labels, numbers),
        quiet=np.concatenate(quiet),
        capture=numbers,
        lab=np.concatenate(lab),
        host_days=days_of,
        sources=sources,
    )


def _weights(is_c2: Bools, capture: Ints) -> Floats:
    """Half to each class, and of the benign half REAL_WEIGHT to captures, each by the root of its number of pairs."""
    weight = np.where(is_c2, 0.5 / max(1, is_c2.sum()), 0.0)
    real = capture >= 0
    share = REAL_WEIGHT if real.any() else 0.0
    synthetic = ~is_c2 & ~real
    weight[synthetic] = 0.5 * (1 - share) / max(1, synthetic.sum())
    if real.any():
        size = np.bincount(capture[real])[capture[real]]
        own = 1 / np.sqrt(size)
        weight[real] = 0.5 * share * own / own.sum()
    return weight * len(is_c2)


def impoverish(pairs: Pairs, seed: int) -> Pairs:
    """Takes sizes, answers, names, services and prevalence from some pairs of both classes, as many logs lack them.

    Otherwise what is missing would tell the class: real captures without sizes hold benign pairs only.
    """
    rng = np.random.default_rng(seed)
    chance = rng.random((len(pairs), 5))
    rows = np.repeat(chance[:, :2], pairs.counts, axis=0)
    answers, sizes = rows[:, 0] < WITHOUT_ANSWERS, rows[:, 1] < WITHOUT_SIZES
    return replace(
        pairs,
        orig_bytes=np.where(sizes, np.nan, pairs.orig_bytes),
        resp_bytes=np.where(answers | sizes, np.nan, pairs.resp_bytes),
        duration=np.where(answers | sizes, np.nan, pairs.duration),
        state=np.where(answers | sizes, 0, pairs.state).astype(np.uint8),
        named=np.where(chance[:, 2] < WITHOUT_NAMES, 0, pairs.named),
        name_conns=np.where(chance[:, 2] < WITHOUT_NAMES, 0, pairs.name_conns),
        service=np.where(chance[:, 3] < WITHOUT_SERVICE, "", pairs.service),
        site_hosts=np.where(chance[:, 4] < WITHOUT_PREVALENCE, np.nan, pairs.site_hosts),
    )


def real_benign(folder: Path) -> Benign:
    """The features of a capture's benign pairs with enough connections to be scored."""
    config = Config()
    pairs, _ = read(Request([str(folder)]), config)
    labels = read_labels(folder / "labels.csv")
    benign = np.isin(labels_of(pairs, labels), list(BENIGN))
    chosen = benign & (pairs.counts >= config.min_connections) & ~pairs.is_twin & ~pairs.is_multicast
    days = host_days(hosts_of(labels), float(np.ptp(pairs.start)) if len(pairs.start) else 0.0)
    pairs = pairs.take(chosen).latest(config.max_observations)
    features = extract(pairs)
    look = lookalikes.find(pairs, features)
    return Benign(features.matrix, (look != lookalikes.NONE) + 1 * lookalikes.is_proof(look), days)
