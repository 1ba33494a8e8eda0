"""The whole sidecar follows what is said in the console: against a stand-in for Zeek, with a real operator.sqlite."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.operator_file.test_telemetry import connection
from zeek_beacons.config import Config
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.scoring import Scoring

from .fake_zeek import FakeZeek, listening
from .made import T0, candidate, fields
from .test_service import running

KEY = candidate(1).key
Scene = Callable[[FakeZeek, Service, OperatorStore], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def scoring() -> Scoring:
    return Scoring.load(threads=1)


@pytest.fixture
def play(tmp_path: Path, scoring: Scoring) -> Callable[..., Service]:
    """Runs a scene with a sidecar that follows an operators' file."""

    def run(scene: Scene, config: Config | None = None, **settings: Any) -> Service:
        services: list[Service] = []
        store = OperatorStore(tmp_path / "operator.sqlite")

        async def both() -> None:
            zeek = FakeZeek()
            async with listening(zeek) as port:
                given = {"zeek": f"ws://127.0.0.1:{port}", "history": str(tmp_path / "history.db"), "state": "none"}
                services.append(start(SidecarConfig(**(given | settings)), config or Config(), scoring))
                async with running(services[0]):
                    await zeek.until(lambda: zeek.all("resync"))
                    await scene(zeek, services[0], store)

        asyncio.run(both())
        store.close()
        return services[0]

    return run


def told(service: Service) -> dict[str, Any]:
    found = service.state()["operator"]
    assert isinstance(found, dict)
    return found


async def asked(zeek: FakeZeek, seq: int, **given: Any) -> dict[str, Any]:
    """The verdict on a candidate."""
    await zeek.say("candidate", fields(seq, **given))
    await zeek.until(lambda: any(one["seq"] == seq for one in zeek.all("verdict")))
    return next(one for one in zeek.all("verdict") if one["seq"] == seq)


async def followed(zeek: FakeZeek, service: Service, **expected: Any) -> None:
    await zeek.until(lambda: all(told(service)[name] == value for name, value in expected.items()))


def test_feedback_silences_and_raises_visibly(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        assert (await asked(zeek, 1))["level"] > 0
        store.give_feedback(KEY, KEY[1], "false", "ana", "our backup", "m", 0.9)
        await followed(zeek, service, feedback=1)
        silenced = await asked(zeek, 2)
        assert (silenced["level"], silenced["label"], silenced["suppressed"]) == (0, "beacon", "feedback")
        assert "marked as false by ana" in silenced["summary"]
        store.give_feedback(KEY, KEY[1], "withdrawn", "ana", "", "m", 0.9)
        await followed(zeek, service, feedback=0)
        assert (await asked(zeek, 3))["level"] > 0

    play(scene)


def test_true_makes_an_alert_of_what_the_model_does_not_see(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        assert (await asked(zeek, 1, jitter=1.0, n=12))["level"] == 0
        store.give_feedback(KEY, KEY[1], "true", "ana", "found on disk", "m", 0.1)
        await followed(zeek, service, feedback=1)
        raised = await asked(zeek, 2, jitter=1.0, n=12)
        assert (raised["label"], raised["severity"]) == ("beacon", "high")
        assert "marked as true by ana" in raised["summary"]

    play(scene, Config(threshold=1.0))


def test_allow_entries_and_snoozes_hold_until_they_end(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        number = store.allow("subnet 203.0.113.0/24", "ana", "ours", None)
        await followed(zeek, service, allow_entries=1)
        assert (await asked(zeek, 1))["suppressed"] == "allow-list"
        store.undo("allow", number, "ana")
        store.snooze(KEY, "ana", "patch day", time.time() + 3600)
        await followed(zeek, service, allow_entries=0, snoozed=1)
        assert (await asked(zeek, 2))["suppressed"] == "snoozed"
        store.undo("snoozes", 1, "ana")
        await followed(zeek, service, snoozed=0)
        assert (await asked(zeek, 3))["level"] > 0

    play(scene)


def test_settings_change_at_run_time_and_bad_ones_are_told_of(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        store.change_settings({"threshold": "1.0"}, "ana")
        await zeek.until(lambda: service.state()["alerting"]["threshold"] == 1.0)
        assert (await asked(zeek, 1))["level"] == 0
        store.change_settings({"threshold": "nonsense"}, "ana")
        await zeek.until(lambda: told(service)["problem"] != "")
        assert service.state()["alerting"]["threshold"] == 1.0
        store.change_settings({"threshold": None, "profile": "sensitive"}, "ana")
        await zeek.until(lambda: service.state()["alerting"]["profile"] == "sensitive")
        assert told(service)["problem"] == ""
        assert (await asked(zeek, 2))["level"] > 0

    play(scene)


def test_a_budget_of_alerts_is_not_overruled(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        store.change_settings({"profile": "sensitive"}, "ana")
        await zeek.until(lambda: "alerts_per_host_day" in told(service)["problem"])
        assert service.state()["alerting"]["profile"] == "balanced"

    play(scene, alerts_per_host_day=0.1)


def test_telemetry_is_scored_as_candidates_are_and_zeek_is_not_told(
    play: Callable[..., Service], tmp_path: Path
) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        for part in range(4):
            times = [T0 + 60.0 * n for n in range(16 * part, 16 * part + 16)]
            store.add_telemetry("edr", [connection(ts, duration=0.2, orig_bytes=300, resp_bytes=900) for ts in times])
        store.add_telemetry("edr", [connection(T0, **{"id.resp_h": "nowhere"})])
        await followed(zeek, service, telemetry_connections=65, telemetry_unfit=1)
        await zeek.until(lambda: told(service)["telemetry_taken"] == {store.identity(): 5})
        assert zeek.all("verdict") == []

    service = play(scene)
    history = service._worker.history  # what is held of the pair, after the end
    assert history is not None
    again = play(nothing)
    assert told(again)["telemetry_connections"] == 0  # how far it was followed outlives the process
    assert told(again)["telemetry_taken"] != {}
    assert again._worker.history is not None
    held = again._worker.history.sent([KEY])
    assert held is not None
    assert held[KEY] > 0
    assert len(again._session.pending_alerts) == 0


async def nothing(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
    await zeek.until(lambda: told(service)["found"])


def test_what_is_held_is_judged_again_once_it_is_asked_for(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        for seq in range(1, 4):
            await asked(zeek, seq, resp=f"203.0.113.{seq}", resp_h=f"203.0.113.{seq}")
        number = store.ask_to_analyze("ana")
        await zeek.until(lambda: told(service)["analysis"]["done"] == number)

    play(scene)
    again = play(nothing)
    assert told(again)["analysis"]["done"] == 1
    assert again._worker.rejudging is None


def test_a_file_that_breaks_stops_nothing(play: Callable[..., Service], tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, service: Service, store: OperatorStore) -> None:
        store.snooze(KEY, "ana", "", time.time() + 3600)
        await followed(zeek, service, snoozed=1)
        store.path.write_bytes(b"\x00" * 5000)
        store.path.rename(store.path.with_name("gone"))
        store.path.write_bytes(b"no database, no file of ours" * 100)
        await zeek.until(lambda: not told(service)["working"])
        assert (await asked(zeek, 1))["suppressed"] == "snoozed"
        assert told(service)["errors"]

    play(scene)
