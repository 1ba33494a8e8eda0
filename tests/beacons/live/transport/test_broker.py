"""The second transport, where the local Zeek has Broker's Python bindings."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live import real_zeek
from tests.beacons.live.made import fields
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.protocol.frames import CANDIDATES, CONTROL, TOPIC
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.live.transport.broker import bindings
from zeek_beacons.scoring import Scoring


@pytest.fixture(scope="module")
def broker() -> Any:
    try:
        return bindings()
    except ConfigError as error:
        pytest.skip(str(error))


class Peer:
    """An endpoint in the place of Zeek."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self._endpoint = broker.Endpoint()
        self.port = self._endpoint.listen("127.0.0.1", 0)
        self._subscriber = self._endpoint.make_subscriber(TOPIC)
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def until(self, name: str, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                for _, data in self._subscriber.poll():
                    event = self._broker.zeek.Event(data)
                    name, (content,) = event.name().removeprefix("Beacons::"), event.args()
                    if isinstance(content, str):
                        self.heard.append((name, json.loads(content)))
                    else:  # several messages, each a string
                        self.heard += [(name, json.loads(text)) for text in content]
                found = [content for heard, content in self.heard if heard == name]
                if len(found) >= count:
                    return found[count - 1]
                await asyncio.sleep(0.02)

    def say(self, topic: str, name: str, *arguments: object) -> None:
        self._endpoint.publish(topic, self._broker.zeek.Event(f"Beacons::{name}", *arguments))

    def close(self) -> None:
        self._subscriber.reset()
        self._endpoint.shutdown()


@pytest.fixture
def peer(broker: Any) -> Iterator[Peer]:
    made = Peer(broker)
    yield made
    made.close()


def serve(peer: Peer, tmp_path: Path) -> Service:
    own = SidecarConfig(zeek=f"broker://127.0.0.1:{peer.port}", history="none", state=str(tmp_path / "status.json"))
    return start(own, Config(), Scoring.rules_only())


def test_a_candidate_gets_its_verdict_over_broker(peer: Peer, tmp_path: Path) -> None:
    async def scene() -> None:
        service = serve(peer, tmp_path)
        task = asyncio.create_task(service.run())
        greeting = await peer.until("hello")
        answer = {"v": 1, "sidecar": greeting["sidecar"], "accepted": True, "node": "zeek", "boot": "b1"}
        peer.say(CONTROL, "hello", json.dumps(answer))
        await peer.until("resync")
        peer.say(CANDIDATES, "candidate", "two", "arguments")
        peer.say(CANDIDATES, "candidate", 5)
        peer.say(CANDIDATES, "candidate", json.dumps(fields(4)))
        verdict = await peer.until("verdict")
        assert (verdict["seq"], verdict["resp"]) == (4, "203.0.113.9")
        assert service.state()["bad"] == {"event without one string": 2}
        service.stop()
        await task

    asyncio.run(scene())


def test_nobody_there_is_tried_again(broker: Any, tmp_path: Path) -> None:
    async def scene() -> None:
        peer = Peer(broker)
        service = serve(peer, tmp_path)
        peer.close()
        task = asyncio.create_task(service.run())
        async with asyncio.timeout(60):
            while "nobody peers there" not in service.state()["problem"]:
                await asyncio.sleep(0.02)
        service.stop()
        await task

    asyncio.run(scene())


@pytest.mark.usefixtures("broker", "zeek")
def test_real_zeek_raises_a_notice_over_broker(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen = f'Broker::listen("127.0.0.1", {port}/tcp);'

    async def scene() -> None:
        own = SidecarConfig(zeek=f"broker://127.0.0.1:{port}", history="none", state="none")
        service = start(own, Config(), Scoring.rules_only())
        async with real_zeek.running(tmp_path, "Beacons::listen=F", init=listen, wait="3sec"):
            task = asyncio.create_task(service.run())
            async with asyncio.timeout(120):
                while not (real_zeek.notices(tmp_path) and service.state()["confirmed"]):
                    await asyncio.sleep(0.05)
            service.stop()
            await task
        assert service.state()["scored"] == 2

    asyncio.run(scene())
