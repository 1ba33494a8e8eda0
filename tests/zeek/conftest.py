"""A real Zeek, where there is one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "zeek-scripts"
TRACES = ROOT / "testing-btest" / "Traces"
CAPTURES = Path(os.environ.get("ZEEK_BEACONS_CAPTURES", ROOT.parent / "shared" / "data"))

# Not the site context: an originator whose pairs have expired is counted in the log and no longer in Zeek.
DESCRIPTIVE = (
    *("addr", "service", "server_name", "dns_name", "conns", "named", "name_conns", "dns_named"),
    *("orig_local", "resp_local", "first_ts"),
    *("cert_name", "cert_issuer", "cert_self_signed", "cert_valid", "cert_days", "user_agent", "no_host", "intel"),
)


def traces() -> list[Path]:
    """The traces of the btests, and the lab captures where they are present."""
    return [*sorted(TRACES.glob("*.pcap")), *sorted(CAPTURES.glob("dev/*/*.pcap*"))]


@pytest.fixture
def run_zeek(zeek: str, tmp_path: Path) -> Callable[..., Path]:
    """Runs Zeek with the package, behind what is to be loaded `first`, on a capture; returns the folder of its logs."""

    def run(capture: Path, *arguments: str, first: Sequence[str] = ()) -> Path:
        command = [
            zeek,
            "-C",
            "-r",
            str(capture),
            "protocols/ssl/validate-certs",
            *first,
            str(SCRIPTS),
            "Beacons::direction=Beacons::ANY",
            *arguments,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr, done.stderr
        return tmp_path

    return run
