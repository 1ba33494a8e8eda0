"""`python -m zeek_beacons_lab synth`: labelled synthetic traffic as Zeek logs or flow CSV."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    conn = "conn"
    csv = "csv"
    events = "events"


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files; made if it is not there.")],
    beacons: Annotated[int, typer.Option(min=0, help="Pairs that are C2.")] = 6,
    benign: Annotated[int, typer.Option(min=0, help="Benign pairs with enough connections to be judged.")] = 60,
    hours: Annotated[float, typer.Option(min=0.1, max=8760, help="Length of the traffic.")] = 24.0,
    campaigns: Annotated[
        int, typer.Option(min=0, help="Scans, reconnaissance and brute force, each by one host; malicious_other.")
    ] = 0,
    hosts: Annotated[int, typer.Option(min=1, max=200, help="Hosts of the site.")] = 36,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same files.")] = 7,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only these kinds, e.g. cobalt_strike or ntp; may be repeated.")
    ] = None,
    format: Annotated[
        Format, typer.Option(help="Zeek logs, the normalized flow CSV, or an event table.")
    ] = Format.conn,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Zeek logs as JSON lines instead of TSV.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Makes a small site's traffic with known beacons in it, and labels.csv that says which they are.

    Beacons follow the documented timers of C2 frameworks; benign pairs are people, updates, NTP, telemetry and so on,
    many of them more regular than C2. Histories of both have the same lengths.

    Examples:

      python -m zeek_beacons_lab synth demo

      python -m zeek_beacons_lab synth week --hours 168 --beacons 20 --benign 400 --seed 1

      python -m zeek_beacons_lab synth attacked --campaigns 8

      python -m zeek_beacons_lab synth flows --format csv --kind sliver --kind browsing --kind ntp
    """
    from zeek_beacons_lab.traffic import generate
    from zeek_beacons_lab.traffic.logs import write_traffic

    kinds = dict.fromkeys(kind, 1.0) if kind else None
    traffic = generate(beacons, benign, hours, seed, hosts=hosts, kinds=kinds, campaigns=campaigns)
    paths = write_traffic(traffic, out, format.value, json_lines=json_logs, force=force)
    typer.echo(
        f"{len(traffic)} connections of {hours:g} hours, {beacons} beacons among {len(traffic.truth)} pairs: "
        + ", ".join(str(path) for path in paths)
    )
