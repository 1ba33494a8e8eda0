"""Hosts by what their connections come to: who scans, who is scanned, who tries passwords."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from zeek_beacons.classify.model import CLASSES
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.addresses import Intern
from zeek_beacons.readers.connection_table import ConnectionTable

SCAN, RECON, BRUTE, C2 = (CLASSES.index(name) for name in ("scan", "recon", "brute_force", "c2"))
LEAST = 20  # connections of a class from which a host is called so
TARGETS = 15  # different responders and ports, or originators and ports, from which a host scans, or is scanned
SURPRISE = 5.0  # how many times as many as normal connections are mistaken for it
MOST_TARGETS = 20_000  # of one host that are told apart

ROLES = ("scanner", "scanned", "recon", "brute_forcer", "brute_forced")


class HostTable:
    """Counts, host by host, while connections come by; memory grows with the hosts and their scans' targets.

    Classes are by lower thresholds than a connection's own, since what is mistaken at those is known and counted off.
    """

    def __init__(self, false_shares: Mapping[str, float]) -> None:
        self._shares = np.array([1.0, *(false_shares[name] for name in CLASSES[1:])])
        self._hosts = Intern(lambda text: text)
        self._began = np.zeros((0, len(CLASSES)), dtype=np.int64)  # by the originator
        self._got = np.zeros((0, len(CLASSES)), dtype=np.int64)  # by the responder
        self._targets = np.zeros(0, dtype=np.int64)  # different responders and ports of each originator's scans
        self._aims = np.zeros(0, dtype=np.int64)  # different originators and ports of the scans of each responder
        self._seen = np.zeros(0, dtype=np.uint64)  # sorted: originator, responder and port of scans

    def add(self, table: ConnectionTable, classes: Ints) -> None:
        """Takes connections and their classes."""
        orig, resp = (column.map(self._hosts.codes(column.values)) for column in (table.orig_h, table.resp_h))
        self._grow()
        for counts, host in ((self._began, orig), (self._got, resp)):
            np.add.at(counts, (host, classes), 1)
        scans = (classes == SCAN) & (self._targets[orig] < MOST_TARGETS)
        if scans.any():
            self._count_targets(orig[scans], resp[scans], table.resp_p[scans])

    def table(self) -> pa.Table:
        """A row a host that a role fits or that has any connection taken for an attack, the busiest attackers first."""
        began, got, targets = self._began, self._got, self._targets
        attacks = began[:, 1:].sum(axis=1) + got[:, 1:].sum(axis=1)
        shown = np.flatnonzero(attacks > 0)
        roles = self._roles()
        order = shown[np.lexsort((-attacks[shown], -roles[shown].sum(axis=1)))]
        columns: dict[str, list[object] | Ints] = {
            "host": [self._hosts.values[at] for at in order.tolist()],
            "roles": [" ".join(np.array(ROLES)[roles[at]].tolist()) for at in order.tolist()],
            "connections": began[order].sum(axis=1),
            **{f"began_{name}": began[order, at] for at, name in enumerate(CLASSES) if at},
            "scan_targets": targets[order],
            "scanned_from": self._aims[order],
            "connections_to_it": got[order].sum(axis=1),
            **{f"got_{name}": got[order, at] for at, name in enumerate(CLASSES) if at},
        }
        return pa.table(columns)

    def role_counts(self) -> dict[str, int]:
        """How many hosts each role fits."""
        return dict(zip(ROLES, self._roles().sum(axis=0).tolist(), strict=True))

    def _roles(self) -> Bools:
        """(hosts, len(ROLES)): more than what is mistaken anyhow."""
        many, many_got = self._many(self._began), self._many(self._got)
        scanner = many[:, SCAN] & (self._targets >= TARGETS)
        scanned = many_got[:, SCAN] & (self._aims >= TARGETS)
        return np.stack([scanner, scanned, many[:, RECON], many[:, BRUTE], many_got[:, BRUTE]], axis=1)

    def _many(self, counts: Ints) -> Bools:
        most: Bools = counts >= LEAST + SURPRISE * self._shares * counts.sum(axis=1, keepdims=True)
        return most

    def _grow(self) -> None:
        lacking = len(self._hosts.values) - len(self._began)
        if lacking:
            self._began, self._got = (np.pad(counts, ((0, lacking), (0, 0))) for counts in (self._began, self._got))
            self._targets, self._aims = (np.pad(counts, (0, lacking)) for counts in (self._targets, self._aims))

    def _count_targets(self, orig: Ints, resp: Ints, port: Ints) -> None:
        keys, first = np.unique(_mixed(orig, resp, port), return_index=True)
        at = np.searchsorted(self._seen, keys)
        known = at < len(self._seen)
        known[known] = self._seen[at[known]] == keys[known]
        np.add.at(self._targets, orig[first[~known]], 1)
        np.add.at(self._aims, resp[first[~known]], 1)
        self._seen = np.insert(self._seen, at[~known], keys[~known])


def _mixed(orig: Ints, resp: Ints, port: Ints) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Three numbers as one of 64 bits in which different ones all but never meet (the finish of splitmix64)."""
    mixed = np.zeros(len(orig), dtype=np.uint64)
    for part in (orig, resp, port):
        mixed = (mixed + part.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    return mixed
