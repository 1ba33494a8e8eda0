"""The trace of sessions is one that Zeek reads without a complaint."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import without_zeek
from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.bench import instructions, sessions
from zeek_beacons_lab.bench.zeek import zeek_command


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl in PATH")
def test_zeek_sees_what_was_meant(tmp_path: Path) -> None:
    try:
        zeek = zeek_command()
    except ConfigError as error:
        without_zeek(str(error))
    sessions.write_sessions(tmp_path / "sessions.pcap", 60)
    subprocess.run([zeek, "-C", "-r", "sessions.pcap"], cwd=tmp_path, check=True)
    rows = [line.split("\t") for line in (tmp_path / "conn.log").read_text().splitlines() if not line.startswith("#")]
    services = [row[7] for row in rows]
    assert (len(rows), services.count("dns")) == (120, 60)
    assert services.count("http") + services.count("ssl") == 60
    assert {row[11] for row in rows} == {"SF"}
    assert "example" in (tmp_path / "x509.log").read_text()
    assert not (tmp_path / "weird.log").exists()


def test_without_its_tools_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ConfigError, match="no openssl"):
        sessions.write_sessions(tmp_path / "sessions.pcap", 1)
    with pytest.raises(ConfigError, match="no valgrind"):
        instructions.instructions(tmp_path / "sessions.pcap", [])
