"""Small samples that ship with the product: the laboratory makes them, `zeek-beacons sample` unpacks them.

Beside this file lies one folder a sample, its files compressed (`.zst`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import zstandard

from zeek_beacons.errors import ConfigError
from zeek_beacons.files import write_all

# What each holds, in a line. A sample is a folder of its name here and an entry in the laboratory's cli/samples.py.
SAMPLES: Mapping[str, str] = {
    "site": "a small site's day as Zeek logs, with six beacons in it and labels.csv that says which they are",
    "flows": "the same day as flow CSV, with the same labels",
    "events": "six hours of endpoint events: connections with the process, user and signature behind each",
}
SUFFIX = ".zst"


def files_of(name: str) -> dict[str, bytes]:
    """The files of a sample, unpacked: name to content. Raises ConfigError for a name that is no sample."""
    if name not in SAMPLES:
        raise ConfigError(f"no sample {name!r}, expected one of {', '.join(SAMPLES)}")
    packed = sorted((Path(__file__).parent / name).glob(f"*{SUFFIX}"))
    unpack = zstandard.ZstdDecompressor().decompress
    return {file.name.removesuffix(SUFFIX): unpack(file.read_bytes()) for file in packed}


def unpack(name: str, folder: Path, *, force: bool = False) -> list[Path]:
    """Writes the files of a sample into a folder, all or none. Raises ConfigError, OutputError."""

    def writer(data: bytes) -> Callable[[TextIO], None]:
        def write(stream: TextIO) -> None:
            stream.write(data.decode("utf-8"))

        return write

    return write_all(folder, {file: writer(data) for file, data in files_of(name).items()}, force=force)
