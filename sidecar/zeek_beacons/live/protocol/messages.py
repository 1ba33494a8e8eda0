"""What Zeek and the sidecar tell each other, as docs/wire.md fixes it. Times are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from zeek_beacons.keys import Key
from zeek_beacons.live.protocol.shards import WHOLE, Shard
from zeek_beacons.store.long_connection import LongConnection

VERSION = 3  # the highest spoken here
OLDEST = 1  # the lowest: a Zeek package that knows no incidents

PairKey: TypeAlias = Key  # as Zeek spells it, so that it finds the pair again


@dataclass(frozen=True, slots=True)
class ZeekHello:
    """Zeek's answer to a hello: whether this sidecar serves, and who answers."""

    sidecar: str
    accepted: bool
    reason: str
    sensor: str
    node: str
    boot: str
    zeek: str
    package: str
    v: int = VERSION  # in which it answers: the highest that it speaks, at most ours


@dataclass(frozen=True, slots=True)
class NodeHeartbeat:
    """A node that owns pairs is alive: its last seq, candidates without a verdict, candidates given up."""

    node: str
    boot: str
    seq: int
    outstanding: int
    lost: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Zeek has raised a notice for the pair's incident, of this level or a higher one."""

    node: str
    boot: str
    key: PairKey
    level: int
    incident: str = ""  # empty from a Zeek that knows none: the notice is the pair's own


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A pair to judge. `row`: its checked columns, a mapping for `Pairs.build`."""

    sensor: str
    node: str
    boot: str
    seq: int
    ts: float
    uid: str
    orig_p: int
    resp_h: str
    reason: str
    key: PairKey
    row: Mapping[str, Any]

    @property
    def observations(self) -> int:
        """Observations carried."""
        return len(self.row["start"])


@dataclass(frozen=True, slots=True)
class BadMessage:
    """A message that cannot be used, and why, in words without the values found: they are counted by reason."""

    reason: str


Incoming: TypeAlias = ZeekHello | NodeHeartbeat | Noticed | Candidate | LongConnection | BadMessage


@dataclass(frozen=True, slots=True)
class SidecarHello:
    """The sidecar's hello."""

    sidecar: str
    name: str
    version: str
    model: str
    shard: Shard = WHOLE


@dataclass(frozen=True, slots=True)
class SidecarHeartbeat:
    """The sidecar's heartbeat."""

    sidecar: str
    queue: int
    scored: int
    dropped: int
    shard: Shard = WHOLE


@dataclass(frozen=True, slots=True)
class Resync:
    """Asks nodes ("": every one) for their unanswered candidates from a seq on, or for all pairs at the gate."""

    sidecar: str
    node: str = ""
    boot: str = ""
    from_seq: int = 0
    everything: bool = False
    shard: Shard = WHOLE


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one candidate. `reasons`: mappings with `code`, `text` and, where defined, `value`.

    `incident`: where a pair alerts. `joined`: incidents of other names that turned out to be this one.
    """

    sidecar: str
    node: str
    boot: str
    seq: int
    uid: str
    orig_p: int
    resp_h: str
    key: PairKey
    conns: int
    label: str
    score: float | None
    sleep: float | None
    jitter: float | None
    observations: int
    needed: int
    severity: str
    level: int
    suppressed: str
    model: str
    summary: str
    reasons: tuple[Mapping[str, Any], ...] = field(default=())
    service: str = ""
    kind: str = "beacon"
    incident: str = ""
    joined: tuple[str, ...] = ()


Outgoing: TypeAlias = SidecarHello | SidecarHeartbeat | Resync | Verdict
