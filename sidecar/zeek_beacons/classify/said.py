"""What an input's own label columns say a connection is, in our classes.

Known are the tactics of MITRE ATT&CK as UWF-ZeekData names them, the labels of IoT-23 and CTU-13, our own names, and
plain benign or normal. An attack of a kind that is no class of ours is set aside, as is what nobody labelled.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeek_beacons.classify.model import CLASSES, NORMAL
from zeek_beacons.errors import InputError
from zeek_beacons.labels import Key, PairLabel
from zeek_beacons.pairs import Ints
from zeek_beacons.readers.binetflow import kind
from zeek_beacons.readers.connection_table import ConnectionTable

# The columns of LABELS that name a kind of traffic; techniques and CVEs are narrower.
LOOKED_AT = ("label", "detailed_label", "label_tactic", "mitre_attack_tactics", "label_binary")
OTHER, UNKNOWN = -2, -1  # an attack of another kind; not labelled
_NORMAL = frozenset({"benign", "benign_presumed", "normal", "none", "false", "0", "background", "legitimate"})
_NOT_SAID = frozenset({"", "exclude", "duplicate", "(empty)"})
_UNSURE = ("unknown", "unlabel", "unsure")  # how a label begins that says nothing
_BEGINS = {  # how a label may begin, lower case -> class
    "reconnaissance": "recon",
    "recon": "recon",
    "discovery": "recon",
    "active scanning": "scan",
    "partofahorizontalportscan": "scan",
    "scan": "scan",
    "portscan": "scan",
    "port scan": "scan",
    "credential access": "brute_force",
    "brute": "brute_force",
    "command and control": "c2",
    "c&c": "c2",
    "c2": "c2",
    "beacon": "c2",
    "simulated_beacon": "c2",
}


def class_of(label: str) -> int:
    """The class that a label means: an index into CLASSES, OTHER or UNKNOWN."""
    plain = label.strip().lower()
    if plain in _NOT_SAID or plain.startswith(_UNSURE):
        return UNKNOWN
    if plain in _NORMAL:
        return NORMAL
    if plain.startswith("flow="):  # CTU-13
        return {"c2": CLASSES.index("c2"), "benign": NORMAL, "": UNKNOWN}.get(kind(label), OTHER)
    found = next((name for begin, name in _BEGINS.items() if plain.startswith(begin)), None)
    return OTHER if found is None else CLASSES.index(found)


def said_classes(table: ConnectionTable, path: str = "the input") -> Ints:
    """The class of each connection by all its labels, (n,): an index into CLASSES, OTHER or UNKNOWN.

    A more exact column speaks for one that only says attack. Raises InputError where columns contradict each other.
    """
    found = np.full(len(table), UNKNOWN, dtype=np.int64)
    for column in (table.labels[name] for name in LOOKED_AT if name in table.labels):
        said = column.map(np.array([class_of(text) for text in column.values], dtype=np.int64), UNKNOWN)
        clash = (found != UNKNOWN) & (said != UNKNOWN) & (found != said)
        clash &= ((found == NORMAL) | (said == NORMAL)) | ((found >= 0) & (said >= 0))
        if clash.any():
            row = int(np.flatnonzero(clash)[0])
            problem = f"labels contradict each other in {int(clash.sum())} rows; the first one, {_told(table, row)}"
            raise InputError(path, problem)
        found = np.where((found == UNKNOWN) | ((found == OTHER) & (said >= 0)), said, found)
    return found


def _told(table: ConnectionTable, row: int) -> str:
    """What each column says of a row."""
    texts = {name: column.values[column.codes[row]] for name, column in table.labels.items() if column.codes[row] >= 0}
    uid = table.uid[row].as_py()
    where = f"uid {uid}" if uid else f"at {table.ts[row]:.6f}"
    return f"{where}: " + ", ".join(f"{name} is {text!r}" for name, text in texts.items())


def by_pair(table: ConnectionTable, labels: Mapping[Key, PairLabel]) -> Ints:
    """The class of each connection by the label of its pair, (n,), as `said_classes`."""
    columns = (table.orig_h, table.resp_h, table.proto)
    orig, resp, proto = ([column.values[at] for at in column.codes.tolist()] for column in columns)
    keys = zip(orig, resp, table.resp_p.tolist(), proto, strict=True)
    return np.array([class_of(labels[key].label) if key in labels else UNKNOWN for key in keys], dtype=np.int64)
