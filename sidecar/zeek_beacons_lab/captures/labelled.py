"""Labelled captures as the evaluation holds them: read once, with labels, labs and host-days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.labels import (
    BEACONS,
    NO_LABEL,
    SHORTEST,
    Key,
    PairLabel,
    folders_of,
    host_days,
    hosts_of,
    keys_of,
    lab_of,
    labels_of,
    read_labels,
)
from zeek_beacons.pairs import Pairs, Strings
from zeek_beacons.readers import Request, read

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
        return host_days(self.hosts, self.seconds)


def load(folder: Path, config: Config) -> Capture:
    """Reads one capture. Raises InputError."""
    pairs, _ = read(Request([str(folder)]), config)
    labels = read_labels(folder / "labels.csv")
    seconds = float(np.ptp(pairs.start)) if len(pairs.start) else 0.0
    label = labels_of(pairs, labels)
    family = family_of_pairs(pairs, label, labels, folder.name)
    return Capture(folder.name, lab_of(folder), pairs, label, family, seconds, hosts_of(labels))


def load_all(root: Path, config: Config) -> list[Capture]:
    """Reads every capture below `root`, by name. Raises InputError."""
    return [load(folder, config) for folder in folders_of(root)]


def labs(captures: Sequence[Capture]) -> dict[str, frozenset[str]]:
    """The names of the captures by lab."""
    return {lab: frozenset(c.name for c in captures if c.lab == lab) for lab in sorted({c.lab for c in captures})}


def family_of_pairs(pairs: Pairs, label: Strings, labels: Mapping[Key, PairLabel], name: str) -> Strings:
    """The family of each C2 pair: as its evidence names it, else the name of its capture, (n,)."""
    families = [known_family(labels.get(key, NO_LABEL).evidence) or name for key in keys_of(pairs)]
    return np.where(np.isin(label, list(BEACONS)), np.array(families, dtype=object), "")


def known_family(evidence: str) -> str:
    """The first of FAMILIES that the text names, "" where it names none."""
    plain = evidence.lower()
    return next((family for family in FAMILIES if family.lower() in plain), "")
