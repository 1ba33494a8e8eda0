"""What `follow` sustains: logs that come one after the other as fast as they are taken, until all is judged and stored.

Each road runs in a process of its own: reading and grouping alone; all of it by the rules; all of it with the model.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from zeek_beacons.config import Config
from zeek_beacons.live.follow.log_files import LogFiles
from zeek_beacons.live.follow.service import SHARE
from zeek_beacons.live.follow.sources import FollowedFiles
from zeek_beacons.live.follow.start import start
from zeek_beacons.live.follow.tracker import Tracker, TrackerBounds
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.bench.conn_log import make_log

READS, RULES, ALL = "reading and grouping", "with the rules, history", "with the model, history"
ROADS = (READS, RULES, ALL)
CHILD = "import sys; from zeek_beacons_lab.bench.follow import child; child(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class FollowRun:
    """What one run came to."""

    connections: int
    seconds: float
    cpu: float  # seconds, user and system
    peak: float  # MB resident, at most
    judged: int  # verdicts
    forgotten: int  # pairs


def bench(
    connections: int, pairs: int, slices: int, seconds: float, max_pairs: int, runs: int, scratch: Path
) -> Iterator[str]:
    """A table of all roads. `seconds`: that the logs tell of, which decides how often a pair is due again."""
    made = scratch / "made"
    made.mkdir()
    _slices(scratch / "all.log", made, connections, pairs, slices, seconds)
    told = f"{connections:,} connections of {pairs:,} pairs within {seconds / 60:g} minutes, in {slices} files"
    yield f"{told}, at most {max_pairs:,} pairs held;"
    yield f"Python {platform.python_version()}, {os.cpu_count()} cores, median of {runs} in turn"
    yield ""
    yield (
        "| road | seconds | CPU seconds | connections/s | connections per CPU second | verdicts "
        "| pairs forgotten | peak MB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    found: dict[str, list[FollowRun]] = {road: [] for road in ROADS}
    for _ in range(runs):
        for road in ROADS:
            found[road].append(_run(road, made, max_pairs))
    for road, own in found.items():
        took, cpu = _median(own, lambda run: run.seconds), _median(own, lambda run: run.cpu)
        yield (
            f"| {road} | {took:.1f} | {cpu:.1f} | {connections / took:,.0f} | {connections / cpu:,.0f} "
            f"| {own[0].judged:,} | {own[0].forgotten:,} | {_median(own, lambda run: run.peak):,.0f} |"
        )


def child(road: str, made: str, max_pairs: str) -> None:
    """One run, in this process; prints what it came to as JSON."""
    with tempfile.TemporaryDirectory(dir=Path(made).parent) as scratch:
        logs = Path(scratch) / "logs"
        logs.mkdir()
        began = time.perf_counter()
        run = _read if road == READS else _follow
        connections, judged, forgotten = run(road, Path(made), logs, TrackerBounds(pairs=int(max_pairs)))
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / 1e3
    found = FollowRun(connections, seconds, used.ru_utime + used.ru_stime, peak, judged, forgotten)
    sys.stdout.write(json.dumps(asdict(found)))


def _read(_road: str, made: Path, logs: Path, bounds: TrackerBounds) -> tuple[int, int, int]:
    """Reads and groups, and looks at all pairs as often as `follow` does."""
    source, tracker = FollowedFiles(LogFiles([logs])), Tracker(Config(direction="any"), bounds)
    look_at = 0.0
    for _ in _coming(made, logs):
        source.look()
        for log, rows in source.connections():
            tracker.take(log, rows)
        if time.monotonic() >= look_at:
            began = time.monotonic()
            tracker.pairs()
            look_at = time.monotonic() + SHARE * (time.monotonic() - began)
    tracker.pairs()
    source.close()
    return tracker.counts().rows, 0, tracker.counts().forgotten_pairs


def _follow(road: str, made: Path, logs: Path, bounds: TrackerBounds) -> tuple[int, int, int]:
    """All of it, with a history."""
    scoring = Scoring.load(threads=1) if road == ALL else Scoring.rules_only()
    own = SidecarConfig(history=str(logs.parent / "h.db"), state="none")
    follower = start([str(logs)], own, Config(direction="any"), scoring, bounds)
    for _ in _coming(made, logs):
        follower.step()
    while (told := follower.state())["followed"]["unjudged"]:
        follower.step()
    follower.close()
    rows = told["followed"]["rows"]
    return rows["rows"], told["scored"], rows["forgotten_pairs"]


def _coming(made: Path, logs: Path) -> Iterator[None]:
    """Each file in its turn, and two looks more: connections are taken a look later than they are seen."""
    for path in sorted(made.iterdir()):
        os.link(path, logs / path.name)
        yield
    yield
    yield


def _slices(whole: Path, made: Path, connections: int, pairs: int, slices: int, seconds: float) -> None:
    """A conn.log, as files that follow each other."""
    make_log(whole, connections, pairs, seconds=seconds)
    with whole.open("rb") as source:
        header = b"".join(source.readline() for _ in range(8))
        for number in range(slices):
            many = connections * (number + 1) // slices - connections * number // slices
            with (made / f"conn.{number:04d}.log").open("wb") as target:
                target.write(header)
                target.writelines(source.readline() for _ in range(many))
    whole.unlink()


def _run(road: str, made: Path, max_pairs: int) -> FollowRun:
    command = [sys.executable, "-c", CHILD, road, str(made), str(max_pairs)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 (our own command)
    return FollowRun(**json.loads(ran.stdout))


def _median(runs: list[FollowRun], of: Callable[[FollowRun], float]) -> float:
    return statistics.median(map(of, runs))
