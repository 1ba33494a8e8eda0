"""Frames of Zeek's WebSocket API (`/v1/messages/json`), each an event with one string. Pure: no socket here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from zeek_beacons.live.protocol.messages import BadMessage
from zeek_beacons.live.protocol.shards import WHOLE, Shard

CANDIDATES, CONTROL, LONG = SUBSCRIPTIONS = (
    "/zeek/beacons/candidate/",
    "/zeek/beacons/control/",
    "/zeek/beacons/long/",
)
TOPIC = "/zeek/beacons/verdict/"
LONGEST_FRAME = 16 << 20  # bytes; 512 observations take 18 kB
LONGEST_TEXT = 253  # characters, as Zeek cuts server names; longer texts are cut here


@dataclass(frozen=True, slots=True)
class Event:
    """An event with one string, as either transport carries it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Ack:
    """Zeek took the subscription."""

    endpoint: str
    version: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Zeek answered with an error of its WebSocket API."""

    code: str
    context: str


Frame: TypeAlias = Event | Ack | Refusal | BadMessage


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Zeek escapes strings of hostile origin incompletely: control characters are let through here.
JSON = json.JSONDecoder(strict=False, parse_constant=_no_constant)


def topics(shard: Shard = WHOLE) -> list[str]:
    """What the sidecar of a shard subscribes to."""
    return [shard.topic(topic) for topic in SUBSCRIPTIONS]


def subscription(shard: Shard = WHOLE) -> str:
    """The first message of a client."""
    return json.dumps(topics(shard))


def frame(event: Event, topic: str = TOPIC) -> str:
    """A frame that publishes the event."""
    arguments = [_typed("string", event.text)]
    content = [_typed("string", event.name), _typed("vector", arguments)]
    data = [_typed("count", 1), _typed("count", 1), _typed("vector", content)]
    return json.dumps({"type": "data-message", "topic": topic} | _typed("vector", data))


def unframe(data: bytes | str) -> Frame:
    """What a frame from Zeek is."""
    if len(data) > LONGEST_FRAME:
        return BadMessage("frame too long")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        content = JSON.decode(text)
    except (ValueError, RecursionError):
        return BadMessage("frame is no JSON")
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "ack":
        return Ack(_shown(content.get("endpoint")), _shown(content.get("version")))
    if kind == "error":
        return Refusal(_shown(content.get("code")), _shown(content.get("context")))
    return _event(content) if kind == "data-message" else BadMessage("frame of an unknown type")


def _event(content: Any) -> Frame:
    """The event of a data message: its innermost vector holds the name and the vector of arguments."""
    try:
        name, arguments = content["data"][2]["data"][:2]
        (argument,) = arguments["data"]
        found = Event(name["data"], argument["data"])
    except (KeyError, IndexError, TypeError, ValueError):
        return BadMessage("frame holds no event with one argument")
    if not isinstance(found.name, str) or not isinstance(found.text, str):
        return BadMessage("frame holds no event with one string")
    return found


def _typed(kind: str, data: object) -> dict[str, object]:
    return {"@data-type": kind, "data": data}


def _shown(value: object) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""
