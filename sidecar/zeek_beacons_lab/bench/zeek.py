"""What the Zeek package costs: CPU and memory of a real Zeek without it, with a naive table, and with it.

The naive table holds every start time by pair: what anybody would write first, and what has to be beaten. All variants
read the same trace in turn, round after round, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Bytes, Floats, Ints

SCRIPTS = Path(__file__).resolve().parents[3] / "zeek-scripts"
T0 = 1_700_000_000.0
_FRAME = 74  # bytes of every frame: 20 of payload, or of padding where there is none
_HEADER = np.frombuffer(
    bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"), dtype=np.uint8
)  # pcap, microseconds, Ethernet

# flags, from the originator?, sequence and acknowledgement number, payload bytes, seconds after the start.
_SHORT = (
    (0x02, True, 1000, 0, 0, 0.0),
    (0x12, False, 5000, 1001, 0, 0.01),
    (0x10, True, 1001, 5001, 0, 0.02),
    (0x18, True, 1001, 5001, 20, 0.03),
    (0x18, False, 5001, 1021, 20, 0.04),
    (0x11, True, 1021, 5021, 0, 0.05),
    (0x11, False, 5021, 1022, 0, 0.06),
    (0x10, True, 1022, 5022, 0, 0.07),
)
_UNANSWERED = (_SHORT[0],)

NAIVE = """
global naive_starts: table[addr, addr, port] of vector of time;
event connection_state_remove(c: connection)
    {
    if ( [c$id$orig_h, c$id$resp_h, c$id$resp_p] !in naive_starts )
        naive_starts[c$id$orig_h, c$id$resp_h, c$id$resp_p] = vector();
    naive_starts[c$id$orig_h, c$id$resp_h, c$id$resp_p] += c$start_time;
    }
"""

# Fills the tracker without packets: the pairs of 128 observations would need a trace of gigabytes.
_FILL = """
module Beacons;
event zeek_init() &priority=-100
    {
    local i = 0;
    while ( i < %d )
        {
        local j = 0;
        while ( j < %d )
            {
            Beacons::track(Beacons::Observation($orig_h=counts_to_addr(vector(167772160 + i %% 1000)),
                $orig_p=count_to_port(1024 + j, tcp), $resp_h=counts_to_addr(vector(3405803776 + i / 100)),
                $resp_p=count_to_port(1 + i %% 60000, tcp), $uid=fmt("CHhAvVGS1DHFjwG%%03d", j), $name="",
                $service="ssl", $start=1700000000.0 + 60.0 * j, $duration=0.25, $orig_bytes=500, $resp_bytes=1500,
                $state="SF"), F);
            ++j;
            }
        ++i;
        }
    }
hook Beacons::candidate_found(rec: Beacons::Candidate) &priority=10 { break; }
"""


@dataclass(frozen=True, slots=True)
class ZeekRun:
    """One run of Zeek: user CPU seconds and peak memory in bytes."""

    user: float
    peak: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Connections of a trace: `once` pairs of one connection and `returning` pairs of `repeats` each."""

    name: str
    once: int
    returning: int
    repeats: int
    answered: bool
    hours: float = 1.0

    @property
    def connections(self) -> int:
        return self.once + self.returning * self.repeats


WORKLOADS = (
    Workload("99 % seen once", once=196_000, returning=2_000, repeats=2, answered=True),
    Workload("half come back", once=98_000, returning=2_000, repeats=51, answered=True),
    Workload("all come back", once=0, returning=100_000, repeats=6, answered=False),
)


def zeek_command() -> str:
    """The zeek to run; raises ConfigError where there is none."""
    found = shutil.which("zeek") or shutil.which("zeek", path="/opt/zeek/bin:/usr/local/zeek/bin")
    if found is None:
        raise ConfigError("no zeek in PATH, /opt/zeek/bin or /usr/local/zeek/bin")
    return found


def write_trace(path: Path, workload: Workload, seed: int = 1) -> None:
    """Writes the pcap of a workload; checksums are left out, so Zeek must run with -C."""
    rng = np.random.default_rng(seed)
    pair = np.concatenate(
        (np.arange(workload.once), np.repeat(workload.once + np.arange(workload.returning), workload.repeats))
    )
    start = np.round(T0 + rng.uniform(0, workload.hours * 3600, len(pair)), 6)
    orig_h = 0x0A00_0000 + pair % 500
    resp_h = 0x2D00_0000 + pair // 2
    orig_p = 1024 + rng.permutation(len(pair)) % 60_000
    steps = _SHORT if workload.answered else _UNANSWERED
    times = np.concatenate([start + offset for *_, offset in steps])
    records = np.concatenate([_frames(*step[:-1], orig_h, orig_p, resp_h) for step in steps])
    microseconds = np.rint(times * 1e6).astype(np.int64)
    _put(records, 0, 4, microseconds // 1_000_000, "<u4")
    _put(records, 4, 4, microseconds % 1_000_000, "<u4")
    with path.open("wb") as file:
        file.write(_HEADER.tobytes())
        file.write(records[np.argsort(microseconds, kind="stable")].tobytes())


def _put(records: Bytes, at: int, size: int, values: Ints | int, kind: str) -> None:
    column = np.broadcast_to(np.asarray(values), len(records)).astype(kind)
    records[:, at : at + size] = np.ascontiguousarray(column).view(np.uint8).reshape(len(records), size)


def _frames(flags: int, up: bool, seq: int, ack: int, size: int, orig_h: Ints, orig_p: Ints, resp_h: Ints) -> Bytes:
    """One packet of each connection, as pcap records without their times."""
    records = np.zeros((len(orig_h), 16 + _FRAME), dtype=np.uint8)
    _put(records, 8, 4, _FRAME, "<u4")
    _put(records, 12, 4, _FRAME, "<u4")
    ip = 16 + 14
    records[:, 16:28] = np.frombuffer(b"\x02\0\0\0\0\1\x02\0\0\0\0\2", dtype=np.uint8)
    _put(records, 28, 2, 0x0800, ">u2")
    _put(records, ip, 2, 0x4500, ">u2")
    _put(records, ip + 2, 2, 40 + size, ">u2")
    _put(records, ip + 8, 2, 0x4006, ">u2")
    _put(records, ip + 12, 4, orig_h if up else resp_h, ">u4")
    _put(records, ip + 16, 4, resp_h if up else orig_h, ">u4")
    tcp = ip + 20
    _put(records, tcp, 2, orig_p if up else 8443, ">u2")
    _put(records, tcp + 2, 2, 8443 if up else orig_p, ">u2")
    _put(records, tcp + 4, 4, seq, ">u4")
    _put(records, tcp + 8, 4, ack, ">u4")
    _put(records, tcp + 12, 2, 0x5000 | flags, ">u2")
    _put(records, tcp + 14, 2, 8192, ">u2")
    records[:, tcp + 20 : tcp + 20 + size] = 0x01
    return records


# A small process between this one and Zeek: what a process held before it became Zeek counts as its peak.
_MEASURE = """
import os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print(usage.ru_utime, usage.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def run_zeek(arguments: Sequence[str]) -> ZeekRun:
    """Runs Zeek in a folder of its own."""
    command = [sys.executable, "-I", "-S", "-c", _MEASURE, zeek_command(), *arguments]
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise ConfigError(f"zeek {' '.join(arguments)} failed: {done.stderr[-500:]}")
    user, peak = done.stdout.splitlines()[-1].split()
    return ZeekRun(float(user), float(peak))


def median_and_interval(values: Floats) -> tuple[float, float, float]:
    """The median with a 95 % interval from the order statistics of the sample (its extremes below 6 values)."""
    ordered = np.sort(values)
    n = len(ordered)
    low = max(0, int(np.floor(n / 2 - 0.98 * np.sqrt(n))) - 1) if n >= 6 else 0
    return float(np.median(ordered)), float(ordered[low]), float(ordered[n - 1 - low])


def compare(trace: Path, variants: Mapping[str, Sequence[str]], rounds: int) -> dict[str, NDArray[np.float64]]:
    """(rounds, 2) of user seconds and peak bytes for each variant, the variants taking turns."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            run = run_zeek(["-C", "-r", str(trace), *variants[name]])
            runs[name].append((run.user, run.peak))
    return {name: np.array(rows) for name, rows in runs.items()}


def bytes_a_pair(scripts: Path, pairs: int = 20_000, observations: int = 128) -> float:
    """Memory that a tracked pair holding this many observations takes."""
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        peaks = []
        for count in (0, pairs):
            script = Path(folder) / f"fill_{count}.zeek"
            script.write_text(_FILL % (count, observations), encoding="utf-8")
            options = ["Beacons::exact_pairs=1000000", "Beacons::max_total_observations=100000000"]
            peaks.append(run_zeek([str(scripts), str(script), *options]).peak)
    return (peaks[1] - peaks[0]) / pairs


def bench(
    rounds: int = 10,
    workloads: Sequence[Workload] = WORKLOADS,
    scripts: Path = SCRIPTS,
    beside: Sequence[Path] = (),
) -> Iterator[str]:
    """Runs the whole benchmark and yields its report, line by line. `beside`: other checkouts, for their packages."""
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        naive = Path(folder) / "naive.zeek"
        naive.write_text(NAIVE, encoding="utf-8")
        variants = {
            "without": [],
            "naive table": [str(naive)],
            "package": [str(scripts)],
        } | {f"of {checkout.name}": [str(checkout.resolve() / "zeek-scripts")] for checkout in beside}
        yield f"medians of {rounds} rounds with 95 % intervals"
        for workload in workloads:
            yield (
                f"{workload.name}: {workload.connections:,} connections; {workload.once:,} pairs of one, "
                f"{workload.returning:,} of {workload.repeats}"
            )
        yield ""
        yield "| | user CPU s | more % | more MB |"
        yield "|---|---|---|---|"
        for workload in workloads:
            trace = Path(folder) / "trace.pcap"
            write_trace(trace, workload)
            yield from _rows(workload.name, compare(trace, variants, rounds))
        yield ""
    yield f"a tracked pair of 128 observations: {bytes_a_pair(scripts) / 1000:.1f} kB"


def _rows(workload: str, runs: Mapping[str, NDArray[np.float64]]) -> Iterator[str]:
    base = runs["without"]
    for name, rows in runs.items():
        user, low, high = median_and_interval(rows[:, 0])
        cells = [f"{user:.2f} [{low:.2f}, {high:.2f}]", "", ""]
        if name != "without":
            more, low, high = median_and_interval((rows[:, 0] / base[:, 0] - 1) * 100)
            memory, least, most = median_and_interval((rows[:, 1] - base[:, 1]) / 1e6)
            cells[1:] = [f"{more:+.1f} [{low:+.1f}, {high:+.1f}]", f"{memory:+.1f} [{least:+.1f}, {most:+.1f}]"]
        yield f"| {workload}, {name} | {' | '.join(cells)} |"
