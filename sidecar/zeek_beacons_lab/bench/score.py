"""How fast and how large `score` is, beside the least that reading the same file can cost."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeek_beacons_lab.bench.conn_log import FIELDS, make_log

# The floor: the needed columns through the fastest reader found (arrow's; those of pandas and polars are no faster
# on 2 cores), and nothing done with them.
FLOOR = """
import sys, pyarrow as pa, pyarrow.csv as c
names, need = sys.argv[2].split(), sys.argv[3].split()
text = pa.dictionary(pa.int32(), pa.string())
numbers = "ts duration orig_bytes resp_bytes id.orig_p id.resp_p".split()
kinds = {n: pa.float64() if n in numbers else text for n in need}
reader = c.open_csv(sys.argv[1], read_options=c.ReadOptions(column_names=names, skip_rows=8, block_size=16 << 20),
    parse_options=c.ParseOptions(delimiter="\\t", quote_char=False),
    convert_options=c.ConvertOptions(
        include_columns=need, column_types=kinds, null_values=["-"], strings_can_be_null=True))
print(sum(batch.num_rows for batch in reader))
"""
FLOOR_NAME = "floor"
PHASES = """
import sys, time, json, pathlib
from zeek_beacons_lab.bench.score import phases
print(json.dumps(phases(pathlib.Path(sys.argv[1]))))
"""


@dataclass(frozen=True, slots=True)
class ScoreRun:
    """One command, run to its end."""

    seconds: float
    cpu: float  # seconds, user and system
    peak: float  # MB resident
    output: str


def phases(path: Path) -> dict[str, tuple[float, float]]:
    """Seconds and CPU seconds of each phase of `score` on one file, in this process; and how many pairs there were.

    `read` includes `parse`, and `pipeline` what comes before it from `features` on.
    """
    from zeek_beacons import pipeline, reports
    from zeek_beacons.cli.score import known_sources
    from zeek_beacons.config import Config
    from zeek_beacons.features import extract
    from zeek_beacons.readers import Request, read, zeek_log
    from zeek_beacons.readers.files import Input
    from zeek_beacons.readers.zeek_rows import log_rows
    from zeek_beacons.scoring import Scoring
    from zeek_beacons.scoring.forest import inputs

    took: dict[str, tuple[float, float]] = {}
    config, scoring = Config(), Scoring.load()

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        took[name] = time.perf_counter() - began, time.process_time() - cpu
        return result

    wanted = {name: kind for name, kind in zeek_log.COLUMNS.items() if name != "uid"}
    timed(
        "parse",
        lambda: sum(len(rows.table or ()) for rows in log_rows(Input(str(path)), wanted, zeek_log.REQUIRED)),
    )
    pairs, ingest = timed("read", lambda: read(Request([str(path)]), config))
    enough = pairs.take(pairs.counts >= config.min_connections)
    features = timed("features", lambda: extract(enough))
    timed("forest", lambda: scoring.scorers["forest"](features))
    facts = scoring.facts(enough, features)
    scores, context = scoring.score(features), scoring.measure_context(facts)
    timed("reasons", lambda: scoring.explain(features, scoring.fuse(scores, context), context))
    scored = timed("pipeline", lambda: pipeline.score(pairs, scoring, config))
    with tempfile.TemporaryDirectory() as folder:
        summary = {"profile": "", "model": "", "first_seen": "", "last_seen": "", "ingest": _NO_INGEST}
        sources = timed("uids", lambda: known_sources(scored, ingest))
        timed("reports", lambda: reports.write(scored, summary, Path(folder), sources=sources))
    counts = {"pairs": len(pairs), "scored": len(inputs(features)), "alerts": int(scored.verdicts.alerts.sum())}
    return took | {name: (float(count), 0.0) for name, count in counts.items()}


def compare(path: Path, runs: int, beside: Mapping[str, Path]) -> dict[str, list[ScoreRun]]:
    """The floor, reading alone (`validate`), `score` and the `score` of other checkouts, in turn, `runs` times."""
    from zeek_beacons.readers import zeek_log

    need = " ".join(name for name in zeek_log.COLUMNS if name != "uid")
    command = [sys.executable, "-m", "zeek_beacons"]
    found: dict[str, list[ScoreRun]] = {name: [] for name in (FLOOR_NAME, "read only", "score", *beside)}
    with tempfile.TemporaryDirectory() as folder:
        score = [*command, "score", str(path), "-o", folder]
        for _ in range(runs):
            found[FLOOR_NAME].append(_run([sys.executable, "-c", FLOOR, str(path), " ".join(FIELDS), need]))
            found["read only"].append(_run([*command, "validate", str(path)]))
            found["score"].append(_run(score))
            for name, checkout in beside.items():
                found[name].append(_run(score, checkout))
    return found


def report(
    connections: int,
    pairs: int,
    runs: int,
    folder: Path,
    beacons: float | None = None,
    say: Callable[[str], None] = print,
    beside: Sequence[Path] = (),
) -> None:
    """Makes the input, measures, and prints the figures side by side.

    `beacons`: see `make_log`. `beside`: other checkouts to measure in turn.
    """
    path = folder / f"conn-{connections}-{pairs}.log"
    say(f"making {connections:,} connections of {pairs:,} pairs")
    make_log(path, connections, pairs, beacons=beacons)
    try:
        measured = compare(path, runs, {f"score of {checkout.name}": checkout for checkout in beside})
        say(f"{path.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores, median of {runs} runs in turn")
        say("| command | seconds | CPU seconds | times the floor | CPU of score to it | connections/s | peak MB |")
        say("|---|---|---|---|---|---|---|")
        for name, own in measured.items():
            seconds, cpu = _median([run.seconds for run in own]), _median([run.cpu for run in own])
            floors = _median(
                [run.seconds / floor.seconds for run, floor in zip(own, measured[FLOOR_NAME], strict=True)]
            )
            ratio = _median([score.cpu / run.cpu for score, run in zip(measured["score"], own, strict=True)])
            say(
                f"| {name} | {seconds:.2f} | {cpu:.2f} | {floors:.2f} | {ratio:.2f} "
                f"| {connections / seconds:,.0f} | {_median([run.peak for run in own]):,.0f} |"
            )
        took = json.loads(_run([sys.executable, "-c", PHASES, str(path)]).output)
        for line in told(took):
            say(line)
    finally:
        path.unlink(missing_ok=True)


def told(took: Mapping[str, tuple[float, float]]) -> list[str]:
    """What `phases` gives, as lines: a table of what each phase took, then pairs and the speed of the forest."""

    def without(name: str, *others: str) -> tuple[float, float]:
        seconds, cpu = (took[name][at] - sum(took[other][at] for other in others) for at in (0, 1))
        return seconds, cpu

    each = {
        "parse": took["parse"],
        "pairs and reservoir": without("read", "parse"),
        "features": took["features"],
        "forest": took["forest"],
        "reasons": took["reasons"],
        "groups, stretches, context, verdicts": without("pipeline", "features", "forest", "reasons"),
        "uids of what alerts": took["uids"],
        "reports": took["reports"],
    }
    scored, (seconds, cpu) = took["scored"][0], took["forest"]
    return [
        "| phase | seconds | CPU seconds |",
        "|---|---|---|",
        *(f"| {name} | {spent[0]:.2f} | {spent[1]:.2f} |" for name, spent in each.items()),
        f"{scored:,.0f} of {took['pairs'][0]:,.0f} pairs scored, {took['alerts'][0]:,.0f} alert; "
        f"forest {scored / seconds:,.0f} pairs/s, {scored / max(cpu, 1e-9):,.0f} a CPU second",
    ]


def _run(command: Sequence[str], checkout: Path | None = None) -> ScoreRun:
    environment = os.environ | ({} if checkout is None else {"PYTHONPATH": str(checkout.resolve() / "sidecar")})
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 (our own commands)
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with exit code {process.returncode}")
    return ScoreRun(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3, output)


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


_NO_INGEST = {
    "used": 0,
    "rows": 0,
    "files": {},
    "left_out": {},
    "skipped": {},
    "notes": [],
    "duplicates": 0,
    "merged_pieces": 0,
}
