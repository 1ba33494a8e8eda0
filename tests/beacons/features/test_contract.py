"""What holds for every feature: pure, deterministic, in range, NaN-safe, and blind to the neighbours."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.features import CATALOGUE, MODEL_FEATURES, SCHEMA_VERSION, Features, extract
from zeek_beacons.features.padded_rows import CHUNK, LADDER, chunks, shared, widths
from zeek_beacons.pairs import OBSERVATION_COLUMNS, Pairs

from .traffic import EPOCH, every, mixed, pair

SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 25, 33, 40, 49, 64, 65, 100, 129, 200, 260, 400, 512, 600, 900]


def assert_in_range(features: Features) -> None:
    for feature, values in zip(CATALOGUE, features.matrix.T, strict=True):
        known = values[~np.isnan(values)].astype(np.float64)
        tolerance = 1e-6 * abs(feature.high)
        assert np.all((known >= feature.low - tolerance) & (known <= feature.high + tolerance)), feature.name


def assert_same(left: np.ndarray, right: np.ndarray) -> None:
    """Bit for bit, NaN included."""
    different = (left != right) & ~(np.isnan(left) & np.isnan(right))
    assert not different.any(), sorted({CATALOGUE[column].name for column in np.nonzero(different)[-1]})


def test_catalogue_is_well_formed() -> None:
    names = [feature.name for feature in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(feature.low < feature.high and feature.meaning for feature in CATALOGUE)
    assert tuple(feature.name for feature in CATALOGUE if feature.model) == MODEL_FEATURES
    assert not any(feature.unit for feature in CATALOGUE if feature.model), "absolute sizes are for reports only"


def test_a_schema_is_names_order_and_ranges() -> None:
    """A change of any is a new schema version, a model trained anew, and a new digest here."""
    lines = (f"{f.name} {f.family} {f.unit} {f.low:g} {f.high:g} {f.model} {f.level.__name__}" for f in CATALOGUE)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert (SCHEMA_VERSION, digest[:16]) == (3, "2e04811b23b2fb27")


def test_matrix_has_a_row_a_pair_and_a_column_a_feature() -> None:
    features = extract(mixed(SIZES))
    assert features.matrix.shape == (len(SIZES), len(CATALOGUE))
    assert features.matrix.dtype == np.float32
    assert features.matrix.flags.c_contiguous
    assert np.array_equal(features.column("connections")[1:], SIZES[1:])
    assert_same(features.select(MODEL_FEATURES)[:, 0], features.column(MODEL_FEATURES[0]))


def test_no_pairs_give_no_rows() -> None:
    assert extract(Pairs.empty()).matrix.shape == (0, len(CATALOGUE))


def test_a_pair_without_observations_has_no_features() -> None:
    assert np.isnan(extract(mixed([0])).matrix).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_row_is_the_same_alone_and_in_any_company(seed: int) -> None:
    pairs = mixed(SIZES * 2, seed)
    together = extract(pairs).matrix
    for row in range(0, len(pairs), 2):
        assert_same(extract(pairs.take(np.array([row]))).matrix[0], together[row])
    shuffled = np.random.default_rng(seed).permutation(len(pairs))
    assert_same(extract(pairs.take(shuffled)).matrix, together[shuffled])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 140), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_batch_equals_one_for_random_pairs(sizes: list[int], seed: int) -> None:
    pairs = mixed(sizes, seed)
    together = extract(pairs)
    assert_in_range(together)
    alone = np.concatenate([extract(pairs.take(np.array([row]))).matrix for row in range(len(pairs))])
    assert_same(alone, together.matrix)


def test_threads_and_chunks_do_not_change_a_bit() -> None:
    sizes = [20] * (CHUNK // 24 + 50) + [500] * 150
    pairs = mixed(sizes, 7)
    assert len(pairs.start) > 100_000
    together = extract(pairs).matrix
    assert_same(extract(pairs).matrix, together)
    for rows in (np.array([0, len(sizes) - 1]), np.arange(CHUNK // 24 - 3, CHUNK // 24 + 3)):
        assert_same(extract(pairs.take(rows)).matrix, together[rows])


def test_input_is_left_alone() -> None:
    pairs = mixed(SIZES)
    before = {name: getattr(pairs, name).copy() for name in (*OBSERVATION_COLUMNS, "offsets")}
    for name in before:
        getattr(pairs, name).flags.writeable = False
    extract(pairs)
    for name, values in before.items():
        assert np.array_equal(getattr(pairs, name), values, equal_nan=True)


def test_missing_is_not_zero() -> None:
    n = 20
    known = extract(Pairs.build([pair(every(60, n), orig_bytes=[100.0] * n, resp_bytes=[0.0] * n, duration=[0.0] * n)]))
    missing = extract(Pairs.build([pair(every(60, n))]))
    for feature in CATALOGUE:
        if feature.family == "payload" and feature.name != "missing_duration_share":
            assert np.isnan(missing.column(feature.name)[0]), feature.name
    assert known.column("orig_mode_share")[0] == 1
    assert missing.column("missing_duration_share")[0] == 1


@pytest.mark.parametrize(
    "start",
    [
        np.full(50, EPOCH),
        EPOCH + np.repeat(np.arange(10), 5) * 60.0,
        np.array([0.0, 1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6]),
        EPOCH + np.arange(30) * 86400.0 * 365,
        np.array([0.0, *np.full(20, 4e9)]),
        np.array([-5.0, 0.0, 5.0, 10.0, 15.0, 20.0]),
        EPOCH + np.array([0.0, 3600.0]),
        EPOCH + 1.6 ** np.arange(40),
        EPOCH + np.cumsum(np.tile([0.0, 0.0, 2.0], 40)),
    ],
)
def test_odd_times_stay_in_range(start: np.ndarray) -> None:
    assert_in_range(extract(Pairs.build([pair(start)])))


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e18, 1e300, np.inf, np.nan])
def test_odd_sizes_stay_in_range(size: float) -> None:
    n = 12
    sizes = np.full(n, size)
    sizes[::3] = 7.0
    pairs = Pairs.build([pair(every(5, n), orig_bytes=sizes, resp_bytes=sizes[::-1], duration=np.abs(sizes))])
    assert_in_range(extract(pairs))


def test_overflow_is_undefined_and_not_the_upper_limit() -> None:
    sizes = np.where(np.arange(12) % 3 == 0, 7.0, 1e300)
    assert np.isnan(extract(Pairs.build([pair(every(5, 12), orig_bytes=sizes)])).column("orig_cv")[0])


def test_a_very_long_pair() -> None:
    start = every(2.0, 300_000)
    features = extract(Pairs.build([pair(start)]))
    assert_in_range(features)
    assert features.column("gap_cv")[0] < 1e-6
    assert features.column("coherence")[0] > 0.999


def test_widths_follow_the_ladder_and_go_on() -> None:
    counts = np.array([0, 1, 8, 9, 512, 513, 769, 1_000_000])
    assert widths(counts)[:5].tolist() == [8, 8, 8, 12, LADDER[-1]]
    assert widths(counts)[5:7].tolist() == [768, 1024]
    assert widths(counts[-1:])[0] == widths(counts)[-1] >= 1_000_000


def test_chunks_cover_every_row_once() -> None:
    counts = np.random.default_rng(1).integers(0, 700, 3000)
    seen = np.concatenate([rows for rows, _width in chunks(counts)])
    assert np.array_equal(np.sort(seen), np.flatnonzero(counts))


def test_few_rows_share_blocks_as_wide_as_they_need_and_not_much_wider() -> None:
    counts = np.random.default_rng(1).integers(0, 700, 40)
    blocks = list(shared(counts))
    assert np.array_equal(np.sort(np.concatenate([rows for rows, _width in blocks])), np.flatnonzero(counts))
    assert all(counts[rows].max() <= width for rows, width in blocks)
    assert len(blocks) < len(list(chunks(counts)))
    many = np.repeat([10, 16, 64], 5000)
    assert sorted({width for _rows, width in shared(many)}) == [12, 16, 64]


def test_feature_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE[0].name = "other"  # type: ignore[misc]
