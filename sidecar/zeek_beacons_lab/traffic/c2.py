"""Implants by framework. Laws as documented; ranges of sizes and durations are assumed throughout.

Sources of laws: the frameworks' own manuals and published sources as named in each docstring, and Fox-IT, "Hunting for
beacons" (2020-01-15), which sets the laws of Cobalt Strike, PoshC2 and Empire side by side. Nothing
is copied from them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons_lab.traffic.history import (
    IMPLANT,
    SLEEPS,
    Habits,
    draw_traits,
    plan_beats,
    timed,
    unfold,
)
from zeek_beacons_lab.traffic.series import (
    Peer,
    Plan,
    Rng,
    Story,
    log_uniform,
    one_of,
)
from zeek_beacons_lab.traffic.wire import Wire, web

_DNS_HABITS = replace(IMPLANT, parallel=0.35, dead=0.01, failing=0.12, ladder=0.0)


def cobalt_strike(rng: Rng, plan: Plan) -> Story:
    """Cobalt Strike over HTTP(S): uniform in [sleep * (1 - jitter), sleep].

    Source: user guide, "sleep 300 20" waits 240 to 300 s; Malleable C2 `sleeptime`, `jitter` 0-99, `data_jitter`.
    """
    return _http(rng, plan, "shortened")


def cobalt_strike_dns(rng: Rng, plan: Plan) -> Story:
    """Cobalt Strike over DNS: the same sleep law, an A query a check-in, more when there is a task (user guide)."""
    return timed(
        rng, plan, _name_server(rng), _query(rng), "shortened", draw_jitter(rng), habits=_DNS_HABITS, bounds=SLEEPS
    )


def sliver(rng: Rng, plan: Plan) -> Story:
    """Sliver beacons: interval plus uniform [0, jitter), so jitter only adds. Defaults 60 s and 30 s.

    Source: BishopFox/sliver, implant/sliver/transports/beacon.go, `Duration`.
    """
    return _http(rng, plan, "lengthened", jitter=0.5 if rng.random() < 0.3 else None)


def merlin(rng: Rng, plan: Plan) -> Story:
    """Merlin: wait plus uniform [0, skew), over HTTP/2 by default.

    Source: Ne0nd0g/merlin-agent, `WaitTime` and `Skew` in the agent's main loop.
    """
    return _http(rng, plan, "lengthened")


def havoc(rng: Rng, plan: Plan) -> Story:
    """Havoc's Demon: sleep plus or minus uniform [0, jitter * sleep), with working hours.

    Source: HavocFramework/Havoc, payloads/Demon/src/core/Obf.c, `SleepTime`. (Not lengthened only, as is often said.)
    """
    return _http(rng, plan, "symmetric", habits=replace(IMPLANT, office=0.5))


def mythic(rng: Rng, plan: Plan) -> Story:
    """Mythic's poseidon: interval plus or minus a whole percentage below jitter, its parity giving the sign.

    Source: MythicAgents/poseidon, pkg/profiles/http.go, `GetSleepTime`.
    """
    return _http(rng, plan, "stepped")


def empire(rng: Rng, plan: Plan) -> Story:
    """Empire: uniform in [delay * (1 - jitter), delay * (1 + jitter)]; default 5 s. Source: Fox-IT 2020."""
    return _http(rng, plan, "symmetric")


def poshc2(rng: Rng, plan: Plan) -> Story:
    """PoshC2: the same symmetric law, default jitter 20 %. Source: Fox-IT 2020; default from its config.yml."""
    return _http(rng, plan, "symmetric", jitter=0.2 if rng.random() < 0.4 else None)


def caldera(rng: Rng, plan: Plan) -> Story:
    """Caldera agents: uniform between sleep_min and sleep_max (30 and 60 s by default), plain HTTP on 8888.

    Source: mitre/caldera, conf/agents.yml. As a law: symmetric about the middle, jitter 1/3 by default.
    """
    peer = replace(server(rng), service="http", port=one_of(rng, (8888, 80, 443, 8443)), name="")
    wire = replace(padded(rng), up=log_uniform(rng, 100, 900), down=log_uniform(rng, 100, 9000))
    return timed(rng, plan, peer, wire, "symmetric", 1 / 3, habits=IMPLANT, bounds=SLEEPS)


def metasploit(rng: Rng, plan: Plan) -> Story:
    """Meterpreter reverse_http(s): the k-th empty poll waits 10 k ms, from the tenth on 100 k ms, at most 10 s.

    A packet resets k. Source: rapid7/metasploit-payloads, server_transport_winhttp.c, the dispatch loop.
    """
    traits = draw_traits(rng, plan, replace(IMPLANT, sessions=0.0, rotate=0.0))
    beats = plan_beats(plan, traits)
    tasked = np.flatnonzero(rng.random(beats) < one_of(rng, (0.0, 0.003, 0.01)))
    since = np.arange(beats) + int(rng.integers(0, 150))
    for index in tasked:
        since[index:] = np.arange(beats - index)
    waits = np.minimum(np.where(since < 10, 0.01, 0.1) * since, 10.0)
    wire = replace(padded(rng), seconds=log_uniform(rng, 0.03, 0.6), linger=0.0)
    return Story(unfold(rng, plan, traits, waits, wire, "tcp"), server(rng), 10.0, 0.0, "fixed")


def dns_implant(rng: Rng, plan: Plan) -> Story:
    """A DNS tunnel's heartbeat: dnscat2 (`--delay` 1 s by default) and Saitama-like (random waits, minutes).

    Sources: iagox86/dnscat2 client options; Fox-IT, saitama-server. Queries go to a name server of its own (assumed).
    """
    law = one_of(rng, ("fixed", "symmetric", "lengthened"))
    return timed(
        rng, plan, _name_server(rng), _query(rng), law, _law_jitter(rng, law), habits=_DNS_HABITS, bounds=SLEEPS
    )


def long_poll(rng: Rng, plan: Plan) -> Story:
    """An implant whose server holds each request until there is a task or a time-out: the duration is the period.

    Time-outs of 30 to 300 s and longer are assumed; the technique is ATT&CK T1071.001 over HTTP long polling.
    """
    wire = replace(padded(rng), seconds_spread=0.002)
    return timed(rng, plan, server(rng), wire, "fixed", habits=IMPLANT, bounds=SLEEPS, hold=0.95)


def remote_tool(rng: Rng, plan: Plan) -> Story:
    """A raw-TCP remote access tool (njRAT-like): reconnects a fixed time after each loss (assumed)."""
    peer = Peer("", one_of(rng, (1177, 5552, 4444, 6606, 7707, 8808, 9999, 3460, 443)), "tcp", "")
    wire = Wire(
        up=log_uniform(rng, 20, 600),
        down=log_uniform(rng, 5, 300),
        up_spread=one_of(rng, (0.0, 0.2)),
        seconds=log_uniform(rng, 0.1, max(0.2, 0.5 * plan.gap)),
        seconds_spread=0.2,
    )
    habits = replace(IMPLANT, failing=0.4, dead=0.15)
    return timed(rng, plan, peer, wire, "fixed", habits=habits, bounds=SLEEPS)


def bot(rng: Rng, plan: Plan) -> Story:
    """An IoT bot looking for its controller: whole seconds, uniform 1 to 10 or a constant, mostly unanswered.

    Source: the published Mirai bot waits `rand % 10 + 1` s between attempts; unanswered SYNs as in IoT-23 8-1.
    """
    peer = Peer("", one_of(rng, (23, 48101, 6667, 5555, 666, 50, 8080)), "tcp", "")
    wire = Wire(up=log_uniform(rng, 2, 60), down=log_uniform(rng, 2, 40), seconds=log_uniform(rng, 0.2, 3.0))
    law = "symmetric" if plan.gap < 30 else "fixed"
    habits = replace(IMPLANT, failing=0.5, dead=0.3, sessions=0.05, office=0.0, rotate=0.2)
    return timed(rng, plan, peer, wire, law, 0.8 if law == "symmetric" else 0.0, habits=habits, bounds=SLEEPS)


def _http(rng: Rng, plan: Plan, law: str, *, jitter: float | None = None, habits: Habits = IMPLANT) -> Story:
    jitter = draw_jitter(rng) if jitter is None else jitter
    return timed(rng, plan, server(rng), padded(rng), law, jitter, habits=habits, bounds=SLEEPS)


def draw_jitter(rng: Rng) -> float:
    """0 in three cases of ten (many defaults are), else up to 0.9 in whole percents, small ones more often."""
    return 0.0 if rng.random() < 0.3 else round(0.9 * float(rng.random()) ** 1.3, 2)


def _law_jitter(rng: Rng, law: str) -> float:
    return 0.0 if law == "fixed" else draw_jitter(rng)


def server(rng: Rng) -> Peer:
    """Where an implant calls: mostly TLS or HTTP at their own ports, often without a name, at times disguised.

    Assumed, after public malware captures: plain HTTP or a protocol of its own at 443 and 80, web protocols and raw
    TCP at odd ports. Shares are no measurement.
    """
    odd = int(rng.integers(1024, 65_536)) if rng.random() < 0.7 else int(rng.integers(81, 1024))
    servers = (
        ("ssl", 443), ("http", 80), ("http", one_of(rng, (8080, 8000, 8888, 8081))), ("ssl", 8443), ("http", 443),
        ("", 443), ("", 80), ("ssl", odd), ("http", odd), ("", odd),
    )  # fmt: skip
    service, port = one_of(rng, servers, (0.40, 0.60, 0.66, 0.70, 0.74, 0.80, 0.84, 0.89, 0.93, 1.0))
    named = service and rng.random() < (0.6 if service == "ssl" else 0.45)
    return Peer(service, port, "tcp", one_of(rng, ("cdn", "www", "api", "update", "static")) if named else "")


def padded(rng: Rng) -> Wire:
    """A check-in: constant small answers with rare large ones; sizes padded at random in a fifth of all cases.

    An empty poll is the same request and the same answer each time, unless a profile pads it.
    """
    wire = web(rng)
    constant = rng.random() < 0.5
    return replace(
        wire,
        up_spread=0.0 if constant else wire.up_spread,
        down=log_uniform(rng, 1, 3000) if rng.random() < 0.6 else wire.down,
        down_spread=0.0 if constant and rng.random() < 0.8 else wire.down_spread,
        pad=log_uniform(rng, 16, 4000) if rng.random() < 0.2 else 0.0,
        big=float(rng.uniform(0.005, 0.06)) if rng.random() < 0.5 else 0.0,
        factor=log_uniform(rng, 3, 200),
        linger=0.0 if rng.random() < 0.5 else wire.linger,
    )


def _name_server(rng: Rng) -> Peer:
    return Peer("dns", 53, "udp", "")


def _query(rng: Rng) -> Wire:
    return Wire(
        up=log_uniform(rng, 35, 120),
        down=log_uniform(rng, 50, 250),
        up_spread=one_of(rng, (0.0, 0.02, 0.2)),
        down_spread=one_of(rng, (0.0, 0.05, 0.3)),
        seconds=log_uniform(rng, 0.01, 0.2),
        answered=one_of(rng, (1.0, 0.97, 0.8)),
    )
