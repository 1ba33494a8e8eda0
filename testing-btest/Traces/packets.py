"""Connections as packets, written with dpkt: what the trace generator needs and no more."""

from __future__ import annotations

import hashlib
import ipaddress
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dpkt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from dpkt.tcp import TH_ACK, TH_FIN, TH_PUSH, TH_RST, TH_SYN

RTT = 0.02  # seconds
MACS = {"src": b"\x02\x00\x00\x00\x00\x01", "dst": b"\x02\x00\x00\x00\x00\x02"}


class Trace:
    """Packets by time. Times are seconds, addresses and payloads what the caller likes."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []

    def write(self, path: Path, by_time: bool = True) -> None:
        """Writes a pcap, in the order of time unless told to keep the order of creation."""
        with path.open("wb") as file:
            writer = dpkt.pcap.Writer(file)
            for ts, packet in sorted(self.packets, key=lambda item: item[0]) if by_time else self.packets:
                writer.writepkt(packet, ts)

    def _ip(self, ts: float, src: str, dst: str, proto: int, data: dpkt.Packet) -> None:
        source, target = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        if source.version == 6:
            body = dpkt.ip6.IP6(src=source.packed, dst=target.packed, nxt=proto, hlim=64, plen=len(data), data=data)
            kind = dpkt.ethernet.ETH_TYPE_IP6
        else:
            body = dpkt.ip.IP(src=source.packed, dst=target.packed, p=proto, ttl=64, data=data)
            kind = dpkt.ethernet.ETH_TYPE_IP
        self.packets.append((ts, bytes(dpkt.ethernet.Ethernet(**MACS, type=kind, data=body))))

    def tcp(
        self,
        start: float,
        orig: tuple[str, int],
        resp: tuple[str, int],
        request: bytes = b"",
        reply: bytes = b"",
        lasts: float = 0.1,
        end: str = "fin",
    ) -> None:
        """A TCP connection. `end`: fin, open (nobody closes), refused (SYN, RST) or unanswered (a SYN)."""
        talk = Talk(self, orig, resp)
        talk.say(start, True, TH_SYN)
        if end == "unanswered":
            return
        if end == "refused":
            talk.say(start + RTT, False, TH_RST | TH_ACK)
            return
        talk.say(start + RTT, False, TH_SYN | TH_ACK)
        talk.say(start + 1.1 * RTT, True, TH_ACK)
        talk.exchange(start + 1.2 * RTT, request, reply)
        if end == "fin":
            talk.close(start + lasts)

    def udp(self, ts: float, orig: tuple[str, int], resp: tuple[str, int], request: bytes, reply: bytes = b"") -> None:
        """A datagram and, where there is one, its answer."""
        there = dpkt.udp.UDP(sport=orig[1], dport=resp[1], data=request, ulen=8 + len(request))
        self._ip(ts, orig[0], resp[0], dpkt.ip.IP_PROTO_UDP, there)
        if reply:
            back = dpkt.udp.UDP(sport=resp[1], dport=orig[1], data=reply, ulen=8 + len(reply))
            self._ip(ts + RTT, resp[0], orig[0], dpkt.ip.IP_PROTO_UDP, back)

    def ping(self, ts: float, orig: str, resp: str) -> None:
        """An echo request and its reply."""
        for offset, source, target, kind in ((0.0, orig, resp, 8), (RTT, resp, orig, 0)):
            echo = dpkt.icmp.ICMP(type=kind, data=dpkt.icmp.ICMP.Echo(id=7, seq=1, data=b"x" * 32))
            self._ip(ts + offset, source, target, dpkt.ip.IP_PROTO_ICMP, echo)


class Talk:
    """A TCP 5-tuple with its sequence numbers."""

    def __init__(self, trace: Trace, orig: tuple[str, int], resp: tuple[str, int]) -> None:
        self._trace, self._orig, self._resp = trace, orig, resp
        self._next = {True: 1000, False: 5000}

    def say(self, ts: float, from_orig: bool, flags: int, data: bytes = b"") -> None:
        """One segment."""
        source, target = (self._orig, self._resp) if from_orig else (self._resp, self._orig)
        segment = dpkt.tcp.TCP(
            sport=source[1],
            dport=target[1],
            seq=self._next[from_orig],
            ack=self._next[not from_orig] if flags & TH_ACK else 0,
            flags=flags,
            data=data,
        )
        self._trace._ip(ts, source[0], target[0], dpkt.ip.IP_PROTO_TCP, segment)
        self._next[from_orig] += len(data) + bool(flags & (TH_SYN | TH_FIN))

    def exchange(self, ts: float, request: bytes, reply: bytes) -> None:
        """A request and its reply, where they are not empty."""
        if request:
            self.say(ts, True, TH_PUSH | TH_ACK, request)
            self.say(ts + RTT, False, TH_ACK)
        if reply:
            self.say(ts + 1.2 * RTT, False, TH_PUSH | TH_ACK, reply)
            self.say(ts + 1.3 * RTT, True, TH_ACK)

    def close(self, ts: float) -> None:
        """Both sides close."""
        self.say(ts, True, TH_FIN | TH_ACK)
        self.say(ts + RTT, False, TH_FIN | TH_ACK)
        self.say(ts + 1.1 * RTT, True, TH_ACK)


def client_hello(name: bytes = b"", session: bytes = b"") -> bytes:
    """A TLS 1.2 ClientHello with this server name, or without any; it may ask for an earlier session."""
    sni = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extension = struct.pack("!HH", 0, len(sni)) + sni if name else b""
    asked_for = bytes([len(session)]) + session
    hello = b"\x03\x03" + b"\x11" * 32 + asked_for + b"\x00\x02\x13\x01" + b"\x01\x00"
    hello += struct.pack("!H", len(extension)) + extension
    handshake = b"\x01" + struct.pack("!I", len(hello))[1:] + hello
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def server_hello(session: bytes = b"") -> bytes:
    """A TLS 1.2 ServerHello; of a session that was asked for it resumes that."""
    named = bytes([len(session)]) + session
    return _handshake(b"\x02" + _sized(b"\x03\x03" + b"\x22" * 32 + named + b"\xc0\x2f" + b"\x00"))


def server_certificates(*chain: bytes) -> bytes:
    """A TLS 1.2 ServerHello, and the certificates that the server presents, the first its own."""
    listed = b"".join(_sized(certificate) for certificate in chain)
    return server_hello() + _handshake(b"\x0b" + _sized(_sized(listed))) + _handshake(b"\x0e" + _sized(b""))


def _handshake(message: bytes) -> bytes:
    return b"\x16\x03\x03" + struct.pack("!H", len(message)) + message


def _sized(data: bytes) -> bytes:
    """With its length in three bytes."""
    return struct.pack("!I", len(data))[1:] + data


def certificate(
    subject: str, issuer: str = "", names: Sequence[str] = (), days: int = 90, organization: str = "", serial: int = 1
) -> bytes:
    """A certificate (DER, the same each time) for a common name; without an issuer it is self-signed."""

    def named(common: str, more: str = "") -> x509.Name:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
        return x509.Name([*([x509.NameAttribute(NameOID.ORGANIZATION_NAME, more)] if more else []), *parts])

    def key(owner: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(owner.encode()).digest())

    begin = datetime(2023, 11, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().serial_number(serial).not_valid_before(begin)
    made = made.subject_name(named(subject)).issuer_name(named(issuer, organization) if issuer else named(subject))
    made = made.public_key(key(subject).public_key()).not_valid_after(begin + timedelta(days=days))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    return made.sign(key(issuer or subject), None).public_bytes(Encoding.DER)


def http_get(host: bytes, agent: bytes = b"test") -> bytes:
    """An HTTP request; without a host or a user agent it has no such line."""
    lines = [b"GET /news HTTP/1.1", b"Host: " + host if host else b"", b"User-Agent: " + agent if agent else b""]
    return b"\r\n".join([line for line in lines if line] + [b"", b""])


A, CNAME, AAAA = 1, 5, 28  # DNS record types


def dns_query(name: str, number: int, kind: int = A) -> bytes:
    """A query for an address."""
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", kind, 1)


def dns_answer(name: str, number: int, *records: str, ttl: int = 60, kind: int = A) -> bytes:
    """The answer to it: a chain of aliases, and the addresses of the last of them."""
    answers, owner = b"", name
    for record in records:
        try:
            data = ipaddress.ip_address(record).packed
            answers += dns_name(owner) + struct.pack("!HHIH", AAAA if len(data) > 4 else A, 1, ttl, len(data)) + data
        except ValueError:
            answers += dns_name(owner) + struct.pack("!HHIH", CNAME, 1, ttl, len(dns_name(record))) + dns_name(record)
            owner = record
    head = struct.pack("!HHHHHH", number, 0x8180, 1, len(records), 0, 0)
    return head + dns_name(name) + struct.pack("!HH", kind, 1) + answers


def dns_name(name: str) -> bytes:
    """A name as DNS writes it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\x00"


HTTP_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
