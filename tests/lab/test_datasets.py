"""The seed benchmark and the labels of captures."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import BeaconsError, InputError
from zeek_beacons.labels import PairLabel, labels_of, read_labels
from zeek_beacons.readers import Request, read
from zeek_beacons_lab.captures.datasets import convert, load_seed_benchmark

_HEAD = "case,seed,timestamp,src_ip,dst_ip,dst_port,protocol,size_bytes,label,scenario\n"


def _benchmark(path: Path, text: str | None = None) -> Path:
    """Two cases in which the same addresses meet: once a beacon, once not."""
    rows = [
        f"{case},{seed},{1767225600 + 60 * i:.6f},10.10.10.5,203.0.113.10,443,tcp,{120 + i},{label},some_scenario\n"
        for case, seed, label in (("one", 1, "beacon"), ("one", 2, "benign"), ("two", 1, "benign"))
        for i in range(4)
    ]
    with gzip.open(path, "wt") as stream:
        stream.write(_HEAD + "".join(rows) if text is None else text)
    return path


def test_flows_of_different_cases_and_seeds_stay_apart(tmp_path: Path) -> None:
    flows = load_seed_benchmark(_benchmark(tmp_path / "events.csv.gz"))
    assert flows.pairs.counts.tolist() == [4, 4, 4]
    assert flows.is_c2.tolist() == [True, False, False]
    assert flows.case.tolist() == ["one", "one", "two"]
    assert flows.seed.tolist() == [1, 2, 1]
    assert len(set(flows.pairs.orig_h)) == 3
    assert flows.pairs.resp_hosts.tolist() == [1, 1, 1]


def test_the_converted_file_is_read_as_the_same_pairs(tmp_path: Path) -> None:
    source = _benchmark(tmp_path / "events.csv.gz")
    convert(source, tmp_path / "out")
    direct = load_seed_benchmark(source)
    pairs, _ = read(Request([str(tmp_path / "out" / "flows.csv")]), Config())
    order = np.argsort(pairs.orig_h)
    np.testing.assert_array_equal(pairs.take(order).start, direct.pairs.start)
    np.testing.assert_array_equal(pairs.take(order).orig_bytes, direct.pairs.orig_bytes)
    labels = labels_of(pairs.take(order), read_labels(tmp_path / "out" / "labels.csv"))
    assert labels.tolist() == ["c2", "benign", "benign"]


def test_a_folder_is_converted_file_by_file(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("train", "eval"):
        _benchmark(source / f"{name}.csv.gz")
    paths = convert(source, tmp_path / "out")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in paths) == [
        "eval/flows.csv",
        "eval/labels.csv",
        "train/flows.csv",
        "train/labels.csv",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case,seed\n",
        _HEAD + "one,x,1.0,a,b,1,tcp,1,beacon,s\n",
        _HEAD + "one,1,1.0,a,b,1,tcp,1,evil,s\n",
        _HEAD + "one,1,1.0\n",
        _HEAD + "one,1,1.0,a,b,1,tcp,1,beacon,s\none,1,2.0,a,b,1,tcp,1,benign,s\n",
    ],
)
def test_a_broken_benchmark_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"events\.csv\.gz"):
        convert(_benchmark(tmp_path / "events.csv.gz", text), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_truncated_or_missing_file_is_an_input_error(tmp_path: Path) -> None:
    path = _benchmark(tmp_path / "events.csv.gz")
    path.write_bytes(path.read_bytes()[:-20])
    for source in (path, tmp_path / "none.csv.gz", tmp_path):
        if source == tmp_path:
            path.unlink()
        with pytest.raises(BeaconsError):
            convert(source, tmp_path / "out")


def test_capture_labels_are_keyed_by_pair(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "orig_h,resp_h,resp_p,proto,n,label,confidence,evidence\n"
        "10.0.1.5,192.168.0.4,443,tcp,676,c2,high,attacker\n"
        "10.0.1.5,10.0.1.1,53,udp,12,benign_presumed,medium,\n"
    )
    labels = read_labels(tmp_path / "labels.csv")
    assert labels["10.0.1.5", "192.168.0.4", 443, "tcp"] == PairLabel("c2", "high", "attacker", line=2)
    assert labels["10.0.1.5", "10.0.1.1", 53, "udp"].label == "benign_presumed"
    with pytest.raises(InputError):
        read_labels(tmp_path / "nowhere" / "labels.csv")
