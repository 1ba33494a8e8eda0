"""What the sinks of a running sidecar get, and when: as Zeek's notices, and over restarts."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.alerts import receivers
from tests.beacons.alerts.made import alert
from tests.beacons.live.histories import RULES, Clock, at, guarded, judge
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.registry import sink_of
from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.config import Config
from zeek_beacons.live.alerting import LiveAlerts
from zeek_beacons.live.incidents import Place
from zeek_beacons.live.status import judge as condition
from zeek_beacons.live.worker import Worker

from .fake_zeek import FakeZeek, listening
from .made import candidate, fields

HOUR = 3600.0
WAIT = 30.0


class Told:
    """Sinks that remember what they got, with a clock that stands still, over restarts."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock, self._folder, self._settings = Clock(), folder, settings
        self.file = folder / "alerts.json"
        self._open: list[Channels] = []

    def restart(self) -> LiveAlerts:
        self.close()
        self._open = [Channels([sink_of(f"file:{self.file}")], self._folder / "alerts.db")]
        self._open[0].start()
        return LiveAlerts(self._open[0], AlertConfig(**self._settings), self.clock)

    def close(self) -> None:
        for channels in self._open:
            channels.close(WAIT)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        assert self._open[0].flush(WAIT) == {}
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def levels(self) -> list[tuple[str, int]]:
        return [(one["incident"], one["level"]) for one in self.alerts]


@pytest.fixture
def told(tmp_path: Path) -> Any:
    made: list[Told] = []

    def make(**settings: Any) -> Told:
        made.append(Told(tmp_path, **settings))
        return made[0]

    yield make
    for one in made:
        one.close()


def seen(
    level: int, name: str = "a", last_seen: str = "2026-01-01T00:00:00Z", joined: tuple[str, ...] = ()
) -> tuple[Alert, Place, str]:
    draft = alert(level=level)
    draft = replace(draft, facts=replace(draft.facts, last_seen=last_seen))
    return draft, Place(name, joined, (), (), 0), f"level {level}"


def test_an_incident_is_told_once_for_each_level(told: Callable[..., Told]) -> None:
    sinks = told()
    live = sinks.restart()
    for level in (2, 2, 1, 3, 3, 4):
        live.tell([seen(level)])
    assert sinks.levels == [("a", 2), ("a", 3), ("a", 4)]


def test_of_a_batch_the_severest_member_is_told_for_all(told: Callable[..., Told]) -> None:
    sinks = told()
    sinks.restart().tell([seen(1), seen(3), seen(2), seen(1, "b")])
    assert sinks.levels == [("a", 3), ("b", 1)]


def test_the_same_level_is_told_again_after_the_cooldown_under_another_id(told: Callable[..., Told]) -> None:
    sinks = told(cooldown_hours=24.0)
    live = sinks.restart()
    live.tell([seen(2)])
    for hours, number in ((23.0, 1), (1.0, 2), (23.9, 2)):
        sinks.clock.now += hours * HOUR
        live.tell([seen(2, last_seen=datetime.fromtimestamp(sinks.clock.now, UTC).isoformat())])
        assert len(sinks.alerts) == number
    assert len({one["id"] for one in sinks.alerts}) == 2


def test_what_was_told_is_known_after_a_restart(told: Callable[..., Told]) -> None:
    sinks = told()
    sinks.restart().tell([seen(2)])
    live = sinks.restart()
    live.tell([seen(2, last_seen="2026-01-02T00:00:00Z")])
    assert sinks.levels == [("a", 2)]
    live.tell([seen(3)])
    assert sinks.levels == [("a", 2), ("a", 3)]


def test_what_an_incident_took_in_was_told_of_it(told: Callable[..., Told]) -> None:
    sinks = told()
    live = sinks.restart()
    live.tell([seen(3, "b")])
    live.tell([seen(2, "a", joined=("b",)), seen(3, "a", joined=("b",))])
    assert sinks.levels == [("b", 3)]
    live.tell([seen(4, "a", joined=("b",))])
    assert sinks.levels == [("b", 3), ("a", 4)]


def test_judged_again_only_what_rises_is_told(told: Callable[..., Told]) -> None:
    sinks = told()
    live = sinks.restart()
    live.tell([seen(2)])
    sinks.clock.now += 100 * HOUR
    live.tell([seen(2)], rising_only=True)
    live.tell([seen(3)], rising_only=True)
    assert sinks.levels == [("a", 2), ("a", 3)]


def heard(live: LiveAlerts, name: str) -> None:
    live.see([object()], lambda _: name)  # type: ignore[list-item]


@pytest.mark.parametrize("stopped", [True, False])
def test_a_beacon_that_stopped_is_told_once_by_option(told: Callable[..., Told], stopped: bool) -> None:
    sinks = told(stopped=stopped)
    live = sinks.restart()
    live.tick(serving=True)
    live.tell([seen(2)])
    heard(live, "a")
    for hours in (2.9, 0.2, 5.0):
        sinks.clock.now += hours * HOUR
        live.tick(serving=True)
    events = [one["event"] for one in sinks.alerts]
    assert events == (["beacon", "stopped"] if stopped else ["beacon"])
    if stopped:
        assert sinks.alerts[1]["summary"] == "no check-in for at least 3.1 h: level 2"
        heard(live, "a")  # it is back, and may stop again
        sinks.clock.now += 4 * HOUR
        sinks.restart().tick(serving=True)
        assert len(sinks.alerts) == 2


def test_no_silence_is_concluded_from_not_listening(told: Callable[..., Told]) -> None:
    sinks = told(stopped=True)
    live = sinks.restart()
    live.tick(serving=True)
    live.tell([seen(2), seen(2, "b")])
    heard(live, "a")
    sinks.clock.now += 9 * HOUR
    live.tick(serving=False)
    live.tick(serving=True)
    sinks.clock.now += 2 * HOUR
    live.tick(serving=True)
    assert len(sinks.alerts) == 2
    sinks.clock.now += 2 * HOUR
    heard(live, "a")
    live.tick(serving=True)
    assert [(one["event"], one["incident"]) for one in sinks.alerts[2:]] == [("stopped", "b")]


def test_an_incident_that_became_another_has_not_stopped(told: Callable[..., Told]) -> None:
    sinks = told(stopped=True)
    live = sinks.restart()
    live.tick(serving=True)
    live.tell([seen(2, "b")])
    live.tell([seen(2, "a", joined=("b",))])
    live = sinks.restart()
    live.tick(serving=True)
    sinks.clock.now += 9 * HOUR
    heard(live, "a")
    live.tick(serving=True)
    assert [one["event"] for one in sinks.alerts] == ["beacon"]


def test_sinks_say_what_the_notice_says(told: Callable[..., Told]) -> None:
    sinks = told()
    worker = Worker("me", RULES, Config(), None, None, sinks.restart())
    verdicts = judge(worker, [candidate(1), candidate(2, orig_h="10.0.0.6")])
    (one,) = sinks.alerts
    head = next(verdict for verdict in verdicts if verdict.summary == one["summary"])
    assert (one["incident"], one["level"], one["score"]) == (head.incident, head.level, head.score)
    assert (one["orig_h"], one["resp"], one["pairs"]) == (*head.key[:2], 2)
    assert judge(worker, [candidate(3)])[0].level
    assert len(sinks.alerts) == 1


def test_a_kill_before_the_history_has_an_alert_loses_and_doubles_nothing(
    told: Callable[..., Told], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks, history = told(), guarded(path)
    worker = Worker("me", RULES, Config(), history, None, sinks.restart())
    monkeypatch.setattr(history, "store", lambda _: sys.exit())
    with pytest.raises(SystemExit):
        judge(worker, [candidate(1)])
    assert history.start()[0] == []  # nothing that Zeek would be told of after a restart
    assert len(sinks.alerts) == 1
    judge(Worker("me", RULES, Config(), guarded(path), None, sinks.restart()), [candidate(2)])
    assert len(sinks.alerts) == 1


def test_a_pair_that_is_quiet_is_told_to_nobody(told: Callable[..., Told]) -> None:
    sinks = told()
    worker = Worker("me", RULES, Config(), None, None, sinks.restart())
    judge(worker, [at(1, [0, 60, 120])])
    assert sinks.alerts == []


async def spawn(port: int, folder: Path, *sinks: str) -> asyncio.subprocess.Process:
    arguments = ["--zeek", f"ws://127.0.0.1:{port}", "--history", str(folder / "h.db"), "--state", str(folder / "s")]
    arguments += [word for sink in sinks for word in ("--alert", sink)]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zeek_beacons", "sidecar", *arguments, stderr=asyncio.subprocess.PIPE
    )


def test_a_killed_sidecar_and_a_dead_receiver_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sidecar is killed with its alerts in the queue, the receiver comes later: each arrives, once."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    port, file = receivers.free_port(), tmp_path / "alerts.json"
    sinks = (f"file:{file}", f"webhook:http://127.0.0.1:{port}/")

    async def scene() -> None:
        zeek = FakeZeek()
        async with listening(zeek) as zeek_port:
            process = await spawn(zeek_port, tmp_path, *sinks)
            await zeek.until(lambda: zeek.all("resync"))
            for number in range(1, 4):
                await zeek.say("candidate", fields(number, orig_h=f"10.0.0.{number}", resp=f"203.0.113.{number}"))
            await zeek.until(lambda: len({one["seq"] for one in zeek.all("verdict")}) == 3)
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            with sqlite3.connect(tmp_path / "alerts.db") as db:
                db.execute("UPDATE deliveries SET leased = 0")  # as if the time of the lease had passed
            db.close()
            with receivers.webhook(port=port) as got:
                process = await spawn(zeek_port, tmp_path, *sinks)
                await zeek.until(lambda: len(got.messages) >= 3 and len(file.read_text().splitlines()) >= 3)
                process.send_signal(signal.SIGTERM)
                await process.communicate()
            ids = {json.loads(line)["id"] for line in file.read_text().splitlines()}
            assert {json.loads(message)["id"] for message in got.messages} == ids
            assert len(ids) == 3
            summaries = {one["summary"] for one in zeek.all("verdict")}
            assert {json.loads(message)["summary"] for message in got.messages} <= summaries

    asyncio.run(scene())


def test_status_says_which_sink_fails() -> None:
    health = {"waiting": 2, "last_error": "Connection refused", "lost": {}, "delivered": 0, "unconfirmed": 0}
    state = {"written": 0.0, "pid": 1, "role": "serving", "nodes": {}, "ended": False}
    sinks = {"problem": "", "sinks": {"webhook:x": health, "file:y": health | {"waiting": 0}}}
    assert condition(state | {"sinks": sinks}, 0.0)[1] == ["alerts to webhook:x: Connection refused"]
    full = {"problem": "database or disk is full", "sinks": {}}
    assert condition(state | {"sinks": full}, 0.0)[1] == ["alert queue: database or disk is full"]
