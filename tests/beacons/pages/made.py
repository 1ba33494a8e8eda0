"""Pairs as the read model tells of them, made up: what pages are tried with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zeek_beacons.pages.context import Decision, JobState, OutputFile, PageContext
from zeek_beacons.readmodel import (
    About,
    Beacon,
    CheckinMarks,
    Considered,
    GapFit,
    HeldObservations,
    HostRow,
    HourCounts,
    IncidentRow,
    PairRow,
    VerdictChange,
    WeighedReason,
)
from zeek_beacons.reports.facts import PairFacts

NOW = 1_769_860_000.0  # 2026-01-31 11:46:40 UTC
DAY = 86_400.0
# Names as an attacker may choose them.
HOSTILE = (
    "<script>alert(1)</script>.example",
    "\"onmouseover='alert(1)'.example",
    "</title></svg><img src=x onerror=alert(1)>",
    "\u202egro.live\u202c.example",
    "a\x00\x1b[31m\x07\r\nb.example",
    "{{ 7 * 7 }}{% raw %}.example",
    "javascript:alert(1)//",
    "x" * 253,
    "\ud800\udfff.example",
    "\u05d0\u05d1\u05d2.example",
)


def pair_row(number: int = 1, **given: Any) -> PairRow:
    """One row that alerts; `given` in place of what stands here."""
    plain = PairRow(
        id=f"{number:016x}",
        orig_h=f"10.0.{number // 250}.{number % 250 + 1}",
        resp="cdn-metrics.example",
        resp_p=443,
        proto="tcp",
        channel="conn",
        addr="203.0.113.9",
        service="ssl",
        name="cdn-metrics.example",
        kind="beacon",
        label="beacon",
        severity="high",
        level=3,
        score=0.953,
        probability=0.953,
        threshold=0.52,
        near_miss=False,
        suppressed="",
        allowed_by="",
        sleep=60.0,
        jitter=0.2,
        incident="3f2a91c0",
        first_seen=NOW - 3 * DAY,
        last_seen=NOW - 55,
        since=NOW - 2.8 * DAY,
        judged=NOW - 50,
        connections=4820,
        evidence=512,
        needed=8,
        stopped=False,
        model="beacon_forest 5d1c",
        sensor="sensor-1",
        spark=tuple(int(v) for v in np.random.default_rng(number).integers(15, 26, 24)),
        spark_begin=NOW - DAY / 3,
    )
    return replace(plain, **given)


def beacon(row: PairRow | None = None, n: int = 512, seed: int = 1, **given: Any) -> Beacon:
    """One pair in full, with `n` check-ins by its sleep and jitter."""
    row = row or pair_row()
    rng = np.random.default_rng(seed)
    sleep, jitter = row.sleep or 60.0, row.jitter or 0.0
    waits = sleep * (1 - jitter * rng.random(max(n - 1, 0)))
    waits[rng.random(len(waits)) < 0.02] *= 2
    times = (row.last_seen or NOW) - np.concatenate([[0.0], np.cumsum(waits)])[::-1][: max(n, 0)]
    start = tuple(times.tolist()[:n])
    out = tuple(float(v) for v in np.where(rng.random(n) < 0.9, 312, rng.integers(300, 5000, n)))
    into = tuple(float(v) for v in np.where(rng.random(n) < 0.9, 1204, rng.integers(300, 900_000, n)))
    low = sleep * (1 - jitter)
    plain = Beacon(
        row=row,
        summary=f"{row.orig_h} checks in with {row.resp}:443 every 60 s (jitter 20 %), 4820 times over 3.0 d, "
        "88 % the same size; probability 0.95; looks like an implant with sleep 60 s / 20 %",
        facts=pair_facts(row),
        reasons=REASONS,
        scorers={"forest": 0.94, "rules": 0.88, "significance": 0.99},
        considered=(
            Considered("updates", "an update check", False, "the name is not one of theirs"),
            Considered("telemetry", "telemetry of a product", True, "port 443, small requests of one size"),
        ),
        checkins=CheckinMarks(start, (1,) * n, out, into),
        observations=HeldObservations(start, (0.3,) * n, out, into, ("SF",) * n),
        fit=GapFit(
            "shortened", sleep, jitter, low, sleep, (low + sleep) / 2, (low + sleep) / 2, 3.4, 0.98, tuple(waits)
        ),
        stretch=None,
        hours=hour_counts(),
        changes=(
            VerdictChange(NOW - 2.9 * DAY, "insufficient_evidence", "", 0, None, "", row.model),
            VerdictChange(NOW - 2.8 * DAY, "beacon", "medium", 2, 0.81, "3f2a91c0", row.model),
            VerdictChange(NOW - 2.1 * DAY, "beacon", "high", 3, 0.953, "3f2a91c0", row.model),
        ),
        incident=incident(row),
        members=(pair_row(2, resp="203.0.113.9", severity="medium", level=2, score=0.83), pair_row(3)),
        uids=("CqT1x84dPZQ8kN", "Ckd92jf8Ah2k11", "C01ab83hfkdj3f"),
    )
    return replace(plain, **given)


REASONS = (
    WeighedReason("one_interval", "97 % of the waits lie within 20 % of one interval", 0.97, 0.31, "rhythm"),
    WeighedReason("not_chance", "each wait is 12 times likelier by this timer than by chance", 2.5, 0.22, "rhythm"),
    WeighedReason("unknown", "no public list knows cdn-metrics.example", 1.0, 0.12, "server"),
    WeighedReason("same_request", "88 % of what it sends has one size", 0.88, 0.07, "rhythm"),
    WeighedReason("named", "100 % of the connections carry a server name", 1.0, -0.03, "server"),
    WeighedReason("shared", "", None, -0.01, "rhythm"),
    WeighedReason("pace", "the median wait is 54 s", 54.0, None, "rhythm"),
)


def pair_facts(row: PairRow) -> PairFacts:
    return PairFacts(
        first_seen="2026-01-28T11:46:40Z",
        last_seen="2026-01-31T11:45:45Z",
        connections=row.connections,
        held=row.evidence,
        answered=511,
        unanswered=1,
        bytes_out=164_000,
        bytes_in=4_200_000,
        name=row.name,
        name_from="TLS SNI",
        other_hosts=0,
        site_hosts=212,
        could_be="a web application, update check or telemetry that polls",
        attack=("T1071.001", "T1573"),
        waits="waits of up to 20 % less than 60 s",
        implant="looks like an implant with sleep 60 s / 20 %",
        filter=f'id.orig_h == "{row.orig_h}" && server_name == "{row.resp}" && id.resp_p == 443 && proto == "tcp"',
        command="zcat conn.log.gz | zeek-cut ts uid id.orig_h | awk -F '\\t' '$3 == \"10.0.0.2\"'",
        uids=("CqT1x84dPZQ8kN",),
        certificate="self-signed, CN=localhost, valid for 3650 days, on this server only",
        web_client="",
    )


def hour_counts(days: int = 40) -> HourCounts:
    last = int(NOW // 3600)
    rng = np.random.default_rng(5)
    hours = [last - at for at in range(days * 24) if (at // 24) % 9 != 4]
    return HourCounts(tuple(reversed(hours)), tuple(int(v) for v in rng.integers(50, 66, len(hours))))


def incident(row: PairRow) -> IncidentRow:
    return IncidentRow(
        id="3f2a91c0",
        kind="beacon",
        severity="high",
        level=3,
        score=0.953,
        head=row,
        members=3,
        hosts=2,
        servers=1,
        connections=9900,
        began=NOW - 2.8 * DAY,
        first_seen=NOW - 3 * DAY,
        last_seen=NOW - 55,
        stopped=False,
        joined=(),
        summary=f"{row.orig_h} checks in with {row.resp}:443; 2 further pairs: also by address {row.addr}, also host "
        "10.0.0.4",
    )


def listed() -> list[PairRow]:
    """A list as a site has it."""
    return [
        pair_row(1, severity="critical", level=4, score=0.998, probability=0.998, resp="198.51.100.77", name="",
                 addr="198.51.100.77", sleep=5.0, jitter=0.0, service="http", resp_p=8080),
        pair_row(2),
        pair_row(3, resp="update-sync.example", severity="high", sleep=300.0, jitter=0.35, score=0.93),
        pair_row(4, resp="group:1a2b", addr="192.0.2.4", name="", severity="medium", level=2, score=0.84, sleep=900.0),
        pair_row(5, resp="2001:db8::5", addr="2001:db8::5", name="", severity="low", level=1, score=0.61,
                 sleep=3600.0, jitter=0.1, stopped=True, last_seen=NOW - 2 * DAY, proto="udp", resp_p=4500,
                 service="", spark=(*(4,) * 14, *(0,) * 10)),
    ]  # fmt: skip


def about(**given: Any) -> About:
    plain = About(
        kind="history",
        path="history.sqlite",
        schema=2,
        revision="7",
        model="beacon_forest 5d1c",
        calibrated=True,
        profile="balanced",
        threshold=0.52,
        thresholds={"conservative": 0.78, "balanced": 0.52, "sensitive": 0.31},
        written=NOW - 5,
        first_seen=NOW - 29 * DAY,
        last_seen=NOW - 3,
        pairs=12_400,
        scored=1_904,
        beacons=5,
        incidents=4,
        near_misses=3,
        suppressed=41,
        hosts=212,
        bytes=48_000_000,
        last_alert=17,
    )
    return replace(plain, **given)


def host(number: int, **given: Any) -> HostRow:
    row = listed()[number % 5]
    plain = HostRow(
        row.orig_h, row.score or 0.0, 1 + number % 2, 9 + number, row.severity, row.level, row, row.last_seen, "", ""
    )
    return replace(plain, **given)


def context(path: str = "/", **given: Any) -> PageContext:
    plain = PageContext(
        path=path,
        now=NOW,
        source="history of sensor-1",
        live=True,
        who="mara",
        csrf_token="c5rf",
    )
    return replace(plain, **given)


DECISIONS = (
    Decision("allow-3", "allow", "subnet 203.0.113.0/24", "mara", NOW - 3600, "our own CDN", NOW + 20 * DAY),
    Decision("feedback-2", "false", "10.0.0.9 → backup.example:443", "ali", NOW - DAY, "backup agent"),
    Decision("snooze-1", "snooze", "10.0.0.7 → 192.0.2.1:80", "mara", NOW - 3 * DAY, "", NOW - DAY, active=False),
)
JOBS = (
    JobState("a1", "running", "conn.log.gz", "balanced", NOW - 4, 0.4, "reading, 1.2 million rows so far"),
    JobState("b2", "done", "site", "sensitive", NOW - 600),
    JobState("c3", "failed", "cat.jpg", "balanced", NOW - 900, None, "cat.jpg: no log that zeek-beacons reads"),
)
FILES = (
    OutputFile("report.html", "this run to read and to print", 340_000),
    OutputFile("alerts.csv", "the pairs that alert, by rank", 5200, ("rank,severity,label", "1,high,beacon")),
)
STATUS = {
    "role": "serving",
    "address": "127.0.0.1:9997",
    "zeek": {"sensor": "sensor-1", "node": "manager", "zeek": "8.0.10", "package": "0.2.0"},
    "nodes": {"proxy-1": {"boot": 1, "seq": 20, "outstanding": 0, "lost": 0, "silent_seconds": 1.2}},
    "queue": 0,
    "received": 48_211,
    "scored": 48_211,
    "lag_seconds": {"p50": 0.018, "p99": 0.09, "max": 0.3},
    "dropped": 0,
    "gaps": 0,
    "failed": 0,
    "faults": 0,
    "resyncs": 1,
    "forgotten_alerts": 0,
    "bad": {"not JSON": 2},
    "history": {"working": True, "pairs": 12_400, "bytes": 48_000_000, "errors": 0},
    "events": {
        "source": "unix:/run/zeek-beacons/events.sock",
        "problem": "",
        **dict.fromkeys(("taken", "held"), 31_000),
        **dict.fromkeys(("bad", "other", "untimely", "forgotten", "refused", "joined"), 12),
    },
    "sinks": {
        "problem": "",
        "sinks": {"syslog": {"delivered": 17, "waiting": 0, "lost": {}, "failures": 1, "last_error": ""}},
    },
}
SUMMARY: dict[str, Any] = {
    "first_seen": "2026-01-28T11:46:40Z",
    "last_seen": "2026-01-31T11:46:40Z",
    "model": "beacon_forest 5d1c",
    "profile": "balanced",
    "warnings": [],
    "expected_false_alerts_per_host_day": 0.1,
    "ingest": {
        "used": 51_200,
        "rows": 51_240,
        "files": {"conn.log": "conn"},
        "left_out": {"not outbound": 12},
        "skipped": {"too few fields": {"rows": 28, "examples": ["conn.log:9: a|b"]}},
        "notes": ["networks that look local: 100.64.0.0/10"],
        "duplicates": 0,
        "merged_pieces": 3,
    },
}
