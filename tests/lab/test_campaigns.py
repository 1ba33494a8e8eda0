"""Scans, reconnaissance and brute force beside a site's traffic, which they change nothing of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.labels import BEACONS, BENIGN, read_labels
from zeek_beacons.readers import Request
from zeek_beacons.readers.connections import read_connections
from zeek_beacons_lab.traffic import KINDS, generate
from zeek_beacons_lab.traffic.campaigns import CAMPAIGNS, Ground
from zeek_beacons_lab.traffic.logs import write_traffic

PLAIN = generate(2, 10, 6.0, 3)
ATTACKED = generate(2, 10, 6.0, 3, campaigns=20)


def test_what_was_there_stays_as_it_was() -> None:
    """Not one connection of the others moves; so nothing that is trained on them does."""
    n = len(PLAIN.truth)
    others = ATTACKED.pair < n
    assert (ATTACKED.truth.label[:n] == PLAIN.truth.label).all()
    for name in ("start", "duration", "orig_bytes", "resp_bytes", "state"):
        assert np.array_equal(getattr(ATTACKED, name)[others], getattr(PLAIN, name), equal_nan=True), name


def test_campaigns_are_no_kinds_of_pairs() -> None:
    """What the pair model is trained on is drawn from KINDS."""
    assert not CAMPAIGNS.keys() & KINDS.keys()
    assert set(ATTACKED.truth.label[len(PLAIN.truth) :]) == {"malicious_other"}


def test_the_same_seed_makes_the_same_campaigns() -> None:
    again = generate(2, 10, 6.0, 3, campaigns=20)
    assert np.array_equal(again.start, ATTACKED.start)
    assert (again.truth.resp == ATTACKED.truth.resp).all()


@pytest.mark.parametrize("kind", CAMPAIGNS)
@pytest.mark.parametrize("inside", [False, True])
def test_every_campaign_keeps_to_its_window(kind: str, inside: bool) -> None:
    for seed in range(5):
        targets = [*CAMPAIGNS[kind][0](np.random.default_rng(seed), Ground(1, inside, 7200.0, 0.3))]
        assert targets
        for target in targets:
            series = target.series
            assert (series.start >= 0).all()
            assert series.start.max() <= 7300.0
            assert not (series.duration < 0).any()
            assert not ((series.orig_bytes < 0) | (series.resp_bytes < 0)).any()


def test_logs_and_labels_of_an_attacked_site(tmp_path: Path) -> None:
    write_traffic(ATTACKED, tmp_path)
    labels = read_labels(tmp_path / "labels.csv")
    attacks = {key for key, found in labels.items() if found.label == "malicious_other"}
    assert attacks
    assert "malicious_other" not in BEACONS | BENIGN  # neither hit nor false alarm of the pair model
    tables, ingest = read_connections(Request([str(tmp_path / "conn.log")]), Config(), None)
    table = next(tables)
    assert ingest.rows_skipped == 0
    outside = np.array([not host.startswith("10.") for host in table.orig_h.values])[table.orig_h.codes]
    assert np.array_equal(outside, table.local_orig == 0)
    looked = "ShR" in table.history.values or "ShAFaf" in table.history.values
    assert looked
