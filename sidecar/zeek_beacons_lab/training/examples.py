"""What a model is trained on: synthetic pairs of both classes, and the pairs of labelled captures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.features import Features, extract
from zeek_beacons.features.matrix import Matrix, measure
from zeek_beacons.features.stretches import Stretches, stretches
from zeek_beacons.labels import BEACONS, BENIGN, DAY, PairLabel, folders_of, lab_of, labels_of, read_labels
from zeek_beacons.pairs import Bools, Bytes, Floats, Ints, Pairs, Strings
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import context_term, lookalikes, place, tunnel
from zeek_beacons.scoring.context_term import INDICATORS, Facts
from zeek_beacons.verdicts import LOOK_UP
from zeek_beacons_lab.captures.labelled import family_of_pairs
from zeek_beacons_lab.traffic import labelled_pairs, with_behaviours

WITHOUT_ANSWERS = 0.15  # share of synthetic pairs shown as one-way flows: no answer, duration or state
WITHOUT_SIZES = 0.25  # share shown without any size
WITHOUT_NAMES = 0.35  # share shown as from a sensor without ssl and http logs
WITHOUT_SERVICE = 0.25  # share shown without a service
WITHOUT_PREVALENCE = 0.4  # share shown without a count of hosts
BEHAVIOURS_SHARE = 0.3  # of the synthetic C2 pairs; .2 and .4 rank captures left out about as well, none of it worse
REAL_WEIGHT = 0.8  # share of the benign weight given to real pairs, where there are any
REAL_C2_WEIGHT = 0.4  # share of the C2 weight given to real pairs, where there are any

# What a pair of a capture is for training and for the alert list. `aside`: an alert on it is neither right nor wrong;
# `other`: it is not learned from, and an alert on it is wrong.
ROLES = ("c2", "simulated", "benign", "aside", "other")
C2, SIMULATED, OF_BENIGN, ASIDE, OTHER = range(5)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class CapturePairs:
    """The pairs of one capture that are scored, `n` in all; twins of a pair by name are left out."""

    matrix: Matrix  # (n, features)
    parts: Matrix  # (k, features) of stretches of the pairs
    owner: Ints  # (k,) whose stretch each is
    context: Floats  # (n, indicators)
    role: Bytes  # (n,) index into ROLES
    family: Strings  # (n,) of C2, see `labelled.family_of_pairs`; "" for all else
    loud: Ints  # (n,) 0: never alerts, 1: alerts from the conservative threshold on only, 2: by its score
    host_days: float  # originators of pairs labelled benign, C2 or exclude, times the capture's days


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """`n` rows to train and to choose thresholds on: synthetic pairs and those of captures."""

    features: Features
    context: Floats  # (n, indicators), nothing known of synthetic pairs
    role: Bytes  # (n,) index into ROLES
    family: Strings  # (n,) of C2 in captures
    loud: Ints  # (n,) as in CapturePairs
    capture: Ints  # (n,) number of the capture, -1 for synthetic pairs
    lab: Strings  # (n,) who made the capture, see `labels.lab_of`; "" for synthetic pairs
    parts: Features  # (k, features) of stretches of the captures' pairs; not learned from, they may speak for the pair
    owner: Ints  # (k,) the row whose stretch each is
    host_days: float  # of all captures
    sources: Mapping[str, int]  # pairs by source

    @property
    def is_c2(self) -> Bools:
        """What is to be found, (n,)."""
        wanted: Bools = self.role <= SIMULATED
        return wanted

    @property
    def learned(self) -> Bools:
        """Rows that a model learns from, (n,)."""
        learned: Bools = self.role <= OF_BENIGN
        return learned

    @property
    def weight(self) -> Floats:
        """Half to each class. See `_share`."""
        real = self.capture >= 0
        weight = np.zeros(len(self.role))
        for rows, share, power in (
            (self.is_c2, REAL_C2_WEIGHT, 1.0),
            (self.role == OF_BENIGN, REAL_WEIGHT, 0.5),
        ):
            weight += 0.5 * _share(rows, real, self.capture, share, power)
        return weight * len(weight)

    def take(self, rows: Bools) -> Self:
        """The examples of these rows, without stretches; the host-days stay."""
        columns = {name: getattr(self, name)[rows] for name in ("context", "role", "family", "loud", "capture", "lab")}
        nothing = Features(self.parts.matrix[:0]), self.owner[:0]
        whole = Features(self.features.matrix[rows])
        return replace(self, features=whole, parts=nothing[0], owner=nothing[1], **columns)


def _share(rows: Bools, real: Bools, capture: Ints, share: float, power: float) -> Floats:
    """Weights that add up to 1 over `rows`: `share` of it to real ones, the captures alike (power 1: a capture with
    many pairs is one infection) or each by the root of its number of pairs (power .5); the rest to synthetic ones.
    """
    weight = np.zeros(len(rows))
    own, made = rows & real, rows & ~real
    if not own.any() or not made.any():
        share = float(own.any())
    weight[made] = (1 - share) / max(1, made.sum())
    if own.any():
        size = np.bincount(capture[own])[capture[own]] ** -power
        weight[own] = share * size / size.sum()
    return weight


def collect(
    pairs: int, seed: int, captures: Path | None, say: Say = print, behaviours: float = BEHAVIOURS_SHARE
) -> Examples:
    """Synthetic pairs of both classes and, where `captures` is a folder of labelled captures, all that are in them.

    `behaviours`: the share of the synthetic C2 pairs that does other things than keep one timer, see
    traffic/behaviours.py.
    """
    say(f"generating {pairs} synthetic pairs")
    synthetic, truth = labelled_pairs(pairs, seed, kinds=with_behaviours(behaviours))
    matrix = extract(impoverish(synthetic.latest(Config().max_observations), seed)).matrix
    made = np.where(np.asarray(truth.label == "c2"), C2, OF_BENIGN).astype(np.uint8)
    folders = folders_of(captures) if captures is not None else []
    seen = [learn_from(look_at(folder)) for folder in folders]
    sizes = [pairs, *(len(one.role) for one in seen)]
    sources = {"synthetic c2": int((made == C2).sum()), "synthetic benign": int((made == OF_BENIGN).sum())}
    for folder, one in zip(folders, seen, strict=True):
        for role in (OF_BENIGN, C2, SIMULATED):
            if n := int((one.role == role).sum()):
                sources[f"{ROLES[role]} of {folder.name}"] = n
    if seen:
        count = [sum(int((one.role == role).sum()) for one in seen) for role in (OF_BENIGN, C2, SIMULATED)]
        say(f"{count[0]} benign, {count[1]} C2 and {count[2]} simulated pairs of {len(seen)} captures")
    begins = np.cumsum(sizes)  # of each capture's rows
    nothing_known = np.zeros((pairs, len(INDICATORS)))
    nameless = np.full(pairs, "", dtype=np.object_)
    return Examples(
        features=Features(np.concatenate([matrix, *(one.matrix for one in seen)])),
        parts=Features(np.concatenate([matrix[:0], *(one.parts for one in seen)])),
        owner=np.concatenate(
            [np.zeros(0, dtype=np.int64), *(one.owner + at for one, at in zip(seen, begins, strict=False))]
        ),
        context=np.concatenate([nothing_known, *(one.context for one in seen)]),
        role=np.concatenate([made, *(one.role for one in seen)]),
        family=np.concatenate([nameless, *(one.family for one in seen)]),
        loud=np.concatenate([np.full(pairs, 2), *(one.loud for one in seen)]),
        capture=np.repeat(np.arange(-1, len(seen)), sizes),
        lab=np.repeat(np.array(["", *map(lab_of, folders)], dtype=np.object_), sizes),
        host_days=sum(one.host_days for one in seen),
        sources=sources,
    )


def impoverish(pairs: Pairs, seed: int) -> Pairs:
    """Takes sizes, answers, names, services and prevalence from some pairs of both classes, as many logs lack them.

    Otherwise what is missing would tell the class: real captures without sizes hold benign pairs only.
    """
    rng = np.random.default_rng(seed)
    chance = rng.random((len(pairs), 5))
    rows = np.repeat(chance[:, :2], pairs.counts, axis=0)
    answers, sizes = rows[:, 0] < WITHOUT_ANSWERS, rows[:, 1] < WITHOUT_SIZES
    nameless = chance[:, 2] < WITHOUT_NAMES
    return replace(
        pairs,
        orig_bytes=np.where(sizes, np.nan, pairs.orig_bytes),
        resp_bytes=np.where(answers | sizes, np.nan, pairs.resp_bytes),
        duration=np.where(answers | sizes, np.nan, pairs.duration),
        state=np.where(answers | sizes, 0, pairs.state).astype(np.uint8),
        named=np.where(nameless, 0, pairs.named),
        name_conns=np.where(nameless, 0, pairs.name_conns),
        service=np.where(chance[:, 3] < WITHOUT_SERVICE, "", pairs.service),
        site_hosts=np.where(chance[:, 4] < WITHOUT_PREVALENCE, np.nan, pairs.site_hosts),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """The pairs of one capture that are scored, `n` in all, as the product sees them before any score."""

    rows: Ints  # (n,) of the pairs among all that the capture holds
    pairs: Pairs
    features: Features
    parts: Stretches
    facts: Facts
    look: lookalikes.KnownRhythms
    gates: Mapping[int, Bools]  # by SUPPRESSIONS: `place.gates`, and look-ups
    label: Strings
    family: Strings
    host_days: float


def look_at(folder: Path) -> Looked:
    """Reads a capture as the product would; twins of a pair by name are left out. Raises InputError."""
    config = Config()
    everything, _ = read(Request([str(folder)]), config)
    labels = read_labels(folder / "labels.csv")
    days = float(np.ptp(everything.start)) / DAY if len(everything.start) else 0.0
    label = labels_of(everything, labels)
    family = family_of_pairs(everything, label, labels, folder.name)
    return look_over(everything, label, config, family, days * _watched(labels))


def look_over(
    everything: Pairs, label: Strings, config: Config, family: Strings | None = None, host_days: float = 0.0
) -> Looked:
    """The pairs with these labels and families that are scored, as the product would see them."""
    enough = np.minimum(everything.conns, everything.counts) >= config.min_connections
    rows = np.flatnonzero(enough & ~everything.is_twin)
    pairs = everything.take(rows).latest(config.max_observations)
    features, checkins = measure(pairs)
    facts = Facts.of(pairs, features)
    return Looked(
        rows=rows,
        pairs=pairs,
        features=features,
        parts=stretches(pairs, checkins),
        facts=facts,
        look=lookalikes.find(pairs, features, facts.names),
        gates=place.gates(pairs, config) | {LOOK_UP: tunnel.are_look_ups(pairs, facts.names)},
        label=label[rows],
        family=np.full(len(rows), "", dtype=np.object_) if family is None else family[rows],
        host_days=host_days,
    )


def learn_from(seen: Looked) -> CapturePairs:
    """What training needs of a capture."""
    gated = np.any(list(seen.gates.values()), axis=0)
    return CapturePairs(
        matrix=seen.features.matrix,
        parts=extract(seen.parts.pairs).matrix,
        owner=seen.parts.owner,
        context=context_term.measure(seen.facts),
        role=roles(seen.label),
        family=seen.family,
        loud=np.where(gated | seen.look.proven, 0, np.where(seen.look.index != lookalikes.NONE, 1, 2)),
        host_days=seen.host_days,
    )


def roles(label: Strings) -> Bytes:
    """What pairs with these labels are for training and for the alert list, as indices into ROLES, (n,)."""
    aside = ("exclude", "malicious_other")
    chosen = [label == "c2", np.isin(label, list(BEACONS)), np.isin(label, list(BENIGN)), np.isin(label, aside)]
    return np.select(chosen, [C2, SIMULATED, OF_BENIGN, ASIDE], OTHER).astype(np.uint8)


def _watched(labels: Mapping[tuple[str, str, int, str], PairLabel]) -> int:
    """Originators of pairs labelled benign, C2 or exclude."""
    return len({key[0] for key, found in labels.items() if found.label in BENIGN | {"c2", "exclude"}})
