"""The console's own settings: the table `[serve]` of the settings file < ZEEK_BEACONS_SERVE_... < flags."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from zeek_beacons.config import layered, read_toml, refuse_unknown
from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.fleet.named import sources
from zeek_beacons.live.settings import SidecarConfig, state_folder
from zeek_beacons.operator_file import FILE_NAME

TABLE = "serve"
ENVIRONMENT = "ZEEK_BEACONS_SERVE_"


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """All settings of the console, valid from creation on."""

    # Where it listens: ADDRESS:PORT. Elsewhere than on loopback it needs TLS, and everybody a token.
    listen: str = "127.0.0.1:8520"
    # Certificate chain and key (PEM files).
    tls_cert: str = ""
    tls_key: str = ""
    # Names by which it may be asked beside addresses and `localhost`, as behind a reverse proxy.
    hosts: tuple[str, ...] = ()
    # History file to show; empty: the sidecar's.
    history: str = ""
    # Folder with the result of `score -o` or `pcap -o` to show in place of a history.
    report: str = ""
    # File of what operators say; empty: `operator.sqlite` beside the history, or in the result folder.
    operator: str = ""
    # State file of the sidecar; empty: the sidecar's.
    state: str = ""
    # Sensors to show together, in place of a history: [NAME=]URL of another `serve`, or [NAME=]FILE.
    source: tuple[str, ...] = ()
    # File with the tokens that other `serve`s ask for, as lines NAME=TOKEN.
    source_tokens: str = ""
    # Certificate authority (PEM file) that https:// sources are checked against; empty: the system's.
    source_ca: str = ""
    # Seconds that a sensor's answer may take, and its megabytes.
    source_seconds: float = 5.0
    source_megabytes: int = 8
    # Rows of a list, and pairs that alert, that are taken from a sensor.
    source_rows: int = 5000
    # Folder for uploads and their results; empty: `console` in the state folder.
    spool: str = ""
    # Megabytes that an upload may have, and that it may have unpacked.
    upload_megabytes: int = 512
    unpacked_megabytes: int = 8192
    # Seconds that an upload, and that scoring it may take.
    upload_seconds: float = 600.0
    job_seconds: float = 1800.0
    # Megabytes of memory that scoring an upload may take.
    job_megabytes: int = 4096
    # Uploads that may wait; one is scored at a time.
    waiting_jobs: int = 8
    # Results that are kept, and for how many days.
    kept_jobs: int = 20
    job_days: float = 7.0
    # Hours that a browser stays logged in.
    session_hours: float = 12.0
    # Connections from other collectors that may wait for the sidecar.
    telemetry_connections: int = 100_000
    # Folder for what other machines' `follow --forward` send; empty: none of it is taken.
    inbox: str = ""
    # Megabytes that may lie in it, and hours that a file stays there when nothing is appended to it any more.
    inbox_megabytes: int = 10_000
    inbox_hours: float = 48.0
    # Readers of the stream of events at a time.
    event_streams: int = 50
    # Links from a beacon to other tools: NAME=URL, with {orig_h}, {resp}, {addr}, {resp_p}, {uid}, ... filled in.
    pivots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.address  # noqa: B018  # raises where it is none
        if self.history and self.report:
            raise SettingError("report", "and history exclude each other")
        if self.source and (self.history or self.report or self.state):
            raise SettingError("source", "and history, report or state exclude each other: name them as sources")
        sources(self.source)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingError("tls_cert", "and tls_key belong together, only one of them is given")
        if not self.on_loopback and not self.tls_cert:
            raise SettingError(
                "listen", f"is {self.listen}, which others reach: TLS is needed there, give tls_cert and tls_key"
            )
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise SettingError(name, f"is {getattr(self, name)}, expected {least} to {most}")
        for pivot in self.pivots:
            name, _, url = pivot.partition("=")
            if not name or not url.startswith(("http://", "https://")):
                raise SettingError("pivots", f"has {pivot!r}, expected NAME=https://...")

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        flags: Mapping[str, Any] | None = None,
    ) -> Self:
        """Settings from a TOML file's table `[serve]`, the environment and flags; None means not given."""
        table = read_toml(file).get(TABLE, {}) if file else {}
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {TABLE} is no table")
        refuse_unknown(cls, ENVIRONMENT, environ)
        return layered(cls, f"{file} [{TABLE}]", table, ENVIRONMENT, environ, flags)

    @property
    def address(self) -> tuple[str, int]:
        """Address and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        host = host.strip("[]")
        try:
            ipaddress.ip_address(host)
            number = int(port)
        except ValueError as error:
            raise SettingError("listen", f"is {self.listen!r}, expected ADDRESS:PORT such as 127.0.0.1:8520") from error
        if not 0 <= number <= 65_535:
            raise SettingError("listen", f"is {self.listen!r}, expected a port of 0 to 65535")
        return host, number

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.address[0]).is_loopback

    def shown(self, sidecar: SidecarConfig) -> Path:
        """The history or result folder to show. Raises ConfigError where the sidecar keeps no history."""
        if self.report or self.history:
            return Path(self.report or self.history)
        if len(sidecar.shards) > 1:
            raise ConfigError("the sidecars share their pairs by shards: name the history of each with --source")
        if sidecar.history_file is None:
            raise ConfigError("the sidecar keeps no history: name one with --history, or a result with --report")
        return sidecar.history_file

    def operator_file(self, shown: Path) -> Path:
        """Where operators' words are kept."""
        if self.operator:
            return Path(self.operator)
        if self.source:
            return state_folder() / FILE_NAME
        return shown / FILE_NAME if self.report else shown.with_name(FILE_NAME)

    @property
    def spool_folder(self) -> Path:
        """Where uploads and their results lie."""
        return Path(self.spool) if self.spool else state_folder() / "console"


_RANGES = (
    ("upload_megabytes", 1, 100_000),
    ("unpacked_megabytes", 1, 1_000_000),
    ("upload_seconds", 1.0, 86_400.0),
    ("job_seconds", 1.0, 86_400.0),
    ("job_megabytes", 512, 1_000_000),
    ("waiting_jobs", 1, 1000),
    ("kept_jobs", 1, 10_000),
    ("job_days", 0.01, 3650.0),
    ("session_hours", 0.1, 720.0),
    ("telemetry_connections", 100, 10_000_000),
    ("inbox_megabytes", 10, 10_000_000),
    ("inbox_hours", 1.0, 8760.0),
    ("source_seconds", 0.1, 60.0),
    ("source_megabytes", 1, 1000),
    ("source_rows", 1000, 100_000),
    ("event_streams", 1, 10_000),
)
