"""Behaviours hidden in real benign days, all in one batch of pairs.

Each shot is one beacon up to a number of check-ins, and a copy of all that one real, clean host did on its day. The
host has an address of its own in each copy, so that what one shot does shows in no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Pairs, joined
from zeek_beacons.samples import unpack
from zeek_beacons.scoring import place
from zeek_beacons_lab.captures.labelled import Capture, load
from zeek_beacons_lab.studies.behaviours import BEHAVIOURS, Contacts, act
from zeek_beacons_lab.studies.injection import can_host, hosts

SLEEPS = (30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)  # seconds
WHOLE_DAY = 0  # as a number of check-ins: all that there are
LENGTHS = (12, 40, WHOLE_DAY)
NOTHING = "nothing hidden"  # shots of the days as they are
PER_LAB = 3  # hosts whose days are taken, the busiest
BUSY = 5  # pairs with enough connections that a host must have for its day to count
# Where servers are, by the first two numbers of the first one's address: in no public list, or in a cloud where
# anybody rents (AWS). Every further server is in the next /16.
UNLISTED, CLOUD = "unlisted", "cloud"
NETWORKS = {UNLISTED: (30, 64), CLOUD: (3, 80)}
# Ports by number, and the service that Zeek sees there.
ENDS = (((443, 8443, 4443, 9443), "ssl"), ((80, 8080, 8000, 8888), "http"), ((4444, 5555, 6666, 7777), ""))


@dataclass(frozen=True, slots=True, eq=False)
class HostDay:
    """What one clean host of a capture did."""

    capture: str
    lab: str
    pairs: Pairs


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """A batch of pairs in which `k` shots lie, and the truth of each shot."""

    pairs: Pairs
    shots: pd.DataFrame  # (k,) behaviour, length, server, capture, sleep, jitter, checkins, connections, host
    keys: frozenset[tuple[str, str, int]]  # (orig_h, resp, resp_p) of the pairs that are the implants'


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """One beacon, or none, on a host's day."""

    day: HostDay
    truth: dict[str, Any]
    made: Contacts | None
    draw: tuple[int, ...]  # seed


def host_days(captures: Sequence[Capture], config: Config) -> list[HostDay]:
    """The days of clean IPv4 hosts with traffic enough, labs in turn; of the sample site where no capture has one."""
    by_lab: dict[str, list[HostDay]] = defaultdict(list)
    for capture in captures:
        if can_host(capture):
            for host in hosts(capture):
                pairs = capture.pairs.take(capture.pairs.orig_h == host)
                pairs = pairs.take(~np.any(list(place.gates(pairs, config).values()), axis=0))
                if ":" not in host and np.sum(pairs.counts >= config.min_connections) >= BUSY:
                    by_lab[capture.lab].append(HostDay(capture.name, capture.lab, pairs))
    if not by_lab:
        return host_days([sample_day(config)], config)
    busiest = (sorted(days, key=lambda day: -len(day.pairs))[:PER_LAB] for days in by_lab.values())
    turns = zip_longest(*busiest)
    return [day for turn in turns for day in turn if day is not None]


def sample_day(config: Config) -> Capture:
    """The day of the sample site that ships with the product."""
    with TemporaryDirectory() as folder:
        unpack("site", Path(folder))
        return replace(load(Path(folder), config), name="sample site")


def hide(captures: Sequence[Capture], config: Config, seed: int, sleeps: Sequence[float] = SLEEPS) -> Hidden:
    """Every behaviour at every sleep in the days of the captures' hosts; the same seed hides the same."""
    batches: list[Pairs] = []
    truth: list[dict[str, Any]] = []
    keys: set[tuple[str, str, int]] = set()
    for number, shot in enumerate(_shots(host_days(captures, config), seed, sleeps)):
        host = f"10.{100 + number // 65_536}.{number // 256 % 256}.{number % 256}"
        batches.append(replace(shot.day.pairs, orig_h=np.full(len(shot.day.pairs), host, dtype=object)))
        truth.append(shot.truth | {"capture": shot.day.capture, "host": host})
        if shot.made is not None:
            batches.append(_as_pairs(shot, shot.made, host, number))
            keys.update(zip(batches[-1].orig_h, batches[-1].resp, batches[-1].resp_p.tolist(), strict=True))
    return Hidden(joined(batches), pd.DataFrame(truth), frozenset(keys))


def _shots(days: Sequence[HostDay], seed: int, sleeps: Sequence[float]) -> Iterator[_Shot]:
    """The days as they are; then each beacon cut after each number of check-ins, at a server of each kind.

    What is found early can be missed later, but not by another draw.
    """
    for day in days:
        yield _Shot(day, {"behaviour": NOTHING, "server": UNLISTED, "length": WHOLE_DAY}, None, ())
    for number, (name, behaviour) in enumerate(BEHAVIOURS.items()):
        for turn, sleep in enumerate(sleeps):
            draw = (seed, number, turn)
            rng = np.random.default_rng(draw)
            jitter = float(rng.choice(behaviour.jitter))
            whole = act(rng, behaviour, sleep, jitter)
            known = {"sleep": sleep, "jitter": jitter} if behaviour.has_sleep else {}
            for length, server in product(LENGTHS, NETWORKS):
                made = whole if length == WHOLE_DAY else whole.until(length)
                lengths = {"length": length, "checkins": int(made.checkin[-1]) + 1, "connections": len(made.start)}
                yield _Shot(
                    days[(number + turn) % len(days)],
                    {"behaviour": name, "server": server} | known | lengths,
                    made,
                    draw,
                )


def _as_pairs(shot: _Shot, made: Contacts, host: str, number: int) -> Pairs:
    """The implant's pairs, one a server and port, of this host; the servers have names in half of all draws."""
    day = shot.day.pairs
    rng = np.random.default_rng((*shot.draw, 1))
    begin = float(day.start.min()) + rng.uniform(0, 600)
    ports, service = ENDS[int(rng.choice(len(ENDS), p=(0.6, 0.3, 0.1)))]
    named = bool(service) and rng.random() < 0.5
    first, second = NETWORKS[shot.truth["server"]]
    rows = []
    for server, port in sorted(set(zip(made.server.tolist(), made.port.tolist(), strict=True))):
        mine = np.flatnonzero((made.server == server) & (made.port == port))
        answered = sum(made.state[at] == "SF" for at in mine.tolist())
        name = f"n{server}.s{number}.example.net" if named and answered else ""
        addr = f"{first}.{second + server}.{number // 250}.{number % 250 + 1}"  # a /16 each
        rows.append(
            {
                "orig_h": host,
                "resp": name if name and answered == len(mine) else addr,
                "addr": addr,
                "resp_p": ports[port],
                "service": service if answered else "",
                "server_name": name,
                "named": answered if name else 0,
                "resp_hosts": 1.0,
                "site_hosts": _largest(day.site_hosts),
                "site_tls_named": _largest(day.site_tls_named),
                "start": begin + made.start[mine],
                "duration": made.duration[mine],
                "orig_bytes": made.orig_bytes[mine],
                "resp_bytes": made.resp_bytes[mine],
                "state": [made.state[at] for at in mine.tolist()],
            }
        )
    return Pairs.build(rows)


def _largest(values: Floats) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else np.nan
