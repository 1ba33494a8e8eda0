"""Sites and labelled pairs: repeatable, independent, fairly matched, valid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PAIR_COLUMNS, Floats, Ints, Pairs
from zeek_beacons_lab.traffic import KINDS, Lengths, PairTruth, generate, labelled_pairs

_CONTEXT = {"resp_hosts", "site_hosts", "site_tls_named"}


def _distance(one: Floats | Ints, other: Floats | Ints) -> float:
    """Kolmogorov-Smirnov distance."""
    at = np.sort(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(sample), at, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def _spans(pairs: Pairs) -> Floats:
    spans: Floats = pairs.start[pairs.offsets[1:] - 1] - pairs.start[pairs.offsets[:-1]]
    return spans


def test_the_same_seed_gives_the_same_pairs_bit_for_bit() -> None:
    (one, truth), (other, _) = labelled_pairs(200, 5), labelled_pairs(200, 5)
    for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    changed, _ = labelled_pairs(200, 6)
    assert not np.array_equal(one.start[:50], changed.start[:50])
    assert truth.is_c2.sum() == 100


def test_adding_pairs_changes_none_that_were_there() -> None:
    few, _ = labelled_pairs(100, 5)
    more, truth = labelled_pairs(300, 5)
    same = more.take(np.concatenate([np.arange(50), 150 + np.arange(50)]))
    assert truth.is_c2[:150].all()
    for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS):
        if name not in _CONTEXT:
            np.testing.assert_array_equal(getattr(few, name), getattr(same, name))


@pytest.fixture(scope="module")
def many() -> tuple[Pairs, PairTruth]:
    return labelled_pairs(3000, 4)


def test_c2_and_benign_have_the_same_lengths(many: tuple[Pairs, PairTruth]) -> None:
    pairs, truth = many
    c2, spans = truth.is_c2, _spans(pairs)
    assert _distance(pairs.counts[c2], pairs.counts[~c2]) < 0.05
    assert _distance(spans[c2], spans[~c2]) < 0.06
    assert pairs.counts.min() >= 6
    assert (pairs.counts <= 30).mean() > 0.4
    assert (pairs.counts > 512).any()
    assert set(truth.kind) == set(KINDS)


def test_pairs_are_valid(many: tuple[Pairs, PairTruth]) -> None:
    pairs, truth = many
    rebuilt = Pairs.build(
        {name: getattr(pairs, name)[i] for name in PAIR_COLUMNS}
        | {name: getattr(pairs, name)[pairs.offsets[i] : pairs.offsets[i + 1]] for name in ("start", "duration")}
        for i in range(200)
    )
    first = pairs.take(np.arange(200))
    np.testing.assert_array_equal(rebuilt.start, first.start)
    np.testing.assert_array_equal(rebuilt.duration, first.duration)
    keys = set(zip(truth.orig_h, truth.resp, truth.resp_p.tolist(), truth.proto, strict=True))
    assert len(keys) == len(pairs)
    assert ((pairs.named == 0) | (pairs.server_name != "")).all()
    assert (pairs.is_named == ((pairs.named == pairs.conns) & (pairs.named > 0))).all()


def test_prevalence_means_something(many: tuple[Pairs, PairTruth]) -> None:
    pairs, truth = many
    share = pairs.resp_hosts / pairs.site_hosts
    assert (pairs.resp_hosts >= 1).all()
    assert (share <= 1).all()
    c2 = truth.is_c2
    assert (pairs.resp_hosts[c2] <= 3).mean() > 0.85
    assert (pairs.resp_hosts[c2] > 3).any()  # behind shared hosting
    assert (pairs.resp_hosts[~c2] == 1).mean() > 0.1  # rare benign
    large = pairs.site_hosts > 20
    assert np.median(share[~c2 & large]) > 3 * np.median(share[c2 & large])
    assert (pairs.site_hosts <= 3).any()  # a lab, where prevalence says nothing


def test_neither_class_is_told_by_port_state_or_name_alone(many: tuple[Pairs, PairTruth]) -> None:
    pairs, truth = many
    c2 = truth.is_c2
    for mask in (pairs.resp_p == 443, pairs.resp_p == 53, pairs.named > 0, pairs.service == ""):
        assert (mask & c2).any()
        assert (mask & ~c2).any()


def test_a_site_is_sorted_and_every_connection_has_a_pair() -> None:
    traffic = generate(beacons=4, benign=30, hours=12, seed=3)
    assert (np.diff(traffic.start) >= 0).all()
    assert set(traffic.pair) == set(range(len(traffic.truth)))
    judged = traffic.truth.kind != "background"
    assert judged.sum() == 34
    assert (traffic.truth.is_c2 & judged).sum() == 4
    assert np.bincount(traffic.pair)[judged].min() >= 6
    assert np.bincount(traffic.pair)[~judged].max() <= 3
    keys = zip(traffic.truth.orig_h, traffic.truth.resp, traffic.truth.resp_p, traffic.truth.proto, strict=True)
    assert len(set(keys)) == len(traffic.truth)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    beacons=st.integers(0, 4),
    benign=st.integers(1, 8),
    hours=st.floats(0.1, 400.0),
    hosts=st.integers(1, 200),
    rough=st.floats(0.0, 3.0),
    whole=st.floats(0.0, 1.0),
    shortest=st.integers(2, 40),
)
def test_any_parameters_give_valid_connections(
    seed: int, beacons: int, benign: int, hours: float, hosts: int, rough: float, whole: float, shortest: int
) -> None:
    lengths = Lengths(shortest=shortest, longest=200, window=hours * 3600.0, whole=whole, rough=rough)
    traffic = generate(beacons, benign, hours, seed, hosts=hosts, lengths=lengths)
    assert np.isfinite(traffic.start).all()
    assert (np.diff(traffic.start) >= 0).all()
    assert traffic.start[-1] - traffic.start[0] <= hours * 3600.0 * 1.001
    for values in (traffic.duration, traffic.orig_bytes, traffic.resp_bytes):
        assert (values[~np.isnan(values)] >= 0).all()
        assert not np.isinf(values).any()
    assert (np.isnan(traffic.duration) == np.isnan(traffic.orig_bytes)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: generate(0, 0),
        lambda: generate(hours=-1.0),
        lambda: generate(hours=float("nan")),
        lambda: generate(kinds={"no_such_kind": 1.0}),
        lambda: generate(beacons=1, benign=0, kinds={"ntp": 1.0}),
        lambda: labelled_pairs(0, 1),
        lambda: labelled_pairs(10, 1, c2_share=2.0),
        lambda: Lengths(shortest=1),
        lambda: Lengths(window=float("inf")),
    ],
)
def test_impossible_options_are_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ConfigError):
        wrong()
