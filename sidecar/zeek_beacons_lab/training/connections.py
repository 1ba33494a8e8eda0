"""Labelled connections to learn from: synthetic sites with campaigns, labelled captures, and exports with labels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.classify.columns import inputs
from zeek_beacons.classify.model import CLASSES, NORMAL
from zeek_beacons.classify.said import OTHER, UNKNOWN, said_classes
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.labels import BEACONS, BENIGN, Key, folders_of, lab_of, pair_key, read_labels
from zeek_beacons.pairs import Floats, Ints, Strings
from zeek_beacons.readers import Request
from zeek_beacons.readers.connection_table import ConnectionTable
from zeek_beacons.readers.connections import read_connections
from zeek_beacons_lab.traffic.campaigns import CAMPAIGNS
from zeek_beacons_lab.traffic.logs import write_traffic
from zeek_beacons_lab.traffic.site import generate

# The numeric columns of the published recipe, which takes ports for numbers.
PUBLISHED = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "orig_p", "resp_p")
HOURS = 24.0
_BEACONS, _BENIGN, _HOSTS, _CAMPAIGNS = 4, 30, 24, 10  # of a synthetic site
MOST = 8_000  # connections of one capture or export that are learned from, drawn at random
OF_A_PAIR = 60  # of one pair: a chatty one is not the whole of its network


@dataclass(frozen=True, slots=True, eq=False)
class ConnectionRows:
    """Labelled connections, (n,) each column."""

    matrix: NDArray[np.float32]
    published: Floats  # (n, len(PUBLISHED)), missing is NaN, or -1 in ports
    states: Strings
    services: Strings
    protos: Strings
    label: Ints  # index into CLASSES, or OTHER
    host: Strings  # who began it, within its source
    source: Strings  # the site, capture or file
    campaign: Strings  # whose rows must never stand on both sides: a campaign, the lab of a capture

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Any) -> Self:
        """The rows at these positions, or under this mask."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rows of the parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def synthetic(sites: int, seed: int) -> ConnectionRows:
    """Connections of `sites` synthetic sites of a day, read as anybody's logs are."""
    parts: list[ConnectionRows] = []
    for site in range(sites):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            draws = np.random.SeedSequence(seed, spawn_key=(site,)).generate_state(1)
            traffic = generate(_BEACONS, _BENIGN, HOURS, int(draws[0]), hosts=_HOSTS, campaigns=_CAMPAIGNS)
            write_traffic(traffic, folder)
            truth = traffic.truth
            kinds = {
                pair_key(*row[:4]): (row[4], row[5])
                for row in zip(
                    truth.orig_h, truth.resp, truth.resp_p.tolist(), truth.proto, truth.label, truth.kind, strict=True
                )
            }
            parts.append(_thinned(_of_site(folder, kinds, f"synthetic {site}"), seed + site))
    return ConnectionRows.joined(parts)


def captures(root: Path) -> ConnectionRows:
    """Connections of labelled captures: C2, benign, and `malicious_other` as OTHER. Raises InputError."""
    return ConnectionRows.joined([*_captures(root)])


def labelled_file(path: str, config: Config) -> ConnectionRows:
    """Connections of an export whose own columns label them; without a label they are skipped. Raises InputError.

    Scans and tactics come from few hosts: the campaign is the host that began it.
    """
    tables, _ = read_connections(Request([path]), config)
    parts = []
    for table in tables:
        if not table.labels:
            raise InputError(path, "no column that labels connections (label, label_tactic, mitre_attack_tactics, …)")
        parts.append(_rows(table, said_classes(table, path), path, _hosts(table)))
    if not parts:
        raise InputError(path, "the input holds no connections")
    return _thinned(ConnectionRows.joined(parts), 0)


def require_classes(rows: ConnectionRows, called: str) -> None:
    """Raises InputError where there is nothing to tell apart."""
    found = sorted({CLASSES[at] for at in rows.label.tolist() if at >= 0})
    if "normal" not in found or len(found) < 2:
        raise InputError(
            called, f"labels only {', '.join(found) or 'nothing'}; expected normal and at least one attack"
        )


def _of_site(folder: Path, kinds: dict[Key, tuple[str, str]], source: str) -> ConnectionRows:
    tables, _ = read_connections(Request([str(folder / "conn.log")]), Config())
    parts = []
    for table in tables:
        said = [kinds[key] for key in _keys(table)]
        classes = np.array([_class_of(label, kind) for label, kind in said], dtype=np.int64)
        attack = np.array([kind in CAMPAIGNS for _, kind in said])
        groups = np.array([f"{source} {host} {kind}" for host, (_, kind) in zip(_hosts(table), said, strict=True)])
        parts.append(_rows(table, classes, source, np.where(attack, groups, source)))
    return ConnectionRows.joined(parts)


def _class_of(label: str, kind: str) -> int:
    if kind in CAMPAIGNS:
        return CLASSES.index(CAMPAIGNS[kind][1])
    return CLASSES.index("c2") if label == "c2" and kind != "background" else NORMAL


def _captures(root: Path) -> Iterator[ConnectionRows]:
    for number, folder in enumerate(folders_of(root)):
        labels = read_labels(folder / "labels.csv")
        logs = sorted(folder.glob("conn.log*"))
        if not logs:
            continue
        tables, _ = read_connections(Request([str(log) for log in logs[:1]]), Config())
        lab, parts = lab_of(folder), []
        for table in tables:
            said = [labels[key].label if key in labels else "" for key in _keys(table)]
            classes = np.array([_captured(label) for label in said], dtype=np.int64)
            parts.append(_rows(table, classes, folder.name, np.full(len(table), lab, dtype=np.object_)))
        if parts:
            yield _thinned(ConnectionRows.joined(parts), number)


def _captured(label: str) -> int:
    if label in BEACONS:
        return CLASSES.index("c2")
    return NORMAL if label in BENIGN else OTHER if label == "malicious_other" else UNKNOWN


def _keys(table: ConnectionTable) -> list[Key]:
    columns = (table.orig_h, table.resp_h, table.proto)
    orig, resp, proto = ([column.values[at] for at in column.codes.tolist()] for column in columns)
    return list(zip(orig, resp, table.resp_p.tolist(), proto, strict=True))


def _hosts(table: ConnectionTable) -> Strings:
    return np.array([table.orig_h.values[at] for at in table.orig_h.codes.tolist()], dtype=np.object_)


def _rows(table: ConnectionTable, classes: Ints, source: str, campaign: Strings) -> ConnectionRows:
    known = classes != UNKNOWN
    table, kept = table.take(known), classes[known]
    states, services, protos = (
        np.array([*column.values, ""], dtype=np.object_)[column.codes]
        for column in (table.conn_state, table.service, table.proto)
    )
    return ConnectionRows(
        inputs(table),
        np.stack([np.asarray(getattr(table, name), dtype=np.float64) for name in PUBLISHED], axis=1),
        states,
        services,
        protos,
        kept,
        _hosts(table),
        np.full(len(table), source, dtype=np.object_),
        np.asarray(campaign, dtype=np.object_)[known],
    )


def _thinned(rows: ConnectionRows, seed: int) -> ConnectionRows:
    """At most OF_A_PAIR rows of what one host did to one port class in one class, and MOST in all, at random."""
    order = np.random.default_rng(seed).permutation(len(rows))
    told = np.array(
        [
            f"{host} {int(port)} {label} {campaign}"
            for host, port, label, campaign in zip(
                rows.host,
                np.nan_to_num(rows.published[:, PUBLISHED.index("resp_p")], nan=-1.0),
                rows.label,
                rows.campaign,
                strict=True,
            )
        ]
    )[order]
    by = np.argsort(told, kind="stable")
    begins = np.r_[True, told[by][1:] != told[by][:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(by)), 0))
    rank = np.arange(len(by)) - first
    kept = np.sort(order[by[rank < OF_A_PAIR]])
    if len(kept) > MOST:
        kept = np.sort(np.random.default_rng(seed).choice(kept, MOST, replace=False))
    return rows.take(kept)
