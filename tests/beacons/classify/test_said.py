"""What label columns say: tactics, CTU-13 and IoT-23 names, our own; and labels that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.classify.made import normal, sweep, table
from zeek_beacons.classify.model import CLASSES
from zeek_beacons.classify.said import OTHER, UNKNOWN, by_pair, class_of, said_classes
from zeek_beacons.errors import InputError
from zeek_beacons.labels import PairLabel
from zeek_beacons.readers.columns import Texts


@pytest.mark.parametrize(
    ("label", "called"),
    [
        ("Reconnaissance", "recon"),
        ("Credential Access", "brute_force"),
        ("Command and Control", "c2"),
        ("none", "normal"),
        ("Benign", "normal"),
        ("PartOfAHorizontalPortScan", "scan"),
        ("C&C-HeartBeat", "c2"),
        ("flow=From-Botnet-V42-TCP-CC53-HTTP-Not-Encrypted", "c2"),
        ("flow=From-Normal-V42-Jist", "normal"),
    ],
)
def test_labels_of_data_sets(label: str, called: str) -> None:
    assert CLASSES[class_of(label)] == called


@pytest.mark.parametrize("label", ["Exfiltration", "malicious_other", "Malicious", "True"])
def test_other_attacks_are_set_aside(label: str) -> None:
    assert class_of(label) == OTHER


@pytest.mark.parametrize("label", ["", "unlabelled_inbound", "Unknown", "exclude", "flow=Background-UDP-Established"])
def test_what_says_nothing_is_not_labelled(label: str) -> None:
    assert class_of(label) == UNKNOWN


@given(st.text(max_size=20))
def test_any_label_means_something(label: str) -> None:
    assert class_of(label) in {OTHER, UNKNOWN, *range(len(CLASSES))}


def test_a_more_exact_column_speaks(tmp_path: Path) -> None:
    found = table(tmp_path, sweep(2))
    labels = {"label": Texts.constant(2, "Malicious"), "label_tactic": Texts.constant(2, "Reconnaissance")}
    assert said_classes(replace(found, labels=labels)).tolist() == [CLASSES.index("recon")] * 2


def test_labels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    found = table(tmp_path, normal(3))
    clash = {"label_tactic": Texts.constant(3, "none"), "label_binary": Texts(np.array([0, 0, 1]), ["False", "True"])}
    with pytest.raises(InputError, match=r"contradict each other in 1 rows.*uid N2.*'none'.*'True'"):
        said_classes(replace(found, labels=clash), "x.csv")


def test_labels_by_pair(tmp_path: Path) -> None:
    key = ("10.0.0.5", "203.0.113.9", 443, "tcp")
    assert by_pair(table(tmp_path, normal(2)), {key: PairLabel("c2")}).tolist() == [CLASSES.index("c2")] * 2
    assert by_pair(table(tmp_path, normal(2)), {}).tolist() == [UNKNOWN] * 2
