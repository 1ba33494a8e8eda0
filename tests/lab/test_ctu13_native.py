"""CTU-13 by its own fields, on scenarios made here: bots send little and often, the background is half like them."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.beacons.readers.logs import BINETFLOW, binetflow, conn, csv_line
from zeek_beacons.errors import InputError
from zeek_beacons_lab.captures.ctu13_flows import (
    BACKGROUND,
    BOT,
    BOT_C2,
    FEATURES,
    NORMAL,
    OTHER,
    Flows,
    kind_of,
    load,
)
from zeek_beacons_lab.cli import app
from zeek_beacons_lab.studies import ctu13_native
from zeek_beacons_lab.studies.ctu13_detectors import ALLOWED, METHODS, QUIET, WANTED, exceeded

HEADER = ",".join(BINETFLOW).encode() + b"\n"


def scenario(path: Path, seed: int, source: str = "147.32.84.165", source_port: int = 40_000) -> Path:
    """A hundred flows of each kind and of background like them."""
    rng = np.random.default_rng(seed)
    kinds = {
        "flow=From-Normal-V42-Jist": (2_000, 40),
        "flow=From-Botnet-V42-TCP-CC6": (60, 4),
        "flow=From-Botnet-V42-TCP-Attempt": (80, 3),
        "flow=Background-TCP-Established": (1_500, 30),
        "flow=Background-TCP-Attempt": (70, 4),
    }
    rows = []
    for label, (size, packets) in kinds.items():
        for at in np.sort(rng.uniform(0, 3_600, 100)):
            sent = int(rng.lognormal(np.log(size), 0.3))
            ends = {"id__orig_h": source, "id__orig_p": source_port, "id__resp_h": "203.0.113.9"}
            row = conn(float(at), **ends, orig_bytes=sent, resp_bytes=3 * sent)
            rows.append(binetflow(row, label, TotPkts=int(rng.poisson(packets)) + 1))
    rows.sort(key=lambda row: str(row["StartTime"]))
    path.write_bytes(HEADER + b"".join(csv_line(row, BINETFLOW) for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ctu13")
    for seed in (1, 2):
        scenario(made / f"capture{seed}.binetflow", seed)
    return made


@pytest.fixture(scope="module")
def written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    out = tmp_path_factory.mktemp("out")
    result = CliRunner().invoke(app, ["evaluate", "ctu13", str(folder), "--only", "flows", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "| its C2 channel | benign | all other scenarios | z-score |" in result.output
    return out


def rows_of(written: Path, name: str) -> list[dict[str, str]]:
    with (written / f"{name}.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_one_command_gives_every_table(written: Path) -> None:
    assert {path.stem for path in written.iterdir()} == {
        *("ctu13_native", "ctu13_native_tradeoff", "ctu13_native_transfer", "ctu13_native_flows")
    }
    rows = rows_of(written, "ctu13_native")
    asked = {(row["to be found"], row["background"], row["learned from"], row["method"]) for row in rows}
    ways = (ctu13_native.OTHERS, ctu13_native.ONE, ctu13_native.HALF)
    assert asked == set(itertools.product(WANTED, QUIET, ways, METHODS))


def test_background_that_is_like_bots_makes_it_harder(written: Path) -> None:
    auc = {
        (row["background"], row["learned from"]): float(row["AUC"].split()[0])
        for row in rows_of(written, "ctu13_native")
        if row["to be found"] == "every flow of a bot" and row["method"] == "random forest"
    }
    for way in (ctu13_native.OTHERS, ctu13_native.ONE, ctu13_native.HALF):
        assert auc["left out", way] > 0.95, way
        assert auc["benign", way] < auc["left out", way], way


def test_a_higher_threshold_gives_less_of_both(written: Path) -> None:
    every = rows_of(written, "ctu13_native_tradeoff")
    keyed = ("to be found", "background", "learned from", "method")
    for method in METHODS:
        wanted = ["every flow of a bot", "left out", ctu13_native.OTHERS, method]
        rows = [row for row in every if [row[name] for name in keyed] == wanted]
        assert [float(row["benign flows aside above it"]) for row in rows] == list(ALLOWED)
        for name, way in (("threshold (median)", -1), ("recall", 1), ("FPR", 1)):
            assert (way * np.diff([float(row[name]) for row in rows]) >= 0).all(), (method, name)
        assert all(row["recall, low"] and row["recall, high"] for row in rows), "two scenarios give an interval"


def test_what_is_drawn_stands_for_all(folder: Path) -> None:
    whole = load(str(folder / "capture1.binetflow"), "one", 10_000, 1)
    some = load(str(folder / "capture1.binetflow"), "one", 20, 1)
    assert list(whole.seen) == list(some.seen) == [100, 200, 100, 100]
    assert len(whole.kind) == 500
    assert (whole.weight == 1).all()
    assert np.bincount(some.kind).tolist() == [20, 20, 20, 20]
    assert {(k, w) for k, w in zip(some.kind.tolist(), some.weight.tolist(), strict=True)} == {
        *((NORMAL, 5.0), (BACKGROUND, 10.0), (BOT, 5.0), (BOT_C2, 5.0))
    }


def test_no_column_says_who_it_was(tmp_path: Path) -> None:
    one = load(str(scenario(tmp_path / "a.binetflow", 1)), "a", 1_000, 1)
    other = load(str(scenario(tmp_path / "b.binetflow", 1, "10.9.8.7", 1_234)), "b", 1_000, 1)
    assert np.array_equal(one.matrix, other.matrix, equal_nan=True)
    assert one.matrix.shape[1] == len(FEATURES)


def test_flows_to_bots_and_without_a_side_count_neither_way() -> None:
    labels = {
        "flow=From-Botnet-V50-TCP-CC16-HTTP": BOT_C2,
        "flow=From-Botnet-V50-UDP-DNS": BOT,
        "flow=From-Normal-V42-Grill": NORMAL,
        "flow=Background-UDP-Established": BACKGROUND,
        "flow=From-Background-CVUT-Proxy": BACKGROUND,
        "flow=To-Botnet-V50-UDP": OTHER,
        "flow=To-Normal-V42-UDP-NTP-server": OTHER,
        "": OTHER,
    }
    assert {label: kind_of(label) for label in labels} == labels


def test_one_scenario_alone_is_judged_within_itself(folder: Path) -> None:
    found = ctu13_native.run(ctu13_native.load_all([str(folder / "capture1.binetflow")], 40, 1), 1)
    assert {row[2] for row in found.tables["ctu13_native"].rows} == {ctu13_native.HALF}


def test_files_as_they_are_published_are_found_in_a_folder(tmp_path: Path) -> None:
    scenario(tmp_path / "capture20110816.binetflow.2format", 1)
    (found,) = ctu13_native.load_all([str(tmp_path)], 40, 1)
    assert found.seen[NORMAL] == 100


def test_files_without_bots_are_refused(folder: Path) -> None:
    flows = load(str(folder / "capture1.binetflow"), "one", 1_000, 1)
    with pytest.raises(InputError, match="no flow of a bot"):
        ctu13_native.run([flows.take(flows.kind == NORMAL)], 1)


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.binetflow"
    path.write_text("StartTime,Dur\n2011/08/10 09:46:53.047277,1\n")
    with pytest.raises(InputError, match="required column missing"):
        load(str(path), "x", 100, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_bad_lines_are_counted_and_stop_nothing(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("hostile") / "x.binetflow"
    good = csv_line(binetflow(conn(), "flow=From-Normal-V42-Jist"), BINETFLOW)
    path.write_bytes(HEADER + good + b"".join(line + b"\n" for line in lines) + good)
    found = load(str(path), "x", 100, 1)
    assert found.seen[NORMAL] >= 2
    assert isinstance(found, Flows)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=60))
def test_no_more_than_the_allowed_share_exceeds_a_threshold(rows: list[tuple[int, int]]) -> None:
    score, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    for allowed, threshold in zip(ALLOWED, exceeded(score, weight), strict=True):
        assert weight[score > threshold].sum() <= allowed * weight.sum() + 1e-9
