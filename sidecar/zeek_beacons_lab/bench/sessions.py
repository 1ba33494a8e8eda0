"""A trace of sessions as a sensor sees them: DNS look-ups, HTTP with several requests a connection, TLS certificates.

Sizes are those of ordinary sessions: 0.3 to 20 kB a page, a chain of two certificates, records of application data.
Four sessions in five are of pairs that come back. Checksums are left out, so Zeek must run with -C.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from zeek_beacons.errors import ConfigError

T0 = 1_700_000_000.0
SITES = 60  # servers that are come back to
HOSTS = 200
LOCAL_HOSTS = 25  # of which most sessions are
PAGE = b"x" * 1400


class Sessions:
    """Packets of sessions, in no order until they are written."""

    def __init__(self, certificates: Sequence[bytes], seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._certificates = certificates
        self._packets: list[tuple[float, bytes]] = []

    def make(self, number: int) -> None:
        """Makes so many sessions, each with the look-up that precedes it."""
        for at in range(number):
            self._session(T0 + 0.6 * at, 1024 + at % 60_000)

    def write(self, path: Path) -> None:
        """Writes a pcap."""
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
            for ts, frame in sorted(self._packets, key=lambda packet: packet[0]):
                seconds = int(ts)
                file.write(struct.pack("<IIII", seconds, int((ts - seconds) * 1e6), len(frame), len(frame)) + frame)

    def _session(self, ts: float, port: int) -> None:
        pick = self._random
        returning = pick.random() < 0.8
        site = pick.randrange(SITES if returning else 25_000)
        host = f"10.0.0.{pick.randrange(LOCAL_HOSTS if returning else HOSTS) + 1}"
        server = f"45.{site // 62_500}.{site // 250 % 250}.{site % 250 + 1}"
        name = f"www.s{site}.example"
        self._look_up(ts, host, port, name, server)
        if pick.random() < 0.6:
            self._tls(ts + 0.05, host, port, server, name.encode(), self._certificates[site % len(self._certificates)])
        else:
            self._http(ts + 0.05, host, port, server, name.encode())

    def _look_up(self, ts: float, host: str, port: int, name: str, server: str) -> None:
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        asked = labels + b"\0\1\0\1"
        answer = b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 300, 4) + _address(server)
        query = struct.pack("!6H", port, 0x0100, 1, 0, 0, 0) + asked
        reply = struct.pack("!6H", port, 0x8180, 1, 1, 0, 0) + asked + answer
        self._udp(ts, host, "10.0.0.53", port, 53, query)
        self._udp(ts + 0.01, "10.0.0.53", host, 53, port, reply)

    def _http(self, ts: float, host: str, port: int, server: str, name: bytes) -> None:
        request = b"GET /%d HTTP/1.1\r\nHost: " + name + b"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
        request += (
            b"Accept: text/html\r\nAccept-Encoding: gzip\r\nCookie: session=%032d\r\nConnection: keep-alive\r\n\r\n"
        )
        said = []
        for number in range(self._random.randint(1, 6)):
            page = PAGE * self._random.randint(0, 14) or b"ok"
            head = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(
                page
            )
            said += [(True, request % (number, number)), (False, head + page)]
        self._tcp(ts, host, port, server, 80, said)

    def _tls(self, ts: float, host: str, port: int, server: str, name: bytes, certificate: bytes) -> None:
        sni = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
        extension = struct.pack("!HH", 0, len(sni)) + sni
        hello = b"\x03\x03" + b"\x11" * 32 + b"\0\0\x02\xc0\x2f\x01\0" + struct.pack("!H", len(extension)) + extension
        chain = _sized(certificate) + _sized(self._certificates[0])
        answer = (b"\x02" + _sized(b"\x03\x03" + b"\x22" * 32 + b"\0\xc0\x2f\0"), b"\x0b" + _sized(_sized(chain)))
        said = [(True, _record(22, b"\x01" + _sized(hello))), (False, b"".join(_record(22, part) for part in answer))]
        said += [
            (True, _record(20, b"\1") + _record(22, b"\0" * 40)),
            (False, _record(20, b"\1") + _record(22, b"\0" * 40)),
        ]
        for _ in range(self._random.randint(1, 4)):
            said += [(True, _record(23, PAGE[:600])), (False, _record(23, PAGE) * self._random.randint(1, 10))]
        self._tcp(ts, host, port, server, 443, said)

    def _tcp(self, ts: float, orig: str, port: int, resp: str, service: int, said: list[tuple[bool, bytes]]) -> None:
        seq = {True: 1000, False: 5000}

        def send(up: bool, flags: int, data: bytes = b"") -> None:
            nonlocal ts
            ends = (orig, resp, port, service) if up else (resp, orig, service, port)
            tcp = struct.pack("!HHIIBBHHH", ends[2], ends[3], seq[up], seq[not up], 0x50, flags, 8192, 0, 0)
            self._frame(ts, ends[0], ends[1], 6, tcp + data)
            seq[up] += len(data) + (flags & 0x03 != 0)
            ts += 0.005

        send(True, 0x02)
        send(False, 0x12)
        send(True, 0x10)
        for up, data in said:
            for begin in range(0, len(data), len(PAGE)):
                send(up, 0x18, data[begin : begin + len(PAGE)])
            send(not up, 0x10)
        send(True, 0x11)
        send(False, 0x11)
        send(True, 0x10)

    def _udp(self, ts: float, orig: str, resp: str, port: int, server_port: int, data: bytes) -> None:
        self._frame(ts, orig, resp, 17, struct.pack("!HHHH", port, server_port, 8 + len(data), 0) + data)

    def _frame(self, ts: float, orig: str, resp: str, proto: int, data: bytes) -> None:
        ip = (
            struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0x4000, 64, proto, 0) + _address(orig) + _address(resp)
        )
        self._packets.append((ts, b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + ip + data))


def write_sessions(path: Path, number: int, seed: int = 1) -> None:
    """Writes a pcap of so many sessions. Raises ConfigError where there is no openssl, which makes certificates."""
    made = Sessions(certificates(SITES), seed)
    made.make(number)
    made.write(path)


def certificates(number: int) -> list[bytes]:
    """So many self-signed certificates (DER), each for names of its own."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ConfigError("no openssl in PATH, which makes the certificates of the trace")
    with tempfile.TemporaryDirectory(prefix="bench-zeek-") as folder:
        key = Path(folder) / "key.pem"
        subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)  # noqa: S603
        ask = [openssl, "req", "-x509", "-key", str(key), "-outform", "DER", "-days", "90"]
        found = []
        for site in range(number):
            names = ",".join(f"DNS:{sub}.s{site}.example" for sub in ("www", "api", "cdn", "img", "static"))
            words = ["-subj", f"/CN=www.s{site}.example", "-addext", f"subjectAltName={names}"]
            found.append(subprocess.run([*ask, *words], check=True, capture_output=True).stdout)  # noqa: S603
        return found


def _address(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def _sized(data: bytes) -> bytes:
    """With its length in three bytes."""
    return struct.pack("!I", len(data))[1:] + data


def _record(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + b"\x03\x03" + struct.pack("!H", len(data)) + data
