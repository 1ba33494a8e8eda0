"""What each part of the Zeek package costs, counted in instructions: on sessions as a sensor sees them, and on bare
handshakes, half of them of pairs that come back.

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
from dataclasses import dataclass
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.bench.sessions import write_sessions
from zeek_beacons_lab.bench.zeek import (
    SCRIPTS,
    Workload,
    compare,
    median_and_interval,
    with_plugins,
    write_trace,
    zeek_command,
)

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


@dataclass(frozen=True, slots=True)
class Variant:
    """How Zeek is run: its words after the trace, and a folder of plugins."""

    words: tuple[str, ...] = ()
    plugins: Path | None = None


def variants(scripts: Path, beside: Sequence[Path], plugin: Path | None) -> dict[str, Variant]:
    """Zeek alone, the package, those of other checkouts, and the package with its compiled part built in `plugin`."""
    found = {"without": Variant(), "package": Variant((str(scripts),))}
    found |= {f"of {checkout.name}": Variant((str(checkout.resolve() / "zeek-scripts"),)) for checkout in beside}
    if plugin is not None:
        found["package, compiled part"] = Variant((str(scripts),), plugin)
    return found


def bench(
    sessions: int, rounds: int, scripts: Path = SCRIPTS, beside: Sequence[Path] = (), plugin: Path | None = None
) -> Iterator[str]:
    """Runs the benchmark and yields its report, line by line. Raises ConfigError without valgrind or openssl."""
    whole = variants(scripts, beside, plugin)
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        trace, nothing = Path(folder) / "sessions.pcap", Path(folder) / "nothing.pcap"
        write_sessions(trace, sessions)
        write_sessions(nothing, 0)
        no_flush = Path(folder) / "no-flush.zeek"
        no_flush.write_text(_NO_FLUSH)
        parts = {f"package without {name}": Variant((str(scripts), *words)) for name, words in PARTS.items()}
        parts |= {
            f"{name} without the flush at the end": Variant((*one.words, str(no_flush)), one.plugins)
            for name, one in whole.items()
            if name.startswith("package")
        }
        parts |= {name + _OPTIMIZED: Variant(("-O", "ZAM", *whole[name].words)) for name in ("without", "package")}
        yield f"{sessions:,} sessions ({trace.stat().st_size / 1e6:.1f} MB), instructions of the work on packets"
        counted = _counted(trace, nothing, whole | parts)
        package = counted["package"]
        for name, number in counted.items():
            base = counted["without" + _OPTIMIZED if name.endswith(_OPTIMIZED) else "without"]
            part = f"  ({(package - number) / base:+.1%} are its)" if name.startswith("package without ") else ""
            yield f"  {name:55} {number / 1e6:9,.0f} million {number / base - 1:+7.1%}{part}"
        yield from _user(trace, whole, rounds)

        pairs = max(1, sessions // 3)
        handshakes = Workload("handshakes", once=49 * pairs, returning=pairs, repeats=51, answered=True)
        write_trace(trace, handshakes)
        tracked = {
            name: Variant((*one.words, f"Beacons::exact_pairs={pairs}") if one.words else (), one.plugins)
            for name, one in whole.items()
        }
        yield f"{handshakes.connections:,} bare handshakes, half of them of {pairs} pairs"
        counted = _counted(trace, nothing, tracked)
        for name, number in counted.items():
            more = number - counted["without"]
            each = f"{more / handshakes.connections:,.0f} a connection"
            yield f"  {name:55} {number / 1e6:9,.0f} million {more / counted['without']:+7.1%}  {each}"
        yield from _user(trace, tracked, rounds)


def _counted(trace: Path, nothing: Path, of: Mapping[str, Variant]) -> dict[str, int]:
    return {
        name: instructions(trace, one.words, one.plugins) - instructions(nothing, one.words, one.plugins)
        for name, one in of.items()
    }


def _user(trace: Path, of: Mapping[str, Variant], rounds: int) -> Iterator[str]:
    plugins = {name: one.plugins for name, one in of.items() if one.plugins is not None}
    runs = compare(trace, {name: one.words for name, one in of.items()}, rounds, plugins)
    for name in of:
        if name == "without":
            continue
        more, low, high = median_and_interval((runs[name][:, 0] / runs["without"][:, 0] - 1) * 100)
        memory = median_and_interval((runs[name][:, 1] - runs["without"][:, 1]) / 1e6)[0]
        yield f"  {name}: user CPU, {rounds} rounds in turn: {more:+.1f} % [{low:+.1f}, {high:+.1f}], {memory:+.1f} MB"


def instructions(trace: Path, arguments: Sequence[str], plugins: Path | None = None) -> int:
    """Instructions that Zeek takes for a trace, its start included."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise ConfigError("no valgrind in PATH, which counts instructions")
    count = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", zeek_command(), "-D", "-C"]
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        done = subprocess.run(  # noqa: S603
            [*count, "-r", str(trace), *arguments],
            cwd=folder,
            env=with_plugins(plugins),
            capture_output=True,
            text=True,
        )
    found = _COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise ConfigError(f"zeek under valgrind failed: {done.stderr[-500:]}")
    return int(found.group(1))
