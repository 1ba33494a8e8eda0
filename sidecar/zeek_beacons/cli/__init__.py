"""The command line. Only this package prints and picks exit codes: 0 ran, 1 found beacons with --fail-on-alert,
2 bad usage or input, 70 a fault of ours.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import ClassVar, NoReturn

import typer

from zeek_beacons import __version__
from zeek_beacons.cli.lazy_group import CommandTable, LazyGroup
from zeek_beacons.errors import BeaconsError


class Commands(LazyGroup):
    """The commands of `zeek-beacons`."""

    table: ClassVar[CommandTable] = {
        "score": (
            "zeek_beacons.cli.score:score",
            "Score every pair in logs: which beacon, how often, how sure, and why.",
        ),
        "forecast": (
            "zeek_beacons.cli.forecast:forecast",
            "Forecast each pair's, host's and service's windows, and alert on what stays surprising.",
        ),
        "pcap": (
            "zeek_beacons.cli.pcap:pcap",
            "Run captures through Zeek and the sidecar: notices as on a sensor, and the reports of `score`.",
        ),
        "sidecar": (
            "zeek_beacons.cli.sidecar:sidecar",
            "Judge the candidates of a running Zeek and send verdicts back, which become its notices.",
        ),
        "follow": (
            "zeek_beacons.cli.follow:follow",
            "Follow logs as Zeek writes and rotates them, and alert: for sensors where nothing can be installed.",
        ),
        "status": (
            "zeek_beacons.cli.status:status",
            "Show whether the sidecar serves Zeek, what it did, and what was lost.",
        ),
        "beacons": (
            "zeek_beacons.cli.beacons:beacons",
            "Show the pairs that alert now: the severest first, then by falling score.",
        ),
        "hosts": (
            "zeek_beacons.cli.hosts:hosts",
            "Show originators by combined risk: 1 - product of (1 - score) over the incidents that they are in.",
        ),
        "connections": (
            "zeek_beacons.cli.connections:connections",
            "Show all pairs: those that alert first, then by falling score.",
        ),
        "long-conns": (
            "zeek_beacons.cli.long_conns:long_conns",
            "Show pairs by how long their connections are open: the longest one, or what 24 hours add up to.",
        ),
        "alerts": (
            "zeek_beacons.cli.alerts:alerts",
            "Show the alerts, the newest first. Of a result all came at once, when it was made.",
        ),
        "watch": (
            "zeek_beacons.cli.watch:watch",
            "Show what alerts now and what alerted last, again and again, as much as the window holds.",
        ),
        "serve": (
            "zeek_beacons.cli.serve:serve",
            "Show what was found in a browser, and answer the HTTP API.",
        ),
        "token": ("zeek_beacons.cli.token:app", "Make, list and remove tokens for the console and its API."),
        "feedback": ("zeek_beacons.cli.feedback:app", "Export what people said in the console as labels."),
        "classify": (
            "zeek_beacons.cli.classify:app",
            "Judge each connection by itself: scan, recon, brute force, C2-like or normal.",
        ),
        "validate": (
            "zeek_beacons.cli.validate:validate",
            "Read logs without scoring them and say what was found: formats, rows, bad lines, time span, clock jumps.",
        ),
        "demo": (
            "zeek_beacons.cli.demo:demo",
            "Walk through a sample: unpack, score, what the first finding means, what was wrong, what to do next.",
        ),
        "sample": ("zeek_beacons.cli.sample:sample", "Unpack a small sample to try the other commands on."),
        "model": ("zeek_beacons.cli.model:app", "Look at a model folder."),
    }


app = typer.Typer(
    name="zeek-beacons",
    cls=Commands,
    help="Finds command-and-control beaconing in the timing of Zeek's connections.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Finds command-and-control beaconing in the timing of Zeek's connections."""
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The `zeek-beacons` command."""
    run(app)


def run(app: typer.Typer) -> None:
    """Runs a command line: errors of this package become one line and exit code 2, faults of ours 70."""
    if sys.stdout is None:  # as by `>&-`; what is opened next would take its place
        _end("error: standard output is closed; to see nothing, send it to /dev/null", 2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names from the network on an ASCII terminal
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BeaconsError as error:
        _end(f"error: {error}", 2)
    except BrokenPipeError:  # `| head` has read enough; SIGPIPE itself would also end servers, when a client leaves
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still writes at its end
        sys.exit(1)
    except OSError as error:  # standard output cannot be written
        _end(f"error: {error}", 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception:
        traceback.print_exc()
        _end("error: this is a fault of zeek-beacons, please report it with the lines above", 70)


def _end(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
