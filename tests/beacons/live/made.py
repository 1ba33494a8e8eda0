"""Messages as Zeek makes them, built in the test."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.frames import Event
from zeek_beacons.live.protocol.messages import Candidate, SidecarHello, Verdict, ZeekHello

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ME = SidecarHello("5ca1ab1e", "host:1", "0.1.0", "model")


def fields(seq: int = 1, n: int = 64, sleep: float = 60.0, jitter: float = 0.1, **given: Any) -> dict[str, Any]:
    """A candidate of a regular pair with `n` observations; `given` by field, None leaves one out."""
    rng = np.random.default_rng(seq)
    starts = np.round(T0 + np.cumsum(sleep * (1 - jitter * rng.random(n))), 6)
    made: dict[str, Any] = {
        "v": 1,
        "sensor": "lab",
        "node": "zeek",
        "boot": "b1",
        "seq": seq,
        "ts": float(starts[-1]) + 1,
        "uid": f"C{seq}",
        "orig_h": "10.0.0.5",
        "orig_p": 40_000,
        "resp_h": "203.0.113.9",
        "resp_p": 443,
        "proto": "tcp",
        "resp": "203.0.113.9",
        "service": "ssl",
        "conns": n,
        "named": 0,
        "first_ts": float(starts[0]),
        "last_ts": float(starts[-1]),
        "resp_hosts": 1,
        "site_hosts": 20,
        "name_conns": 0,
        "dns_name": "",
        "dns_named": 0,
        "site_tls_named": 0.5,
        "cert_name": "c2.example",
        "cert_issuer": "CN=c2.example",
        "cert_self_signed": True,
        "cert_valid": False,
        "cert_days": 3650,
        "cert_servers": 1,
        "user_agent": "curl/8",
        "agent_hosts": 1,
        "no_host": False,
        "reason": "gate",
        "dropped": 0,
        "starts": starts.tolist(),
        "durations": [0.25] * n,
        "orig_bytes": [300] * n,
        "resp_bytes": [1200] * n,
        "states": ["SF"] * n,
    } | given
    return {name: value for name, value in made.items() if value is not None}


def long(**given: Any) -> dict[str, Any]:
    """What Zeek tells of a pair that is connected for long."""
    made: dict[str, Any] = {
        "v": 4,
        "ts": T0 + 7200.0,
        "uid": "Clong",
        "orig_h": "10.0.0.7",
        "resp_h": "203.0.113.7",
        "resp_p": 443,
        "proto": "tcp",
        "service": "ssl",
        "server_name": "c2.example",
        "start": T0,
        "duration": 7100.5,
        "is_open": True,
        "day_sum": 15_000.25,
        "conns": 3,
        "orig_bytes": 1_000,
        "resp_bytes": 2_000,
    }
    return made | given


def event(name: str, content: object) -> Event:
    return Event(f"Beacons::{name}", content if isinstance(content, str) else json.dumps(content))


def candidate(seq: int = 1, **given: Any) -> Candidate:
    decoded = wire.decode(event("candidate", fields(seq, **given)))
    assert isinstance(decoded, Candidate), decoded
    return decoded


def hello(accepted: bool = True, **given: Any) -> ZeekHello:
    content: dict[str, Any] = {"sidecar": ME.sidecar, "accepted": accepted, "reason": ""}
    content |= {"sensor": "lab", "node": "zeek", "boot": "b1", "zeek": "8.0.10", "package": "0.1.0"}
    return ZeekHello(**(content | given))


def verdict(one: Candidate, level: int = 0, **given: Any) -> Verdict:
    answered = {name: getattr(one, name) for name in ("node", "boot", "seq", "uid", "orig_p", "resp_h", "key")}
    concluded: dict[str, Any] = {
        "sidecar": ME.sidecar,
        "conns": one.observations,
        "label": "beacon" if level else "benign",
        "score": 0.9 if level else 0.1,
        "sleep": 60.0,
        "jitter": None,
        "observations": one.observations,
        "needed": 8,
        "severity": ("", "low", "medium", "high", "critical")[level],
        "level": level,
        "suppressed": "",
        "model": "model",
        "summary": "a sentence",
        "reasons": ({"code": "steady", "text": "waits stray little", "value": 0.1},),
    }
    return Verdict(**(answered | concluded | given))
