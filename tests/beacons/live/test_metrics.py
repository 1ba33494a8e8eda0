"""What Prometheus gets of a state, and over HTTP from a running sidecar."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live import metrics_server
from zeek_beacons.live.metrics import families, render
from zeek_beacons.live.metrics_server import MetricsServer
from zeek_beacons.live.protocol.messages import NodeHeartbeat
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.live.status import State
from zeek_beacons.scoring import Scoring

from .fake_zeek import FakeZeek, listening
from .made import ME, fields
from .states import EVENTS, FOLLOWED, FORWARDED, SINKS, busy_session, state

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float:
    return found[f"zeek_beacons_{name}", frozenset(labels.items())]


def test_the_metrics_are_what_the_state_says() -> None:
    found = figures(render(state(busy_session()), 100.0)[0].decode())
    assert figure(found, "candidates_received_total") == 4
    assert figure(found, "candidates_scored_total") == 3
    assert figure(found, "queue_candidates") == 1
    assert figure(found, "queue_limit_candidates") == 10_000
    assert figure(found, "verdicts_total", label="beacon") == 1
    assert figure(found, "verdicts_total", label="benign") == 2
    assert figure(found, "verdicts_total", label="insufficient_evidence") == 0
    assert figure(found, "alerts_total", severity="high") == 1
    assert figure(found, "alerts_total", severity="critical") == 0
    assert figure(found, "alerts_unconfirmed") == 1
    assert figure(found, "bad_messages_total", reason="frame is no JSON") == 1
    assert figure(found, "role", role="serving") == 1
    assert figure(found, "role", role="away") == 0
    assert figure(found, "node_silent_seconds", node="zeek") == 1.5
    assert figure(found, "node_lost_candidates_total", node="zeek") == 1
    assert figure(found, "model_info", model="model", version="0.1.0") == 1
    assert figure(found, "threshold", profile="balanced") == 0.8
    assert figure(found, "verdict_delay_seconds_bucket", le="0.025") == 0
    assert figure(found, "verdict_delay_seconds_bucket", le="0.05") == 3
    assert figure(found, "verdict_delay_seconds_count") == 3
    assert figure(found, "verdict_delay_seconds_sum") == pytest.approx(0.12)


def test_losses_go_by_reason() -> None:
    session = busy_session()
    session.counts.dropped, session.counts.failed, session.counts.gaps = 7, 2, 3
    found = figures(render(state(session, faults=1), 100.0)[0].decode())
    lost = {reason: figure(found, "candidates_lost_total", reason=reason) for reason in ("queue_full", "fault")}
    assert lost == {"queue_full": 7, "fault": 1}
    assert figure(found, "candidates_lost_total", reason="batch_failed") == 2
    assert figure(found, "candidates_lost_total", reason="never_came") == 3


def test_sinks_and_their_queue_are_told() -> None:
    found = figures(render(state(busy_session(), sinks=SINKS), 100.0)[0].decode())
    assert figure(found, "sink_delivered_total", sink="file:a") == 3
    assert figure(found, "sink_failures_total", sink="file:a") == 2
    assert figure(found, "sink_waiting", sink="file:a") == 4
    assert figure(found, "sink_lost_total", sink="file:a", reason="the queue was full") == 5
    assert figure(found, "alert_queue_working") == 0
    assert figure(found, "alert_queue_lost_total") == 6


def test_events_are_told_by_what_became_of_them() -> None:
    found = figures(render(state(busy_session(), events=EVENTS), 100.0)[0].decode())
    outcomes = {outcome: figure(found, "events_total", outcome=outcome) for outcome in ("taken", "bad", "other")}
    assert outcomes == {"taken": 9, "bad": 1, "other": 2}
    assert figure(found, "events_total", outcome="untimely") == 3
    assert figure(found, "events_working") == 0
    assert figure(found, "events_held") == 5
    assert figure(found, "events_joined_total") == 6
    assert figure(found, "events_forgotten_total") == 4
    assert figure(found, "event_writers_refused_total") == 7


def test_the_condition_is_that_of_status() -> None:
    found = figures(render(state(busy_session()), 100.0)[0].decode())
    assert figure(found, "condition", condition="healthy") == 1
    assert figure(found, "problems") == 0
    found = figures(render(state(busy_session(), allow_problem="line 3"), 100.0)[0].decode())
    assert (figure(found, "condition", condition="unhealthy"), figure(found, "problems")) == (1, 1)
    found = figures(render(state(busy_session()), 1000.0)[0].decode())
    assert figure(found, "condition", condition="stale") == 1


def test_where_no_sidecar_has_run_that_is_told() -> None:
    found = figures(render(None, 100.0, process=False)[0].decode())
    assert figure(found, "condition", condition="stale") == 1
    assert {name for name, _ in found} == {"zeek_beacons_condition", "zeek_beacons_problems"}


def test_openmetrics_is_given_to_whom_asks() -> None:
    body, kind = render(state(busy_session()), 100.0, "application/openmetrics-text; version=1.0.0, text/plain")
    assert kind.startswith("application/openmetrics-text")
    told = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert "zeek_beacons_candidates_received" in told


@given(
    st.dictionaries(st.text(), st.integers(0, 2**53), max_size=3),
    st.lists(st.text(), max_size=3),
    st.text(),
)
def test_any_name_from_a_peer_can_be_told(bad: dict[str, int], nodes: list[str], model: str) -> None:
    session = Session(ME)
    session.counts.bad.update(bad)
    for node in nodes:
        session.heard[node] = (0.0, NodeHeartbeat(node, "b1", 1, 2, 3))
    whole = state(session) | {"model": model}
    families_told = list(parse(render(whole, 100.0)[0].decode()))
    assert len({family.name for family in families_told}) == len(families_told)


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_the_histogram_holds_every_delay(delays: list[float]) -> None:
    session = Session(ME)
    session.delays.add(delays)
    (family,) = (one for one in families(state(session), 100.0) if one.name == "zeek_beacons_verdict_delay_seconds")
    buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
    bounds = [float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")]
    assert buckets == [sum(delay <= bound for delay in delays) for bound in bounds]
    assert bounds[-1] == math.inf
    assert buckets[-1] == len(delays)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    made = MetricsServer("127.0.0.1:0")
    yield made
    made.close()


def ask(server: MetricsServer, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_only_get_of_metrics_is_answered(server: MetricsServer) -> None:
    server.start(lambda: state(busy_session()))
    status, text = ask(server)
    assert status == 200
    assert figure(figures(text), "candidates_scored_total") == 3
    assert ask(server, "/")[0] == 404
    assert ask(server, "/metrics/../etc")[0] == 404
    assert ask(server, method="POST")[0] == 405


def test_a_sidecar_that_is_too_busy_is_told(server: MetricsServer) -> None:
    def hang() -> State:
        raise TimeoutError

    server.start(hang)
    assert ask(server)[0] == 503


def test_clients_that_say_nothing_keep_no_others_out(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.2)
    server.start(lambda: state(busy_session()))
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(metrics_server.MOST_AT_ONCE)]
    try:
        for one in silent:
            one.settimeout(30)
            assert one.recv(1) == b""  # closed, having said nothing for too long
        assert ask(server)[0] == 200
    finally:
        for one in silent:
            one.close()


def test_garbage_is_survived(server: MetricsServer) -> None:
    server.start(lambda: state(busy_session()))

    @given(st.binary(max_size=200))
    def send(garbage: bytes) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(garbage + b"\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            while read(client):
                pass
        assert ask(server)[0] == 200

    send()


def read(client: socket.socket) -> bytes:
    try:
        return client.recv(65536)
    except ConnectionResetError:  # what it had not read when it closed
        return b""


@pytest.mark.parametrize("address", ["9479", "localhost:9479", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ":80"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="expected ADDRESS:PORT"):
        MetricsServer(address)


def test_a_port_that_is_taken_is_refused(server: MetricsServer) -> None:
    with pytest.raises(ConfigError, match=f"127.0.0.1:{server.port}: Address already in use"):
        MetricsServer(f"127.0.0.1:{server.port}")


def test_a_running_sidecar_tells_what_status_shows(tmp_path: Path) -> None:
    async def scene() -> Service:
        zeek = FakeZeek()
        async with listening(zeek) as port:
            own = SidecarConfig(
                zeek=f"ws://127.0.0.1:{port}",
                history=str(tmp_path / "history.db"),
                state=str(tmp_path / "status.json"),
                metrics="127.0.0.1:0",
            )
            service = start(own, Config(), Scoring.load(threads=1))
            server = service._metrics
            assert server is not None
            task = asyncio.create_task(service.run())
            await zeek.until(lambda: zeek.all("resync"))
            await zeek.say("candidate", fields())
            await zeek.until(lambda: service.state()["confirmed"])
            status, text = await asyncio.to_thread(ask, server)
            shown, found = service.state(), figures(text)
            service.stop()
            await task
        assert status == 200
        assert figure(found, "candidates_scored_total") == shown["scored"] == 1
        assert figure(found, "verdicts_total", label="beacon") == shown["labels"]["beacon"] == 1
        assert sum(value for (name, _), value in found.items() if name == "zeek_beacons_alerts_total") == 1
        assert figure(found, "history_working") == 1
        assert ("process_resident_memory_bytes" in {name for name, _ in found}) is (sys.platform == "linux")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port))
        return service

    asyncio.run(scene())


def test_without_the_package_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    for module in ("zeek_beacons.live.metrics", "zeek_beacons.live.metrics_server"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    own = SidecarConfig(history="none", state="none", metrics="127.0.0.1:0")
    with pytest.raises(ConfigError, match=r"pip install 'zeek-beacons\[metrics\]'"):
        start(own, Config(), Scoring.load(threads=1))


def test_what_is_followed_and_forwarded_is_told() -> None:
    told = state(busy_session(), followed=FOLLOWED)
    found = figures(render(told, 100.0)[0].decode())
    for name, value in (
        ("connections_total", 10),
        ("bad_rows_total", 5),
        ("duplicate_connections_total", 2),
        ("forgotten_pairs_total", 3),
        ("cut_observations_total", 4),
        ("forgotten_rows_total", 5),
        ("bytes_total", 150),
        ("behind_bytes", 7),
        ("behind_messages", 8),
        ("missed_messages_total", 9),
        ("held_pairs", 6),
        ("unjudged_connections", 1),
        ("lag_seconds", 60.0),
    ):
        assert figure(found, f"follow_{name}") == value, name
    assert figure(found, "problems") >= 1
    unjudged = {name: value for name, value in FOLLOWED.items() if name != "rows"}
    told = state(busy_session(), followed=unjudged, forwarded=FORWARDED)
    found = figures(render(told, 100.0)[0].decode())
    names = ("buffered_rows_total", "sent_rows_total", "sent_batches_total", "bad_rows_total", "refused_batches_total")
    more = ("retries_total", "full_total", "waiting_batches", "waiting_bytes")
    assert [figure(found, f"forward_{name}") for name in (*names, *more)] == [9, 8, 7, 1, 2, 3, 4, 5, 6]
    assert ("zeek_beacons_follow_held_pairs", frozenset()) not in found
