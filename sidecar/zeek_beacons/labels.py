"""Labelled captures: what a `labels.csv` says of each pair, whose network a capture is, and for how long it watched.

Everything that learns from labels or is measured by them reads them here: `score --truth`, training and evaluation.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias, cast

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs, Strings
from zeek_beacons.readers.addresses import address

# What counts as a beacon, and what as benign; every other label is set aside.
BEACONS = frozenset({"c2", "simulated_beacon", "beacon"})
BENIGN = frozenset({"benign", "benign_presumed"})

LAB_FILE = "lab"
SHORTEST = 3600.0  # seconds; false alerts are counted by host-day over captures of an hour or more only
DAY = 86_400.0  # seconds

# IANA protocol numbers that appear in labels, as Zeek names them.
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmp"}

Key: TypeAlias = tuple[str, str, int, str]  # orig_h, resp_h or name, resp_p, proto; of whichever channel


@dataclass(frozen=True, slots=True)
class PairLabel:
    """What is known of one pair; texts are "" where the file has none."""

    label: str  # lower case: c2, benign, benign_presumed, malicious_other, exclude, simulated_beacon, ...
    confidence: str = ""
    evidence: str = ""  # what the label rests on, with the family of an implant where it is known
    case: str = ""  # which experiment of several the pair belongs to
    line: int = 0  # of the file


NO_LABEL = PairLabel("")


def read_labels(path: Path) -> dict[Key, PairLabel]:
    """Reads a labels file: CSV with orig_h, resp_h (or resp), resp_p, proto, label; confidence, evidence, family, case.

    Addresses and protocols take the spelling that `Pairs` has, so `TCP`, `6` and `2001:DB8::0` match. Raises InputError
    with file and line.
    """
    labels: dict[Key, PairLabel] = {}
    for line, row in csv_rows(path, ("orig_h", ("resp_h", "resp"), "resp_p", "proto", "label")):
        host = row["resp_h"] if "resp_h" in row else row["resp"]
        if not all(text.strip() for text in (row["orig_h"], host, row["resp_p"], row["proto"], row["label"])):
            raise InputError(str(path), "a pair without address, port, protocol or label", line)
        try:
            port = int(row["resp_p"])
        except ValueError as error:
            raise InputError(str(path), f"resp_p is {row['resp_p']!r}, expected a number", line) from error
        labels[pair_key(row["orig_h"], host, port, row["proto"])] = PairLabel(
            label=row["label"].strip().lower(),
            confidence=row.get("confidence") or "",
            evidence=" ".join(filter(None, (row.get("family"), row.get("evidence")))),
            case=row.get("case") or "",
            line=line,
        )
    return labels


def pair_key(orig_h: str, resp: str, resp_p: int, proto: str) -> Key:
    """The key of a pair, spelled as `Pairs` spells it: canonical addresses, names and protocols in lower case."""
    orig_h, resp, proto = orig_h.strip(), resp.strip(), proto.strip().lower()
    return (address(orig_h) or orig_h.lower(), address(resp) or resp.lower(), resp_p, PROTOCOLS.get(proto, proto))


def keys_of(pairs: Pairs) -> list[Key]:
    """The key of each pair by its address, (n,)."""
    return list(zip(pairs.orig_h, pairs.addr, pairs.resp_p.tolist(), pairs.proto, strict=True))


def labels_of(pairs: Pairs, labels: Mapping[Key, PairLabel]) -> Strings:
    """The label of each pair by its address, "" where there is none: (n,). Pairs by name take their address's label."""
    return np.array([labels.get(key, NO_LABEL).label for key in keys_of(pairs)], dtype=np.object_)


def folders_of(root: Path) -> list[Path]:
    """The captures below `root`: folders with a labels.csv. Raises InputError without any."""
    found = sorted(file.parent for file in root.glob("*/labels.csv"))
    if not found:
        raise InputError(str(root), "no folder with a labels.csv in it")
    return found


def lab_of(folder: Path) -> str:
    """The lab of a capture: what the file `lab` in its folder says, else its name before the first `_`.

    Captures of one lab share hosts and habits; what is left out, is left out by lab.
    """
    file = folder / LAB_FILE
    if file.is_file():
        text = file.read_text(encoding="utf-8").strip()
        if not text:
            raise InputError(str(file), "the file is empty, expected the name of a lab")
        return text
    return folder.name.split("_", 1)[0]


def hosts_of(labels: Mapping[Key, PairLabel]) -> int:
    """How many originators have a pair that is labelled a beacon or benign."""
    return len({key[0] for key, found in labels.items() if found.label in BEACONS | BENIGN})


def host_days(hosts: int, seconds: float) -> float:
    """Days watched over all hosts; 0 for a capture of less than an hour, which counts no false alerts."""
    return hosts * seconds / DAY if seconds >= SHORTEST else 0.0


def csv_rows(path: Path, required: Iterable[str | tuple[str, ...]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a plain or gzipped CSV with their line numbers; required columns (or one of several) are filled."""
    try:
        with _opened(path) as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or ()
            choices = [(name,) if isinstance(name, str) else name for name in required]
            missing = [names[0] for names in choices if not set(names) & set(columns)]
            if missing:
                raise InputError(str(path), f"required column missing: {', '.join(missing)}", 1)
            for row in reader:
                absent = [name for names in choices for name in names if name in columns and row[name] is None]
                if absent:
                    raise InputError(str(path), f"{absent[0]} is missing in this row", reader.line_num)
                yield reader.line_num, row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8", newline=""))
    return path.open(encoding="utf-8", newline="")
