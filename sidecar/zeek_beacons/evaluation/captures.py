"""Labelled captures as the evaluation holds them: read once, with labels, labs and host-days."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.evaluation.truth import BEACONS, BENIGN
from zeek_beacons.pairs import Pairs, Strings
from zeek_beacons.readers import Request, read
from zeek_beacons.training.datasets import CaptureLabel, Key, labels_of, load_capture_labels

SHORTEST = 3600.0  # seconds; false alerts are counted by host-day over captures of an hour or more only
LAB_FILE = "lab"

# Names that a label's evidence may hold; the first one found is the family.
FAMILIES = (
    *(
        "Cobalt Strike",
        "Empire",
        "Meterpreter",
        "Metasploit",
        "Sliver",
        "Havoc",
        "Mythic",
        "Merlin",
        "PoshC2",
        "Covenant",
    ),
    *("Brute Ratel", "Caldera", "Koadic", "dnscat", "Saitama", "IcedID", "Emotet", "TrickBot", "Dridex", "Qakbot"),
    *("BazarLoader", "Zeus", "Neris", "Rbot", "Virut", "Ursnif", "Gozi", "AsyncRAT", "njRAT", "Remcos", "QuasarRAT"),
    *("NanoCore", "AgentTesla", "PlugX", "Torii", "Mirai", "Gafgyt", "Hajime", "Okiru", "APT29", "curl", "scripted"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """One capture: all its pairs, and what is known of each."""

    name: str
    lab: str  # captures of one lab share hosts and habits, and are left out of training together
    pairs: Pairs  # n
    label: Strings  # (n,) by address, "" where there is none; pairs by name take their address's label
    family: Strings  # (n,) of C2: what the labels name, else the capture; "" for all else
    seconds: float  # from the first to the last start
    hosts: int  # originators of pairs labelled C2 or benign

    @property
    def is_long(self) -> bool:
        """Whether its false alerts and host-days count."""
        return self.seconds >= SHORTEST

    @property
    def host_days(self) -> float:
        """Days watched, over all hosts; 0 for a capture of less than an hour."""
        return self.hosts * self.seconds / 86_400.0 if self.is_long else 0.0


def folders_of(root: Path) -> list[Path]:
    """The captures below `root`: folders with a labels.csv. Raises InputError without any."""
    found = sorted(file.parent for file in root.glob("*/labels.csv"))
    if not found:
        raise InputError(str(root), "no folder with a labels.csv in it")
    return found


def lab_of(folder: Path) -> str:
    """The lab of a capture: what the file `lab` in its folder says, else its name before the first `_`."""
    file = folder / LAB_FILE
    if file.is_file():
        text = file.read_text(encoding="utf-8").strip()
        if not text:
            raise InputError(str(file), "the file is empty, expected the name of a lab")
        return text
    return folder.name.split("_", 1)[0]


def load(folder: Path, config: Config) -> Capture:
    """Reads one capture. Raises InputError."""
    pairs, _ = read(Request([str(folder)]), config)
    labels = load_capture_labels(folder)
    seconds = float(np.ptp(pairs.start)) if len(pairs.start) else 0.0
    label = labels_of(pairs, labels)
    family = family_of_pairs(pairs, label, _evidence(folder), folder.name)
    return Capture(folder.name, lab_of(folder), pairs, label, family, seconds, _hosts(labels))


def load_all(root: Path, config: Config) -> list[Capture]:
    """Reads every capture below `root`, by name. Raises InputError."""
    return [load(folder, config) for folder in folders_of(root)]


def labs(captures: Sequence[Capture]) -> dict[str, frozenset[str]]:
    """The names of the captures by lab."""
    return {lab: frozenset(c.name for c in captures if c.lab == lab) for lab in sorted({c.lab for c in captures})}


def family_of_pairs(pairs: Pairs, label: Strings, evidence: Mapping[Key, str], name: str) -> Strings:
    """The family of each C2 pair: as its evidence names it, else the name of its capture, (n,)."""
    keys = zip(pairs.orig_h, pairs.addr, pairs.resp_p.tolist(), pairs.proto, strict=True)
    families = [known_family(evidence.get(key, "")) or name for key in keys]
    return np.where(np.isin(label, list(BEACONS)), np.array(families, dtype=object), "")


def known_family(evidence: str) -> str:
    """The first of FAMILIES that the text names, "" where it names none."""
    plain = evidence.lower()
    return next((family for family in FAMILIES if family.lower() in plain), "")


def _evidence(folder: Path) -> dict[Key, str]:
    """What labels.csv says a pair's label rests on: its columns `family` and `evidence`, where it has them."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        return {
            (row["orig_h"], row["resp_h"], int(row["resp_p"]), row["proto"].lower()): " ".join(
                row.get(name) or "" for name in ("family", "evidence")
            )
            for row in csv.DictReader(stream)
        }


def _hosts(labels: dict[Key, CaptureLabel]) -> int:
    return len({key[0] for key, found in labels.items() if found.label in BEACONS | BENIGN})
