"""Topics of Kafka, followed: the verdicts of `score`, over kills, brokers that go and come, and bad messages."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.live.follow.kafka import KafkaTopics
from zeek_beacons.live.follow.kafka_address import KafkaAddress

from ...cli.commands import run
from ...readers.logs import T0
from .broker import MockBroker
from .made import HOUR, Site, site, whole
from .test_follow import options, own_state, same, told, verdicts

__all__ = ["own_state"]
LOGS = site()
ALWAYS = "1e6"  # hours: all that there is
PLACES = {"conn": 0, "ssl": 1, "http": 2, "dns": 3, "x509": 3}  # the partition of each log


@pytest.fixture
def broker() -> Iterator[MockBroker]:
    one = MockBroker()
    yield one
    one.close()


def send(
    broker: MockBroker,
    logs: Site,
    place: Callable[[str], tuple[str, int]],
    since: float = 0.0,
    until: float = T0 * 2,
    told: bool = True,
) -> None:
    """The rows that are written in some time, as messages. `told`: with the names of their logs."""
    found = [(at, name, row) for name, rows in logs.items() for at, row in rows if since <= at < until]
    for at, name, row in sorted(found, key=lambda one: one[0]):
        topic, partition = place(name)
        broker.send(topic, {"_path": name} | row if told else row, partition, at)
    broker.flush()


def one_topic(name: str) -> tuple[str, int]:
    return "zeek", PLACES[name]


def topic_each(name: str) -> tuple[str, int]:
    return f"zeek-{name}", 0


@pytest.mark.parametrize(("place", "says"), [(one_topic, True), (one_topic, False), (topic_each, False)])
def test_once_says_what_score_says(tmp_path: Path, broker: MockBroker, place: Any, says: bool) -> None:
    logs = {name: rows for name, rows in LOGS.items() if says or place is topic_each or name in ("conn", "ssl", "http")}
    send(broker, logs, place, told=says)
    topics = ",".join(sorted({place(name)[0] for name in logs}))
    for _ in range(2):
        ran = run("follow", f"kafka://{broker.address}/{topics}", "--once", *options(tmp_path))
        assert ran.returncode == 0, ran.stderr
    folder = whole(tmp_path / "logs", logs)
    assert run("score", folder, "-o", tmp_path / "report").returncode == 0
    same(tmp_path / "h.db", tmp_path / "report" / "result.sqlite")
    alerts = told(tmp_path / "alerts.json")
    assert alerts
    assert len({(one["incident"], one["severity"]) for one in alerts}) == len(alerts)


def test_what_is_no_row_is_counted_and_named(tmp_path: Path, broker: MockBroker) -> None:
    send(broker, LOGS, one_topic)
    for value in (b"\xff\xfe no JSON", b"[1]", b"", b'{"_path":"files","fuid":"F"}', b'{"_path":"conn","ts":'):
        broker.send("zeek", value, 0)
    broker.flush()
    ran = run("follow", f"kafka://{broker.address}/zeek", "--once", *options(tmp_path))
    assert ran.returncode == 0, ran.stderr
    (source,) = json.loads((tmp_path / "s.json").read_text())["followed"]["sources"].values()
    first = len(LOGS["conn"])
    assert (source["bad"], source["other"]) == (4, 1)
    assert source["example"] == f"no JSON object: zeek[0] offset {first}"
    assert source["partitions"]["zeek[0]"] == first + 5
    for offset in (first, first + 1, first + 2, first + 4):
        assert f"zeek[0] offset {offset}" in ran.stderr
    assert "4 bad, 1 of other logs" in run("status", "--state", tmp_path / "s.json").stdout


def following(tmp_path: Path, address: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "zeek_beacons", "follow", address, "--back", ALWAYS, "--interval", "0.2"]
    command += [str(one) for one in options(tmp_path)] + list(more)
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def source_of(state: Path, pid: int) -> Mapping[str, Any]:
    """What a process says of the topic; nothing as long as it says nothing."""
    try:
        found = json.loads(state.read_text())
    except (OSError, ValueError):
        return {}
    (source,) = found["followed"]["sources"].values()
    return source | {"scored": found["scored"]} if found["pid"] == pid else {}


def wait(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.05)
    assert condition()


def stored(history: Path) -> dict[str, int]:
    """How far each partition was read, by the history."""
    if not history.exists():
        return {}
    with contextlib.closing(sqlite3.connect(history)) as db:
        try:
            rows = db.execute("SELECT boot, seq FROM progress WHERE node = 'follow'").fetchall()
        except sqlite3.OperationalError:
            return {}
    return {identity.split(":", 2)[2]: offset for identity, offset in rows}


@pytest.mark.parametrize("group", ["", "&group=sensors"])
def test_killed_in_the_middle_each_alert_comes_once(tmp_path: Path, broker: MockBroker, group: str) -> None:
    history, state, settings = tmp_path / "h.db", tmp_path / "s.json", tmp_path / "kafka.properties"
    settings.write_text("session.timeout.ms=6000\n")  # after which the group takes a killed one for gone
    address = f"kafka://{broker.address}/zeek?config={settings}{group}"
    times = (0.0, T0 + HOUR, T0 + 2 * HOUR)
    for since, until in itertools.pairwise(times):
        send(broker, LOGS, one_topic, since, until)
        running = following(tmp_path, address)
        wait(lambda pid=running.pid: source_of(state, pid).get("scored", 0) > 0)  # type: ignore[misc]
        send(broker, LOGS, one_topic, until, until + 600)
        running.send_signal(signal.SIGKILL)
        running.wait()
        send(broker, LOGS, one_topic, until + 600, until + HOUR if until == times[1] else until + 600)
    assert stored(history)["zeek:0"] > 0
    send(broker, LOGS, one_topic, T0 + 2 * HOUR + 600)
    ran = run("follow", address, "--once", *options(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert stored(history)["zeek:0"] >= len(LOGS["conn"])
    folder = whole(tmp_path / "logs", LOGS)
    assert run("score", folder, "-o", tmp_path / "report").returncode == 0
    alerts = told(tmp_path / "alerts.json")
    assert alerts
    assert len({(one["incident"], one["severity"]) for one in alerts}) == len(alerts)
    expected = {key for key, one in verdicts(tmp_path / "report" / "result.sqlite").items() if one[2]}
    assert expected == {key for key, one in verdicts(history).items() if one[2]}


def test_a_broker_that_goes_and_comes_back(tmp_path: Path, broker: MockBroker) -> None:
    settings, state = tmp_path / "kafka.properties", tmp_path / "s.json"
    settings.write_text("# quick, for a test\nsocket.timeout.ms=500\nreconnect.backoff.max.ms=200\n")
    send(broker, LOGS, one_topic, until=T0 + HOUR)
    running = following(tmp_path, f"kafka://{broker.address}/zeek?config={settings}")
    try:
        wait(lambda: source_of(state, running.pid).get("scored", 0) > 0)
        broker.process.send_signal(signal.SIGSTOP)
        wait(lambda: bool(source_of(state, running.pid).get("problem")))
        broker.process.send_signal(signal.SIGCONT)
        send(broker, LOGS, one_topic, since=T0 + HOUR)
        wait(lambda: stored(tmp_path / "h.db").get("zeek:0") == len(LOGS["conn"]))
        wait(lambda: not source_of(state, running.pid).get("problem"))
    finally:
        running.terminate()
    assert running.wait(30) == 0


def test_a_message_that_the_broker_gave_up_is_missed(broker: MockBroker) -> None:
    """As after a silence that was longer than the topic is kept: the history is ahead of what is there, or behind."""
    send(broker, LOGS, one_topic)
    topics = KafkaTopics(KafkaAddress.parsed(f"kafka://{broker.address}/zeek"), once=True)
    try:
        while topics.has_more:
            topics.look()
            for _ in [*topics.beside(), *topics.connections()]:
                pass
        (place,) = [one for one in topics.progress() if one.endswith(":0")]
        assert topics.progress()[place] == len(LOGS["conn"])
    finally:
        topics.close()
    ahead = KafkaTopics(KafkaAddress.parsed(f"kafka://{broker.address}/zeek"), {place: 10**9}, once=True)
    try:
        ahead.look()
        assert ahead.state()["cut"] == 1  # the topic was made anew: it is read from its beginning
        assert ahead.state()["messages"] > 0
    finally:
        ahead.close()


def test_two_of_a_group_share_the_partitions(broker: MockBroker) -> None:
    send(broker, LOGS, one_topic)
    address = KafkaAddress.parsed(f"kafka://{broker.address}/zeek?group=g")
    one = KafkaTopics(address)
    try:
        wait(lambda: _look(one) == 4)
        one.kept()
        other = KafkaTopics(address)  # a member from now on
        try:
            wait(lambda: (_look(one), _look(other)) == (2, 2))
            assert not set(one.state()["partitions"]) & set(other.state()["partitions"])
        finally:
            other.close()
        wait(lambda: _look(one) == 4)
    finally:
        one.close()


def _look(topics: KafkaTopics) -> int:
    topics.look()
    return len(topics.state()["partitions"])


def test_once_says_that_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.follow.kafka.ONCE_PATIENCE", 0.0)
    monkeypatch.setattr("zeek_beacons.live.follow.kafka.PATIENCE", 0.2)
    topics = KafkaTopics(KafkaAddress.parsed("kafka://127.0.0.1:1/zeek"), once=True)
    try:
        with pytest.raises(InputError, match="cannot be read"):
            topics.look()
    finally:
        topics.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kafka://", "is no HOST:PORT"),
        ("kafka://a:9092", "is no name of a topic"),
        ("kafka://a:9092/t/u", "is no name of a topic"),
        ("kafka://a b:9092/t", "is no HOST:PORT"),
        ("kafka://a:9092/t?from=1", "unknown from"),
        ("kafka://a:9092/t?group", "cannot be read"),
        ("kafka://a:9092/t?config=/no/such/file", "cannot be read"),
    ],
)
def test_addresses_that_are_none(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        KafkaAddress.parsed(text)


def test_settings_of_the_library(tmp_path: Path) -> None:
    file = tmp_path / "k"
    file.write_text("security.protocol = SASL_SSL\n\n# how\nsasl.password=a=b\n")
    found = KafkaAddress.parsed(f"kafka://a:9092,[::1]:9093/t,u,t?config={file}&group=g")
    assert (found.brokers, found.topics, found.group) == ("a:9092,[::1]:9093", ("t", "u"), "g")
    assert found.settings == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    file.write_text("enable.auto.commit=true\n")
    with pytest.raises(ConfigError, match=r"line 1: enable\.auto\.commit is set by follow itself"):
        KafkaAddress.parsed(f"kafka://a/t?config={file}")
    file.write_text("no.such.setting=1\n")
    with pytest.raises(ConfigError, match=r"no\.such\.setting"):
        KafkaTopics(KafkaAddress.parsed(f"kafka://127.0.0.1:1/t?config={file}"))


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['confluent_kafka'] = None; from zeek_beacons.cli import main; "
        "sys.argv = ['zeek-beacons', 'follow', 'kafka://127.0.0.1:1/t', '--once']; main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "pip install 'zeek-beacons[kafka]'" in ran.stderr
