"""Encodes and decodes the messages of docs/wire.md. Whatever comes in, `decode` gives a message or a reason, and never
raises.

The JSON object in an event's one string is the same over every transport.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zeek_beacons.keys import CHANNELS, CONN
from zeek_beacons.live.protocol.frames import JSON, LONGEST_FRAME, LONGEST_TEXT, Event
from zeek_beacons.live.protocol.messages import (
    VERSION,
    BadMessage,
    Candidate,
    Incoming,
    NodeHeartbeat,
    Noticed,
    Outgoing,
    PairKey,
    Resync,
    SidecarHeartbeat,
    SidecarHello,
    Verdict,
    ZeekHello,
)
from zeek_beacons.live.protocol.shards import Shard
from zeek_beacons.pairs import PROTOS, Floats
from zeek_beacons.printable import printable
from zeek_beacons.readers.addresses import address
from zeek_beacons.readers.candidate_rows import COUNTS, TRUTHS, WORDS, UnfitError, checked
from zeek_beacons.store.long_connection import LongConnection
from zeek_beacons.verdicts import KINDS, OWN_BEACON

LARGEST_COUNT = 2**63 - 1
LATEST = 1e11  # seconds
HIGHEST_LEVEL = 4
_SINCE = {"kind": 2, "incident": 2, "joined": 2, "channel": 3}  # versions that fields came with
_ENCODER = json.JSONEncoder(allow_nan=False)
_SURROGATE = re.compile("[\ud800-\udfff]")


class _UnusableError(ValueError):
    """Why a message cannot be used; made of this module's own words."""


def decode(event: Event) -> Incoming:
    """The message in an event from Zeek."""
    if event.name not in _MESSAGES:
        return BadMessage("unknown event")
    try:
        if len(event.text) > LONGEST_FRAME:
            raise _UnusableError("too long")
        return _MESSAGES[event.name](_fields(event.text))
    except (_UnusableError, UnfitError) as error:
        return BadMessage(f"{event.name}: {error}")
    except (TypeError, ValueError, AttributeError, OverflowError):
        return BadMessage(f"{event.name}: a value of the wrong kind")


def _fields(text: str) -> dict[str, Any]:
    try:
        given = JSON.decode(text)
    except (ValueError, RecursionError) as error:
        raise _UnusableError("no JSON") from error
    if not isinstance(given, dict):
        raise _UnusableError("no JSON object")
    version = _count(given, "v", least=1)
    if version > VERSION:
        raise _UnusableError(f"written for a later version than {VERSION}, update the sidecar")
    return given


def _hello(given: dict[str, Any]) -> ZeekHello:
    accepted = given.get("accepted")
    if not isinstance(accepted, bool):
        raise _UnusableError("accepted is no boolean")
    names = ("sensor", "node", "boot", "zeek", "package")
    texts = {name: _text(given, name, "") for name in names}
    reason, version = _text(given, "reason", ""), _count(given, "v")
    return ZeekHello(sidecar=_text(given, "sidecar"), accepted=accepted, reason=reason, v=version, **texts)


def _heartbeat(given: dict[str, Any]) -> NodeHeartbeat:
    counts = {name: _count(given, name) for name in ("seq", "outstanding", "lost")}
    return NodeHeartbeat(node=_text(given, "node"), boot=_text(given, "boot"), **counts)


def _noticed(given: dict[str, Any]) -> Noticed:
    level = _count(given, "level", least=1, most=HIGHEST_LEVEL)
    texts = {name: _text(given, name, "") for name in ("node", "boot", "incident")}
    return Noticed(key=_key(given), level=level, **texts)


def _candidate(given: dict[str, Any]) -> Candidate:
    key = _key(given)
    resp_h = _text(given, "resp_h")
    row: dict[str, Any] = {
        "id.orig_h": key[0],
        "id.resp_h": resp_h,
        "id.resp_p": key[2],
        "proto": key[3],
        "channel": key[4],
        "resp": _name(key[1]),
        "service": _name(_text(given, "service", "")),
        "server_name": _name(_text(given, "server_name", "")),
        "conns": _count(given, "conns"),
        "named": _count(given, "named"),
        "first_ts": _time(given, "first_ts"),
        "resp_hosts": _count(given, "resp_hosts") if "resp_hosts" in given else None,
        "site_hosts": _count(given, "site_hosts") if "site_hosts" in given else None,
        "dns_name": _name(_text(given, "dns_name", "")),
        **{name: _count(given, name) if name in given else None for name in ("name_conns", "dns_named")},
        **{name: _truth(given, name) if name in given else None for name in ("local_orig", "local_resp")},
        "site_tls_named": _share(given, "site_tls_named") if "site_tls_named" in given else None,
        "states": _texts(given, "states"),
        "cert_name": _name(_text(given, "cert_name", "")),
        **{name: _text(given, name, "") for name in WORDS},
        "traits": _texts(given, "traits", []),
        **{name: _truth(given, name) if name in given else None for name in TRUTHS},
        **{name: _count(given, name) if name in given else None for name in COUNTS},
    }
    row |= {name: _vector(given, name) for name in ("starts", "durations", "orig_bytes", "resp_bytes")}
    return Candidate(
        sensor=_text(given, "sensor", ""),
        node=_text(given, "node"),
        boot=_text(given, "boot"),
        seq=_count(given, "seq", least=1),
        ts=_time(given, "ts"),
        uid=_text(given, "uid", ""),
        orig_p=_count(given, "orig_p", most=65_535),
        resp_h=resp_h,
        reason=_text(given, "reason", ""),
        key=key,
        row=checked(row),
    )


def _long(given: dict[str, Any]) -> LongConnection:
    orig_h, addr = address(_text(given, "orig_h")), address(_text(given, "resp_h"))
    proto, start, ts = _text(given, "proto"), _time(given, "start"), _time(given, "ts")
    longest, day_sum = _time(given, "duration"), _time(given, "day_sum")
    if orig_h is None or addr is None or proto not in PROTOS:
        raise _UnusableError("an address or protocol is none")
    if not (abs(start) < LATEST and abs(ts) < LATEST and 0 <= longest < LATEST and 0 <= day_sum < LATEST):
        raise _UnusableError("a time is impossible")
    return LongConnection(
        orig_h=orig_h,
        addr=addr,
        resp_p=_count(given, "resp_p", most=65_535),
        proto=proto,
        service=_name(_text(given, "service", "")),
        name=_name(_text(given, "server_name", "")),
        longest=longest,
        longest_start=start,
        uid=_name(_text(given, "uid", "")),
        is_open=int(_truth(given, "is_open")),
        day_sum=day_sum,
        conns=_count(given, "conns", least=1),
        orig_bytes=float(_count(given, "orig_bytes")),
        resp_bytes=float(_count(given, "resp_bytes")),
        last_ts=ts,
    )


_MESSAGES: Mapping[str, Callable[[dict[str, Any]], Incoming]] = {
    "Beacons::candidate": _candidate,
    "Beacons::hello": _hello,
    "Beacons::heartbeat": _heartbeat,
    "Beacons::noticed": _noticed,
    "Beacons::long": _long,
}


def _key(given: dict[str, Any]) -> PairKey:
    proto = _text(given, "proto")
    if proto not in PROTOS:
        raise _UnusableError("proto is none of tcp, udp, icmp")
    channel = _text(given, "channel", CONN)
    if channel not in CHANNELS:
        raise _UnusableError(f"channel is none of {', '.join(CHANNELS)}")
    return _text(given, "orig_h"), _text(given, "resp"), _count(given, "resp_p", most=65_535), proto, channel


def _text(given: dict[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise _UnusableError(f"{name} is missing or no text")
    cut = value[:LONGEST_TEXT]
    return cut if cut.isascii() else _SURROGATE.sub("\ufffd", cut)


def _name(text: str) -> str:
    return printable(text, LONGEST_TEXT)


def _count(given: dict[str, Any], name: str, least: int = 0, most: int = LARGEST_COUNT) -> int:
    value = given.get(name)
    if type(value) is not int or not least <= value <= most:
        raise _UnusableError(f"{name} is missing or no number from {least} to {most}")
    return value


def _time(given: dict[str, Any], name: str) -> float:
    value = given.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _UnusableError(f"{name} is missing or no number")
    return float(value)


def _truth(given: dict[str, Any], name: str) -> bool:
    value = given.get(name)
    if not isinstance(value, bool):
        raise _UnusableError(f"{name} is no boolean")
    return value


def _share(given: dict[str, Any], name: str) -> float:
    value = _time(given, name)
    if not 0 <= value <= 1:
        raise _UnusableError(f"{name} is no share")
    return value


def _vector(given: dict[str, Any], name: str) -> Floats:
    values = given.get(name)
    if not isinstance(values, list):
        raise _UnusableError(f"{name} is missing or no list")
    column = np.array(values or np.zeros(0))
    if column.ndim != 1 or column.dtype.kind not in "iuf":
        raise _UnusableError(f"{name} holds something else than numbers")
    return column.astype(np.float64)


def _texts(given: dict[str, Any], name: str, default: list[str] | None = None) -> list[str]:
    texts = given.get(name, default)
    if not isinstance(texts, list) or not all(type(text) is str for text in texts):
        raise _UnusableError(f"{name} is missing or no list of texts")
    return texts


_VERDICT_TEXTS = ("sidecar", "node", "boot", "uid", "label", "severity", "suppressed", "model", "summary")


def decode_verdict(text: str) -> Verdict | None:
    """A verdict as `encode` wrote it; None where it is none."""
    try:
        given = _fields(text)
        fields: dict[str, Any] = {name: str(given[name]) for name in _VERDICT_TEXTS}
        fields |= {name: _count(given, name) for name in ("seq", "conns", "observations", "needed", "level")}
        fields |= {name: _time(given, name) if name in given else None for name in ("score", "sleep", "jitter")}
        return Verdict(
            **fields,
            orig_p=_count(given, "orig_p", most=65_535),
            resp_h=_text(given, "resp_h"),
            key=_key(given),
            reasons=tuple(given["reasons"]),
            service=str(given.get("service", "")),
            kind=str(given.get("kind", KINDS[OWN_BEACON])),
            incident=str(given.get("incident", "")),
            joined=tuple(map(str, given.get("joined", ()))),
        )
    except (KeyError, TypeError, ValueError):
        return None


def encode(message: Outgoing, version: int = VERSION) -> Event:
    """The event that carries a message to Zeek. Fields that are None, or that this version has not, are left out."""
    name, fields = _ENCODERS[type(message)](message)
    present = {key: value for key, value in fields.items() if value is not None and _SINCE.get(key, 1) <= version}
    return Event(f"Beacons::{name}", _ENCODER.encode({"v": version} | present))


def _encode_hello(hello: SidecarHello) -> tuple[str, dict[str, Any]]:
    fields = {"sidecar": hello.sidecar, "name": hello.name, "version": hello.version, "model": hello.model}
    of = None if hello.shard.is_all else hello.shard.of
    return "hello", fields | {"shard": _shard(hello.shard), "shards": of}


def _encode_heartbeat(heartbeat: SidecarHeartbeat) -> tuple[str, dict[str, Any]]:
    fields = {
        "sidecar": heartbeat.sidecar,
        "queue": heartbeat.queue,
        "scored": heartbeat.scored,
        "dropped": heartbeat.dropped,
        "shard": _shard(heartbeat.shard),
    }
    return "heartbeat", fields


def _encode_resync(ask: Resync) -> tuple[str, dict[str, Any]]:
    fields = {"sidecar": ask.sidecar, "node": ask.node, "boot": ask.boot, "from": ask.from_seq, "all": ask.everything}
    return "resync", fields | {"shard": _shard(ask.shard)}


def _encode_verdict(verdict: Verdict) -> tuple[str, dict[str, Any]]:
    orig_h, resp, resp_p, proto, channel = verdict.key
    fields = {
        "sidecar": verdict.sidecar,
        "node": verdict.node,
        "boot": verdict.boot,
        "seq": verdict.seq,
        "uid": verdict.uid,
        "orig_h": orig_h,
        "orig_p": verdict.orig_p,
        "resp_h": verdict.resp_h,
        "resp_p": resp_p,
        "proto": proto,
        "channel": None if channel == CONN else channel,
        "resp": resp,
        "service": verdict.service or None,
        "conns": verdict.conns,
        "label": verdict.label,
        "score": _finite(verdict.score),
        "sleep": _finite(verdict.sleep),
        "jitter": _finite(verdict.jitter),
        "observations": verdict.observations,
        "needed": verdict.needed,
        "severity": verdict.severity,
        "level": verdict.level,
        "suppressed": verdict.suppressed,
        "kind": verdict.kind,
        "incident": verdict.incident or None,
        "joined": list(verdict.joined) or None,
        "reasons": list(verdict.reasons),
        "model": verdict.model,
        "summary": verdict.summary,
    }
    return "verdict", fields


_ENCODERS: Mapping[type, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    SidecarHello: _encode_hello,
    SidecarHeartbeat: _encode_heartbeat,
    Resync: _encode_resync,
    Verdict: _encode_verdict,
}


def _shard(shard: Shard) -> int | None:
    """The number of a shard; None, which is left out, where there is one only."""
    return None if shard.is_all else shard.number


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
