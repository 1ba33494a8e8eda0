"""What several tests need: traffic of known rhythm, and the labelled captures where they are at hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import settings

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.pcap_loop import find_zeek

# No test is timed: a loaded machine is no bug.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Labelled captures lie beside a developer's checkout, and in nobody else's.
CAPTURES = Path(os.environ.get("ZEEK_BEACONS_CAPTURES", Path(__file__).parents[2] / "shared" / "data"))

# Set in CI, and wherever a run without a Zeek must not pass for one with it.
NEEDS_ZEEK = "ZEEK_BEACONS_NEEDS_ZEEK"

# Tests that mostly wait for a Zeek come first, so that those that compute run beside them.
WAITING = ("tests/zeek/test_four_roads.py", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def without_zeek(reason: str) -> NoReturn:
    """Skips a test that a real Zeek cannot be had for, or fails it where ZEEK_BEACONS_NEEDS_ZEEK is set."""
    if os.environ.get(NEEDS_ZEEK):
        pytest.fail(f"{reason}, and {NEEDS_ZEEK} is set")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Each test begins with a log that nobody has set up: a command that a test calls sets it up for the process."""
    yield
    log = logging.getLogger("zeek_beacons")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    log.propagate = True


@pytest.fixture(scope="session")
def zeek() -> str:
    """The path of a real Zeek's executable; the test is skipped, and says so, where there is none."""
    try:
        return str(find_zeek())
    except ConfigError:
        without_zeek("no zeek on this machine")


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of labelled captures; the test is skipped, and says so, where it is absent."""
    if not CAPTURES.is_dir():
        pytest.skip(f"no labelled captures in {CAPTURES} (set ZEEK_BEACONS_CAPTURES)")
    return CAPTURES


@pytest.fixture(params=["small", pytest.param("full", marks=pytest.mark.heavy)])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Training and studies in small, that differ from those in full by fewer trees, draws and pairs."""
    if request.param == "small":
        from zeek_beacons_lab.baselines import learners
        from zeek_beacons_lab.studies import ablation, calibration, figures, grid

        fewer = (
            (learners, "SYNTHETIC", 300),
            (calibration, "SYNTHETIC", 200),
            (calibration, "DRAWS", 5),
            (figures, "DRAWS", 10),
            (ablation, "TREES", 5),
            (grid, "TREES", 20),
            (grid, "ROUNDS", 20),
        )
        for module, name, number in fewer:
            monkeypatch.setattr(module, name, number)
    return str(request.param)


@pytest.fixture
def pair() -> Callable[..., dict[str, Any]]:
    """A maker of pairs for `Pairs.build`: `n` check-ins every `sleep` seconds, or Poisson with `rhythm=False`."""

    def make(
        n: int = 100,
        sleep: float = 60.0,
        jitter: float = 0.1,
        rhythm: bool = True,
        seed: int = 1,
        **given: Any,
    ) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        gaps = sleep * (1 - jitter * rng.random(n)) if rhythm else rng.exponential(sleep, n)
        sizes = np.full(n, 300.0) if rhythm else rng.integers(100, 10_000, n).astype(float)
        return {
            "orig_h": "10.0.0.5",
            "resp": "203.0.113.9",
            "resp_p": 443,
            "start": 1_767_225_600 + np.cumsum(gaps),
            "duration": np.full(n, 0.25),
            "orig_bytes": sizes,
            "resp_bytes": sizes,
            "state": ["SF"] * n,
        } | given

    return make


@pytest.fixture
def conn_log(tmp_path: Path) -> Callable[..., Path]:
    """A maker of conn.log files from pairs as `pair` makes them."""

    def make(pairs: list[dict[str, Any]], name: str = "conn.log") -> Path:
        fields = (
            "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state"
        )
        rows = []
        for number, given in enumerate(pairs):
            columns = zip(given["start"], given["duration"], given["orig_bytes"], given["resp_bytes"], strict=True)
            for port, (start, duration, up, down) in enumerate(columns, 1024):
                key = f"{given['orig_h']}\t{port}\t{given['resp']}\t{given['resp_p']}\ttcp\tssl"
                sizes = f"{duration:.6f}\t{up:.0f}\t{down:.0f}\tSF"
                rows.append((start, f"{start:.6f}\tC{number}x{port}\t{key}\t{sizes}\n"))
        path = tmp_path / name
        header = "#separator \\x09\n#path\tconn\n#fields\t" + fields.replace(" ", "\t") + "\n"
        path.write_text(header + "".join(row for _, row in sorted(rows)))
        return path

    return make
