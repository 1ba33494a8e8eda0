"""What the Zeek package costs on sessions as a sensor sees them, part by part, and on handshakes, in instructions.

Instructions do not depend on what else the machine does, and Zeek's hashes have one seed (-D). What Zeek takes to start
is counted apart and taken off, so that a percentage is one of the work on packets. A part is measured by switching it
off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.bench.sessions import write_sessions
from zeek_beacons_lab.bench.zeek import SCRIPTS, Workload, compare, median_and_interval, write_trace, zeek_command

# Parts of the package, and the settings without which it does its work.
PARTS: dict[str, tuple[str, ...]] = {
    "names": ("Beacons::pairs_by_name=F",),
    "look-ups": ("Beacons::max_answers=0",),
    "queries": ("Beacons::dns_channel=F",),
    "requests and proxies": ("Beacons::http_channel=F", "Beacons::proxy_channel=F"),
    "long connections": ("Beacons::long_connections=F",),
}
# What is told at the end of a trace of each pair that came back: a sensor that goes on tells of a few of them in a day.
_NO_FLUSH = """
module Beacons;
event zeek_done()
    {
    pairs = vector();
    }
"""
_OPTIMIZED = ", with zeek -O ZAM"
HANDSHAKES = Workload("handshakes", once=4_900, returning=100, repeats=51, answered=True)
_COUNTED = re.compile(r"Collected : (\d+)")


def bench(
    sessions: int, rounds: int, scripts: Path = SCRIPTS, beside: Sequence[Path] = (), by_part: bool = True
) -> Iterator[str]:
    """Runs the benchmark and yields its report, line by line. Raises ConfigError without valgrind or openssl.

    `by_part`: also without each of the package's parts, and as Zeek compiles it.
    """
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        trace, nothing = Path(folder) / "sessions.pcap", Path(folder) / "nothing.pcap"
        write_sessions(trace, sessions)
        write_sessions(nothing, 0)
        no_flush = Path(folder) / "no-flush.zeek"
        no_flush.write_text(_NO_FLUSH)
        whole = {"without": [], "package": [str(scripts)]}
        whole |= {f"of {checkout.name}": [str(checkout.resolve() / "zeek-scripts")] for checkout in beside}
        parts = {f"package without {name}": [str(scripts), *words] for name, words in PARTS.items()}
        parts |= {"package without the flush at the end": [str(scripts), str(no_flush)]}
        optimized = {name + _OPTIMIZED: ["-O", "ZAM", *whole[name]] for name in ("without", "package")}
        if not by_part:
            parts, optimized = {}, {}
        yield f"{sessions:,} sessions ({trace.stat().st_size / 1e6:.1f} MB), instructions of the work on packets"
        yield (
            f"{HANDSHAKES.connections:,} handshakes: {HANDSHAKES.once:,} pairs of one, "
            f"{HANDSHAKES.returning:,} of {HANDSHAKES.repeats}"
        )
        yield ""
        yield "| | million instructions | more % | its share % |"
        yield "|---|---|---|---|"
        handshakes = Path(folder) / "handshakes.pcap"
        write_trace(handshakes, HANDSHAKES)
        started = {tuple(words): instructions(nothing, words) for words in (whole | parts | optimized).values()}
        yield from _rows("sessions", trace, whole | parts | optimized, started)
        yield from _rows("handshakes", handshakes, whole | optimized, started)
        yield ""
        variants = {name: whole[name] for name in ("without", "package")}
        runs = compare(trace, variants, rounds)
        more, low, high = median_and_interval((runs["package"][:, 0] / runs["without"][:, 0] - 1) * 100)
        yield f"user CPU on sessions, {rounds} rounds in turn: {more:+.1f} % [{low:+.1f}, {high:+.1f}]"


def _rows(
    what: str, trace: Path, variants: Mapping[str, Sequence[str]], started: Mapping[tuple[str, ...], int]
) -> Iterator[str]:
    """A row for each variant. `started`: the instructions that its words take where there are no packets."""
    counted = {name: instructions(trace, words) - started[tuple(words)] for name, words in variants.items()}
    for name, number in counted.items():
        base = counted["without" + _OPTIMIZED if name.endswith(_OPTIMIZED) else "without"]
        more = "" if number == base else f"{(number / base - 1) * 100:+.1f}"
        its = f"{(counted['package'] - number) / base * 100:.1f}" if name.startswith("package without ") else ""
        yield f"| {what}, {name} | {number / 1e6:,.0f} | {more} | {its} |"


def instructions(trace: Path, arguments: Sequence[str]) -> int:
    """Instructions that Zeek takes for a trace, its start included."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise ConfigError("no valgrind in PATH, which counts instructions")
    count = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", zeek_command(), "-D", "-C"]
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        done = subprocess.run(  # noqa: S603
            [*count, "-r", str(trace), *arguments], cwd=folder, capture_output=True, text=True
        )
    found = _COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise ConfigError(f"zeek under valgrind failed: {done.stderr[-500:]}")
    return int(found.group(1))
