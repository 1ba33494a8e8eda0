"""How long one pair takes by its number of connections, for shapes that are bad input: no step may be quadratic.

The whole history of one pair is scored, nothing cut off; then the same as shipped, with the newest connections only; it
is read from a log, too. Time per connection must not grow with their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from tempfile import NamedTemporaryFile

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring

BEGIN = 1_767_225_600.0
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SERVERS = 8  # that ROTATION walks
REPEATS = 3  # the least of which counts

Work = Callable[[], object]
Shape = Callable[[np.random.Generator, int], Floats]  # starts of `n` connections, seconds, in any order


def timer(rng: np.random.Generator, n: int) -> Floats:
    """Every minute, 10 % jitter."""
    return (60.0 * rng.uniform(0.9, 1.0, n)).cumsum()


def one_second(rng: np.random.Generator, n: int) -> Floats:
    """All within one second."""
    return rng.random(n)


def endless_burst(rng: np.random.Generator, n: int) -> Floats:
    """Waits between .1 and 3 s, without any pause."""
    return np.cumsum(rng.uniform(0.1, 3.0, n))


def bursts(rng: np.random.Generator, n: int) -> Floats:
    """Five connections every five minutes, seconds apart."""
    return 300.0 * (np.arange(n) // 5) + 3.0 * (np.arange(n) % 5) + rng.random(n)


def interleaved(rng: np.random.Generator, n: int) -> Floats:
    """Two timers on one pair, of 60 s and of 42 s."""
    return np.concatenate([60.0 * np.arange(n - n // 2), 42.0 * np.arange(n // 2) + rng.uniform(0, 2, n // 2)])


def at_once(_rng: np.random.Generator, n: int) -> Floats:
    """All at the same microsecond."""
    return np.zeros(n)


def in_clumps(rng: np.random.Generator, n: int) -> Floats:
    """A thousand times a minute apart, all others at one of these times."""
    return 60.0 * rng.integers(0, 1_000, n).astype(np.float64)


def back_off(_rng: np.random.Generator, n: int) -> Floats:
    """5, 10, 20 s ... and again from the start."""
    return np.cumsum(5.0 * 2.0 ** (np.arange(n) % 6))


def pauses(rng: np.random.Generator, n: int) -> Floats:
    """Sessions of twenty, hours apart."""
    return np.cumsum(np.where(np.arange(n) % 20, rng.uniform(50, 60, n), 9_000.0))


ROTATION = f"a timer over {SERVERS} servers"
FIELDS = (
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"),
    *("proto", "service", "duration", "orig_bytes", "resp_bytes", "conn_state"),
)

SHAPES: Mapping[str, Shape] = {
    "a timer": timer,
    "all within one second": one_second,
    "a burst that never ends": endless_burst,
    "bursts of five": bursts,
    "two processes on one pair": interleaved,
    "all at the same time": at_once,
    "at a thousand times": in_clumps,
    "back-off": back_off,
    "sessions with pauses": pauses,
}


def bench(sizes: Sequence[int] = SIZES, repeats: int = REPEATS) -> Iterator[str]:
    """Reads and scores every shape in every size, and yields the report, line by line."""
    scoring = Scoring.load()
    yield f"CPU of one pair, the least of {repeats}; growth: a connection of the largest against one of the size before"
    for title, measured in (
        ("the whole history scored", partial(whole, scoring)),
        ("scored as shipped, the newest connections only", partial(as_shipped, scoring)),
        ("read from a log", reading),
    ):
        yield ""
        yield f"| {title} | {' | '.join(f'{n:,}' for n in sizes)} | growth |"
        yield f"|{'---|' * (len(sizes) + 2)}"
        for name in (*SHAPES, ROTATION):
            took = [least(measured(pair_of(name, n)), repeats) for n in sizes]
            cells = " | ".join(
                f"{1e3 * each:,.0f} ms, {1e6 * each / n:,.2f} µs each" for each, n in zip(took, sizes, strict=True)
            )
            growth = f"{took[-1] / sizes[-1] / (took[-2] / sizes[-2]):.2f}" if len(sizes) > 1 else "-"
            yield f"| {name} | {cells} | {growth} |"


def least(work: Work, repeats: int) -> float:
    """CPU seconds that something takes, the least of some runs."""
    took = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def whole(scoring: Scoring, pairs: Pairs) -> Work:
    """A verdict for which no observation is left out."""
    most = max(Config().max_observations, int(pairs.counts.sum()))
    return partial(score, pairs, scoring, Config(max_observations=most))


def as_shipped(scoring: Scoring, pairs: Pairs) -> Work:
    """A verdict as anybody gets it."""
    return partial(score, pairs, scoring, Config())


def reading(pairs: Pairs) -> Work:
    """Reading the connections of these pairs from a `conn.log`."""

    def read_log() -> None:
        with NamedTemporaryFile("w", suffix=".log") as file:
            file.write(text)
            file.flush()
            read(Request([file.name]), Config())

    text = _log(pairs)
    return read_log


def pair_of(name: str, n: int, seed: int = 1) -> Pairs:
    """One pair with `n` connections of a shape; for ROTATION they are a timer's, each with one of SERVERS servers."""
    rng = np.random.default_rng(seed)
    start = np.sort(SHAPES.get(name, timer)(rng, n))
    server = rng.integers(0, SERVERS if name == ROTATION else 1, n)
    return Pairs.build([_row(start[server == one], f"45.{9 + one}.1.1") for one in np.unique(server).tolist()])


def _row(start: Floats, addr: str) -> dict[str, object]:
    n = len(start)
    sizes = {"duration": np.full(n, 0.2), "orig_bytes": np.full(n, 300.0), "resp_bytes": np.full(n, 900.0)}
    key = {"orig_h": "10.0.0.5", "resp": addr, "addr": addr, "resp_p": 443, "service": "ssl"}
    return key | sizes | {"start": BEGIN + np.round(start, 6), "state": np.full(n, "SF", dtype=np.object_)}


def _log(pairs: Pairs) -> str:
    """The pairs as a `conn.log`, in order of time."""
    owner = np.repeat(pairs.resp, pairs.counts)
    order = np.argsort(pairs.start, kind="stable").tolist()
    shared = "443\ttcp\tssl\t0.2\t300\t900\tSF\n"
    lines = [
        f"{pairs.start[row]:.6f}\tC{row}\t10.0.0.5\t{1024 + row % 60_000}\t{owner[row]}\t{shared}" for row in order
    ]
    names = "\t".join(FIELDS)
    return f"#separator \\x09\n#path\tconn\n#fields\t{names}\n" + "".join(lines)
