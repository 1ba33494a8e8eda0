"""How `score --engine spark` scales with cores, beside `score` on one machine, and what memory it takes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from zeek_beacons_lab.bench.conn_log import make_log

ONE_MACHINE = "one machine"
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = 0.25  # seconds between two looks at the processes


@dataclass(frozen=True, slots=True)
class TreeRun:
    """One command with all its processes, run to its end. Memory is the most of any one look."""

    seconds: float
    cpu: float  # seconds, user and system
    peak: float  # MB resident of all processes together; what they share is counted in each
    java: float  # MB resident of the largest Java process
    python: float  # MB resident of the largest Python process


def run_tree(command: Sequence[str]) -> TreeRun:
    """Runs a command in a session of its own. Raises RuntimeError where it fails."""
    began = time.perf_counter()
    cpu: dict[int, float] = {}
    peaks = {"all": 0.0, "java": 0.0, "python": 0.0}
    with subprocess.Popen(  # noqa: S603 (our own commands)
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while True:
            together = 0.0
            for pid, name, seconds, size in processes(process.pid):
                cpu[pid] = seconds
                together += size
                kind = "java" if name == "java" else "python"
                peaks[kind] = max(peaks[kind], size)
            peaks["all"] = max(peaks["all"], together)
            try:
                _, said = process.communicate(timeout=_LOOK)
                break
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[2:4])} … ended with exit code {process.returncode}: {said[-2000:]}")
    return TreeRun(time.perf_counter() - began, sum(cpu.values()), peaks["all"], peaks["java"], peaks["python"])


def report(
    connections: int,
    pairs: int,
    runs: int,
    masters: Sequence[str],
    resolver: float,
    settings: Sequence[str],
    folder: Path,
    say: Callable[[str], None] = print,
) -> None:
    """Makes the input, runs everything in turn, and prints the figures side by side."""
    path = folder / f"conn-{connections}-{pairs}.log"
    say(f"making {connections:,} connections of {pairs:,} pairs, {resolver:.0%} of them to one resolver")
    make_log(path, connections, pairs, resolver=resolver)
    score = [sys.executable, "-m", "zeek_beacons", "score", str(path)]
    conf = [part for setting in settings for part in ("--spark-conf", setting)]
    commands = {ONE_MACHINE: score}
    commands |= {master: [*score, "--engine", "spark", "--master", master, *conf] for master in masters}
    reports = {name: folder / f"report-{number}" for number, name in enumerate(commands)}
    found: dict[str, list[TreeRun]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(run_tree([*command, "-o", str(reports[name])]))
    say(f"{path.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores, median of {runs} runs in turn")
    say("| where | seconds | CPU seconds | connections/s | peak MB | largest Java MB | largest Python MB |")
    say("|---|---|---|---|---|---|---|")
    for name, own in found.items():
        seconds, cpu, peak, java, python = (
            statistics.median(getattr(run, field) for run in own) for field in TreeRun.__slots__
        )
        say(
            f"| {name} | {seconds:.1f} | {cpu:.1f} | {connections / seconds:,.0f} "
            f"| {peak:,.0f} | {java:,.0f} | {python:,.0f} |"
        )
    for master in masters:
        pairs, other = differing(reports[ONE_MACHINE], reports[master])
        say(f"{master}: another verdict than one machine's on {other:,} of {pairs:,} pairs")


def differing(one: Path, spark: Path) -> tuple[int, int]:
    """Pairs of the reports of one machine, and those of which Spark's scored pairs say something else, or nothing."""
    key = ["orig_h", "resp", "resp_p", "proto", "channel"]
    told = ["label", "alert", "score"]
    kinds = {"resp_p": pa.int64(), "alert": pa.bool_(), "score": pa.float64()}
    columns = {name: kinds.get(name, pa.string()) for name in [*key, *told]}
    options = arrow_csv.ConvertOptions(include_columns=list(columns), column_types=columns, strings_can_be_null=False)
    first = arrow_csv.read_csv(one / "scored_pairs.csv", convert_options=options).cast(pa.schema(columns))
    second = parquet.read_table(spark / "scored", columns=list(columns)).select(list(columns)).cast(pa.schema(columns))
    total = first.num_rows
    same = first.join(second, [*key, *told], join_type="inner").num_rows
    # A pair that is not scored has no score, and null is like nothing else.
    unscored = ("label", "alert")
    first, second = (table.filter(pc.is_null(table.column("score"))) for table in (first, second))
    same += first.join(second.drop_columns(["score"]), [*key, *unscored], join_type="inner").num_rows
    return total, total - same


def processes(session: int) -> list[tuple[int, str, float, float]]:
    """The processes of a session: number, name, CPU seconds, MB resident."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = path.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue  # it has ended
        fields = rest.split()
        if int(fields[3]) == session:
            seconds = (int(fields[11]) + int(fields[12])) / _TICKS
            found.append((int(path.parent.name), name, seconds, int(fields[21]) * _PAGE_MB))
    return found
