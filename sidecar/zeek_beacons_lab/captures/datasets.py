"""The beaconing study's seed benchmark: as pairs, and as files that `score` reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from zeek_beacons.errors import InputError, OutputError
from zeek_beacons.files import write_all
from zeek_beacons.labels import csv_rows
from zeek_beacons.pairs import Bools, Ints, Pairs, Strings

_EVENTS = ("case", "seed", "timestamp", "src_ip", "dst_ip", "dst_port", "protocol", "size_bytes", "label", "scenario")
_LABELS: Mapping[str, str] = {"beacon": "c2", "benign": "benign"}
_FLOWS = ("timestamp", "src_ip", "direction", "dst_ip", "dst_port", "protocol", "total_bytes", "label")
_TRUTH = ("orig_h", "resp_h", "resp_p", "proto", "label", "case", "seed", "scenario", "src_ip")


@dataclass(frozen=True, slots=True, eq=False)
class SeedFlows:
    """Flows of the seed benchmark: pair i has label i. A flow is src, dst, dst_port, protocol within (case, seed)."""

    pairs: Pairs
    is_c2: Bools
    case: Strings
    seed: Ints
    scenario: Strings


@dataclass(frozen=True, slots=True)
class _Flow:
    case: str
    seed: int
    src: str
    orig_h: str  # an address of its own for each src within (case, seed)
    resp: str
    resp_p: int
    proto: str
    label: str
    scenario: str
    start: list[float]
    size: list[float]


def load_seed_benchmark(path: Path) -> SeedFlows:
    """Reads one `*.csv.gz` of the benchmark straight into pairs, as `score` would read the converted file.

    Sizes stand in `orig_bytes`; the benchmark has no durations, answers or states. Prevalence is counted within
    (case, seed), each of which is a site of its own.
    """
    flows = _flows(path)
    sites: dict[tuple[str, int], set[str]] = {}
    there: dict[tuple[str, int, str], set[str]] = {}
    for flow in flows:
        sites.setdefault((flow.case, flow.seed), set()).add(flow.src)
        there.setdefault((flow.case, flow.seed, flow.resp), set()).add(flow.src)
    pairs = Pairs.build(
        {
            "orig_h": flow.orig_h,
            "resp": flow.resp,
            "resp_p": flow.resp_p,
            "proto": flow.proto,
            "start": flow.start,
            "orig_bytes": flow.size,
            "resp_hosts": len(there[flow.case, flow.seed, flow.resp]),
            "site_hosts": len(sites[flow.case, flow.seed]),
        }
        for flow in flows
    )
    return SeedFlows(
        pairs=pairs,
        is_c2=np.array([flow.label == "c2" for flow in flows], dtype=np.bool_),
        case=np.array([flow.case for flow in flows], dtype=np.object_),
        seed=np.array([flow.seed for flow in flows], dtype=np.int64),
        scenario=np.array([flow.scenario for flow in flows], dtype=np.object_),
    )


def convert_seed_benchmark(source: Path, folder: Path, *, force: bool = False) -> list[Path]:
    """One file of the benchmark -> `flows.csv` that `score` reads, and `labels.csv` that says what each pair is.

    Sources get an address of their own for each (case, seed), 10.<number>.x.y, so that no two flows share a pair.
    """
    flows = _flows(source)
    events = sorted(
        (start, number, size)
        for number, flow in enumerate(flows)
        for start, size in zip(flow.start, flow.size, strict=True)
    )

    def write_flows(stream: TextIO) -> None:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(_FLOWS)
        for start, number, size in events:
            flow = flows[number]
            key = (flow.orig_h, "outbound", flow.resp, flow.resp_p, flow.proto)
            out.writerow((f"{start:.6f}", *key, f"{size:.0f}", flow.label))

    def write_labels(stream: TextIO) -> None:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(_TRUTH)
        for flow in flows:
            key = (flow.orig_h, flow.resp, flow.resp_p, flow.proto)
            out.writerow((*key, flow.label, flow.case, flow.seed, flow.scenario, flow.src))

    return write_all(folder, {"flows.csv": write_flows, "labels.csv": write_labels}, force=force)


def convert(source: Path, output: Path, *, force: bool = False) -> list[Path]:
    """A file of the benchmark into `output`, or each `*.csv.gz` of a folder into a folder of its name below it."""
    if not source.is_dir():
        return convert_seed_benchmark(source, output, force=force)
    files = sorted(source.glob("*.csv.gz"))
    if not files:
        raise InputError(str(source), "no *.csv.gz in this folder")
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: not a folder")
    targets = {file: output / file.name.removesuffix(".csv.gz") for file in files}
    return [path for file, folder in targets.items() for path in convert_seed_benchmark(file, folder, force=force)]


def _flows(path: Path) -> list[_Flow]:
    """The flows in order of first appearance, each with its events."""
    flows: dict[tuple[str, int, str, str, int, str], _Flow] = {}
    sites: dict[tuple[str, int], dict[str, int]] = {}
    for line, row in csv_rows(path, _EVENTS):
        seed = _number(path, line, row, "seed", int)
        port = _number(path, line, row, "dst_port", int)
        label = _LABELS.get(row["label"])
        if label is None:
            raise InputError(str(path), f"label is {row['label']!r}, expected beacon or benign", line)
        key = (row["case"], seed, row["src_ip"], row["dst_ip"], port, row["protocol"])
        flow = flows.get(key)
        if flow is None:
            hosts = sites.setdefault(key[:2], {})
            host = hosts.setdefault(row["src_ip"], len(hosts))
            orig_h = _address(path, list(sites).index(key[:2]), host)
            flow = _Flow(row["case"], seed, row["src_ip"], orig_h, *key[3:], label, row["scenario"], [], [])
            flows[key] = flow
        elif flow.label != label:
            raise InputError(str(path), f"flow {key} is {label} here and {flow.label} before", line)
        flow.start.append(_number(path, line, row, "timestamp", float))
        flow.size.append(_number(path, line, row, "size_bytes", float))
    return list(flows.values())


def _address(path: Path, site: int, host: int) -> str:
    if site > 255 or host >= 250 * 256:
        raise InputError(str(path), f"more than 256 cases and seeds, or {250 * 256} hosts in one")
    return f"10.{site}.{host // 250}.{host % 250 + 1}"


def _number(path: Path, line: int, row: Mapping[str, str], field: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(row[field])
    except (TypeError, ValueError) as error:
        raise InputError(str(path), f"{field} is {row[field]!r}, expected a number", line) from error
