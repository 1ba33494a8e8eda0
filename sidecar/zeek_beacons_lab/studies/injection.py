"""Simulated beacons for real benign days. Independent of the generator that training uses: its own code and ranges.

Laws of the waits are those of the frameworks' documentation: Cobalt Strike shortens its sleep, Sliver and Merlin
lengthen it, Empire, PoshC2 and Havoc do both, others spread about normally. What is added to them is what was seen in
captures: padding, missed beats, eight of 24 hours, pauses of hours, failed check-ins with retries, operators at work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeek_beacons.labels import BEACONS, BENIGN
from zeek_beacons.pairs import (
    OBSERVATION_COLUMNS,
    PAIR_COLUMNS,
    Bools,
    Floats,
    Pairs,
    Strings,
)
from zeek_beacons_lab.captures.labelled import Capture

SLEEPS = (10.0, 4 * 3600.0)  # seconds
FEWEST = 7  # check-ins that a capture must have room for; longer sleeps are cut to that
HOUR = 3600.0
FULL_DAY = 0  # as a number of check-ins: as many as the capture holds
LENGTHS = (12, 25, 50, 100, FULL_DAY)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Family:
    """How one kind of implant behaves; ranges are drawn from uniformly."""

    law: str = "shortened"
    jitter: tuple[float, float] = (0.0, 0.3)
    padding: tuple[float, float] = (0.0, 0.0)  # random bytes added, as a multiple of the size
    missed: tuple[float, float] = (0.0, 0.0)  # share of check-ins that leave no trace
    office: bool = False  # at work eight of 24 hours
    pauses: bool = False  # silent for hours, one to three times
    failed: tuple[float, float] = (0.0, 0.0)  # share of check-ins unanswered, each followed by quick retries
    sessions: bool = False  # an operator works through it at times


FAMILIES: Mapping[str, Family] = {
    "fixed sleep": Family("shortened", (0.0, 0.0)),
    "jitter shortens": Family("shortened", (0.1, 0.9)),
    "jitter lengthens": Family("lengthened", (0.1, 0.9)),
    "jitter both ways": Family("symmetric", (0.1, 0.9)),
    "normal jitter": Family("normal", (0.1, 0.9)),
    "padding": Family("shortened", (0.0, 0.5), padding=(0.3, 3.0)),
    "missed beats": Family("symmetric", missed=(0.1, 0.4)),
    "8 of 24 hours": Family(office=True),
    "pauses of hours": Family("lengthened", pauses=True),
    "failures and retries": Family("shortened", failed=(0.2, 0.7)),
    "operator sessions": Family("symmetric", sessions=True),
    "all of it": Family("shortened", (0.2, 0.6), (0.3, 2.0), (0.05, 0.2), pauses=True, sessions=True),
}

LAWS: Mapping[str, Callable[[Rng, float, int], Floats]] = {
    "shortened": lambda rng, jitter, n: 1 - rng.uniform(0, 1, n) * jitter,
    "lengthened": lambda rng, jitter, n: 1 + rng.uniform(0, 1, n) * jitter,
    "symmetric": lambda rng, jitter, n: 1 + rng.uniform(-1, 1, n) * jitter,
    "normal": lambda rng, jitter, n: np.maximum(rng.normal(1, jitter / 2, n), 0.05),
}


@dataclass(frozen=True, slots=True, eq=False)
class Injection:
    """One simulated beacon, as a batch of one pair, and how it was drawn."""

    family: str
    length: int  # check-ins asked for, FULL_DAY for a day
    sleep: float
    jitter: float
    pair: Pairs


def hosts(capture: Capture) -> Strings:
    """Originators of benign pairs that originate no C2, sorted."""
    pairs = capture.pairs
    benign, beacon = (np.isin(capture.label, list(labels)) for labels in (BENIGN, BEACONS))
    return np.array(sorted(set(pairs.orig_h[benign]) - set(pairs.orig_h[beacon])), dtype=object)


def can_host(capture: Capture) -> bool:
    """Whether beacons can be injected: half a day or longer, with sizes, with hosts that are not infected."""
    known = np.isfinite(capture.pairs.orig_bytes).any()
    return bool(capture.seconds >= 12 * HOUR and known and len(hosts(capture)))


def inject(capture: Capture, family: str, length: int, seed: Sequence[int]) -> Injection:
    """Draws a beacon for this capture; the same seed draws the same."""
    rng = np.random.default_rng(seed)
    habits = FAMILIES[family]
    jitter = float(rng.uniform(*habits.jitter))
    sleep = _sleep(rng, habits, jitter, FEWEST if length == FULL_DAY else length, capture.seconds)
    begin = float(capture.pairs.start.min())
    moments = _moments(rng, habits, sleep, jitter, length, begin, begin + capture.seconds)
    columns = _connections(rng, habits, moments)
    endpoint = _endpoint(rng, capture)
    named = len(columns["start"]) if endpoint["resp"] != endpoint["addr"] else 0
    return Injection(family, length, sleep, jitter, Pairs.build([endpoint | columns | {"named": named}]))


def with_pair(capture: Capture, pair: Pairs) -> Capture:
    """The capture with one more pair at the end."""
    pairs = capture.pairs
    columns = {name: np.concatenate([getattr(pairs, name), getattr(pair, name)]) for name in PAIR_COLUMNS}
    columns |= {name: np.concatenate([getattr(pairs, name), getattr(pair, name)]) for name in OBSERVATION_COLUMNS}
    offsets = np.concatenate([pairs.offsets, pairs.offsets[-1] + pair.offsets[1:]])
    label, family = np.append(capture.label, "c2"), np.append(capture.family, "injected")
    return replace(capture, pairs=replace(pairs, offsets=offsets, **columns), label=label, family=family)


def _sleep(rng: Rng, habits: Family, jitter: float, count: int, seconds: float) -> float:
    """Log-uniform from 10 s to 4 h, or to where the capture has room for so many check-ins."""
    room = 7 * HOUR if habits.office else seconds * (0.6 if habits.pauses else 0.95)
    longer = 1 + 0.5 * jitter if habits.law == "lengthened" else 1.0
    longest = room * (1 - habits.missed[1]) / longer / (count + 1)
    return float(np.exp(rng.uniform(np.log(SLEEPS[0]), np.log(np.clip(longest, SLEEPS[0] + 1, SLEEPS[1])))))


def _moments(rng: Rng, habits: Family, sleep: float, jitter: float, length: int, begin: float, end: float) -> Floats:
    """Starts of the check-ins that leave a trace."""
    most = int((end - begin) / sleep * 3) + 10
    waits = sleep * LAWS[habits.law](rng, jitter, most) + np.abs(rng.normal(0, 0.15, most))
    times = np.cumsum(waits)
    times = times[rng.random(most) >= rng.uniform(*habits.missed)]
    if habits.pauses:
        times = _with_pauses(rng, times, end - begin, length)
    start = begin + rng.uniform(0, 0.03) * (end - begin)
    if length != FULL_DAY:
        start += rng.uniform(0, max(0.0, 0.95 * (end - start) - times[min(length, len(times) - 1)]))
    times = start + times
    if habits.office:
        times = times[(times - times[0]) % (24 * HOUR) < 8 * HOUR]
    times = times[times < end]
    return times if length == FULL_DAY else times[:length]


def _with_pauses(rng: Rng, times: Floats, room: float, length: int) -> Floats:
    """One to three silences of half an hour to four hours, together at most a third of the time there is."""
    reach = times[length - 1] if length != FULL_DAY else 0.6 * room
    shifted = times.copy()
    for _ in range(int(rng.integers(1, 4))):
        pause = min(float(rng.uniform(0.5, 4.0)) * HOUR, room / 9)
        shifted[times > rng.uniform(0.1, 0.9) * reach] += pause
    return shifted


def _connections(rng: Rng, habits: Family, moments: Floats) -> dict[str, Any]:
    """The connections that check-ins consist of: sizes, durations, states; retries and sessions included."""
    start, answered = _attempts(rng, habits, moments)
    n = len(start)
    up, down = np.exp(rng.uniform(np.log((90, 60)), np.log((1500, 4000))))
    pad = rng.uniform(*habits.padding)
    orig = up * (1 + pad * rng.random(n)) * (1 if rng.random() < 0.5 else 1 + 0.03 * rng.random(n))
    resp = down * (1 + pad * rng.random(n)) * np.where(rng.random(n) < 0.01, rng.uniform(5, 100), 1)
    seconds = rng.uniform(0.05, 1.5) * np.exp(rng.normal(0, 0.2, n))
    tasks = _working(rng, habits, start)
    more = {"start": np.concatenate([start, tasks])}
    sizes = np.exp(rng.uniform(5, 10, (2, len(tasks))))
    more["orig_bytes"] = np.rint(np.concatenate([np.where(answered, orig, 0), sizes[0]]))
    more["resp_bytes"] = np.rint(np.concatenate([np.where(answered, resp, 0), sizes[1]]))
    lasting = np.where(answered, seconds, np.where(rng.random(n) < 0.5, np.nan, 3.0))
    more["duration"] = np.concatenate([lasting, np.exp(rng.normal(0, 1, len(tasks)))])
    states = ["SF" if one else "S0" for one in answered] + ["SF"] * len(tasks)
    return {**more, "state": states}


def _attempts(rng: Rng, habits: Family, moments: Floats) -> tuple[Floats, Bools]:
    """Starts of all attempts, and which of them were answered: a failed one is tried again up to three times."""
    failing = rng.random(len(moments)) < rng.uniform(*habits.failed)
    retries = np.where(failing, rng.integers(0, 4, len(moments)), 0)
    number = np.concatenate([np.zeros(0), *(np.arange(1, count + 1) for count in retries)])
    again = np.repeat(moments, retries) + number * rng.uniform(2.0, 5.0)
    start = np.concatenate([moments, again])
    return start, np.concatenate([~failing, np.zeros(len(again), dtype=np.bool_)])


def _working(rng: Rng, habits: Family, start: Floats) -> Floats:
    """Starts of connections while an operator works: one or two sessions of 5 to 40 quick ones."""
    if not habits.sessions or not len(start):
        return np.zeros(0)
    begins = rng.choice(start, int(rng.integers(1, 3)))
    share = 0.4 * len(start)  # of the beacon, so that sessions never outnumber check-ins
    counts = np.minimum(rng.integers(5, 41, len(begins)), max(1, int(share)))
    return np.concatenate(
        [begin + np.cumsum(rng.exponential(3.0, count)) for begin, count in zip(begins, counts, strict=True)]
    )


def _endpoint(rng: Rng, capture: Capture) -> dict[str, Any]:
    """Who talks to whom: a clean host of the capture and a server nobody else talks to, named in half of all cases."""
    addr = f"30.64.113.{rng.integers(1, 255)}"  # outside, as the laboratory's servers are
    service, port = (("ssl", 443), ("http", 80), ("ssl", 8443), ("http", 8080), ("", 4444))[
        int(rng.choice(5, p=(0.5, 0.25, 0.1, 0.1, 0.05)))
    ]
    site = capture.pairs.site_hosts
    described = {
        "orig_h": str(rng.choice(hosts(capture))),
        "resp": addr,
        "addr": addr,
        "resp_p": port,
        "service": service,
        "resp_hosts": 1.0,
        "site_hosts": float(np.nanmax(site)) if np.isfinite(site).any() else np.nan,
    }
    if service and rng.random() < 0.5:
        name = f"cdn{rng.integers(1000)}.example.net"
        return described | {"resp": name, "server_name": name}
    return described
