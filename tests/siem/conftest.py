"""Logs as a real Zeek writes them, with a beacon, a tunnel, a lost sidecar and lost candidates in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.alerts.formats import FORMATS

from ..beacons.alerts.made import alert
from .fields import ROOT, SCRIPTS

TRACES = ROOT / "testing-btest" / "Traces"
ALERTING = ("beacon", "dns_tunnel", "web")
TROUBLED = """
@load frameworks/telemetry/log
redef exit_only_after_terminate = T;
redef Telemetry::log_interval = 1sec;
module Beacons;
event enough() { terminate(); }
event zeek_init() { progress[0]$lost = 3; event sidecar_lost("one", 30sec, 1); schedule 3sec { enough() }; }
"""

Rows = Mapping[str, list[dict[str, Any]]]


def _read(folder: Path, into: dict[str, list[dict[str, Any]]]) -> None:
    for log in folder.glob("*.log"):
        into[log.stem] += [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]


@pytest.fixture(scope="session")
def logs(zeek: str, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Rows of JSON logs by log."""
    folder = tmp_path_factory.mktemp("siem")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in ALERTING:
        out = folder / name
        command = [sys.executable, "-m", "zeek_beacons", "pcap", str(TRACES / f"{name}.pcap"), "-o", str(out)]
        command += ["--zeek-arg", "LogAscii::use_json=T"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        _read(out, found)
    troubled = folder / "troubled"
    troubled.mkdir()
    (troubled / "troubled.zeek").write_text(TROUBLED)
    command = [zeek, str(SCRIPTS), "troubled.zeek", "LogAscii::use_json=T"]
    subprocess.run(command, cwd=troubled, check=True, capture_output=True, timeout=60)
    _read(troubled, found)
    return found


@pytest.fixture(scope="session")
def alerts() -> list[dict[str, Any]]:
    """Alerts as the sink `file:PATH` writes them."""
    made = (alert(), alert(2, level=4, severity="critical"), alert(3, level=2, severity="medium"))
    return [json.loads(FORMATS["json"].text(one)) for one in made]
