"""`zeek-beacons pcap`: captures in, notices and reports out, by the same loop as on a sensor."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zeek_beacons import reports
from zeek_beacons.allow import AllowList
from zeek_beacons.cli import alert_sinks, options
from zeek_beacons.cli.score import known_sources, read_logs, show
from zeek_beacons.cli.summary import summarise
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.files import replacing
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.pipeline import Scored
from zeek_beacons.pipeline import score as score_pairs
from zeek_beacons.readers import Request
from zeek_beacons.reports.queries import Sources
from zeek_beacons.scoring import Scoring

if TYPE_CHECKING:
    from zeek_beacons.live.pcap_loop import PcapLoop


def pcap(
    captures: Annotated[list[Path], typer.Argument(help="Capture files that Zeek can read.", show_default=False)],
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="Folder for Zeek's logs and the reports.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder if it exists.")] = False,
    zeek: Annotated[
        Optional[Path],
        typer.Option(help="Zeek's executable (default: PATH, /opt/zeek, /usr/local/zeek).", show_default=False),
    ] = None,
    zeek_arg: Annotated[
        Optional[list[str]],
        typer.Option(
            help="A further script or setting for Zeek, as on its command line; may repeat.", show_default=False
        ),
    ] = None,
    profile: options.Profile = None,
    threshold: options.Threshold = None,
    model: options.ModelFolder = None,
    rules_only: options.RulesOnly = False,
    allow: options.AllowFile = None,
    intel: options.Intel = None,
    mmdb: options.Mmdb = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    no_poll: Annotated[
        bool, typer.Option("--no-poll", help="Do not look inside connections that stay open for ten minutes.")
    ] = False,
    alert: options.AlertSinks = None,
    alert_stopped: options.AlertStopped = False,
    timeout: Annotated[
        Optional[float],
        typer.Option(min=1, help="Seconds for one capture (default: as long as Zeek works).", show_default=False),
    ] = None,
    config: options.ConfigFile = None,
) -> None:
    """Run captures through Zeek and the sidecar: notices as on a sensor, and the reports of `score`.

    Needs Zeek 8.0 or later on this machine. DIR is written whole or not at all.

    Examples:

        zeek-beacons pcap suspicious.pcap -o result

        zeek-beacons pcap monday.pcap tuesday.pcap -o week --direction outbound
    """
    from zeek_beacons.live import logs, pcap_loop

    logs.set_up("ERROR")
    settings = options.settings(
        config,
        profile=profile,
        threshold=threshold,
        direction=direction,
        local_nets=local_net,
        intel=intel,
        mmdb=mmdb,
    )
    executable = pcap_loop.find_zeek(zeek)
    for capture in captures:
        if not capture.is_file():
            raise InputError(str(capture), "no such file")
    if allow is not None:
        AllowList.load(allow)
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model)
    scoring = scoring.knowing(LocalKnowledge.load(settings.intel, settings.mmdb))
    sinks = alert_sinks.opened(config, alert, alert_stopped)
    extra = tuple(_absolute(word) for word in zeek_arg or ())
    loop = pcap_loop.PcapLoop(executable, settings, scoring, allow, extra, not no_poll, timeout)
    with _results(output, force) as folder:
        made = _run_all(captures, folder, loop)
        judged = _report(made, folder, output, settings, scoring, allow)
    if sinks is not None and judged is not None:
        sinks.send(judged[0], scoring.identity, judged[1])


def _absolute(word: str) -> str:
    """Zeek runs in a folder of its own: files are named from there."""
    return str(Path(word).resolve()) if Path(word).exists() else word


def _run_all(captures: list[Path], root: Path, loop: PcapLoop) -> list[Path]:
    """Runs the captures one after the other. Returns the folders of their logs."""
    from zeek_beacons.live import pcap_loop

    made = pcap_loop.folders(captures, root)
    for capture, folder in made.items():
        folder.mkdir(exist_ok=True)
        began = time.perf_counter()
        state = pcap_loop.run(capture, folder, loop)
        seconds = time.perf_counter() - began
        print(f"{capture}: {state['scored']} candidates, {state['notices']} notices, {seconds:.1f} s")
        for line in pcap_loop.zeek_output(folder):
            print(f"  zeek: {line}")
        (folder / pcap_loop.ZEEK_OUTPUT).unlink()
    return list(made.values())


def _report(
    logs: list[Path], folder: Path, output: Path | None, settings: Config, scoring: Scoring, allow: Path | None
) -> tuple[Scored, Sources] | None:
    """The reports of `score` over connections that Zeek saw, and exchanges in them. Returns what they tell of."""
    conns = [str(log / "conn.log") for log in logs if (log / "conn.log").exists()]
    if not conns:
        print("no connections: no reports")
        return None
    began = time.perf_counter()
    pairs, ingest = read_logs(Request(inputs=conns), settings)
    read_at = time.perf_counter()
    allowed = AllowList.load(allow) if allow else None
    scored = score_pairs(pairs, scoring, settings, allowed)
    seconds = {"read": read_at - began, "score": time.perf_counter() - read_at}
    # The logs still lie aside: people are told where they will be. Without `output` nobody is told of them.
    names = {path: str((output or folder) / Path(path).relative_to(folder)) for path in ingest.files}
    sources = known_sources(scored, ingest).moved(names)
    ingest.files = {names[path]: form for path, form in ingest.files.items()}
    summary = summarise(scored, ingest, scoring, settings, seconds, allow=allowed)
    for warning in summary["warnings"]:
        print(f"WARNING: {warning}", file=sys.stderr)
    reports.write(scored, summary, folder, sources=sources)
    show(scored, summary, ingest, None, output)
    return scored, sources


@contextmanager
def _results(output: Path | None, force: bool) -> Iterator[Path]:
    """The folder for logs and reports: `output`, or one that vanishes at the end. Raises OutputError."""
    if output is not None:
        with replacing(output, force=force) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="zeek-beacons-") as scratch:
            yield Path(scratch)
