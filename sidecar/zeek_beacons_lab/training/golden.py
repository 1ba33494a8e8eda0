"""The golden file of a model: which pairs it records. See `zeek_beacons.scoring.golden` for the file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features
from zeek_beacons.files import staged
from zeek_beacons.pairs import STATES, Bools, Floats, Pairs, joined
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.golden import FUSED, Golden
from zeek_beacons.scoring.model import GOLDEN, MANIFEST, ModelFolder
from zeek_beacons_lab.traffic import EPOCH, KINDS, labelled_pairs
from zeek_beacons_lab.training.examples import impoverish

SEED = 11
DRAWN = 60  # pairs of a kind to choose from
LATEST = (160, 48, 160, 24, 9)  # observations kept of the first, second, ... chosen of a kind
ODD = 96  # pairs that no kind makes
BACK_OFF = 7  # the shape of the odd pairs whose waits grow
NUDGE = 1e-6  # relative


def add_golden(folder: Path) -> Path:
    """Writes the golden file of a model and names it in the manifest. Raises ModelError, OutputError."""
    model = replace(ModelFolder.load(folder).manifest, golden_sha256=None)
    content = record(Scoring.load(folder)).to_bytes()
    manifest = replace(model, golden_sha256=hashlib.sha256(content).hexdigest())
    with staged(folder) as aside:
        (aside / GOLDEN).write_bytes(content)
        (aside / MANIFEST).write_bytes(manifest.to_json().encode())
    return folder / GOLDEN


def record(scoring: Scoring) -> Golden:
    """Pairs of every kind the generator makes, long and short, and odd ones, as this program and this model see them.

    A tree splits a value the other way when it moves by its last bit, as it may on another processor. So only pairs are
    kept whose scores stay within 1e-6 when their features move by 1e-6 of themselves.
    """
    drawn = impoverish(joined([of_kind(name, SEED + number) for number, name in enumerate(KINDS)]), SEED)
    kind = np.repeat(np.arange(len(KINDS)), DRAWN)
    free = np.ones(len(drawn), dtype=np.bool_)
    parts = []
    for length in LATEST:
        pairs = drawn.latest(length)
        suited = np.flatnonzero(free & is_steady(pairs, scoring))
        _kinds, first = np.unique(kind[suited], return_index=True)
        free[suited[first]] = False
        parts.append(pairs.take(suited[first]))
    odd = Pairs.build(odd_pairs(ODD, SEED))
    return Golden.of(joined([*parts, odd.take(is_steady(odd, scoring))]), scoring)


def of_kind(name: str, seed: int) -> Pairs:
    """DRAWN pairs of one kind, at sites of many sizes."""
    c2_share = 1.0 if KINDS[name].label == "c2" else 0.0
    pairs, _truth = labelled_pairs(DRAWN, seed, c2_share=c2_share, site_pairs=6, kinds={name: 1.0})
    return pairs


def is_steady(pairs: Pairs, scoring: Scoring) -> Bools:
    """Whose scores stay when the features, or the scores that are fused, move by NUDGE, (n,)."""
    plain = Golden.of(pairs, scoring)
    rng = np.random.default_rng(SEED)
    shape = plain.features.matrix.shape
    steady = np.ones(len(pairs), dtype=np.bool_)
    for sign in (np.ones(shape), -np.ones(shape), *(rng.choice([-1.0, 1.0], shape) for _ in range(4))):
        moved = Features((plain.features.matrix * (1 + NUDGE * sign)).astype(np.float32))
        scores = scoring.score(moved)
        context = scoring.measure_context(scoring.facts(pairs, plain.features))
        for name, values in scores.items():
            steady &= np.isclose(values, plain.scores[name], rtol=0, atol=NUDGE)
        for way in (1 - NUDGE, 1.0, 1 + NUDGE):
            fused = scoring.fuse({name: values * way for name, values in scores.items()}, context)
            steady &= fused == plain.scores[FUSED]
    return steady


def odd_pairs(n: int, seed: int) -> list[dict[str, Any]]:
    """Pairs that no kind makes: few connections, equal times, silences, back-off, little known, sizes of 0 or 1e15."""
    rng = np.random.default_rng(seed)

    def missing(values: NDArray[Any], share: float) -> Floats:
        return np.where(rng.random(len(values)) < share, np.nan, values)

    def one(number: int) -> dict[str, Any]:
        shape = number // 12 % 8
        n = (1, 2, 3, 4, 5, 6, 7, 9, 13, 25, 40, 70)[number % 12] + (20 if shape == BACK_OFF else 0)
        base = float(rng.choice([0.2, 7.0, 60.0, 3600.0]))
        silent = np.where(rng.random(n) < 0.15, 40.0, 1.0)
        gaps = (
            np.zeros(n),
            base * silent * (1 - 0.2 * rng.random(n)),
            np.where(rng.random(n) < 0.5, 0.0, base),
            np.where(rng.random(n) < 0.7, 0.01, base),
            base * rng.integers(1, 5, n),
            base * np.clip(1 + 0.1 * rng.standard_normal(n), 0.1, 2),
            np.full(n, base),
            max(base, 7.0) * (1.6 + 0.2 * (number % 3)) ** (np.arange(n) % 5) * rng.uniform(0.97, 1.03, n),
        )[shape]
        unknown = (0.0, 0.3, 0.9, 1.0)[number % 4]
        return {
            "orig_h": "192.0.2.1",
            "resp": "203.0.113.7",
            "resp_p": int(rng.choice([22, 80, 443, 4444, 51_000])),
            "service": str(rng.choice(["", "http", "ssl"])),
            "start": EPOCH + np.cumsum(gaps),
            "duration": missing(rng.exponential(1.0, n), unknown),
            "orig_bytes": missing(rng.choice([0.0, 100.0, 100.0, 1e15, 312.0], n), unknown),
            "resp_bytes": missing(100.0 * rng.integers(0, 9, n), unknown),
            "state": [STATES[code] for code in rng.integers(0, len(STATES), n)],
        }

    return [one(number) for number in range(n)]
