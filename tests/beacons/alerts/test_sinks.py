"""Every sink against a real receiver on loopback: what arrives, what is refused, and what is said of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from zeek_beacons.alerts.redirect import Target, next_target
from zeek_beacons.alerts.registry import SINKS, sink_of
from zeek_beacons.alerts.sink import DeliveryError, Sink
from zeek_beacons.errors import ConfigError

from . import receivers
from .made import HOSTILE, alert
from .receivers import Received

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@contextmanager
def to_file(tmp_path: Path) -> Iterator[tuple[Sink, Received]]:
    got = Received()
    sink = sink_of(f"file:{tmp_path / 'alerts.json'}")
    yield sink, got
    got.messages += (tmp_path / "alerts.json").read_bytes().splitlines()


@contextmanager
def to_udp(_: Path) -> Iterator[tuple[Sink, Received]]:
    with receivers.syslog_udp() as got:
        yield sink_of(f"syslog:udp://127.0.0.1:{got.port}"), got


@contextmanager
def to_tcp(_: Path) -> Iterator[tuple[Sink, Received]]:
    with receivers.syslog_stream() as got:
        yield sink_of(f"syslog:tcp://127.0.0.1:{got.port}"), got


@contextmanager
def to_tls(tmp_path: Path) -> Iterator[tuple[Sink, Received]]:
    ca, context = receivers.certificate(tmp_path)
    with receivers.syslog_stream(context) as got:
        yield sink_of(f"syslog:tls://127.0.0.1:{got.port}#ca={ca}"), got


@contextmanager
def to_web(_: Path) -> Iterator[tuple[Sink, Received]]:
    with receivers.webhook() as got:
        yield sink_of(f"webhook:http://127.0.0.1:{got.port}/in"), got


@contextmanager
def to_mail(_: Path) -> Iterator[tuple[Sink, Received]]:
    with receivers.mail_server() as got:
        yield sink_of(f"email:soc@a.example#from=b@a.example&server=smtp://127.0.0.1:{got.port}"), got


WAYS = {"file": to_file, "udp": to_udp, "tcp": to_tcp, "tls": to_tls, "webhook": to_web, "email": to_mail}
EACH = pytest.mark.parametrize("way", [pytest.param(way, marks=needs_openssl) if way == "tls" else way for way in WAYS])


def until(holds: Callable[[], object]) -> None:
    """Waits for what another thread does."""
    import time

    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@EACH
def test_an_alert_arrives_with_its_id_on_one_line(way: str, tmp_path: Path) -> None:
    with WAYS[way](tmp_path) as (sink, got):
        confirmed = sink.deliver(alert())
        if way != "file":
            until(lambda: got.messages)
    assert confirmed == (way != "udp")
    (message,) = got.messages
    assert alert().id.encode() in message
    if way != "email":
        assert b"\n" not in message


@EACH
def test_names_from_the_network_break_nothing(way: str, tmp_path: Path) -> None:
    with WAYS[way](tmp_path) as (sink, got):
        sink.deliver(alert(name=HOSTILE))
        if way != "file":
            until(lambda: got.messages)
    (message,) = got.messages
    assert not {0x0D, 0x1B} & set(message.replace(b"\r\n", b""))
    assert "\u202e".encode() not in message
    if way == "email":
        read = message_from_bytes(message, policy=policy.default)
        assert "X" not in read
        assert read["Subject"].strip().startswith("C2 beacon (high): 10.0.0.5 to a")


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_syslog_is_as_rfc_5424_has_it(kind: str, tmp_path: Path) -> None:
    with WAYS[kind](tmp_path) as (sink, got):
        sink.deliver(alert(name=HOSTILE))
        until(lambda: got.messages)
    text = got.messages[0].decode()
    value = r'"(?:[^"\\\]]|\\["\\\]])*"'
    element = rf"\[zeekBeacons@32473(?: [a-z_]+={value})+\]"
    found = re.fullmatch(rf"<(\d+)>1 2026-01-01T06:00:00\.250000\+00:00 \S+ zeek-beacons - beacon {element} (.*)", text)
    assert found is not None
    assert int(found[1]) == 16 * 8 + 3
    assert 'name="a\\"\\]|=\\\\<b>' in text


def test_a_receiver_that_is_not_there_is_an_error_to_try_again(tmp_path: Path) -> None:
    port = receivers.free_port()
    for text in (
        f"syslog:tcp://127.0.0.1:{port}",
        f"syslog:tls://127.0.0.1:{port}",
        f"webhook:http://127.0.0.1:{port}/",
        f"email:a@a.example#from=a@a.example&server=smtp://127.0.0.1:{port}",
    ):
        with pytest.raises(DeliveryError, match="refused"):
            sink_of(text).deliver(alert())


@needs_openssl
def test_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    _, context = receivers.certificate(tmp_path)
    with receivers.syslog_stream(context) as got, pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        sink_of(f"syslog:tls://127.0.0.1:{got.port}").deliver(alert())
    assert not got.messages


def test_a_stream_that_breaks_off_is_not_taken_for_delivered() -> None:
    import socket
    import struct
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset() -> None:
            way, _ = server.accept()
            way.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            way.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(DeliveryError):
            sink_of(f"syslog:tcp://127.0.0.1:{server.getsockname()[1]}").deliver(alert())
        thread.join()


def test_a_file_rotates_and_keeps_its_count(tmp_path: Path) -> None:
    line = len(alert().to_json()) + 1
    sink = sink_of(f"file:{tmp_path / 'a.json'}#size={2 * line + 50}&count=2")
    for number in range(1, 10):
        sink.deliver(alert(number))
    read = {
        path.name: [json.loads(one)["incident"] for one in path.read_text().splitlines()] for path in tmp_path.iterdir()
    }
    assert read == {
        "a.json": ["incident9"],
        "a.json.1": ["incident7", "incident8"],
        "a.json.2": ["incident5", "incident6"],
    }


def test_a_line_that_a_power_cut_left_unfinished_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"half')
    sink_of(f"file:{path}").deliver(alert())
    assert [alert().id in line for line in path.read_text().splitlines()] == [False, True]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    path = tmp_path / "a.json"
    sink = sink_of(f"file:{path}")
    sink.deliver(alert(1))
    before, write, calls = path.read_bytes(), os.write, []

    def full(file: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 1:
            return write(file, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DeliveryError, match="No space left"):
        sink.deliver(alert(2))
    assert path.read_bytes() == before


def test_a_webhook_is_signed_as_standard_webhooks_has_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"whsec_{base64.b64encode(b'a key').decode()}\n")
    with receivers.webhook() as got:
        sink_of(f"webhook:http://127.0.0.1:{got.port}/#secret_file={key}").deliver(alert())
    (headers,), (body,) = got.headers, got.messages
    assert headers["webhook-id"] == alert().id
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"a key", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(("code", "said"), [(500, "status 500"), (404, "status 404"), (303, "carries no alert")])
def test_a_webhook_that_does_not_take_it_is_tried_again(code: int, said: str) -> None:
    answer = receivers.status(code, location="/there")
    with receivers.webhook(answer) as got, pytest.raises(DeliveryError, match=said):
        sink_of(f"webhook:http://127.0.0.1:{got.port}/").deliver(alert())


def test_a_webhook_says_when_to_come_again() -> None:
    with receivers.webhook(receivers.status(503, retry_after="120")) as got, pytest.raises(DeliveryError) as raised:
        sink_of(f"webhook:http://127.0.0.1:{got.port}/").deliver(alert())
    assert raised.value.retry_after == 120


def test_a_webhook_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr("zeek_beacons.alerts.webhook.TIMEOUT", 0.1)
    release = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        release.wait(30)

    with receivers.webhook(hang) as got:
        with pytest.raises(DeliveryError, match="timed out"):
            sink_of(f"webhook:http://127.0.0.1:{got.port}/").deliver(alert())
        release.set()


def test_a_redirect_into_the_network_is_refused_and_not_followed() -> None:
    with receivers.webhook() as inside:
        answer = receivers.status(307, location=f"http://127.0.0.1:{inside.port}/admin")
        refused = pytest.raises(DeliveryError, match="redirect refused: it leads to a private address")
        with receivers.webhook(answer) as got, refused:
            sink_of(f"webhook:http://127.0.0.1:{got.port}/").deliver(alert())
    assert (len(got.messages), inside.messages) == (1, [])


def test_a_redirect_within_the_server_is_followed_a_few_times() -> None:
    def onward(request: BaseHTTPRequestHandler) -> None:
        receivers.status(*((204,) if request.path == "/b" else (308,)), location="/b")(request)

    with receivers.webhook(onward) as got:
        assert sink_of(f"webhook:http://127.0.0.1:{got.port}/a").deliver(alert())
    assert got.paths == ["/a", "/b"]
    round_and_round = receivers.status(308, location="/a")
    with receivers.webhook(round_and_round) as got, pytest.raises(DeliveryError, match="more than 3 redirects"):
        sink_of(f"webhook:http://127.0.0.1:{got.port}/a").deliver(alert())


def test_a_redirect_is_followed_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for a public address when it is checked: no second look-up decides."""
    monkeypatch.setattr("zeek_beacons.alerts.redirect.addresses", lambda *_: ["127.0.0.1"])
    monkeypatch.setattr("zeek_beacons.alerts.redirect._is_public", lambda _: True)
    with receivers.webhook() as there:
        answer = receivers.status(307, location=f"http://elsewhere.invalid:{there.port}/in")
        with receivers.webhook(answer) as got:
            assert sink_of(f"webhook:http://127.0.0.1:{got.port}/").deliver(alert())
    assert there.headers[0]["host"] == f"elsewhere.invalid:{there.port}"
    assert there.messages == got.messages


@pytest.mark.parametrize("found", ["10.0.0.1", "169.254.1.1", "::1", "fe80::1%eth0", "224.0.0.1", "::ffff:10.0.0.1"])
def test_private_addresses_are_known_as_such(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.alerts.redirect.addresses", lambda *_: ["1.1.1.1", found])
    with pytest.raises(DeliveryError, match="private address"):
        next_target(Target("https://a.example/"), 307, "https://b.example/")
    with pytest.raises(DeliveryError, match="away from https"):
        next_target(Target("https://a.example/"), 307, "http://b.example/")


def test_mail_that_is_refused_is_tried_again() -> None:
    with receivers.mail_server(refuse=b"452 full\r\n") as got:
        sink = sink_of(f"email:a@a.example#from=a@a.example&server=smtp://127.0.0.1:{got.port}")
        with pytest.raises(DeliveryError, match="full"):
            sink.deliver(alert())


@needs_openssl
def test_mail_goes_encrypted_and_with_a_password(tmp_path: Path) -> None:
    ca, context = receivers.certificate(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    with receivers.mail_server(tls=context) as got:
        options = f"from=a@a.example&user=me&secret_file={tmp_path / 'password'}&ca={ca}"
        sink_of(f"email:a@a.example#server=smtps://127.0.0.1:{got.port}&{options}").deliver(alert())
    assert base64.b64decode(got.headers[0]["auth"]) == b"\0me\0secret"
    assert len(got.messages) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "expected KIND:TARGET"),
        ("file:", "expected KIND:TARGET"),
        ("pigeon:home", "unknown kind 'pigeon', expected one of file, syslog, webhook, email"),
        ("file:/nowhere/at/all.json", "its folder does not exist"),
        ("file:/tmp", "is a folder"),
        ("file:a.json#size=many", "size is 'many', expected 1 to"),
        ("file:a.json#format=xml", "format is 'xml', expected one of json, ecs, ocsf, cef"),
        ("file:a.json#colour=red", "unknown option 'colour'"),
        ("file:a.json#size", "behind # stand options"),
        ("file:a.json#size=1&size=2", "an option is given twice"),
        ("syslog:udp://127.0.0.1", "no address, expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT"),
        ("syslog:icmp://127.0.0.1:1", "no address"),
        ("syslog:tcp://127.0.0.1:99999", "is no URL"),
        ("syslog:tcp://127.0.0.1:1/path", "more than a host and a port"),
        ("syslog:tls://127.0.0.1:1#ca=nowhere.pem", "ca nowhere.pem: no certificate authority"),
        ("syslog:tcp://127.0.0.1:1#ca=a.pem", "unknown option 'ca'"),
        ("webhook:ftp://a.example/", "expected https://HOST, http://HOST"),
        ("webhook:https://a.example/#template=irc", "template is 'irc'"),
        ("webhook:https://a.example/#template=slack&format=cef", "format is 'cef'"),
        ("webhook:https://a.example/#template=pagerduty", "needs secret_file"),
        ("webhook:https://a.example/#secret_file=nowhere", "cannot be read"),
        ("email:nobody#from=a@a.example", "no mail address"),
        ("email:a@a.example", "no mail address; expected email:WHO@HOST#from=WHO@HOST"),
        ("email:a@a.example#from=a@a.example&server=smtp://h&user=me&secret_file=/dev/null", "is empty"),
        ("email:a@a.example#from=a@a.example&server=http://h", "expected smtp://HOST"),
    ],
)
def test_what_is_no_sink_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        sink_of(text)
    assert text in str(raised.value)


def test_names_of_sinks_show_no_secret() -> None:
    one, other = (sink_of(f"webhook:https://a.example/services/{token}").name for token in ("T0KEN", "OTHER"))
    assert "T0KEN" not in one
    assert one != other
    assert set(SINKS) == {"file", "syslog", "webhook", "email"}
