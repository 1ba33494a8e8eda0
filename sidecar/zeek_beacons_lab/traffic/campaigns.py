"""Scans, reconnaissance and brute force: one attacker, many connections, none of them a beacon.

For the classifier of connections. No part of KINDS: what the pair model learns from does not know them. What comes to
nothing looks as everybody's failed connections do (`wire.refuse`): a port that is closed says so to anyone. Tools and
their timeouts by the documents of nmap, masscan, hydra and gobuster; shares and sizes are assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Floats
from zeek_beacons_lab.traffic import places
from zeek_beacons_lab.traffic.columns import Placed
from zeek_beacons_lab.traffic.series import S0, SF, Peer, Rng, Series, Story, log_uniform, one_of
from zeek_beacons_lab.traffic.wire import refuse

RSTO, OTH = STATE_CODE["RSTO"], STATE_CODE["OTH"]
_STREAM = 7
_FIRST_OUTSIDE = 40_000_000  # responders' numbers that `site` never reaches
_SERVERS = {  # port -> service, and what its greeting holds, bytes
    22: ("ssh", 41),
    21: ("ftp", 60),
    23: ("", 24),
    25: ("smtp", 90),
    80: ("http", 420),
    443: ("ssl", 2800),
    445: ("smb", 220),
    3389: ("rdp", 19),
    3306: ("mysql", 78),
    8080: ("http", 380),
    5900: ("rfb", 12),
    110: ("pop3", 40),
    389: ("ldap_tcp", 60),
    135: ("dce_rpc", 84),
}
_LOGINS = ((22, "ssh"), (3389, "rdp"), (21, "ftp"), (445, "smb"), (80, "http"), (443, "ssl"), (143, "imap"), (23, ""))


@dataclass(frozen=True, slots=True)
class Victim:
    """One responder of a campaign, and what the attacker did there."""

    address: str
    peer: Peer
    series: Series


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a campaign runs: a site, and whether it looks for hosts there or outside."""

    site: int
    inside: bool
    window: float
    size: float  # scales how many targets there are

    def addresses(self, rng: Rng, n: int) -> list[str]:
        if self.inside:
            numbers = rng.permutation(245)[: min(n, 245)].tolist()
            return [places.host(self.site, at) if at % 3 else places.server(self.site, at) for at in numbers]
        first = int(rng.integers(20_000_000))
        return [places.outside(_FIRST_OUTSIDE + first + at) for at in range(n)]


Make = Callable[[Rng, Ground], Iterator[Victim]]


def sweep(rng: Rng, place: Ground) -> Iterator[Victim]:
    """One port on many addresses: half-open or with a full handshake."""
    port = one_of(rng, (22, 23, 80, 443, 445, 3389, 8080, 3306, 5900, 2323, int(rng.integers(1, 65_536))))
    yield from _probes(rng, place, [port], place.addresses(rng, _many(rng, place, 60, 900)))


def ports(rng: Rng, place: Ground) -> Iterator[Victim]:
    """Many ports of a few hosts."""
    chosen = rng.permutation(np.arange(1, 10_000))[: _many(rng, place, 80, 900)].tolist()
    yield from _probes(rng, place, [*chosen, *_SERVERS], place.addresses(rng, int(rng.integers(1, 4))))


def udp_sweep(rng: Rng, place: Ground) -> Iterator[Victim]:
    """One UDP port on many addresses: a query that few answer."""
    port, size = one_of(rng, ((161, 43), (53, 30), (123, 48), (1900, 94), (5060, 400), (137, 50), (11_211, 15)))
    addresses = place.addresses(rng, _many(rng, place, 60, 600))
    for address, at in zip(addresses, _moments(rng, place, len(addresses)), strict=True):
        answers = rng.random() < 0.04
        got = float(rng.integers(30, 1500)) if answers else 0.0
        seconds = float(rng.uniform(0.001, 0.3)) if answers else np.nan
        yield Victim(address, Peer("", port, "udp"), _one(at, seconds, size, got, SF if answers else S0))


def ping_sweep(rng: Rng, place: Ground) -> Iterator[Victim]:
    """An echo request to many addresses."""
    addresses, size = place.addresses(rng, _many(rng, place, 60, 400)), one_of(rng, (0.0, 8.0, 32.0, 56.0))
    for address, at in zip(addresses, _moments(rng, place, len(addresses)), strict=True):
        got = size if rng.random() < 0.2 else 0.0
        yield Victim(address, Peer("", 0, "icmp"), _one(at, 0.01 * rng.random() if got else np.nan, size, got, OTH))


def banners(rng: Rng, place: Ground) -> Iterator[Victim]:
    """What services say when they are connected to: a short talk with each port that was found open."""
    addresses = place.addresses(rng, _many(rng, place, 8, 60))
    begin = _moments(rng, place, len(addresses))
    for address, at in zip(addresses, begin, strict=True):
        for port in rng.permutation(list(_SERVERS))[: int(rng.integers(1, 7))].tolist():
            service, greeting = _SERVERS[port]
            sent = float(one_of(rng, (0, 4, 18, 22, 150, 220)))
            got = float(np.rint(greeting * rng.lognormal(0.0, 0.4)))
            state = one_of(rng, (SF, RSTO, STATE_CODE["RSTR"]), (0.6, 0.9, 1.0))
            yield Victim(
                address,
                Peer(service, port),
                _one(at + float(rng.uniform(0, 30)), log_uniform(rng, 0.005, 6.0), sent, got, state),
            )


def web_paths(rng: Rng, place: Ground) -> Iterator[Victim]:
    """Names of files tried on a web server: a small request each, nearly always the same answer."""
    service, port = one_of(rng, (("http", 80), ("ssl", 443), ("http", 8080), ("ssl", 8443)))
    n, overhead = _many(rng, place, 100, 900), 1800.0 if service == "ssl" else 0.0
    sent = np.rint(log_uniform(rng, 70, 260) + rng.integers(4, 24, n) + overhead / 3)
    missing = log_uniform(rng, 150, 900) + overhead
    got = np.rint(np.where(rng.random(n) < 0.95, missing, missing * rng.lognormal(1.5, 1.0, n)))
    seconds = log_uniform(rng, 0.004, 0.5) * rng.lognormal(0.0, 0.3, n)
    yield Victim(place.addresses(rng, 1)[0], Peer(service, port), _many_at(rng, place, seconds, sent, got, SF))


def names(rng: Rng, place: Ground) -> Iterator[Victim]:
    """Names below a domain tried one after the other on a resolver."""
    n = _many(rng, place, 100, 900)
    sent = np.rint(30.0 + rng.integers(0, 16, n))
    got = np.rint(np.where(rng.random(n) < 0.9, sent + one_of(rng, (0.0, 58.0, 75.0)), sent + 60 * rng.random(n)))
    seconds = log_uniform(rng, 0.002, 0.2) * rng.lognormal(0.0, 0.5, n)
    peer = Peer("dns", 53, "udp")
    yield Victim(place.addresses(rng, 1)[0], peer, _many_at(rng, place, seconds, sent, got, SF))


def directory(rng: Rng, place: Ground) -> Iterator[Victim]:
    """Shares, users and policies asked of Windows hosts, and settings of what speaks SNMP."""
    service, port, proto = one_of(
        rng, (("smb", 445, "tcp"), ("ldap_tcp", 389, "tcp"), ("dce_rpc", 135, "tcp"), ("snmp", 161, "udp"))
    )
    for address in place.addresses(rng, _many(rng, place, 5, 50)):
        n = int(rng.integers(1, 9))
        sent = np.rint(log_uniform(rng, 60, 1500) * rng.lognormal(0.0, 0.3, n))
        got = np.rint(log_uniform(rng, 80, 4000) * rng.lognormal(0.0, 0.5, n))
        seconds = log_uniform(rng, 0.01, 2.0) * rng.lognormal(0.0, 0.4, n)
        yield Victim(address, Peer(service, port, proto), _many_at(rng, place, seconds, sent, got, SF))


def logins(rng: Rng, place: Ground) -> Iterator[Victim]:
    """Passwords tried on a few hosts: the same talk again and again, as long as the server takes to say no."""
    port, service = one_of(rng, _LOGINS)
    up, down, spread = log_uniform(rng, 90, 3000), log_uniform(rng, 120, 4500), one_of(rng, (0.0, 0.01, 0.03, 0.08))
    seconds = log_uniform(rng, 0.05, 8.0)
    for address in place.addresses(rng, int(rng.integers(1, 6))):
        n = _many(rng, place, 60, 500)
        sent, got = (np.rint(size * rng.lognormal(0.0, spread, n)) for size in (up, down))
        state = one_of(rng, (SF, RSTO, STATE_CODE["RSTR"], STATE_CODE["S3"]), (0.7, 0.85, 0.97, 1.0))
        spent = seconds * rng.lognormal(0.0, 0.25, n)
        yield Victim(address, Peer(service, port), _many_at(rng, place, spent, sent, got, state))


def spraying(rng: Rng, place: Ground) -> Iterator[Victim]:
    """A few passwords on many hosts."""
    port, service = one_of(rng, _LOGINS)
    up, down, seconds = log_uniform(rng, 90, 3000), log_uniform(rng, 120, 4500), log_uniform(rng, 0.05, 8.0)
    for address in place.addresses(rng, _many(rng, place, 20, 120)):
        n = int(rng.integers(1, 6))
        sent, got = (np.rint(size * rng.lognormal(0.0, 0.03, n)) for size in (up, down))
        spent = seconds * rng.lognormal(0.0, 0.3, n)
        yield Victim(address, Peer(service, port), _many_at(rng, place, spent, sent, got, SF))


# Kind -> what makes it, and the class of its connections.
CAMPAIGNS: Mapping[str, tuple[Make, str]] = {
    "scan_sweep": (sweep, "scan"),
    "scan_ports": (ports, "scan"),
    "scan_udp": (udp_sweep, "scan"),
    "scan_ping": (ping_sweep, "scan"),
    "recon_banners": (banners, "recon"),
    "recon_web": (web_paths, "recon"),
    "recon_names": (names, "recon"),
    "recon_directory": (directory, "recon"),
    "brute_force": (logins, "brute_force"),
    "brute_force_spray": (spraying, "brute_force"),
}


def placed(n: int, seed: int, site: int, hosts: int, window: float, size: float = 1.0) -> list[Placed]:
    """The pairs of `n` campaigns of a site, each with a random stream of its own; `hosts` of the site may attack."""
    found: list[Placed] = []
    taken: set[tuple[str, str, int, str]] = set()
    for index in range(n):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM, site, index)))
        kind = [*CAMPAIGNS][int(rng.integers(len(CAMPAIGNS)))]
        host = int(rng.integers(hosts))
        from_outside = rng.random() < 0.4
        orig = places.outside(_FIRST_OUTSIDE - 1 - index - 64 * site) if from_outside else places.host(site, host)
        place = Ground(site, from_outside or bool(rng.random() < 0.5), window, size)
        for target in CAMPAIGNS[kind][0](rng, place):
            key = (orig, target.address, target.peer.port, target.peer.proto)
            if key not in taken and target.address != orig:
                taken.add(key)
                found.append(_laid(kind, target, site, host, orig if from_outside else ""))
    return found


def _laid(kind: str, target: Victim, site: int, host: int, orig: str) -> Placed:
    none = np.zeros(0, dtype=np.int64)
    story = Story(target.series, target.peer)
    return Placed("malicious_other", kind, story, site, host, 0, target.address, 0.0, none, 0, orig)


def _probes(rng: Rng, place: Ground, chosen: list[int], addresses: list[str]) -> Iterator[Victim]:
    """A probe of each port of each address: open, closed, or without an answer."""
    opened, closed = float(rng.uniform(0.005, 0.08)), float(rng.uniform(0.05, 0.9))
    full = rng.random() < 0.5
    pairs = [(address, port) for address in addresses for port in dict.fromkeys(chosen)]
    for (address, port), at in zip(pairs, _moments(rng, place, len(pairs)), strict=True):
        if rng.random() < opened:
            seconds = float(rng.uniform(0.001, 0.2))
            series = _one(at, seconds, 0.0, 0.0, SF if full else RSTO)
        else:
            series = _failed(rng, at, refused=bool(rng.random() < closed))
        yield Victim(address, Peer("", port), series)


def _failed(rng: Rng, at: float, refused: bool) -> Series:
    """One connection that came to nothing, as `refuse` draws them."""
    if refused:
        return _one(at, 0.02 + 0.1 * rng.random(), 0.0, 0.0, STATE_CODE["REJ"])
    seconds, sent, got, state = refuse(rng, np.zeros(1, dtype=np.int64), "tcp", kernel=bool(rng.random() < 0.3))
    return Series(np.array([at]), seconds, sent, got, state)


def _one(at: float, seconds: float, sent: float, got: float, state: int) -> Series:
    start, duration, orig_bytes, resp_bytes = np.array([[at], [seconds], [sent], [got]], dtype=np.float64)
    return Series(start, duration, orig_bytes, resp_bytes, np.array([state], dtype=np.uint8))


def _many_at(rng: Rng, place: Ground, seconds: Floats, sent: Floats, got: Floats, state: int) -> Series:
    moments = _moments(rng, place, len(seconds))
    return Series(moments, seconds, sent, got, np.full(len(seconds), state, dtype=np.uint8))


def _moments(rng: Rng, place: Ground, n: int) -> Floats:
    """When each connection begins: at an even pace from a random moment on, from thousands a second to some an hour."""
    begin = float(rng.random()) * 0.7 * place.window
    span = min(n * log_uniform(rng, 0.001, 30.0), 0.95 * (place.window - begin))
    return np.sort(begin + span * rng.random(n))


def _many(rng: Rng, place: Ground, low: int, high: int) -> int:
    return max(2, round(place.size * log_uniform(rng, low, high)))
