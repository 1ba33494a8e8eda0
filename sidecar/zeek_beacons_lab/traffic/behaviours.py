"""What implants do beside keeping one timer with one connection a check-in. Drawn where asked for, as training does.

    pairs, truth = labelled_pairs(50_000, 1, kinds=with_behaviours(0.2))    # about a fifth of the C2 pairs

As all kinds, these meet the plan: about `plan.n` connections with a mean gap of `plan.gap`, whatever they do. Where
no source is named, the behaviour is assumed and its ranges are our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons_lab.traffic.c2 import draw_jitter, padded, server
from zeek_beacons_lab.traffic.history import DAY, cut
from zeek_beacons_lab.traffic.kinds import KINDS, Kind
from zeek_beacons_lab.traffic.laws import LAWS
from zeek_beacons_lab.traffic.series import Peer, Plan, Rng, Series, Story, log_uniform, one_of
from zeek_beacons_lab.traffic.wire import Wire, converse, refuse

_NONE = float("nan")  # sleep and jitter of what has no one timer


def bursts(rng: Rng, plan: Plan) -> Story:
    """Two to eight connections a check-in, tenths of seconds to seconds apart: task, result, files one by one."""
    most = int(rng.integers(2, 9))
    counts = rng.integers(min(2, most), most + 1, _beats(plan))
    law, jitter, sleep, waits = _timer(rng, plan.gap * float(counts.mean()), len(counts))
    beat, nth = _each(counts)
    widest = min(log_uniform(rng, 0.3, 6.0), sleep * (1 - jitter) / (2 * most))
    later = np.cumsum(np.where(nth > 0, rng.uniform(0.1 * widest, widest, len(beat)), 0.0))
    later -= later[nth == 0][beat]
    return _story(rng, plan, np.cumsum(waits)[beat] + later, padded(rng), sleep=sleep, jitter=jitter, law=law)


def tried_again(rng: Rng, plan: Plan) -> Story:
    """Some check-ins only get through after one to three tries that fail, seconds apart.

    Source: BishopFox/sliver, implant/sliver/transports: a connection is tried again after a reconnect interval.
    """
    share = float(rng.uniform(0.1, 0.7))
    tries = np.where(rng.random(_beats(plan)) < share, rng.integers(1, 4, _beats(plan)), 0)
    law, jitter, sleep, waits = _timer(rng, plan.gap * (1 + float(tries.mean())), len(tries))
    beat, nth = _each(tries + 1)
    later = nth * min(log_uniform(rng, 1.0, 10.0), sleep * (1 - jitter) / 8) * rng.uniform(0.9, 1.1, len(beat))
    start, lost = np.cumsum(waits)[beat] + later, nth < tries[beat]
    return _story(rng, plan, start, padded(rng), lost, sleep=sleep, jitter=jitter, law=law)


def back_off(rng: Rng, plan: Plan) -> Story:
    """A dead server: each wait is a multiple of the one before, up to a longest, and then from the first again.

    Source: jpillora/chisel, whose client backs off by two up to `--max-retry-interval`; that it begins again, and that
    some stay at the longest for a while, is assumed.
    """
    factor, rungs = one_of(rng, (2.0, 2.0, 1.5, 3.0)), int(rng.integers(3, 10))
    ladder = factor ** np.arange(rungs)
    ladder = np.append(ladder, np.full(int(rng.integers(0, 4)), ladder[-1]))
    steps = np.resize(ladder, _beats(plan)) * rng.uniform(1 - one_of(rng, (0.0, 0.05, 0.25)), 1.0, _beats(plan))
    start = np.cumsum(steps * plan.gap / steps.mean())
    return _story(rng, plan, start, padded(rng), np.ones(len(start), dtype=np.bool_))


def operated(rng: Rng, plan: Plan) -> Story:
    """The operator sets another sleep now and then: seconds while at work, minutes before leaving.

    Source: Cobalt Strike user guide, `sleep` is a task like any other; every framework has one.
    """
    sleeps = np.array([1.0, log_uniform(rng, 0.02, 0.5), log_uniform(rng, 1.5, 6.0)])
    lasting = rng.integers(8, max(9, min(90, plan.n // 3) + 1), _beats(plan) // 8 + 1)
    steps = np.resize(sleeps, len(lasting)).repeat(lasting)[: _beats(plan)]
    steps *= LAWS["shortened"].waits(rng, 1.0, one_of(rng, (0.0, 0.1, 0.3)), len(steps))
    return _story(rng, plan, np.cumsum(steps * plan.gap / steps.mean()), padded(rng))


def side_by_side(rng: Rng, plan: Plan) -> Story:
    """Two implants of one machine, each with its own timer, call the same server."""
    slower = log_uniform(rng, 1.1, 4.0)
    first = plan.gap * (1 + 1 / slower)
    start = [np.cumsum(_timer(rng, sleep, _beats(plan))[3]) for sleep in (first, first * slower)]
    return _story(rng, plan, np.concatenate(start), padded(rng))


def for_some_hours(rng: Rng, plan: Plan) -> Story:
    """One of two to six servers, each called for hours before the next: a timer with long silences.

    Source: Cobalt Strike user guide, host rotation strategies `rotate-3h`, `rotate-1d` and their like.
    """
    many, turn = int(rng.integers(2, 7)), min(log_uniform(rng, 3600.0, DAY), plan.n * plan.gap / 3)
    law, jitter, sleep, waits = _timer(rng, plan.gap / many, _beats(plan))
    active = np.cumsum(waits) + turn * rng.random()
    return _story(
        rng, plan, active // turn * turn * many + active % turn, padded(rng), sleep=sleep, jitter=jitter, law=law
    )


def polls_and_posts(rng: Rng, plan: Plan) -> Story:
    """Polls that get nothing, and now and then one that sends a lot.

    Source: Cobalt Strike's Malleable C2, `http-get` polls and `http-post` returns output.
    """
    law, jitter, sleep, waits = _timer(rng, plan.gap, _beats(plan))
    wire, posts = replace(padded(rng), big=0.0), rng.random(len(waits)) < rng.uniform(0.01, 0.15)
    return _story(
        rng, plan, np.cumsum(waits), wire, sent=np.where(posts, 30.0, 1.0), sleep=sleep, jitter=jitter, law=law
    )


_ANY = (2.0, 21_600.0)

BEHAVIOURS: Mapping[str, Kind] = {
    "bursts": Kind(bursts, "c2", _ANY, 3.0, "rare"),
    "tried_again": Kind(tried_again, "c2", _ANY, 1.5, "rare"),
    "back_off": Kind(back_off, "c2", _ANY, 1.5, "rare"),
    "operated": Kind(operated, "c2", _ANY, 1.5, "rare"),
    "side_by_side": Kind(side_by_side, "c2", _ANY, 0.5, "rare"),
    "for_some_hours": Kind(for_some_hours, "c2", _ANY, 1.0, "rare"),
    "polls_and_posts": Kind(polls_and_posts, "c2", _ANY, 1.0, "rare"),
}

ALL_KINDS: Mapping[str, Kind] = {**KINDS, **BEHAVIOURS}


def with_behaviours(share: float) -> dict[str, float]:
    """Weights for `labelled_pairs(kinds=...)` by which about this share of the C2 pairs, 0 to below 1, behaves so.

    It comes out somewhat higher, .36 for .3: behaviours fit every mean gap, and not all other kinds do.
    """
    if not 0 <= share < 1:
        raise ConfigError(f"behaviours: {share}, expected 0 to below 1")
    usual = sum(kind.weight for kind in KINDS.values() if kind.label == "c2")
    own = sum(kind.weight for kind in BEHAVIOURS.values())
    return dict.fromkeys(KINDS, 1.0) | dict.fromkeys(BEHAVIOURS, share / (1 - share) * usual / own)


def _beats(plan: Plan) -> int:
    """Check-ins that suffice for the connections of the plan, whatever becomes of them."""
    return 2 * plan.n + 10


def _timer(rng: Rng, period: float, n: int) -> tuple[str, float, float, Floats]:
    """A law with its jitter, the sleep for waits of `period` seconds on average, and `n` of these waits."""
    law = one_of(rng, ("shortened", "lengthened", "symmetric"))
    jitter = draw_jitter(rng)
    sleep = LAWS[law].sleep_for(period, jitter)
    return law, jitter, sleep, LAWS[law].waits(rng, sleep, jitter, n)


def _each(counts: Ints) -> tuple[Ints, Ints]:
    """For each of the connections that check-ins consist of: the number of its check-in, and its own in there."""
    beat = np.repeat(np.arange(len(counts)), counts)
    return beat, np.arange(len(beat)) - np.repeat(np.cumsum(counts) - counts, counts)


def _story(
    rng: Rng,
    plan: Plan,
    start: Floats,
    wire: Wire,
    lost: Bools | None = None,
    *,
    sent: Floats | float = 1.0,
    sleep: float = _NONE,
    jitter: float = _NONE,
    law: str = "",
) -> Story:
    """Connections at these starts, at most `plan.n`, inside `plan.window`; the `lost` ones came to nothing."""
    peer: Peer = server(rng)
    duration, up, down, state = converse(rng, wire, peer.proto, len(start))
    up = np.rint(up * sent)
    if lost is not None and lost.any():
        nth = np.zeros(int(lost.sum()), dtype=np.int64)
        duration[lost], up[lost], down[lost], state[lost] = refuse(rng, nth, peer.proto)
    delays = 0.05 * rng.random(len(start))  # of scheduler and network
    return Story(cut(Series(start + delays, duration, up, down, state), plan), peer, sleep, jitter, law)
