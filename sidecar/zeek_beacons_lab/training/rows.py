"""Training from rows of one's own: normalized CSV or event tables with a column `label`, and nothing else joins in.

A pair is what its labelled rows say it is. Rows without a label that is known are skipped; pairs whose rows contradict
each other are left out, and both are said. Hosts are the groups: what one host did never stands on both sides of a
fold, and neither do hosts that a beacon of theirs ties to one server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.features import Features
from zeek_beacons.labels import BEACONS, BENIGN, DAY, SHORTEST, Key
from zeek_beacons.pairs import Bools, Ints, Pairs, Strings
from zeek_beacons.readers import events, flow_csv
from zeek_beacons.readers.addresses import address
from zeek_beacons.readers.arrow_parse import texts
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.files import Input
from zeek_beacons.readers.headers import Aliases
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.scoring.evidence import chance_table
from zeek_beacons.scoring.judge import proven
from zeek_beacons_lab.training.examples import (
    C2,
    OF_BENIGN,
    CapturePairs,
    Examples,
    Looked,
    Say,
    collect,
    learn_from,
    look_over,
)
from zeek_beacons_lab.training.forest import FOLDS, WRONG_ITEMS, fitted, write

LABEL: Aliases = {"label": ("label", "class", "ground_truth")}
FEWEST = 10  # pairs of each class, below which nothing is learned
GROUPS = 2  # groups that must hold a beacon, so that one can be left out
UNKNOWN, OF_BENIGN_ROW, OF_BEACON_ROW, BOTH = 0, 1, 2, 3
UNKNOWN_LABEL = "label unknown"

Parts = Callable[[Input, Collector, None, Aliases], Iterator[Part]]


def collect_rows(files: Sequence[str], say: Say = print) -> Examples:
    """What is learned from the labelled rows of these files. Raises InputError where that is too little."""
    config = Config()
    ingest = Ingest()
    collector, labels = Collector(config, ingest), _Labels()
    for file in files:
        source = Input(file)
        ingest.begin_file()
        for part in _reader(source)(source, collector, None, LABEL):
            _take(part, collector, labels)
    everything = collector.pairs()
    seconds = float(np.ptp(everything.start)) if len(everything.start) else 0.0
    if seconds < SHORTEST:
        problem = f"its labelled rows span {seconds:.0f} s, expected an hour or more: alerts are counted by host-day"
        raise InputError(files[0], problem)
    _tell(ingest, say)
    looked = look_over(everything, labels.of(everything, say), config)
    learned = learn_from(looked)
    _enough(files[0], learned)
    return _examples(looked, learned, _groups(looked), seconds / DAY, files[0], say)


def _reader(source: Input) -> Parts:
    head = source.head()
    if events.sniff_json(head) or events.sniff(head):
        return events.parts
    if flow_csv.sniff(head):
        return flow_csv.parts
    raise InputError(source.path, "expected a normalized flow CSV or an event table, with a column label")


def _take(part: Part, collector: Collector, labels: _Labels) -> None:
    if "label" not in part.table.column_names:
        raise InputError(part.where.path, "no column label: what is learned from must say what it is", 1)
    found = texts(part.table, "label")
    codes = np.array([_code(text) for text in found.values], dtype=np.int64)
    code = found.map(codes, UNKNOWN)
    labels.add(part.batch, code)
    collector.add(part.batch, part.where, {**part.left_out, UNKNOWN_LABEL: code == UNKNOWN})


def _code(label: str) -> int:
    plain = label.strip().lower()
    return OF_BEACON_ROW if plain in BEACONS else OF_BENIGN_ROW if plain in BENIGN else UNKNOWN


class _Labels:
    """What the rows of each pair say it is."""

    def __init__(self) -> None:
        self._found: dict[Key, int] = {}

    def add(self, rows: Batch, code: Ints) -> None:
        """Takes the rows of a batch."""
        protos = [flow_proto(text) for text in rows.proto.values]
        hosts = [[address(text) or "" for text in column.values] for column in (rows.orig_h, rows.resp_h)]
        columns = np.stack((rows.orig_h.codes, rows.resp_h.codes, rows.resp_p, rows.proto.codes, code), axis=1)
        for orig, resp, port, proto, said in np.unique(columns, axis=0).tolist():
            if min(orig, resp, proto) >= 0 and said != UNKNOWN:
                key = (hosts[0][orig], hosts[1][resp], port, protos[proto])
                self._found[key] = self._found.get(key, UNKNOWN) | said

    def of(self, pairs: Pairs, say: Say) -> Strings:
        """The label of each pair by its address, (n,); of those that contradict themselves none."""
        keys = zip(pairs.orig_h, pairs.addr, pairs.resp_p.tolist(), pairs.proto, strict=True)
        code = np.array([self._found.get(key, UNKNOWN) for key in keys], dtype=np.int64)
        if both := int((code == BOTH).sum()):
            say(f"{both} pairs are left out: some of their rows say beacon, others benign")
        return np.array(["", "benign", "c2", "exclude"], dtype=np.object_)[code]


def flow_proto(text: str) -> str:
    """A protocol as pairs name it."""
    plain = text.strip().lower()
    return {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmp", "icmp6": "icmp", "ipv6-icmp": "icmp"}.get(plain, plain)


def _tell(ingest: Ingest, say: Say) -> None:
    say(f"{ingest.rows_used} of {ingest.rows} rows used")
    for reason, skipped in ingest.skipped.items():
        say(f"skipped {skipped.rows}: {reason}")
    for reason, rows in ingest.outside.items():
        say(f"left out {rows}: {reason}")


def _enough(path: str, learned: CapturePairs) -> None:
    counts = {name: int((learned.role == role).sum()) for name, role in (("beacon", C2), ("benign", OF_BENIGN))}
    if lacking := [f"{n} {name}" for name, n in counts.items() if n < FEWEST]:
        raise InputError(
            path, f"{' and '.join(lacking)} pairs with enough connections, expected {FEWEST} of each class"
        )


def _groups(looked: Looked) -> Ints:
    """The group of each pair: a host, with the hosts whose beacons go where one of its own does, (n,)."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for host, server, label in zip(looked.pairs.orig_h, looked.pairs.addr, looked.label, strict=True):
        root(host)
        if label in BEACONS:
            parent[root(host)] = root(f"server {server}")
    roots = [root(host) for host in looked.pairs.orig_h]
    number = {name: at for at, name in enumerate(sorted(set(roots)))}
    return np.array([number[name] for name in roots], dtype=np.int64)


def _examples(looked: Looked, learned: CapturePairs, group: Ints, days: float, path: str, say: Say) -> Examples:
    is_c2: Bools = learned.role == C2
    infected = np.unique(group[is_c2])
    if len(infected) < GROUPS:
        problem = "all beacons are of one host, or go to one server; expected two or more, so that one can be left out"
        raise InputError(path, problem)
    sources = Counter(np.where(is_c2, "c2 of rows", "benign of rows")[learned.role <= OF_BENIGN].tolist())
    host_days = len(set(looked.pairs.orig_h)) * days
    say(f"{sources['benign of rows']} benign and {sources['c2 of rows']} beacon pairs, {host_days:.1f} host-days")
    for name, rate in WRONG_ITEMS.items():
        if rate * host_days < 1:
            say(f"{name} ({rate} wrong items a host-day) cannot be told in so few: it stands above every benign pair")
    return Examples(
        features=Features(learned.matrix),
        context=learned.context,
        role=learned.role,
        family=np.where(is_c2, _named("group", group), ""),
        loud=learned.loud,
        capture=group,
        lab=_named("fold", _folds(group, infected)),
        parts=Features(learned.parts),
        owner=learned.owner,
        host_days=host_days,
        sources=dict(sources),
    )


def _folds(group: Ints, infected: Ints) -> Ints:
    """The fold in which each pair's group is left out, (n,): each fold has beacons."""
    folds = min(FOLDS, len(infected))
    clean = np.setdiff1d(group, infected)
    of_group = {number: at % folds for groups in (infected, clean) for at, number in enumerate(groups.tolist())}
    return np.array([of_group[number] for number in group.tolist()], dtype=np.int64)


def _named(what: str, number: Ints) -> Strings:
    return np.array([f"{what} {one}" for one in number.tolist()], dtype=np.object_)


def with_synthetic(rows: Examples, pairs: int, seed: int, say: Say) -> Examples:
    """The examples of rows, and so many synthetic pairs before them."""
    made = collect(pairs, seed, None, say)
    names = ("context", "role", "family", "loud", "capture", "lab")
    columns: dict[str, Any] = {name: np.concatenate([getattr(made, name), getattr(rows, name)]) for name in names}
    return replace(
        rows,
        features=Features(np.concatenate([made.features.matrix, rows.features.matrix])),
        owner=rows.owner + len(made.role),
        sources={**made.sources, **rows.sources},
        **columns,
    )


def train_rows(output: Path, files: Sequence[str], pairs: int, seed: int, trees: int, say: Say = print) -> Path:
    """Trains a model on the labelled rows of files, with `pairs` synthetic pairs (0: none), and writes it to `output`.

    Raises InputError where there is too little to learn from, OutputError. Nothing is written before all is done.
    """
    examples = collect_rows(files, say)
    if pairs:
        examples = with_synthetic(examples, pairs, seed, say)
    say(f"training {trees} trees on {int(examples.learned.sum())} pairs")
    learned = fitted(examples, trees, seed)
    judged = examples.learned & (examples.loud > 0) & proven(learned.unseen.features, chance_table())
    if len(set(examples.is_c2[judged].tolist())) < 2:
        raise InputError(files[0], "no beacon or no benign pair has check-ins enough to tell a rhythm from chance")
    asked = f" --pairs {pairs}" if pairs else ""
    command = f"python -m zeek_beacons_lab train -o MODEL --rows FILE --seed {seed} --trees {trees}{asked}"
    return write(output, examples, learned, command, say)
