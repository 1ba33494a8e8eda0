"""What implants do on the wire, by name, with the source of each. Shares no code with training's generator.

A behaviour turns a sleep into connections: when its check-ins come, of how many connections each consists, to which
servers and ports they go, and what comes back. Where a source is called assumed, nothing published was copied: the
behaviour is what defenders describe, with numbers of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeek_beacons.pairs import Bools, Floats, Ints

HOUR = 3600.0
DAY = 24 * HOUR
WORKDAY = 9 * HOUR
OPERATOR = (1.0, 1 / 12, 3.0)  # sleeps in turn, of the first: 60 s, 5 s, 3 min
FASTER = 0.7  # sleep of the second of two processes, of the first
FIRST_RUNG = 5.0  # seconds of the first wait of a back-off

Rng = np.random.Generator
Waits = Callable[[Rng, float, float, int], Floats]  # sleep, jitter, n: (n,) seconds from each check-in to the next
Servers = Callable[[Rng, Floats], Ints]  # starts of check-ins: (n,) the number of the server that each goes to


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """`m` connections of one implant, sorted by check-in."""

    checkin: Ints  # (m,) its number, from 0
    start: Floats  # (m,) seconds from the implant's own start
    server: Ints  # (m,) number of the server, from 0
    port: Ints  # (m,) number of the port, from 0
    state: list[str]  # m, as Zeek names it
    duration: Floats  # (m,) seconds, NaN for a lone SYN
    orig_bytes: Floats  # (m,)
    resp_bytes: Floats  # (m,)

    def take(self, row: Ints, later: Any = 0.0) -> Contacts:
        """The connections at these rows, `later` seconds after, one number or one a row."""
        columns = ("checkin", "server", "port", "duration", "orig_bytes", "resp_bytes")
        taken = {name: getattr(self, name)[row] for name in columns}
        return Contacts(start=self.start[row] + later, state=[self.state[at] for at in row.tolist()], **taken)

    def until(self, length: int) -> Contacts:
        """The connections of so many first check-ins."""
        return self.take(np.flatnonzero(self.checkin < length))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to behave. What is left at its default is what a plain beacon does."""

    source: str
    waits: Waits
    jitter: tuple[float, ...] = (0.0,)  # configured, 0 to 1, one of these
    has_sleep: bool = True  # whether there is one sleep, and one jitter, that an analyst could be told
    burst: tuple[int, int] = (1, 1)  # connections of a check-in, fewest and most
    retries: float = 0.0  # share of the check-ins whose first tries fail and are repeated
    missed: float = 0.0  # share of the check-ins that leave no trace
    servers: Servers = lambda _rng, start: np.zeros(len(start), dtype=np.int64)
    dead_first: bool = False  # a first server that never answers is tried before each check-in
    ports: int = 1  # chosen at random
    state: str = "SF"  # of every connection
    posts: float = 0.0  # share of the check-ins that send a lot
    held: bool = False  # the server answers only when the wait is over
    processes: int = 1  # implants side by side, each with a timer of its own
    days: int = 1  # that it takes to show
    office: bool = False  # at work nine hours a day


def uniform(below: float, above: float) -> Waits:
    """Waits uniform from sleep * (1 - below * jitter) to sleep * (1 + above * jitter)."""
    return lambda rng, sleep, jitter, n: sleep * (1 + jitter * rng.uniform(-below, above, n))


def normal(rng: Rng, sleep: float, jitter: float, n: int) -> Floats:
    """Normal about the sleep, two standard deviations being the jitter; never under a twentieth of the sleep."""
    waits: Floats = sleep * np.maximum(rng.normal(1, jitter / 2, n), 0.05)
    return waits


def exponential(rng: Rng, sleep: float, jitter: float, n: int) -> Floats:
    """A Poisson process."""
    return rng.exponential(sleep, n)


def operated(rng: Rng, sleep: float, jitter: float, n: int) -> Floats:
    """The sleep is set anew after every 40 to 80 check-ins, see OPERATOR."""
    lasting = rng.integers(40, 81, n // 40 + 1)
    return sleep * np.resize(OPERATOR, len(lasting)).repeat(lasting)[:n]


def backing_off(rng: Rng, sleep: float, jitter: float, n: int) -> Floats:
    """Waits of 5, 10, 20 s and so on up to the sleep, and again from 5 s."""
    rungs = FIRST_RUNG * 2.0 ** np.arange(int(np.ceil(np.log2(sleep / FIRST_RUNG))))
    ladder: Floats = np.resize(np.append(rungs, sleep), n)
    return ladder


def at_random(count: int) -> Servers:
    """One of so many servers at random, each time."""
    return lambda rng, start: rng.integers(0, count, len(start))


def round_robin(count: int) -> Servers:
    """One server after the other."""
    return lambda _rng, start: np.arange(len(start)) % count


def by_the_clock(count: int, seconds: float) -> Servers:
    """Each server for so long."""
    return lambda _rng, start: (start // seconds).astype(np.int64) % count


COBALT_STRIKE = "Cobalt Strike user guide: `sleep 60 50` waits 30 to 60 s"
ROTATION = "Cobalt Strike user guide, host rotation strategy of a listener"
EXACT, BOTH = uniform(0, 0), uniform(1, 1)
UP_TO_HALF = (0.1, 0.2, 0.3, 0.5)

BEHAVIOURS: Mapping[str, Behaviour] = {
    "fixed timer": Behaviour("Cobalt Strike user guide: 60 s without jitter is the default", EXACT),
    "sleep shortened": Behaviour(COBALT_STRIKE, uniform(1, 0), UP_TO_HALF),
    "sleep lengthened": Behaviour("Sliver, beacon.go: interval plus up to jitter", uniform(0, 1), UP_TO_HALF),
    "sleep both ways": Behaviour("Mythic's poseidon, Empire, Havoc: plus or minus jitter", BOTH, UP_TO_HALF),
    "normal waits": Behaviour("assumed: noise about a period, as studies of detection draw it", normal, UP_TO_HALF),
    "jitter 80 %": Behaviour("Malleable C2: `jitter` 0 to 99", uniform(1, 0), (0.8,)),
    "GET, now and then POST": Behaviour("Malleable C2: http-get polls, http-post returns", BOTH, (0.2,), posts=0.05),
    "long poll": Behaviour("ATT&CK T1071.001; time-outs assumed", EXACT, held=True),
    "refused": Behaviour("Meterpreter: waits SessionRetryWait after each failure", EXACT, state="REJ"),
    "no answer ever": Behaviour("Meterpreter: waits SessionRetryWait after each failure", EXACT, state="S0"),
    "office hours": Behaviour("Havoc, Empire: working hours", uniform(1, 0), (0.2,), days=5, office=True),
    "operator changes the sleep": Behaviour("Cobalt Strike: `sleep` as a task", operated, has_sleep=False),
    "a quarter missed": Behaviour("assumed: lossy taps, a machine asleep", BOTH, (0.1,), missed=0.25),
    "2-4 connections a check-in": Behaviour("assumed: a request each for task, result and file", EXACT, burst=(2, 4)),
    "2-4 connections, jitter": Behaviour("assumed, as before", BOTH, (0.2,), burst=(2, 4)),
    "3-8 connections a check-in": Behaviour("assumed, as before", EXACT, burst=(3, 8)),
    "retries inside a check-in": Behaviour("Sliver: reconnects after a failure, numbers assumed", EXACT, retries=0.4),
    "back-off, dead server": Behaviour(
        "Chisel: back-off doubles to --max-retry-interval; starting again assumed",
        backing_off,
        has_sleep=False,
        state="S0",
    ),
    "one of five at random": Behaviour(f"{ROTATION}: random", EXACT, servers=at_random(5)),
    "servers in turn": Behaviour(f"{ROTATION}: round-robin", EXACT, servers=round_robin(4)),
    "each server for hours": Behaviour(
        f"{ROTATION}: rotate-3h, rotate-6h; 4 h assumed", BOTH, (0.1,), servers=by_the_clock(6, 4 * HOUR)
    ),
    "fallback, first server dead": Behaviour(f"{ROTATION}: failover, the dead one first", EXACT, dead_first=True),
    "several ports of one server": Behaviour("Emotet's lists of servers and ports; at random assumed", EXACT, ports=4),
    "two on one pair": Behaviour("assumed: two processes infected", BOTH, (0.1,), has_sleep=False, processes=2),
    "exponential waits": Behaviour("assumed: an implant that imitates chance", exponential, has_sleep=False),
}


def act(rng: Rng, behaviour: Behaviour, sleep: float, jitter: float) -> Contacts:
    """All connections of the behaviour in its days, at this sleep (seconds) and jitter (0 to 1)."""
    timers = [_checkins(rng, behaviour, sleep * FASTER**number, jitter) for number in range(behaviour.processes)]
    start = np.sort(np.concatenate(timers))
    start = start[rng.random(len(start)) >= behaviour.missed]
    made = _requests(rng, behaviour, start, sleep)
    if behaviour.retries:
        made = _with_failed_tries(rng, made, behaviour.retries)
    if behaviour.dead_first:
        made = _after_a_dead_server(rng, made)
    return made


def _checkins(rng: Rng, behaviour: Behaviour, sleep: float, jitter: float) -> Floats:
    """Starts of check-ins, seconds; the clock stands still outside of office hours."""
    day = WORKDAY if behaviour.office else DAY
    seconds = behaviour.days * day
    start = rng.uniform(0, 0.5 * sleep, 1)
    while start[-1] < seconds:
        waits = behaviour.waits(rng, sleep, jitter, int(seconds / sleep) + 100)
        delays = np.abs(rng.normal(0, 0.1, len(waits)))  # of scheduler and network
        start = np.append(start, start[-1] + np.cumsum(waits + delays))
    start = start[start < seconds]
    return start // day * DAY + start % day


def _requests(rng: Rng, behaviour: Behaviour, start: Floats, sleep: float) -> Contacts:
    """The connections of check-ins that all go as `behaviour.state` says; those of a check-in .3 to 4 s apart."""
    fewest, most = behaviour.burst
    counts = rng.integers(fewest, most + 1, len(start))
    checkin = np.repeat(np.arange(len(start)), counts)
    first = np.cumsum(counts) - counts
    since = np.cumsum(rng.uniform(0.3, 4.0, len(checkin)))
    n = len(checkin)
    up, down = np.exp(rng.uniform(np.log((120, 80)), np.log((1200, 3000))))
    wobble = rng.choice((0.0, 0.05))
    posted = rng.random(n) < behaviour.posts
    duration = rng.uniform(0.05, 0.6) * np.exp(rng.normal(0, 0.2, n))
    if behaviour.held:
        duration = sleep - rng.uniform(0.01, 0.05, n)
    answered = behaviour.state == "SF"
    if behaviour.state == "S0":
        duration = np.full(n, 3.0 if rng.random() < 0.5 else np.nan)
    return Contacts(
        checkin=checkin,
        start=start[checkin] + since - since[first][checkin],
        server=behaviour.servers(rng, start)[checkin],
        port=rng.integers(0, behaviour.ports, n),
        state=[behaviour.state] * n,
        duration=duration,
        orig_bytes=answered * np.rint(up * (1 + wobble * rng.random(n)) * np.where(posted, rng.uniform(5, 200, n), 1)),
        resp_bytes=answered * np.rint(down * (1 + wobble * rng.random(n))),
    )


def _with_failed_tries(rng: Rng, made: Contacts, share: float) -> Contacts:
    """A share of the requests only gets through after one to three tries that are refused, 2 to 5 s apart."""
    failing = rng.random(len(made.start)) < share
    tries = np.where(failing, rng.integers(1, 4, len(failing)), 0)
    row = np.repeat(np.arange(len(tries)), tries + 1)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(tries + 1) - tries - 1, tries + 1)
    later = nth * rng.uniform(2.0, 5.0)
    return _failed(made.take(row, later), nth < tries[row], "REJ", 0.05)


def _after_a_dead_server(rng: Rng, made: Contacts) -> Contacts:
    """Before each request a server is tried that never answers; the live one follows when the try has timed out."""
    row = np.repeat(np.arange(len(made.start)), 2)
    second = np.arange(len(row)) % 2
    tried = _failed(made.take(row, second * rng.uniform(5.0, 20.0)), second == 0, "S0", 3.0)
    return replace(tried, server=second)


def _failed(made: Contacts, failed: Bools, state: str, seconds: float) -> Contacts:
    """The same connections, of which some came to nothing."""
    return replace(
        made,
        state=[state if lost else kept for kept, lost in zip(made.state, failed.tolist(), strict=True)],
        duration=np.where(failed, seconds, made.duration),
        orig_bytes=np.where(failed, 0.0, made.orig_bytes),
        resp_bytes=np.where(failed, 0.0, made.resp_bytes),
    )
