"""What the console tells Prometheus of the sidecar."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from zeek_beacons.config import Config
from zeek_beacons.live import state as states
from zeek_beacons.live.metrics import render
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.serve.app import app_of
from zeek_beacons.serve.settings import ServeConfig
from zeek_beacons.serve.start import surface_of

from ..live.states import busy_session, state


def asked(folder: Path, **headers: str) -> tuple[int, str, str]:
    """Status, content type and text of /metrics of a console beside a sidecar's state."""

    async def ask() -> tuple[int, str, str]:
        own = ServeConfig(
            history=str(folder / "history.db"), state=str(folder / "status.json"), spool=str(folder / "spool")
        )
        surface = surface_of(own, SidecarConfig(), Config())
        try:
            transport = httpx.ASGITransport(app_of(surface), client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8520") as client:
                answer = await client.get("/metrics", headers=headers)
                return answer.status_code, answer.headers["content-type"], answer.text
        finally:
            surface.store.close()

    return asyncio.run(ask())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    states.write(state(busy_session()), tmp_path / "status.json")
    return tmp_path


def test_the_console_tells_what_the_sidecar_left(folder: Path) -> None:
    code, kind, text = asked(folder)
    assert (code, kind.split(";")[0]) == (200, "text/plain")
    own = "zeek_beacons_candidates_scored_total 3.0"
    assert own in text
    assert own in render(state(busy_session()), 100.0)[0].decode()
    assert 'zeek_beacons_condition{condition="stale"} 1.0' in text  # it was written long ago


def test_openmetrics_is_given_to_whom_asks(folder: Path) -> None:
    assert asked(folder, accept="application/openmetrics-text")[1].startswith("application/openmetrics-text")


def test_another_host_name_is_refused(folder: Path) -> None:
    assert asked(folder, host="evil.example")[0] >= 400


def test_without_the_package_that_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "zeek_beacons.live.metrics", raising=False)
    code, _, text = asked(folder)
    assert code == 501
    assert "pip install 'zeek-beacons[metrics]'" in text
