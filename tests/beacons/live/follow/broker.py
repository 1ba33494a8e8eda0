"""Brokers of Kafka for tests: librdkafka's own mock cluster, in a process that can be stopped and killed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

READY = "ready"


class MockBroker:
    """A cluster of one broker, whose topics have four partitions each."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def send(self, topic: str, value: bytes | Mapping[str, Any], partition: int, time: float = 0.0) -> None:
        """A message. `time`: seconds, now where none is given."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        told = [topic, partition, base64.b64encode(data).decode(), round(time * 1000)]
        self._say(json.dumps(told))

    def flush(self) -> None:
        """Waits until the broker has all messages."""
        self._say("")
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == READY

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def serve() -> None:
    """The process: an address, then messages from its input, of which an empty line asks whether they are there."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
    brokers = producer.list_topics(timeout=10).brokers.values()
    _answer(",".join(f"{one.host}:{one.port}" for one in brokers))
    for line in sys.stdin:
        if line.strip():
            topic, partition, data, time = json.loads(line)
            producer.produce(topic, base64.b64decode(data), partition=partition, timestamp=time)
            producer.poll(0)
        else:
            producer.flush(30)
            _answer(READY)


def _answer(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
