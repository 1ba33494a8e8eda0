"""The sidecar's own settings: the table `[sidecar]` of the settings file < ZEEK_BEACONS_SIDECAR_... < flags.

The settings file is the one given with `--config`, else SYSTEM_CONFIG where it exists.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from zeek_beacons.config import layered, read_toml, refuse_unknown
from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.live.protocol.shards import WHOLE, Shard, shards
from zeek_beacons.operator_file import FILE_NAME

ENVIRONMENT = "ZEEK_BEACONS_SIDECAR_"
SOCKET = "unix:"  # what an address of events begins with where they are listened for
SYSTEM_FOLDER = Path("/var/lib/zeek-beacons")
SYSTEM_CONFIG = Path("/etc/zeek-beacons.toml")


@dataclass(frozen=True, slots=True)
class SidecarConfig:
    """All settings of the sidecar, valid from creation on."""

    # Where Zeek listens: ws://, wss:// or broker://.
    zeek: str = "ws://127.0.0.1:27759"
    # Whose pairs are judged where several sidecars share them: `2/4` that shard's, `any/4` those of one that nobody
    # serves; empty: all.
    shard: str = ""
    # Certificate authority (PEM file) that a wss:// peer is checked against; empty: the system's.
    tls_ca: str = ""
    # Whether a peer on another machine may be spoken to without TLS. There is no authentication.
    allow_plaintext: bool = False
    # File of the history; empty: `history.db` in the state folder; `none`: no history.
    history: str = ""
    # Days after which an observation, and a pair that is not seen again, is forgotten.
    history_days: float = 30.0
    # Days for which the connections of what alerts are counted by hour.
    history_hourly_days: float = 180.0
    # Megabytes that the history file may take.
    history_megabytes: int = 2048
    # Alerts a host and day that are allowed: the threshold follows from this site's own pairs; 0: the profile's holds.
    alerts_per_host_day: float = 0.0
    # File for `zeek-beacons status`; empty: `status.json` in the state folder; `none`: not written.
    state: str = ""
    # ADDRESS:PORT where Prometheus finds /metrics; empty: nowhere.
    metrics: str = ""
    # File of what operators say in the console; empty: `operator.sqlite` beside the history; `none`: not followed.
    operator: str = ""
    # Where endpoints' events come from: a file that grows, or `unix:` and the path to listen on; empty: nowhere.
    events: str = ""
    # Events held at most, the newest.
    max_events: int = 200_000
    # Hours for which an event is held: so old may a candidate's newest connections be.
    events_hours: float = 2.0
    # Candidates that may wait to be scored, before some are dropped and asked for again.
    queue: int = 10_000
    # Candidates scored at once, at most.
    batch: int = 512
    # Seconds that a candidate waits for others to be scored with: fewer, larger batches cost less.
    linger: float = 0.02
    # Allow-list file, reread when it changes; empty: none.
    allow: str = ""
    # Address of another machine's `serve` that `follow` sends connections to, in place of judging them; empty: none.
    forward: str = ""
    # File with the token that it asks for.
    forward_token: str = ""
    # Certificate authority (PEM file) that an https:// one is checked against; empty: the system's.
    forward_ca: str = ""
    # What this sensor is called there; empty: the name of the machine.
    forward_name: str = ""
    # File of what waits to be sent; empty: `forward.sqlite` in the state folder.
    forward_buffer: str = ""
    # Megabytes that may wait.
    forward_megabytes: int = 1024
    # Seconds that the end may take after SIGTERM.
    drain: float = 10.0

    def __post_init__(self) -> None:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not least <= value <= most:
                raise SettingError(name, f"is {value}, expected {least} to {most}")
        try:
            self.shards  # noqa: B018
        except ValueError as error:
            raise SettingError("shard", str(error)) from error
        if self.alerts_per_host_day and self.history == "none":
            raise SettingError("alerts_per_host_day", f"is {self.alerts_per_host_day}, which needs a history")

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        flags: Mapping[str, Any] | None = None,
    ) -> Self:
        """Settings from a TOML file's table `[sidecar]`, the environment and flags; None means not given."""
        table = read_toml(file).get("sidecar", {}) if file else {}
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: sidecar is no table")
        refuse_unknown(cls, ENVIRONMENT, environ)
        return layered(cls, f"{file} [sidecar]", table, ENVIRONMENT, environ, flags)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of which this sidecar serves one."""
        return shards(self.shard) if self.shard else (WHOLE,)

    @property
    def one_shard(self) -> Shard:
        """The shard that is served. Raises ConfigError where it is not known which."""
        if len(self.shards) > 1:
            one = self.shards[0]
            raise ConfigError(f"shard is {self.shard!r}, and each has files of its own: name one, such as {one}")
        return self.shards[0]

    def of_shard(self, shard: Shard) -> Self:
        """The settings of the sidecar that serves this shard."""
        return replace(self, shard=str(shard) if self.shard else "")

    @property
    def metrics_address(self) -> str:
        """Where this shard's metrics are: those of the second one a port further, and so on."""
        host, _, port = self.metrics.rpartition(":")
        further = self.one_shard.number - 1
        return f"{host}:{int(port) + further}" if further and port.isdecimal() and int(port) else self.metrics

    @property
    def events_source(self) -> str:
        """Where events come from: all shards read the same file, and each listens on a socket of its own."""
        if not self.events.startswith(SOCKET):
            return self.events
        return f"{SOCKET}{self._own(Path(self.events.removeprefix(SOCKET)))}"

    @property
    def history_file(self) -> Path | None:
        """Where the history is kept; None: nowhere."""
        return self._file(self.history, "history.db")

    @property
    def state_file(self) -> Path | None:
        """Where the state is written for `zeek-beacons status`; None: nowhere."""
        return self._file(self.state, "status.json")

    @property
    def forward_buffer_file(self) -> Path:
        """Where what waits to be sent is kept."""
        return Path(self.forward_buffer) if self.forward_buffer else state_folder() / "forward.sqlite"

    @property
    def operator_file(self) -> Path | None:
        """What operators say, which is followed; None: nothing is."""
        if self.operator:
            return self._file(self.operator, FILE_NAME)
        return None if self.history_file is None else self.history_file.with_name(FILE_NAME)

    def _file(self, setting: str, name: str) -> Path | None:
        if setting == "none":
            return None
        return self._own(Path(setting) if setting else state_folder() / name)

    def _own(self, path: Path) -> Path:
        """The path, or that of this shard's own: in a folder `shard-2of4` beside it."""
        shard = self.one_shard
        return path if shard.is_all else path.parent / f"shard-{shard.name}" / path.name


_RANGES = (
    ("history_days", 1.0, 3650.0),
    ("history_hourly_days", 1.0, 3650.0),
    ("history_megabytes", 1, 1_000_000),
    ("alerts_per_host_day", 0.0, 1000.0),
    ("max_events", 1, 10_000_000),
    ("events_hours", 0.01, 168.0),
    ("queue", 10, 1_000_000),
    ("batch", 1, 10_000),
    ("linger", 0.0, 1.0),
    ("forward_megabytes", 1, 1_000_000),
    ("drain", 0.0, 600.0),
)


def config_file(given: Path | None) -> Path | None:
    """The settings file of `sidecar` and `status`: the one given, else the system's where there is one."""
    return given or (SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None)


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the sidecar keeps its files: systemd's StateDirectory, the system's for root, else the user's."""
    given = environ.get("STATE_DIRECTORY")
    if given:
        return Path(given.split(":")[0])
    if not hasattr(os, "geteuid"):
        raise ConfigError("the sidecar runs on POSIX systems (Linux, macOS, FreeBSD) only")
    if os.geteuid() == 0:
        return SYSTEM_FOLDER
    home = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "zeek-beacons"


def system_wide(path: Path, given: str) -> Path:
    """The path, or where nobody named it and nothing is there, that of a sidecar which runs as another user."""
    if given or path.exists():
        return path
    system = SYSTEM_FOLDER / path.relative_to(state_folder())
    return system if system.exists() else path
