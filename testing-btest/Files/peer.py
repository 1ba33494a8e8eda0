"""A sidecar for the tests: speaks docs/wire.md over a WebSocket and answers as the test says. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
import time
from typing import Any

TOPIC = "/zeek/beacons/verdict/"
TOPICS = ["/zeek/beacons/candidate/", "/zeek/beacons/control/", "/zeek/beacons/long/"]
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Peer:
    """One connection. `id` is the sidecar's; what Zeek sends is kept in `got`, by event. `shard`: such as (2, 4).

    `patience`, in seconds, outlasts a busy machine; what a test shows never depends on it.
    """

    def __init__(self, name: str = "a1", patience: float = 100.0, shard: tuple[int, int] = (1, 1)) -> None:
        self.id, self.shard = name, shard
        self.got: dict[str, list[dict[str, Any]]] = {}
        self.deadline = time.monotonic() + patience
        self.buffer = b""
        port = int(os.environ["SIDECAR_PORT"].split("/")[0])
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                self.wait(0.05)
        key = base64.b64encode(os.urandom(16)).decode()
        headers = (
            "GET /v1/messages/json HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "X-Application-Name: zeek-beacons",
        )
        self.socket.sendall(("\r\n".join(headers) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        part = "" if shard[1] == 1 else f"{shard[0]}of{shard[1]}/"
        self.write(TEXT, json.dumps([topic + part for topic in TOPICS]).encode())
        if self.read()["type"] != "ack":
            raise ConnectionError("Zeek acknowledges no subscription")

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)
        if time.monotonic() > self.deadline:
            raise TimeoutError(f"peer {self.id} waited too long")

    def fill(self) -> None:
        self.socket.settimeout(max(self.deadline - time.monotonic(), 0.01))
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("Zeek closed the connection")
        self.buffer += data

    def take(self, n: int) -> bytes:
        while len(self.buffer) < n:
            self.fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def write(self, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            length = bytes([128 | size])
        else:
            length = struct.pack(">BH", 254, size) if size < 1 << 16 else struct.pack(">BQ", 255, size)
        self.socket.sendall(bytes([128 | opcode]) + length + bytes(4) + data)  # the mask is zero

    def read(self) -> dict[str, Any]:
        """The next message, pings answered."""
        text = b""
        while True:
            first, size = self.take(2)
            if size >= 126:
                (size,) = struct.unpack(">H", self.take(2)) if size == 126 else struct.unpack(">Q", self.take(8))
            data = self.take(size)
            if first & 15 == PING:
                self.write(PONG, data)
            elif first & 15 == CLOSE:
                raise EOFError("Zeek closed the connection")
            elif first & 15 != PONG:
                text += data
                if first & 128:
                    message: dict[str, Any] = json.loads(text)
                    return message

    def send_text(self, event: str, text: str) -> None:
        """An event with a string of our choice."""
        arguments = {"@data-type": "vector", "data": [{"@data-type": "string", "data": text}]}
        call = [{"@data-type": "string", "data": event}, arguments]
        one = {"@data-type": "count", "data": 1}
        message = {
            "type": "data-message",
            "topic": TOPIC,
            "@data-type": "vector",
            "data": [one, one, {"@data-type": "vector", "data": call}],
        }
        self.write(TEXT, json.dumps(message).encode())

    def send(self, event: str, **fields: Any) -> None:
        self.send_text(f"Beacons::{event}", json.dumps({"v": 3, "sidecar": self.id} | self.ours(event) | fields))

    def ours(self, event: str) -> dict[str, int]:
        """What the sidecar of a shard says of that."""
        number, among = self.shard
        if among == 1 or event == "verdict":
            return {}
        return {"shard": number, "shards": among} if event == "hello" else {"shard": number}

    def tell(self, words: str) -> None:
        """What Files/live.zeek is to do."""
        self.send_text("Test::run", words)

    def event(self) -> tuple[str, dict[str, Any]]:
        """The next event, and what it says."""
        name, arguments = self.read()["data"][2]["data"][:2]
        name = name["data"].removeprefix("Beacons::")
        fields: dict[str, Any] = json.loads(arguments["data"][0]["data"])
        self.got.setdefault(name, []).append(fields)
        return name, fields

    def next(self, wanted: str) -> dict[str, Any]:
        """The next event of this name; others are kept."""
        while True:
            name, fields = self.event()
            if name == wanted:
                return fields

    def hello(self, **fields: Any) -> dict[str, Any]:
        """Zeek's answer to our hello."""
        self.send("hello", name=f"test/{self.id}", version="0", model="none", **fields)
        while True:
            answer = self.next("hello")
            if answer["sidecar"] == self.id:
                return answer

    def answer(self, candidate: dict[str, Any], **fields: Any) -> None:
        """A verdict on a candidate: benign, unless said otherwise."""
        same = ("node", "boot", "seq", "uid", "orig_h", "orig_p", "resp_h", "resp_p", "proto", "resp", "conns")
        verdict = {name: candidate[name] for name in same} | {
            "label": "benign",
            "score": 0.25,
            "observations": len(candidate["starts"]),
            "needed": 6,
            "severity": "",
            "level": 0,
            "suppressed": "",
            "reasons": [],
            "model": "rules",
            "summary": f"{candidate['orig_h']} talks to {candidate['resp']}; score 0.25",
            "kind": "beacon",
        }
        self.send("verdict", **verdict | fields)

    def alert(self, candidate: dict[str, Any], level: int = 3, **fields: Any) -> None:
        """A verdict that a pair beacons, in an incident of its own unless said otherwise."""
        key = "\t".join(str(candidate[name]) for name in ("orig_h", "resp", "resp_p", "proto"))
        beacon: dict[str, Any] = {
            "label": "beacon",
            "score": 0.9625,
            "sleep": 60.25,
            "jitter": 0.125,
            "severity": dict(enumerate(("", "low", "medium", "high", "critical"))).get(level, ""),
            "level": level,
            "incident": hashlib.blake2b(key.encode(), digest_size=5).hexdigest() if level else "",
            "reasons": [
                {"code": "steady_gaps", "value": 0.03125, "text": "gaps stay within 3 %"},
                {"code": "few_hosts", "text": "one host alone", "contribution": 0.125},
                {"code": "volume", "value": 0.5, "text": "half goes out", "contribution": -0.25},
            ],
            "summary": f"{candidate['orig_h']} checks in with {candidate['resp']} every 60 s; score 0.96",
        }
        self.answer(candidate, **beacon | fields)

    def close(self) -> None:
        self.socket.close()
