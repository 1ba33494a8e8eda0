"""`syslog:udp://HOST:PORT`, `tcp://`, `tls://`: RFC 5424, with structured data.

UDP (RFC 5426) confirms nothing. TCP (RFC 6587, octet counting) and TLS (RFC 5425) count as confirmed when the receiver,
told that nothing more will come, closes its side without an error: it has read everything then.

Options: `format` in place of the sentence (json, ecs, ocsf, cef), `facility` (local0), `ca` (tls; a PEM file).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping

from zeek_beacons.alerts.alert import STOPPED, Alert
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.sink import TIMEOUT, DeliveryError, SinkSpec

SENTENCE = "text"
FACILITIES: Mapping[str, int] = {"user": 1, "daemon": 3, "auth": 4, "authpriv": 10} | {
    f"local{number}": 16 + number for number in range(8)
}
SEVERITIES = {1: 5, 2: 4, 3: 3, 4: 2}  # notice, warning, error, critical
INFORMATIONAL = 6
# The number that RFC 5612 keeps for examples: this project has none of its own.
SD_ID = "zeekBeacons@32473"
BOM = "\ufeff"  # says that the message is UTF-8


class SyslogSink:
    """A syslog receiver."""

    def __init__(self, spec: SinkSpec) -> None:
        form = spec.option("format", SENTENCE, (SENTENCE, *FORMATS))
        self._text = _sentence if form == SENTENCE else FORMATS[form].text
        self._facility = FACILITIES[spec.option("facility", "local0", tuple(FACILITIES))]
        url = spec.url(spec.target, tuple(_WAYS))
        if url.path or url.query:
            raise spec.wrong(f"{spec.target!r} has more than a host and a port")
        self._host, self._port = str(url.hostname), int(url.port or 0)
        ca = spec.option("ca", "") if url.scheme == "tls" else ""
        spec.done()
        self._send = _WAYS[url.scheme]
        self._tls = _context(spec, ca) if url.scheme == "tls" else None
        self.name = spec.name(spec.target)

    def deliver(self, alert: Alert) -> bool:
        """Sends one message."""
        message = self.message(alert)
        try:
            return self._send(self, message)
        except OSError as error:
            raise DeliveryError(error.strerror or str(error) or type(error).__name__) from error

    def message(self, alert: Alert) -> bytes:
        """The alert as RFC 5424 has it."""
        severity = INFORMATIONAL if alert.event == STOPPED else SEVERITIES[alert.level]
        host = re.sub("[^!-~]", "", socket.gethostname())[:255] or "-"
        text = self._text(alert)
        head = f"<{8 * self._facility + severity}>1 {alert.when.isoformat()} {host} zeek-beacons - {alert.event}"
        return f"{head} {structured_data(alert)} {'' if text.isascii() else BOM}{text}".encode()

    def _datagram(self, message: bytes) -> bool:
        family, kind, proto, _, place = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, proto) as way:
            way.sendto(message, place)
        return False

    def _stream(self, message: bytes) -> bool:
        with socket.create_connection((self._host, self._port), TIMEOUT) as way:
            way.sendall(_counted(message))
            way.shutdown(socket.SHUT_WR)
            return _closed(way)

    def _encrypted(self, message: bytes) -> bool:
        if self._tls is None:
            raise TypeError("a tls:// sink has a context")
        with (
            socket.create_connection((self._host, self._port), TIMEOUT) as way,
            self._tls.wrap_socket(way, server_hostname=self._host) as secure,
        ):
            secure.sendall(_counted(message))
            try:
                secure.unwrap()
            except TimeoutError:
                return False
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):  # closed without a goodbye
                pass
            return True


_WAYS: Mapping[str, Callable[[SyslogSink, bytes], bool]] = {
    "udp": SyslogSink._datagram,
    "tcp": SyslogSink._stream,
    "tls": SyslogSink._encrypted,
}


def structured_data(alert: Alert) -> str:
    """The facts as one element of structured data."""
    facts = alert.facts
    told = {
        "id": alert.id,
        "incident": alert.incident,
        "kind": alert.kind,
        "severity": alert.severity,
        "score": None if alert.score is None else f"{alert.score:.4f}",
        "sleep": None if alert.sleep is None else f"{alert.sleep:.1f}",
        "jitter": None if alert.jitter is None else f"{alert.jitter:.2f}",
        "orig_h": alert.orig_h,
        "resp": alert.resp,
        "resp_h": alert.addr,
        "resp_p": alert.resp_p,
        "proto": alert.proto,
        "channel": alert.channel,
        "service": alert.service,
        "name": facts.name,
        "connections": facts.connections,
        "pairs": alert.pairs,
        "first_seen": facts.first_seen,
        "last_seen": facts.last_seen,
        "attack": ",".join(facts.attack),
        "uids": ",".join(facts.uids),
    }
    given = (f'{name}="{_escaped(value)}"' for name, value in told.items() if value not in (None, ""))
    return f"[{' '.join((SD_ID, *given))}]"


def _escaped(value: object) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", str(value))


def _sentence(alert: Alert) -> str:
    return f"{alert.title}: {alert.summary}"


def _counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


def _closed(way: socket.socket) -> bool:
    """Whether the receiver closed its side in time. Raises OSError where it broke off."""
    try:
        while way.recv(4096):
            pass
    except TimeoutError:
        return False
    return True


def _context(spec: SinkSpec, ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:  # among them ssl.SSLError
        raise spec.wrong(f"ca {ca}: no certificate authority ({error.strerror or error})") from error
