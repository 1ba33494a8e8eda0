"""What each part of the Zeek package costs on sessions as a sensor sees them, counted in instructions.

Instructions do not depend on what else the machine does, and Zeek's hashes have one seed (-D). What Zeek takes to start
is counted apart and taken off, so that a percentage is one of the work on packets. A part is measured by switching it
off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.bench.sessions import write_sessions
from zeek_beacons_lab.bench.zeek import SCRIPTS, compare, median_and_interval, zeek_command

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
_COUNTED = re.compile(r"Collected : (\d+)")


def bench(sessions: int, rounds: int, scripts: Path = SCRIPTS, beside: Sequence[Path] = ()) -> Iterator[str]:
    """Runs the benchmark and yields its report, line by line. Raises ConfigError without valgrind or openssl."""
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        trace, nothing = Path(folder) / "sessions.pcap", Path(folder) / "nothing.pcap"
        write_sessions(trace, sessions)
        write_sessions(nothing, 0)
        no_flush = Path(folder) / "no-flush.zeek"
        no_flush.write_text(_NO_FLUSH)
        variants = {"without": [], "package": [str(scripts)]}
        variants |= {f"of {checkout.name}": [str(checkout.resolve() / "zeek-scripts")] for checkout in beside}
        variants |= {f"package without {name}": [str(scripts), *words] for name, words in PARTS.items()}
        variants |= {"package without the flush at the end": [str(scripts), str(no_flush)]}
        variants |= {name + _OPTIMIZED: ["-O", "ZAM", *variants[name]] for name in ("without", "package")}
        yield f"{sessions:,} sessions ({trace.stat().st_size / 1e6:.1f} MB), instructions of the work on packets"
        counted = {name: instructions(trace, words) - instructions(nothing, words) for name, words in variants.items()}
        package = counted["package"]
        yield ""
        yield "| | million instructions | more % | its share % |"
        yield "|---|---|---|---|"
        for name, number in counted.items():
            base = counted["without" + _OPTIMIZED if name.endswith(_OPTIMIZED) else "without"]
            cell = "" if number == base else f"{(number / base - 1) * 100:+.1f}"
            its = f"{(package - number) / base * 100:.1f}" if name.startswith("package without ") else ""
            yield f"| {name} | {number / 1e6:,.0f} | {cell} | {its} |"
        yield ""
        runs = compare(trace, {name: variants[name] for name in ("without", "package")}, rounds)
        more, low, high = median_and_interval((runs["package"][:, 0] / runs["without"][:, 0] - 1) * 100)
        yield f"user CPU, {rounds} rounds in turn: {more:+.1f} % [{low:+.1f}, {high:+.1f}]"


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
