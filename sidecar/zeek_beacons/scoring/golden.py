"""The golden file of a model: pairs, and what their features and scores were when the model was made.

The forest's hash and the feature schema say nothing of how features are computed. This file does: a program that
computes them otherwise gives other values for the same pairs, and `zeek-beacons model verify` says where.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ModelError
from zeek_beacons.features import CATALOGUE, Features, extract
from zeek_beacons.features.matrix import Matrix
from zeek_beacons.pairs import OBSERVATION_COLUMNS, OPTIONAL, PAIR_COLUMNS, Floats, Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.context_term import CODES

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # what processors may differ by; the second where a value is 0 but for rounding
FUSED = "fused"
FACT = "context {}"  # how far an indicator holds


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature or score that is not what was recorded, and the first pair where it is not."""

    column: str
    pairs: int  # with another value
    first: int  # position of the first of them
    key: str  # of that pair
    recorded: float
    computed: float

    def __str__(self) -> str:
        return (
            f"{self.column} differs in {self.pairs} pairs, first in pair {self.first} ({self.key}): "
            f"{self.computed:.8g}, recorded {self.recorded:.8g}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """`n` pairs with their features, the score of each scorer, the context and the fused score, (n,) each."""

    pairs: Pairs
    features: Features
    scores: Mapping[str, Floats]

    @classmethod
    def of(cls, pairs: Pairs, scoring: Scoring) -> Self:
        """The pairs as this program and this model see them."""
        features = extract(pairs)
        scores = scoring.score(features)
        context = scoring.measure_context(scoring.facts(pairs, features))
        known = {} if context is None else dict(zip(map(FACT.format, CODES), context.T, strict=True))
        return cls(pairs, features, scores | known | {FUSED: scoring.fuse(scores, context)})

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """Every feature and score by name, (n,) each."""
        named = {feature.name: self.features.column(feature.name) for feature in CATALOGUE}
        return named | {f"score of {name}": values for name, values in self.scores.items()}

    def differences(self, other: Self) -> list[Difference]:
        """Where `other`, of the same pairs, differs from this; NaN equals NaN. Raises ModelError on other scorers."""
        theirs, found = other.columns, []
        if self.columns.keys() != theirs.keys():
            raise ModelError(f"scores are {', '.join(other.scores)}, recorded {', '.join(self.scores)}")
        for name, recorded in self.columns.items():
            computed = theirs[name]
            same = np.isclose(computed, recorded, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
            rows = np.flatnonzero(~same)
            if len(rows):
                at = int(rows[0])
                values = float(recorded[at]), float(computed[at])
                found.append(Difference(name, len(rows), at, _key(self.pairs, at), *values))
        return found

    def to_bytes(self) -> bytes:
        """The file: a compressed .npz of plain arrays. The same content gives the same bytes."""
        columns: dict[str, Any] = {
            name: _plain(getattr(self.pairs, name)) for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS)
        }
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            offsets=self.pairs.offsets,
            feature_names=np.array([feature.name for feature in CATALOGUE]),
            features=self.features.matrix,
            score_names=np.array(list(self.scores)),
            scores=np.stack(list(self.scores.values()), axis=1),
            **columns,
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, path: object) -> Self:
        """Reads the file. Raises ModelError naming `path` where it is none, or has other features than this program."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                stored = [name for name in PAIR_COLUMNS if name not in OPTIONAL or name in file]
                columns = {name: _unplain(file[name]) for name in (*stored, *OBSERVATION_COLUMNS, "offsets")}
                names, matrix = [str(name) for name in file["feature_names"]], file["features"]
                scores = dict(zip(map(str, file["score_names"]), file["scores"].T, strict=True))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: not a golden file: {error}") from error
        expected = [feature.name for feature in CATALOGUE]
        if names != expected:
            odd = sorted(set(names) ^ set(expected)) or ["the order"]
            raise ModelError(f"{path}: features differ from this program's: {odd[0]}")
        return cls(Pairs.of(**columns), Features(_matrix(matrix)), scores)


def check(content: bytes, path: object, scoring: Scoring) -> tuple[int, list[Difference]]:
    """How many pairs a golden file holds, and what this program computes otherwise. Raises ModelError."""
    golden = Golden.from_bytes(content, path)
    return len(golden.pairs), golden.differences(Golden.of(golden.pairs, scoring))


def _key(pairs: Pairs, at: int) -> str:
    return f"{pairs.orig_h[at]} to {pairs.resp[at]} {pairs.resp_p[at]}/{pairs.proto[at]}"


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.str_) if values.dtype == np.object_ else values


def _unplain(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.object_) if values.dtype.kind == "U" else values


def _matrix(values: NDArray[Any]) -> Matrix:
    return values.astype(np.float32)
