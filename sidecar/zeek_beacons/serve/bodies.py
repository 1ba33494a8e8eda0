"""What is posted to the API as JSON, checked before anything else sees it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zeek_beacons.config import PROFILES
from zeek_beacons.keys import CHANNELS, CONN
from zeek_beacons.pairs import PROTOS

MOST_CONNECTIONS = 5_000  # a post
Address = Annotated[str, Field(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")]
Why = Annotated[str, Field(max_length=200)]
Count = Annotated[float, Field(ge=0, le=2.0**62)]


class Body(BaseModel):
    """A body without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid")


class TelemetryConnection(Body):
    """One connection, by the names of conn.log. Times and durations are seconds, sizes payload bytes."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    ts: Annotated[float, Field(gt=-1e11, lt=1e11)]
    orig_h: Annotated[Address, Field(alias="id.orig_h")]
    orig_p: Annotated[int, Field(alias="id.orig_p", ge=0, le=65_535)] = 0
    resp_h: Annotated[Address, Field(alias="id.resp_h")]
    resp_p: Annotated[int, Field(alias="id.resp_p", ge=0, le=65_535)]
    proto: Literal[PROTOS]  # type: ignore[valid-type]
    service: Annotated[str, Field(max_length=100)] = ""
    server_name: Annotated[str, Field(max_length=255)] = ""
    duration: Annotated[float, Field(ge=0, lt=1e11)] | None = None
    orig_bytes: Count | None = None
    resp_bytes: Count | None = None
    conn_state: Annotated[str, Field(max_length=10)] = ""
    uid: Annotated[str, Field(max_length=64)] = ""


class Telemetry(Body):
    """Connections from a collector."""

    connections: Annotated[list[TelemetryConnection], Field(min_length=1, max_length=MOST_CONNECTIONS)]


class PairGiven(Body):
    """A pair: by its id, or by its key where it is not held any more."""

    beacon: Annotated[str, Field(max_length=64)] = ""
    orig_h: Address | None = None
    resp: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    resp_p: Annotated[int, Field(ge=0, le=65_535)] | None = None
    proto: Literal[PROTOS] | None = None  # type: ignore[valid-type]
    channel: Literal[CHANNELS] = CONN  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _is_one(self) -> PairGiven:
        key = (self.orig_h, self.resp, self.resp_p, self.proto)
        if not self.beacon and None in key:
            raise ValueError("name a pair by `beacon` (its id), or by orig_h, resp, resp_p and proto")
        return self


class FeedbackGiven(PairGiven):
    """What someone says of a pair."""

    verdict: Literal["true", "false", "withdrawn"]
    why: Why = ""


class SnoozeGiven(PairGiven):
    """A pair is to be silent for a time: `until` a time, or such as `24h`."""

    until: Annotated[str, Field(min_length=1, max_length=40)] = "24h"
    why: Why = ""


class AllowGiven(Body):
    """An entry of the allow-list: a line of it, or what it is to cover of a beacon."""

    entry: Annotated[str, Field(max_length=400)] = ""
    beacon: Annotated[str, Field(max_length=64)] = ""
    scope: Literal["pair", "name", "subnet"] = "pair"
    subnet: Annotated[str, Field(max_length=50)] = ""
    why: Annotated[str, Field(min_length=1, max_length=200)]
    until: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _is_one(self) -> AllowGiven:
        if bool(self.entry) == bool(self.beacon):
            raise ValueError("give an `entry`, or a `beacon` and a scope")
        return self


class ConfigGiven(Body):
    """Settings that a running sidecar follows; null: as it was configured. What is left out stays."""

    profile: Literal[PROFILES] | None = None  # type: ignore[valid-type]
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    cooldown_hours: Annotated[float, Field(gt=0, le=720)] | None = None
    stopped: bool | None = None
