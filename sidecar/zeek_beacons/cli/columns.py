"""What tables say of rows: of pairs, hosts, alerts and long connections. Times are shown in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from zeek_beacons.cli.listing import Column
from zeek_beacons.cli.source import Row
from zeek_beacons.keys import CONN
from zeek_beacons.pairs import is_group
from zeek_beacons.reports.facts import size
from zeek_beacons.reports.sentence import duration
from zeek_beacons.reports.target import server_text

BARS = " ▁▂▃▄▅▆▇█"


def when(seconds: float | None) -> str:
    """A point in time; `?` where it is not known."""
    return "?" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def server(row: Row) -> str:
    """The responder with its port, and its name where it is known by an address."""
    if is_group(row["resp"]):
        text = f"{row['resp']}:{row['resp_p']}"
    else:
        text = server_text(row["resp"], row["resp_p"], row["proto"], row.get("channel") or CONN)
    name = row.get("name") or ""
    return text + (f" ({name})" if name and name != row["resp"] else "")


def every(row: Row) -> str:
    """How often a pair checks in."""
    return "?" if row["sleep"] is None else duration(row["sleep"])


def jitter(row: Row) -> str:
    """By how much that varies."""
    return "?" if row["jitter"] is None else f"{row['jitter']:.0%}".replace("%", " %")


def score(row: Row) -> str:
    """The score, or the probability."""
    return "" if row["score"] is None else f"{row['score']:.2f}"


def spark(row: Row) -> str:
    """Its connections over time as bars."""
    counts = row["spark"]
    most = max(counts, default=0)
    return "".join(BARS[-(-8 * count // most)] for count in counts) if most else ""


def state(row: Row) -> str:
    """What is to be known beside the label."""
    if row["level"]:
        return "stopped" if row["stopped"] else "active"
    if row["near_miss"]:
        return "near miss"
    if row["suppressed"]:
        return f"quiet: {row['suppressed']}"
    return str(row["label"]).replace("_", " ")


def _bytes(value: float | None) -> str:
    return "?" if value is None else size(int(value))


BEACONS = (
    Column("severity", lambda row: row["severity"]),
    Column("score", score, right=True),
    Column("from", lambda row: row["orig_h"], folds=True),
    Column("to", server, folds=True),
    Column("every", every, right=True),
    Column("jitter", jitter, right=True, window=90),
    Column("times", lambda row: str(row["connections"]), right=True, window=90),
    Column("check-ins", spark, window=140),
    Column("since", lambda row: when(row["since"] or row["first_seen"]), window=160),
    Column("last seen", lambda row: when(row["last_seen"])),
    Column("", lambda row: "stopped" if row["stopped"] else "", window=90),
    Column("incident", lambda row: row["incident"], window=190),
    Column("id", lambda row: row["id"], window=190),
)
CONNECTIONS = (
    Column("verdict", state),
    Column("score", score, right=True),
    Column("from", lambda row: row["orig_h"], folds=True),
    Column("to", server, folds=True),
    Column("service", lambda row: row["service"], window=100),
    Column("times", lambda row: str(row["connections"]), right=True),
    Column("every", every, right=True),
    Column("jitter", jitter, right=True, window=100),
    Column("first seen", lambda row: when(row["first_seen"]), window=140),
    Column("last seen", lambda row: when(row["last_seen"])),
    Column("id", lambda row: row["id"], window=150),
)
HOSTS = (
    Column("risk", lambda row: f"{row['combined_risk']:.2f}", right=True),
    Column("severity", lambda row: row["severity"]),
    Column("host", lambda row: row["host"], folds=True),
    Column("name", lambda row: row.get("name", ""), folds=True, window=100),
    Column("user", lambda row: row.get("user", ""), folds=True, window=100),
    Column("beacons", lambda row: str(row["beacons"]), right=True),
    Column("scored pairs", lambda row: str(row["pairs"]), right=True),
    Column("strongest", lambda row: server(row["strongest"]), folds=True),
    Column("score", lambda row: score(row["strongest"]), right=True),
    Column("last seen", lambda row: when(row["last_seen"])),
)
ALERTS = (
    Column("#", lambda row: str(row["seq"]), right=True),
    Column("time", lambda row: when(row["time"])),
    Column("severity", lambda row: row["severity"]),
    Column("score", score, right=True, window=90),
    Column("from", lambda row: row["orig_h"], folds=True),
    Column("to", server, folds=True),
    Column("incident", lambda row: row["incident"], window=110),
    Column("what", lambda row: row["summary"], folds=True),
)
LONG = (
    Column("severity", lambda row: row["severity"]),
    Column("longest", lambda row: duration(row["longest"]), right=True),
    Column("in 24 h", lambda row: duration(row["day_sum"]), right=True),
    Column("from", lambda row: row["orig_h"], folds=True),
    Column("to", lambda row: server({"resp": row["addr"], **row}), folds=True),
    Column("service", lambda row: row["service"], window=120),
    Column("began", lambda row: when(row["longest_start"])),
    Column("", lambda row: "open" if row["is_open"] else ""),
    Column("times", lambda row: str(row["connections"]), right=True),
    Column("out", lambda row: _bytes(row["bytes_out"]), right=True),
    Column("in", lambda row: _bytes(row["bytes_in"]), right=True),
    Column("uid", lambda row: row["uid"], window=160),
)
