"""Benign services that keep a timer: often more regular than any implant.

Sources of periods and laws are named in each docstring; where none is, and for all sizes and durations, "assumed".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons_lab.traffic.history import (
    CLIENT,
    DEVICE,
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

_STEADY = replace(DEVICE, downtime=0.15, failing=0.05)
_NTP_POLLS = tuple(float(2**exponent) for exponent in range(6, 11))


def ntp(rng: Rng, plan: Plan) -> Story:
    """NTP client: polls every 64 to 1024 s, always a power of two, backing off as the clock settles; 48 bytes each way.

    Source: RFC 5905 (MINPOLL 6, poll exponent, 7.3) and ntpd/chrony defaults 6 and 10; +-2 % as chrony adds.
    """
    wire = Wire(up=48, down=48, seconds=log_uniform(rng, 0.002, 0.08), answered=one_of(rng, (1.0, 0.99, 0.7)))
    peer = Peer("ntp", 123, "udp", "", inside=bool(rng.random() < 0.3))
    traits = draw_traits(rng, plan, replace(_STEADY, rotate=0.0))
    final = min(_NTP_POLLS, key=lambda poll: abs(np.log(poll / (plan.gap * traits.stretch))))
    beats = plan_beats(plan, traits)
    polls = np.full(beats, final)
    if rng.random() < 0.4:  # still backing off: each step holds for a while
        held = int(rng.integers(3, 10))
        polls = np.minimum(64.0 * 2.0 ** (np.arange(beats) // held), final)
    spread = one_of(rng, (0.001, 0.01, 0.02))
    waits = polls * (1.0 + spread * (2.0 * rng.random(beats) - 1.0))
    return Story(unfold(rng, plan, traits, waits, wire, "udp", anchored=True), peer, final, spread, "symmetric")


def sntp(rng: Rng, plan: Plan) -> Story:
    """SNTP of a device: a fixed hourly update, or as configured.

    Source: lwIP's SNTP_UPDATE_DELAY, 1 h; RFC 4330 asks for 15 s at least.
    """
    wire = Wire(up=48, down=48, seconds=log_uniform(rng, 0.005, 0.1), answered=0.99)
    periods = (15.0, 30.0, 60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
    return timed(rng, plan, Peer("ntp", 123, "udp", "pool"), wire, "fixed", habits=_STEADY, periods=periods)


def dhcp(rng: Rng, plan: Plan) -> Story:
    """DHCP renewal at T1, half of the lease. Source: RFC 2131, 4.4.5; leases from 5 min to 12 h as commonly set."""
    wire = Wire(up=log_uniform(rng, 290, 330), down=log_uniform(rng, 300, 360), seconds=log_uniform(rng, 0.001, 0.05))
    periods = tuple(lease / 2 for lease in (300.0, 600.0, 1200.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 43_200.0))
    return timed(rng, plan, Peer("dhcp", 67, "udp", inside=True), wire, "fixed", habits=_STEADY, periods=periods)


def mqtt(rng: Rng, plan: Plan) -> Story:
    """MQTT client that reconnects on a timer and pings in between; constant sizes.

    Source: MQTT 3.1.1, 3.1.2.10 (keep alive, client's choice); periods near 5 min on 8883 in public captures.
    """
    port = one_of(rng, (8883, 1883, 443))
    wire = Wire(
        up=log_uniform(rng, 60, 1200),
        down=log_uniform(rng, 20, 5000),
        up_spread=one_of(rng, (0.0, 0.01)),
        seconds_spread=0.01,
    )
    hold = one_of(rng, (0.02, 0.5, 0.98))
    service, name = ("ssl", "mqtt") if port != 1883 else ("mqtt", "")
    return timed(rng, plan, Peer(service, port, "tcp", name), wire, "fixed", habits=DEVICE, hold=hold)


def push(rng: Rng, plan: Plan) -> Story:
    """Push notification channel (FCM on 5228, APNs on 5223), re-opened with each heartbeat; long, idle, few bytes.

    Ports: Google's and Apple's firewall documents. Heartbeats of 4 to 30 min are assumed.
    """
    port = one_of(rng, (5228, 5223, 443))
    wire = Wire(up=log_uniform(rng, 300, 2500), down=log_uniform(rng, 300, 6000), down_spread=0.3, up_spread=0.1)
    wire = replace(wire, big=0.03, factor=10.0, seconds_spread=0.02)
    peer = Peer("ssl", port, "tcp", "push")
    return timed(rng, plan, peer, wire, "gaussian", one_of(rng, (0.0, 0.05, 0.3)), habits=CLIENT, hold=0.97)


def api_polling(rng: Rng, plan: Plan) -> Story:
    """An application that polls its API on a fixed timer: 5 s to an hour in round numbers (assumed)."""
    periods = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
    wire = replace(web(rng), big=one_of(rng, (0.0, 0.02, 0.1)))
    anchored = bool(rng.random() < 0.5)
    return timed(rng, plan, Peer(name="api"), wire, "fixed", habits=CLIENT, periods=periods, anchored=anchored)


def heartbeat(rng: Rng, plan: Plan) -> Story:
    """A management, security or metrics agent: constant small messages on a timer, at times splayed.

    Sources: Datadog agent 15 s; Chef client interval 1800 s plus splay 0 to 300 s; Puppet runinterval 30 min.
    """
    wire = replace(web(rng), up_spread=one_of(rng, (0.0, 0.02, 0.3)), down_spread=0.0)
    peer = Peer(name="agent", inside=bool(rng.random() < 0.2))
    if rng.random() < 0.4:
        return timed(rng, plan, peer, wire, "lengthened", float(rng.uniform(0.02, 0.5)), habits=_STEADY)
    return timed(rng, plan, peer, wire, "fixed", habits=_STEADY, anchored=bool(rng.random() < 0.5))


def telemetry(rng: Rng, plan: Plan) -> Story:
    """Telemetry upload: a jittered timer (5 to 60 %), batches of very different size, short answers (assumed)."""
    wire = replace(web(rng), up=log_uniform(rng, 500, 20_000), up_spread=float(rng.uniform(0.2, 1.5)), down_spread=0.02)
    habits = replace(CLIENT, parallel=0.3, sessions=0.3)
    law = one_of(rng, ("symmetric", "lengthened", "shortened", "gaussian"), (0.4, 0.6, 0.8, 1.0))
    return timed(rng, plan, Peer(name="telemetry"), wire, law, float(rng.uniform(0.05, 0.6)), habits=habits)


def windows_update(rng: Rng, plan: Plan) -> Story:
    """Windows Update detection: the configured hours minus 0 to 20 %; a benign timer that only ever shortens.

    Source: Microsoft, group policy "Automatic Updates detection frequency" (1 to 22 hours).
    """
    wire = replace(web(rng), up=log_uniform(rng, 1500, 20_000), up_spread=0.1, down_spread=0.3, big=0.08, factor=200.0)
    periods = tuple(3600.0 * hours for hours in (1, 2, 3, 4, 6, 8, 12, 22))
    return timed(rng, plan, Peer(name="update"), wire, "shortened", 0.2, habits=CLIENT, periods=periods)


def package_update(rng: Rng, plan: Plan) -> Story:
    """Linux package metadata: a timer plus a uniform random delay; the answer is large only when something changed.

    Source: dnf-makecache.timer (OnUnitInactiveSec=1h, RandomizedDelaySec=60m) and systemd.timer(5).
    """
    wire = replace(web(rng), down=log_uniform(rng, 200, 20_000), big=0.15, factor=100.0)
    peer = Peer("http", 80, "tcp", "mirror") if rng.random() < 0.5 else Peer(name="mirror")
    return timed(rng, plan, peer, wire, "lengthened", one_of(rng, (0.1, 0.5, 1.0)), habits=CLIENT)


def antivirus(rng: Rng, plan: Plan) -> Story:
    """Signature updates: freshclam's Checks 12 to 24 a day, others hourly; mostly "nothing new", at times megabytes.

    Source: freshclam.conf(5), default 12 checks a day; 60 min is the usual default of desktop products (assumed).
    """
    wire = replace(web(rng), down_spread=0.01, big=0.1, factor=log_uniform(rng, 50, 2000))
    peer = Peer("http", 80, "tcp", "sigs") if rng.random() < 0.5 else Peer(name="sigs")
    periods = (900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
    return timed(rng, plan, peer, wire, "symmetric", one_of(rng, (0.0, 0.02)), habits=CLIENT, periods=periods)


def software_check(rng: Rng, plan: Plan) -> Story:
    """An application's own update check with a random delay; same request, same "no update" answer every time.

    Source: Chromium's Omaha client, every 5 h with jitter; other products 30 min to 6 h (assumed).
    """
    law = one_of(rng, ("lengthened", "fixed", "symmetric"))
    jitter = 0.0 if law == "fixed" else float(rng.uniform(0.01, 0.4))
    return timed(rng, plan, Peer(name="update"), replace(web(rng), big=0.01, factor=500.0), law, jitter, habits=CLIENT)


def cloud_sync(rng: Rng, plan: Plan) -> Story:
    """File sync by long poll: the server holds the request for 30 to 480 s plus up to 90 s at random; changes come now
    and then. Source: Dropbox HTTP API, /files/list_folder/longpoll, `timeout`."""
    wire = replace(web(rng), big=0.06, factor=100.0, seconds_spread=0.05)
    jitter = min(0.9, 90.0 / max(plan.gap, 30.0))
    return timed(
        rng, plan, Peer(name="sync"), wire, "lengthened", jitter, habits=replace(CLIENT, sessions=0.4), hold=0.95
    )


def monitoring(rng: Rng, plan: Plan) -> Story:
    """A monitoring server asking one target every 15, 60 or 300 s on the clock, inside the site as a rule.

    Sources: Prometheus scrape_interval 1 m, Nagios check_interval 5 min, Zabbix item interval 1 m.
    """
    periods = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 21_600.0)
    service, port = (("http", 9100), ("", 10_050), ("ssl", 443), ("http", 80), ("", 5666))[int(rng.integers(5))]
    wire = replace(web(rng), down=log_uniform(rng, 10, 200_000), up_spread=0.0, down_spread=0.005)
    peer = Peer(service, port, "tcp", inside=bool(rng.random() < 0.8))
    return timed(rng, plan, peer, wire, "fixed", habits=replace(_STEADY, dead=0.06), periods=periods, anchored=True)


def ping(rng: Rng, plan: Plan) -> Story:
    """ICMP echo of an availability check, on the clock, constant payload (56 bytes, or 32 on Windows)."""
    size = one_of(rng, (56, 32, 64))
    wire = Wire(up=size, down=size, seconds=log_uniform(rng, 0.0005, 0.1), answered=one_of(rng, (1.0, 0.98, 0.0)))
    peer = Peer("", 0, "icmp", inside=bool(rng.random() < 0.6))
    return timed(rng, plan, peer, wire, "fixed", habits=_STEADY, anchored=True)


def iot_hub(rng: Rng, plan: Plan) -> Story:
    """A smart-home hub calling its vendor: 900 s in public captures (IoT-23, Philips Hue), others assumed."""
    periods = (10.0, 20.0, 30.0, 60.0, 120.0, 240.0, 300.0, 600.0, 900.0, 1680.0, 1800.0, 3600.0, 14_400.0)
    peer = Peer(name="hub") if rng.random() < 0.7 else Peer("http", 80, "tcp", "hub")
    wire = replace(web(rng), up_spread=0.0, down_spread=one_of(rng, (0.0, 0.01)))
    return timed(rng, plan, peer, wire, "fixed", habits=DEVICE, periods=periods, anchored=bool(rng.random() < 0.7))


def mail_check(rng: Rng, plan: Plan) -> Story:
    """IMAP or POP polling every 1 to 60 min; Thunderbird's default is 10 min (check_time)."""
    periods = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
    wire = replace(web(rng), down=log_uniform(rng, 1500, 6000), down_spread=0.1, big=0.1, factor=30.0)
    peer = Peer("ssl", one_of(rng, (993, 995)), "tcp", "imap")
    return timed(rng, plan, peer, wire, "fixed", habits=CLIENT, periods=periods)


def rss(rng: Rng, plan: Plan) -> Story:
    """Feed reader: fixed refresh, mostly 304 of constant size, a full feed now and then. Thunderbird: every 100 min."""
    periods = (900.0, 1800.0, 3600.0, 6000.0, 7200.0, 10_800.0, 21_600.0)
    wire = replace(web(rng), down=log_uniform(rng, 150, 900), down_spread=0.0, big=0.2, factor=80.0)
    peer = Peer(name="feeds") if rng.random() < 0.8 else Peer("http", 80, "tcp", "feeds")
    return timed(rng, plan, peer, wire, "fixed", habits=CLIENT, periods=periods)


def dns_ttl(rng: Rng, plan: Plan) -> Story:
    """A device that resolves one name whenever its TTL (RFC 1035) has run out: the TTL plus a little."""
    wire = Wire(up=log_uniform(rng, 28, 60), down=log_uniform(rng, 60, 300), seconds=log_uniform(rng, 0.001, 0.08))
    peer = Peer("dns", 53, "udp", inside=bool(rng.random() < 0.5))
    periods = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
    jitter = one_of(rng, (0.005, 0.05, 0.3))
    return timed(rng, plan, peer, wire, "lengthened", jitter, habits=DEVICE, periods=periods)


def ssdp(rng: Rng, plan: Plan) -> Story:
    """SSDP announcements and searches to the multicast address, never answered; every 30 s to 30 min, spread at random.

    Source: UPnP Device Architecture 1.1, 1.2.2 (repeat at random intervals below half of max-age).
    """
    wire = Wire(up=log_uniform(rng, 120, 2000), down=0, seconds=log_uniform(rng, 0.1, 3.0), answered=0.0)
    jitter = one_of(rng, (0.0, 0.02, 0.5))
    habits = replace(DEVICE, rotate=0.0, failing=0.0, dead=0.0)
    return timed(rng, plan, Peer("", 1900, "udp", inside=True), wire, "shortened", jitter, habits=habits)


def backup(rng: Rng, plan: Plan) -> Story:
    """A scheduled backup or replication: cron-exact begin, large and uneven uploads, minutes long (assumed)."""
    periods = (60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
    wire = Wire(
        up=log_uniform(rng, 3e4, 3e8),
        down=log_uniform(rng, 3000, 1e5),
        up_spread=float(rng.uniform(0.1, 2.0)),
        down_spread=0.5,
        seconds=min(log_uniform(rng, 1.0, 600.0), 0.3 * plan.gap),
        seconds_spread=0.5,
    )
    service, port = (("ssl", 443), ("ssh", 22), ("", 873))[int(rng.integers(3))]
    peer = Peer(service, port, "tcp", "backup" if service == "ssl" else "", inside=bool(rng.random() < 0.5))
    return timed(rng, plan, peer, wire, "fixed", habits=_STEADY, periods=periods, anchored=True)


def scripted_loop(rng: Rng, plan: Plan) -> Story:
    """A script of one's own (cron, `while sleep`): an API or health check that timing alone cannot tell from C2."""
    law = one_of(rng, ("fixed", "symmetric", "gaussian"), (0.7, 0.85, 1.0))
    jitter = 0.0 if law == "fixed" else float(rng.uniform(0.02, 0.5))
    peer = Peer(name="api") if rng.random() < 0.7 else Peer("http", one_of(rng, (80, 8080, 3000)), "tcp")
    return timed(rng, plan, peer, web(rng), law, jitter, habits=CLIENT, anchored=law == "fixed" and rng.random() < 0.5)


def streaming(rng: Rng, plan: Plan) -> Story:
    """HLS or DASH segments: one download a segment while someone watches. Source: RFC 8216; Apple recommends 6 s."""
    wire = Wire(up=log_uniform(rng, 600, 2500), down=log_uniform(rng, 2e5, 5e6), up_spread=0.02, down_spread=0.3)
    wire = replace(wire, seconds=log_uniform(rng, 0.2, 1.5), seconds_spread=0.4)
    periods = (2.0, 4.0, 6.0, 10.0)
    return timed(
        rng, plan, Peer(name="video"), wire, "gaussian", 0.1, habits=replace(CLIENT, downtime=0.6), periods=periods
    )


def page_refresh(rng: Rng, plan: Plan) -> Story:
    """A page left open that refreshes itself (advertisements, dashboards) while somebody looks; assumed."""
    periods = (10.0, 15.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0)
    wire = replace(web(rng, small=False), up_spread=0.3)
    habits = replace(CLIENT, downtime=0.7, parallel=0.4)
    return timed(rng, plan, Peer(name="ads"), wire, "gaussian", 0.02, habits=habits, periods=periods)
