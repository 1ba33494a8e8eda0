"""The machine's clock jumps: alerts that wait do not wait for ever, and none is told twice for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.beacons.alerts.made import alert
from tests.beacons.live.made import candidate
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.outbox import LEASE, LONGEST_DELAY, Outbox, Raised
from zeek_beacons.alerts.registry import sink_of
from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.live.alerting import LiveAlerts
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.incidents import Place

DAY = 86_400.0
NOW = 1_800_000_000.0
JUMPS = [
    pytest.param(-400 * DAY, id="a year back"),
    pytest.param(-2 * DAY, id="days back"),
    pytest.param(-60.0, id="a minute back"),
]
JUMPS += [pytest.param(60.0, id="a minute on"), pytest.param(2 * DAY, id="days on")]
SINK = "file"

pytestmark = pytest.mark.usefixtures("round_number")


class Recording(Channels):
    """Counts what it is told."""

    told = 0

    def submit(self, alerts: Sequence[Alert], raised: Mapping[str, Raised] | None = None) -> None:
        self.told += len(alerts)
        super().submit(alerts, raised)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path / "alerts.db")


@pytest.mark.parametrize("jump", JUMPS)
def test_a_delivery_that_was_postponed_is_not_forgotten(jump: float, outbox: Outbox) -> None:
    """It comes at the latest when the longest delay has passed by the new clock."""
    outbox.add([alert(1)], [SINK], {}, NOW)
    taken = outbox.take(SINK, NOW)
    assert taken is not None
    outbox.postpone(SINK, taken.alert.id, NOW + 3600.0)
    assert outbox.take(SINK, NOW + jump + LONGEST_DELAY + 1.0) is not None
    outbox.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_a_delivery_that_was_under_way_is_not_forgotten(jump: float, outbox: Outbox) -> None:
    """One that a killed process had taken."""
    outbox.add([alert(1)], [SINK], {}, NOW)
    assert outbox.take(SINK, NOW) is not None
    assert outbox.take(SINK, NOW + LEASE / 2) is None, "it is still under way"
    assert outbox.take(SINK, NOW + jump + 2 * LEASE) is not None
    outbox.close()


@pytest.mark.parametrize(("jump", "again"), [(-400 * DAY, 1), (-2 * DAY, 1), (-60.0, 0), (60.0, 0), (2 * DAY, 1)])
def test_an_incident_is_told_again_after_the_cooldown_by_whichever_way_the_clock_went(
    jump: float, again: int, tmp_path: Path
) -> None:
    """Within the cooldown of a day not at all; nor is it silent until the old time comes again."""
    now = NOW

    def clock() -> float:
        return now

    channels = Recording([sink_of(f"file:{tmp_path / 'alerts.json'}")], tmp_path / "alerts.db")
    channels.start()
    alerts = LiveAlerts(channels, AlertConfig(), clock)
    found = [(alert(1), Place("i1", (), (), (), 0), "a sentence")]
    alerts.tell(found)
    now += jump
    alerts.tell(found)
    channels.close()
    assert channels.told == 1 + again


@pytest.mark.parametrize("jump", [-400 * DAY, -DAY, DAY, 400 * DAY])
def test_the_history_forgets_nothing_because_of_a_jump(
    jump: float, tmp_path: Path, worked: Callable[[HistoryGuard], None]
) -> None:
    wall, clock = NOW, 1000.0
    guard = HistoryGuard(tmp_path / "history.db", Limits(days=30), lambda: clock, patience=60.0, wall=lambda: wall)
    guard.start()
    worked(guard)
    guard.maintain()
    held = guard.health.pairs
    assert held
    wall, clock = wall + jump, clock + 61.0
    guard.maintain()
    assert guard.health.pairs == held, guard.health
    wall, clock = wall - jump + 61.0, clock + 61.0  # it is set right
    guard.maintain()
    assert guard.health.pairs == held
    guard.close()


@pytest.fixture
def worked() -> Callable[[HistoryGuard], None]:
    """Fills a history."""
    from tests.beacons.live.histories import RULES
    from zeek_beacons.allow import AllowList
    from zeek_beacons.config import Config
    from zeek_beacons.live.worker import Worker

    def work(guard: HistoryGuard) -> None:
        worker = Worker("me", RULES, Config(), guard)
        worker.work([candidate(number, orig_h=f"10.0.0.{number}") for number in range(1, 6)], AllowList())

    return work
