"""`python -m zeek_beacons_lab bench`: speed and memory, measured side by side in one run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(help="Measure speed and memory.", no_args_is_help=True)


Beside = Annotated[
    Optional[list[Path]],
    typer.Option(help="Another checkout to measure in the same turns; may be repeated.", show_default=False),
]
Alerting = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the candidates that alert; 1: worst case.")]


@app.callback()
def root() -> None:
    """Measure speed and memory."""


@app.command()
def score(
    connections: Annotated[int, typer.Option(min=1000, help="Connections in the log.")] = 5_000_000,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs they spread over.")] = 100_000,
    beacons: Annotated[float, typer.Option(min=0, max=1, help="Share of pairs that keep a timer.")] = 0.002,
    hard: Annotated[
        bool, typer.Option("--hard", help="Pairs that come at any time alike, of which one in five alerts.")
    ] = False,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each command, in turn.")] = 3,
    folder: Annotated[
        Optional[Path],
        typer.Option(help="Where to put the log meanwhile (133 bytes a connection).", show_default=False),
    ] = None,
    beside: Beside = None,
) -> None:
    """`score` against the least that reading the same file can cost: time, ratio, memory, phases.

    Examples:

        python -m zeek_beacons_lab bench score

        python -m zeek_beacons_lab bench score --hard

        python -m zeek_beacons_lab bench score --connections 50000000 --pairs 10000 --runs 1
    """
    from zeek_beacons_lab.bench.score import report

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        report(connections, pairs, runs, Path(scratch), None if hard else beacons, beside=beside or ())


@app.command()
def spark(
    connections: Annotated[int, typer.Option(min=1000, help="Connections in the log.")] = 5_000_000,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs they spread over.")] = 100_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each command, in turn.")] = 3,
    master: Annotated[
        Optional[list[str]], typer.Option(help="Where Spark runs; may be repeated.  [default: local[1], local[2]]")
    ] = None,
    resolver: Annotated[float, typer.Option(min=0, max=1, help="Share of connections to one resolver.")] = 0.0,
    spark_conf: Annotated[Optional[list[str]], typer.Option(help="A setting, spark.KEY=VALUE; may repeat.")] = None,
    folder: Annotated[
        Optional[Path],
        typer.Option(help="Where to put the log meanwhile (133 bytes a connection).", show_default=False),
    ] = None,
) -> None:
    """`score --engine spark` by cores, beside `score` on one machine: time, CPU, memory of all its processes.

    Needs the extra `spark`, Java and Linux's /proc.

    Examples:

        python -m zeek_beacons_lab bench spark

        python -m zeek_beacons_lab bench spark --master 'local[2]' --resolver 0.4 --runs 1
    """
    from zeek_beacons_lab.bench.spark import report

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        masters = master or ["local[1]", "local[2]"]
        report(connections, pairs, runs, masters, resolver, spark_conf or [], Path(scratch))


@app.command()
def follow(
    connections: Annotated[int, typer.Option(min=1000, help="Connections in the logs.")] = 3_000_000,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs they spread over.")] = 100_000,
    slices: Annotated[int, typer.Option(min=1, help="Files that come one after the other.")] = 24,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time that the logs tell of.")] = 60.0,
    max_pairs: Annotated[int, typer.Option(min=100, help="Pairs that may be held.")] = 500_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each road, in turn.")] = 1,
    folder: Annotated[Optional[Path], typer.Option(help="Where to put the logs meanwhile.", show_default=False)] = None,
) -> None:
    """`follow` over logs that keep coming: connections a second and memory, of reading alone and of all it does.

    Examples:

        python -m zeek_beacons_lab bench follow

        python -m zeek_beacons_lab bench follow --connections 500000 --pairs 5000 --slices 6
    """
    from zeek_beacons_lab.bench.follow import bench

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for line in bench(connections, pairs, slices, minutes * 60, max_pairs, runs, Path(scratch)):
            print(line, flush=True)


@app.command()
def zeek(
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each variant on each trace, taking turns.")] = 10,
    beside: Beside = None,
) -> None:
    """What the Zeek package costs a real Zeek: CPU and memory without it, with a naive table of times, and with it.

    Needs zeek in PATH or /opt/zeek/bin, and about half an hour.
    """
    from zeek_beacons_lab.bench.zeek import bench

    for line in bench(rounds, beside=beside or ()):
        print(line, flush=True)


@app.command()
def sessions(
    number: Annotated[int, typer.Option("--sessions", min=100, help="Sessions of the trace.")] = 3_000,
    rounds: Annotated[int, typer.Option(min=1, help="Runs for user CPU, taking turns.")] = 10,
    beside: Beside = None,
    by_part: Annotated[
        bool, typer.Option("--by-part/--whole", help="Also without each part of the package, and compiled.")
    ] = True,
) -> None:
    """What the Zeek package costs in instructions: part by part on sessions as a sensor sees them, and on handshakes.

    Needs zeek in PATH or /opt/zeek/bin, valgrind and openssl, and a quarter of an hour.
    """
    from zeek_beacons_lab.bench.instructions import bench

    for line in bench(number, rounds, beside=beside or (), by_part=by_part):
        print(line, flush=True)


@app.command()
def live(
    rate: Annotated[Optional[list[int]], typer.Option(min=1, help="Candidates a second; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each rate is held.")] = 20.0,
    history: Annotated[Optional[list[int]], typer.Option(min=1, help="Pairs in the history; may be repeated.")] = None,
    alerting: Alerting = 0.02,
) -> None:
    """The live loop with a real Zeek: what rate it sustains, how late verdicts are, what memory the sidecar takes.

    Needs zeek in PATH or /opt/zeek/bin.
    """
    from zeek_beacons_lab.bench.live import bench

    for line in bench(rate or [100, 1000, 1500, 2000], seconds, history or [10_000, 200_000], alerting):
        print(line, flush=True)


@app.command()
def scoring(
    batch: Annotated[Optional[list[int]], typer.Option(min=1, help="Candidates a batch; may be repeated.")] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Candidates that count, of each batch size.")] = 1024,
    alerting: Alerting = 0.02,
) -> None:
    """What the sidecar's scoring costs a live candidate in CPU, by how many are judged at once; no Zeek, no sockets."""
    from zeek_beacons_lab.bench.scoring import bench

    for line in bench(batch or [1, 16, 64, 256], candidates, alerting):
        print(line, flush=True)


@app.command()
def shapes(
    connections: Annotated[
        Optional[list[int]], typer.Option(min=100, help="Connections of the pair; may be repeated.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, the least of which counts.")] = 3,
) -> None:
    """What one pair costs by its number of connections: bursts that never end, equal times, a million in one second.

    Examples:

        python -m zeek_beacons_lab bench shapes

        python -m zeek_beacons_lab bench shapes --connections 1000 --connections 10000
    """
    from zeek_beacons_lab.bench.shapes import SIZES, bench

    for line in bench(connections or SIZES, repeats):
        print(line, flush=True)


@app.command()
def shards(
    captures: Annotated[Path, typer.Argument(help="Folder with labelled captures.")],
    number: Annotated[int, typer.Option("--shards", min=2, max=64, help="Shards.")] = 4,
) -> None:
    """How evenly candidates spread over shards by host and by pair, and which incidents that parts.

    Examples:

        python -m zeek_beacons_lab bench shards captures/dev
    """
    from zeek_beacons_lab.bench.shards import report

    for line in report(captures, number):
        print(line, flush=True)


@app.command()
def serve(
    pairs: Annotated[int, typer.Option(min=1000, help="Pairs in the history.")] = 200_000,
    beacons: Annotated[int, typer.Option(min=10, help="Of these, such as alert.")] = 5_000,
    seconds: Annotated[float, typer.Option(min=1, help="How long each part takes.")] = 30.0,
) -> None:
    """The console over a large history, alone and beside a sidecar with a real Zeek: latencies of both, and memory.

    Needs zeek in PATH or /opt/zeek/bin, and the extra `serve`.
    """
    from zeek_beacons_lab.bench.serve import bench

    for line in bench(pairs, beacons, seconds):
        print(line, flush=True)


@app.command()
def plot(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture, a PNG.")],
    column: Annotated[list[str], typer.Option(help="A column of the table; may be repeated.")],
    title: Annotated[str, typer.Option(help="What stands above the picture.", show_default=False)] = "",
) -> None:
    """A picture of what another benchmark printed, from standard input: the first table that has these columns.

    Examples:

        python -m zeek_beacons_lab bench score | python -m zeek_beacons_lab bench plot --column seconds -o score.png
    """
    from zeek_beacons_lab.bench.plot import plot as draw

    text = sys.stdin.read()
    print(text, end="")
    draw(text, output, column, title)
    print(output)
