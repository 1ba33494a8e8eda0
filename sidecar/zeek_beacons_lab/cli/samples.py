"""`python -m zeek_beacons_lab samples`: makes the samples that ship with the product."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer


def site(folder: Path) -> None:
    """A small site's day as Zeek logs: what `synth` makes by default."""
    from zeek_beacons_lab.traffic import generate
    from zeek_beacons_lab.traffic.logs import write_traffic

    write_traffic(generate(6, 60, 24.0, 7, hosts=36), folder)


def flows(folder: Path) -> None:
    """The same day as flow CSV."""
    from zeek_beacons_lab.traffic import generate
    from zeek_beacons_lab.traffic.logs import write_traffic

    write_traffic(generate(6, 60, 24.0, 7, hosts=36), folder, "csv")


def events(folder: Path) -> None:
    """Six hours of another site as an event table."""
    from zeek_beacons.files import write_all
    from zeek_beacons_lab.traffic import generate
    from zeek_beacons_lab.traffic.events import write_events
    from zeek_beacons_lab.traffic.logs import write_labels

    traffic = generate(4, 30, 6.0, 11, hosts=12)
    write_all(
        folder,
        {
            "events.csv": lambda stream: write_events(traffic, stream),
            "labels.csv": lambda stream: write_labels(traffic, stream),
        },
    )


MAKERS: Mapping[str, Callable[[Path], None]] = {"site": site, "flows": flows, "events": events}


def made(name: str) -> dict[str, bytes]:
    """The files of a sample as the generator makes them now: name to content."""
    with tempfile.TemporaryDirectory() as scratch:
        MAKERS[name](Path(scratch) / name)
        return {file.name: file.read_bytes() for file in sorted((Path(scratch) / name).iterdir())}


def samples(
    output: Annotated[Path, typer.Option("--output", "-o", help="The product's folder of samples.")] = Path(
        "sidecar/zeek_beacons/samples"
    ),
) -> None:
    """Make the samples that ship with the product, compressed.

    Examples:

        python -m zeek_beacons_lab samples
    """
    import zstandard

    from zeek_beacons.samples import SUFFIX

    for name in MAKERS:
        (output / name).mkdir(parents=True, exist_ok=True)
        for file, content in made(name).items():
            path = output / name / f"{file}{SUFFIX}"
            path.write_bytes(zstandard.ZstdCompressor(level=19).compress(content))
            print(path)
