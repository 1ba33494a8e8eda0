"""Benign traffic without a timer of its own: people, and software that waits for events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import Bools, Floats
from zeek_beacons_lab.traffic.history import CLIENT, Traits, timed, unfold
from zeek_beacons_lab.traffic.series import (
    Peer,
    Plan,
    Rng,
    Story,
    log_uniform,
    one_of,
)
from zeek_beacons_lab.traffic.wire import Wire, web


def poisson(rng: Rng, plan: Plan) -> Story:
    """Requests at random and independently: a Poisson process; sizes vary."""
    return timed(rng, plan, website(rng, "www"), _content(rng), "exponential", habits=CLIENT)


def poisson_constant(rng: Rng, plan: Plan) -> Story:
    """Random moments, the same request and answer each time: regular in size only."""
    wire = replace(web(rng), up_spread=0.0, down_spread=0.0)
    return timed(rng, plan, website(rng, "api"), wire, "exponential", habits=CLIENT)


def browsing(rng: Rng, plan: Plan) -> Story:
    """A person on a web site: visits with heavy-tailed pauses, pages by reading time, objects within a second or two.

    Form after Crovella and Bestavros 1997 (heavy-tailed reading times); numbers assumed.
    """
    per_page, per_visit = float(rng.uniform(0.1, 0.7)), float(rng.uniform(0.02, 0.3))
    return _bursts(rng, plan, website(rng, "www"), _content(rng), per_page, per_visit)


def third_party(rng: Rng, plan: Plan) -> Story:
    """Advertising, analytics and fonts that pages pull in: one or a few requests a page, small and much alike.

    Moments are those of the visits (as for browsing); sizes assumed.
    """
    wire = replace(web(rng), seconds_spread=0.9)
    return _bursts(rng, plan, website(rng, "ads"), wire, float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.2, 0.9)))


def application(rng: Rng, plan: Plan) -> Story:
    """A desktop or phone application that talks when something happens: connections of all lengths, kept and re-opened.

    Gaps lognormal with a wide spread, a short reconnect now and then (assumed).
    """
    waits = plan.gap * rng.lognormal(0.0, float(rng.uniform(0.5, 2.0)), plan.n)
    waits = np.where(rng.random(plan.n) < float(rng.uniform(0.0, 0.4)), rng.exponential(2.0, plan.n), waits)
    waits *= plan.n * plan.gap / waits.sum()
    wire = replace(
        web(rng),
        up_spread=float(rng.uniform(0.05, 1.2)),
        down_spread=float(rng.uniform(0.1, 1.5)),
        seconds=min(log_uniform(rng, 0.5, 600.0), 2.0 * plan.gap),
        seconds_spread=float(rng.uniform(0.3, 1.5)),
    )
    return Story(unfold(rng, plan, Traits(), waits, wire, "tcp", anchored=True), website(rng, "app", udp=0.0))


def page_timer(rng: Rng, plan: Plan) -> Story:
    """A page that asks again on a fixed timer while it is open: regular inside a visit, visits as people make them."""
    timer = one_of(rng, (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0))
    timer = min(timer, plan.gap)
    opens = rng.random(plan.n) < float(rng.uniform(0.03, 0.3))
    short = timer * (1.0 + one_of(rng, (0.005, 0.05, 0.2)) * rng.standard_normal(plan.n))
    waits = _fill(rng, plan, np.maximum(short, 0.1), opens, float(rng.uniform(0.8, 1.8)))
    peer = website(rng, "live")
    return Story(unfold(rng, plan, Traits(), waits, web(rng), peer.proto, anchored=True), peer)


def website(rng: Rng, name: str, udp: float = 0.12) -> Peer:
    """A web site as clients meet it: mostly TLS with a name, some QUIC, some plain HTTP, some without a name.

    Shares are assumed. QUIC goes unrecognised where the first packets were not seen.
    """
    called = name if rng.random() < 0.85 else ""
    if rng.random() < udp:
        return Peer(one_of(rng, ("quic", "ssl", "")), 443, "udp", called)
    service, port = one_of(rng, (("ssl", 443), ("http", 80), ("", 443), ("http", 8080)), (0.78, 0.94, 0.98, 1.0))
    return Peer(service, port, "tcp", called if service else "")


def _content(rng: Rng) -> Wire:
    """Content of very different size, now and then the same file again."""
    wire = web(rng, small=False)
    return replace(wire, up_spread=one_of(rng, (0.05, 0.3, 0.6)), seconds_spread=float(rng.uniform(0.3, 1.3)))


def scripted_browsing(rng: Rng, plan: Plan) -> Story:
    """A crawler or test script: uniform waits between two bounds, several connections a page (assumed)."""
    habits = replace(CLIENT, parallel=0.5)
    jitter = float(rng.uniform(0.2, 0.9))
    return timed(rng, plan, Peer(name="www"), _content(rng), "symmetric", jitter, habits=habits)


def ocsp(rng: Rng, plan: Plan) -> Story:
    """OCSP and CRL requests over plain HTTP: follow the user's visits, constant small requests, answers of 0.5 to 2 kB.

    Source: RFC 6960, RFC 5019; answers are cached until nextUpdate, so requests are sparse.
    """
    wire = Wire(
        up=log_uniform(rng, 250, 450),
        down=log_uniform(rng, 500, 2200),
        down_spread=one_of(rng, (0.0, 0.02)),
        seconds=log_uniform(rng, 0.02, 0.3),
        linger=one_of(rng, (0.0, 5.0, 115.0)),
    )
    return _bursts(rng, plan, Peer("http", 80, "tcp", "ocsp"), wire, 0.3, 0.5)


def chat_reconnect(rng: Rng, plan: Plan) -> Story:
    """A chat or web-socket client: long sessions, then retries 1-2-4-8 s up to a cap until it is back (assumed)."""
    beats = plan.n
    rung = rng.geometric(0.5, beats)
    nth = np.zeros(beats)
    nth[1:] = np.where(rung[1:] > 1, 1, 0)
    run = _run_lengths(nth > 0)
    short = np.minimum(2.0**run, 60.0) * (0.5 + 0.5 * rng.random(beats))
    waits = _fill(rng, plan, short, nth == 0, float(rng.uniform(0.5, 1.5)))
    wire = replace(web(rng), seconds=log_uniform(rng, 0.5, 30.0), seconds_spread=1.0, up_spread=0.5, down_spread=1.0)
    peer = Peer("ssl", one_of(rng, (443, 5222, 6697)), "tcp", "chat")
    return Story(unfold(rng, plan, Traits(), waits, wire, "tcp", anchored=True), peer)


def dns_client(rng: Rng, plan: Plan) -> Story:
    """A workstation's queries to its resolver: bursts with each page, all sizes, answered at once (assumed)."""
    wire = Wire(
        up=log_uniform(rng, 30, 50),
        down=log_uniform(rng, 80, 200),
        up_spread=0.25,
        down_spread=0.6,
        seconds=log_uniform(rng, 0.001, 0.05),
        seconds_spread=1.0,
        answered=0.98,
    )
    peer = Peer("dns", 53, "udp", inside=bool(rng.random() < 0.7))
    return _bursts(rng, plan, peer, wire, 0.6, 0.1)


def _bursts(rng: Rng, plan: Plan, peer: Peer, wire: Wire, per_page: float, per_visit: float) -> Story:
    """`per_page`: chance that a connection opens a new page; `per_visit`: chance that a page opens a new visit."""
    size = plan.n
    page = rng.random(size) < per_page
    visit = page & (rng.random(size) < per_visit)
    short = np.where(page, rng.lognormal(2.5, 1.0, size), rng.exponential(log_uniform(rng, 0.05, 1.0), size))
    waits = _fill(rng, plan, short, visit, float(rng.uniform(0.8, 1.8)))
    return Story(unfold(rng, plan, Traits(), waits, wire, peer.proto, anchored=True), peer)


def _fill(rng: Rng, plan: Plan, short: Floats, long: Bools, spread: float) -> Floats:
    """Waits: `short` ones, and where `long`, heavy-tailed ones that fill up what the plan's time leaves."""
    total = plan.n * plan.gap
    where = long.copy()
    if not where[1:].any():
        where[rng.integers(1, len(where))] = True
    short = np.where(where, 0.0, short)
    spent = short.sum()
    if spent > 0.6 * total:
        short = short * (0.6 * total / spent)
    tail = np.where(where, rng.lognormal(0.0, spread, len(short)), 0.0)
    tail[0] = 0.0
    waits: Floats = short + tail * ((total - short.sum()) / tail.sum())
    return waits


def _run_lengths(mask: Bools) -> Floats:
    """For each element how many in a row, itself included, have been true."""
    index = np.arange(len(mask))
    last = np.maximum.accumulate(np.where(mask, -1, index))
    return (index - last).astype(np.float64)
