"""From a law to a history: what happens to a timer on a real machine in a real network.

Whatever is done to a rhythm (beats missed, retries, parallel connections, nights off), the timer is set so that the
history still has about `plan.n` connections with a mean gap of `plan.gap`: length never tells C2 from benign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons_lab.traffic.laws import LAWS
from zeek_beacons_lab.traffic.series import (
    Peer,
    Plan,
    Rng,
    Series,
    Story,
    log_uniform,
    nearest,
    one_of,
)
from zeek_beacons_lab.traffic.wire import Wire, converse, refuse

DAY = 86_400.0
SLEEPS = (2.0, 21_600.0)  # configured sleeps of implants, seconds
# SYNs of one unanswered connect go out at 0, 1, 3, 7, 15, 31 s (Linux, RFC 6298) or 0, 3, 9 s (Windows). Zeek gives an
# attempt up 5 s after its last SYN, so the later ones are connections of their own: these begin then.
KERNELS = ((0.0, 7.2, 15.4, 31.5), (0.0, 9.0))


@dataclass(frozen=True, slots=True)
class Habits:
    """How often (0 to 1, assumed) a pair of this sort shows each disturbance."""

    missed: float = 0.0  # single beats left out
    downtime: float = 0.0  # off for hours, once to three times
    office: float = 0.0  # only some hours of the day
    sessions: float = 0.0  # stretches of fast beats with large answers: an operator, or a user
    failing: float = 0.0  # runs of failed connections
    dead: float = 0.0  # nothing ever answers
    ladder: float = 0.0  # of those that fail: retries after 1-2-4 times a few seconds
    parallel: float = 0.0  # several connections a beat
    rotate: float = 0.0  # beats spread at random over several responders, of which this pair sees one


IMPLANT = Habits(
    missed=0.3,
    downtime=0.2,
    office=0.25,
    sessions=0.3,
    failing=0.3,
    dead=0.05,
    ladder=0.6,
    parallel=0.15,
    rotate=0.1,
)
CLIENT = Habits(
    missed=0.25,
    downtime=0.25,
    office=0.35,
    sessions=0.12,
    failing=0.12,
    dead=0.03,
    ladder=0.4,
    parallel=0.12,
    rotate=0.12,
)
DEVICE = Habits(missed=0.3, downtime=0.1, failing=0.08, dead=0.02, ladder=0.3, rotate=0.08)


@dataclass(frozen=True, slots=True)
class Traits:
    """The disturbances that one pair has."""

    missed: float = 0.0  # share of beats left out
    downtime: float = 0.0  # share of the whole time
    office: float = 24.0  # hours a day
    sessions: float = 0.0  # share of beats in fast stretches
    failing: float = 0.0  # share of beats
    rungs: int = 0  # retries after each failed beat
    kernel: tuple[float, ...] = ()  # when Zeek sees the retries begin, where the kernel makes them, seconds
    parallel: int = 1  # connections a beat
    rotate: int = 1  # responders that share the beats

    @property
    def connections(self) -> float:
        """Connections that one beat makes on average at this responder."""
        beats = self.parallel * (1.0 - self.failing) + (1 + self.rungs) * self.failing
        return beats * (1.0 - self.missed) / self.rotate

    @property
    def stretch(self) -> float:
        """Period over mean gap: what the timer must be multiplied with to meet the plan."""
        return self.connections * (1.0 - self.downtime) * (self.office / 24.0) / (1.0 - self.sessions)


def draw_traits(rng: Rng, plan: Plan, habits: Habits) -> Traits:
    """Rolls the dice of `habits`.

    No office hours in a history shorter than a day and a half, no bursts in one shorter than 15 connections (it would
    be all burst and no rhythm).
    """
    dice = rng.random(9)
    bursts = plan.n >= 15
    dead = dice[5] < habits.dead * plan.rough
    kernel = KERNELS[int(rng.integers(len(KERNELS)))] if rng.random() < 0.6 else ()
    failing = 1.0 if dead else float(rng.uniform(0.05, 0.6)) if dice[4] < habits.failing * plan.rough else 0.0
    laddered = bool(bursts and failing and dice[6] < habits.ladder * plan.rough)
    return Traits(
        missed=float(rng.uniform(0.02, 0.35)) if dice[0] < habits.missed * plan.rough else 0.0,
        downtime=float(rng.uniform(0.1, 0.6)) if dice[1] < habits.downtime * plan.rough else 0.0,
        office=float(rng.uniform(7, 13))
        if dice[2] < habits.office * plan.rough and plan.n * plan.gap > 1.5 * DAY
        else 24.0,
        sessions=float(rng.uniform(0.05, 0.5)) if bursts and dice[3] < habits.sessions * plan.rough else 0.0,
        failing=failing,
        rungs=int(rng.integers(1, len(kernel) or 4)) if laddered else 0,
        kernel=kernel if laddered else (),
        parallel=int(rng.integers(2, 4)) if bursts and dice[7] < habits.parallel * plan.rough else 1,
        rotate=int(rng.integers(2, 5)) if dice[8] < habits.rotate * plan.rough else 1,
    )


def timed(
    rng: Rng,
    plan: Plan,
    peer: Peer,
    wire: Wire,
    law: str,
    jitter: float = 0.0,
    *,
    habits: Habits = CLIENT,
    periods: tuple[float, ...] = (),
    bounds: tuple[float, float] = (0.5, 7 * DAY),
    anchored: bool = False,
    hold: float = 0.0,
) -> Story:
    """A timer with a law of waiting, disturbed by habits.

    `periods`: the only sleeps that this software has. `anchored`: the clock decides when the next beat is due;
    otherwise the wait begins when the last check-in is over, so that its duration adds to the gap. `hold`: the share
    of each period that the connection stays open, as long polls and keep-alives do.
    """
    traits = draw_traits(rng, plan, habits)
    request = 0.0 if anchored or hold else wire.seconds
    sleep = max(LAWS[law].sleep_for(plan.gap * traits.stretch - request, jitter), 0.1)
    sleep = nearest(sleep, periods) if periods else min(max(sleep, bounds[0]), bounds[1])
    if hold:
        wire = replace(wire, seconds=hold * sleep, linger=0.0)
    waits = LAWS[law].waits(rng, sleep, jitter, plan_beats(plan, traits))
    waits = waits - (0.0 if anchored else hold * sleep)
    series = unfold(rng, plan, traits, waits, wire, peer.proto, anchored=anchored)
    return Story(series, peer, sleep, jitter, law)


def plan_beats(plan: Plan, traits: Traits) -> int:
    """Beats that suffice for the connections of the plan."""
    return int(np.ceil(plan.n / traits.connections * 1.15)) + 6


def unfold(
    rng: Rng, plan: Plan, traits: Traits, waits: Floats, wire: Wire, proto: str, *, anchored: bool = False
) -> Series:
    """Lays one beat after each wait and turns beats into connections; at most `plan.n`, inside `plan.window`."""
    beats = len(waits)
    failed = _runs(rng, beats, traits.failing)
    fast = _runs(rng, beats, traits.sessions)
    if traits.sessions:
        waits = np.where(fast, np.minimum(waits, log_uniform(rng, 0.2, 5.0)) * rng.uniform(0.3, 1.0, beats), waits)
    counts = np.where(failed, 1 + traits.rungs, traits.parallel)
    if traits.missed:
        counts[rng.random(beats) < traits.missed] = 0
    if traits.rotate > 1:
        counts[rng.random(beats) * traits.rotate >= 1.0] = 0
    beat = np.repeat(np.arange(beats), counts)
    nth = np.arange(len(beat)) - np.repeat(np.cumsum(counts) - counts, counts)

    duration, up, down, state = converse(rng, wire, proto, len(beat))
    if traits.sessions:
        busy = fast[beat]
        down = np.where(busy, np.rint(down * np.exp(rng.normal(1.0, 1.5, len(beat)))), down)
        up = np.where(busy, np.rint(up * np.exp(rng.normal(0.5, 1.0, len(beat)))), up)
    if traits.failing:
        lost = failed[beat]
        duration[lost], up[lost], down[lost], state[lost] = refuse(
            rng, nth[lost], proto, kernel=bool(traits.kernel) and proto == "tcp"
        )

    moments = _moments(rng, plan, traits, waits, None if anchored else _requests(duration, wire, beat, nth, failed))
    start = moments[beat] + _within(rng, traits, nth, failed[beat])
    if anchored:
        start += 0.02 * rng.random(len(start))
    return cut(Series(start, duration, up, down, state), plan)


def cut(series: Series, plan: Plan) -> Series:
    """The first `plan.n` connections inside `plan.window`, in order, from 0 s on."""
    start = series.start
    order = np.argsort(start, kind="stable")[: plan.n]
    order = order[start[order] - start[order[:1]] <= plan.window]
    kept = series.take(order)
    return replace(kept, start=kept.start - kept.start[:1])


def _requests(duration: Floats, wire: Wire, beat: Ints, nth: Ints, failed: Bools) -> Floats:
    """How long each beat's first connection kept the client busy, before it lingers; a failed one no shorter."""
    requests = np.zeros(len(failed))
    first = nth == 0
    requests[beat[first]] = np.fmax(duration[first] - wire.linger, 0.0)
    return np.where(failed, np.maximum(requests, wire.seconds), requests)


def _moments(rng: Rng, plan: Plan, traits: Traits, waits: Floats, requests: Floats | None) -> Floats:
    """When each beat comes: waits added up, pauses put in, mapped onto the hours of work."""
    steps = waits if requests is None else waits + np.concatenate(([0.0], requests[:-1]))
    if traits.downtime:
        where = rng.integers(1, max(2, len(steps) - 1), int(rng.integers(1, 4)))
        steps = steps.copy()
        steps[where] += traits.downtime * plan.n * plan.gap / len(where)
    moments: Floats = np.cumsum(steps)
    if traits.office < 24.0:
        active = traits.office * 3600.0
        moments = moments + active * rng.random()
        moments = DAY * np.floor(moments / active) + moments % active
    return moments


def _within(rng: Rng, traits: Traits, nth: Ints, lost: Bools) -> Floats:
    """Where in its beat a connection starts: parallel ones within 1.5 s, retries on their ladder."""
    later = np.zeros(len(nth))
    if traits.parallel > 1:
        later = np.where(nth > 0, 1.5 * rng.random(len(nth)), 0.0)
    if traits.rungs:
        rungs = np.array(traits.kernel) if traits.kernel else one_of(rng, (1.0, 2.0, 3.0)) * (2.0 ** np.arange(8) - 1.0)
        later = np.where(lost, rungs[np.minimum(nth, len(rungs) - 1)] + 0.05 * rng.random(len(nth)), later)
    return later


def _runs(rng: Rng, size: int, share: float) -> Bools:
    """A mask with about `share` set, in one to three runs."""
    if share <= 0.0:
        return np.zeros(size, dtype=np.bool_)
    if share >= 1.0:
        return np.ones(size, dtype=np.bool_)
    runs = int(rng.integers(1, 4))
    length = max(1, round(share * size / runs))
    begins = rng.integers(0, max(1, size - length + 1), runs)
    position = np.arange(size)[:, None]
    mask = np.any((position >= begins) & (position < begins + length), axis=1)
    return np.asarray(mask, dtype=np.bool_)
