"""What Prometheus reads of a sidecar, made from the same state that `zeek-beacons status` shows, so that both agree.

`render` is all that a server needs; nothing here opens a socket. No address and no name from the traffic is told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.protocol.session import Role
from zeek_beacons.live.status import Condition, State, judge
from zeek_beacons.verdicts import LABELS, SEVERITIES

try:
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.openmetrics import exposition as openmetrics
except ImportError as missing:
    raise ConfigError("metrics: needs prometheus-client: pip install 'zeek-beacons[metrics]'") from missing

PREFIX = "zeek_beacons_"
OPENMETRICS = "application/openmetrics-text"

Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]

# By field of the state: name and meaning.
_COUNTERS = {
    "received": ("candidates_received", "Candidates that came from Zeek, doubles too."),
    "scored": ("candidates_scored", "Candidates that got a verdict."),
    "superseded": ("candidates_superseded", "Left out of a full queue where a newer candidate of the pair stands."),
    "duplicates": ("candidates_duplicate", "Candidates that came twice."),
    "ignored": ("candidates_ignored", "Candidates for another sidecar."),
    "long": ("long_connections", "Times that Zeek told of a pair that is connected for long."),
    "resyncs": ("resyncs", "Times that Zeek was asked for candidates again."),
    "connections": ("connections", "Connections made to Zeek."),
    "refusals": ("refusals", "Times that Zeek refused this sidecar."),
    "confirmed": ("alerts_confirmed", "Alerts that Zeek confirmed."),
    "repeated": ("alerts_repeated", "Alerts sent again because Zeek had not confirmed them."),
    "forgotten_alerts": ("alerts_given_up", "Alerts given up unconfirmed because there were too many."),
    "notices": ("notices", "Notices that Zeek raised: one for each incident and severity."),
    "unreadable": ("history_unreadable", "Pairs whose stored observations could not be read."),
}
_GAUGES = {
    "queue": ("queue_candidates", "Candidates that wait to be scored."),
    "queue_limit": ("queue_limit_candidates", "Candidates that may wait before some are dropped."),
    "unconfirmed": ("alerts_unconfirmed", "Alerts that Zeek has not confirmed yet."),
    "started": ("start_time_seconds", "When the sidecar started, seconds since the epoch."),
    "written": ("state_time_seconds", "When this state was taken, seconds since the epoch."),
    "memory_peak": ("memory_peak_bytes", "Memory that the sidecar took at most."),
}
_HISTORY_COUNTERS = {
    "errors": ("history_errors", "Times that the history failed."),
    "skipped": ("history_skipped_batches", "Batches scored without the history."),
    "set_aside": ("history_set_aside", "Corrupt history files set aside."),
    "pruned": ("history_pruned_pairs", "Pairs that the history forgot."),
}
_HISTORY_GAUGES = {
    "working": ("history_working", "1 while the history can be used."),
    "pairs": ("history_pairs", "Pairs that the history holds."),
    "bytes": ("history_bytes", "Size of the history file."),
}
# Reasons of a loss, by field.
_LOST = {"dropped": "queue_full", "gaps": "never_came", "failed": "batch_failed", "faults": "fault"}
_NODE_GAUGES = {
    "silent_seconds": ("node_silent_seconds", "Seconds since the last heartbeat of a Zeek node."),
    "outstanding": ("node_outstanding_candidates", "Candidates of a Zeek node without a verdict."),
}
_EVENT_OUTCOMES = ("taken", "other", "bad", "untimely")
_EVENT_COUNTERS = {
    "forgotten": ("events_forgotten", "Events that others had no room beside."),
    "refused": ("event_writers_refused", "Writers of events turned away because there were too many."),
    "joined": ("events_joined", "Candidates of which an event told the process."),
}
_EVENT_GAUGES = {"held": ("events_held", "Events that are held.")}
_SINK_COUNTERS = {
    "delivered": ("sink_delivered", "Alerts that a sink took."),
    "unconfirmed": ("sink_unconfirmed", "Of these, such as are not known to have arrived."),
    "failures": ("sink_failures", "Tries of a sink that failed."),
}


# Of what is followed, by field of its rows.
_FOLLOW_COUNTERS = {
    "rows": ("follow_connections", "Connections that were read, bad rows too."),
    "bad": ("follow_bad_rows", "Rows and messages that hold nothing."),
    "duplicates": ("follow_duplicate_connections", "Connections that came twice."),
    "forgotten_pairs": ("follow_forgotten_pairs", "Pairs forgotten because there were too many."),
    "cut_observations": ("follow_cut_observations", "Observations forgotten because there were too many."),
    "forgotten_rows": ("follow_forgotten_rows", "Rows of logs beside conn.log forgotten before their connection came."),
}
_FORWARD_COUNTERS = {
    "rows": ("forward_buffered_rows", "Rows that entered the buffer."),
    "sent": ("forward_sent_rows", "Rows that the receiver has."),
    "batches": ("forward_sent_batches", "Batches that the receiver has."),
    "bad": ("forward_bad_rows", "Rows that were none, and not sent."),
    "refused": ("forward_refused_batches", "Batches that the receiver would not take, and were given up."),
    "retries": ("forward_retries", "Tries to send a batch that failed."),
    "full": ("forward_full", "Times that nothing more was read because the buffer was full."),
}
_FORWARD_GAUGES = {
    "waiting": ("forward_waiting_batches", "Batches that wait to be sent."),
    "waiting_bytes": ("forward_waiting_bytes", "Bytes that they take on disk."),
}


def render(state: State | None, wall: float, accept: str = "", process: bool = True) -> tuple[bytes, str]:
    """The metrics and their content type. `accept`: the request's header; `process`: this process' own figures too."""
    registry = CollectorRegistry()
    registry.register(_StateCollector(state, wall))
    if process:
        ProcessCollector(registry=registry)
    if OPENMETRICS in accept:
        encode: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest
        return encode(registry), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _StateCollector:
    """One state, for one answer."""

    def __init__(self, state: State | None, wall: float) -> None:
        self._state, self._wall = state, wall

    def collect(self) -> Iterator[Metric]:
        return families(self._state, self._wall)


def families(state: State | None, wall: float) -> Iterator[Metric]:
    """The metrics of a state, of whatever version wrote it; None: no sidecar has run here."""
    condition, problems = judge(state, wall)
    yield _gauge(
        "condition",
        "1 for what `zeek-beacons status` says.",
        (((one.name.lower(),), one is condition) for one in Condition),
        ("condition",),
    )
    yield _gauge("problems", "Problems that `zeek-beacons status` names.", [((), len(problems))])
    if state is not None:
        for part in _PARTS:
            yield from part(state)


def _session(state: State) -> Iterator[Metric]:
    yield from _plain(state, _COUNTERS, _GAUGES)
    role = state["role"]
    yield _gauge("role", "1 for what the sidecar is to Zeek.", (((one,), one == role) for one in _ROLES), ("role",))
    yield _counter(
        "candidates_lost",
        "Candidates that got no verdict when they should have, by reason; Zeek is asked for them again.",
        (((reason,), state.get(name, 0)) for name, reason in _LOST.items()),
        ("reason",),
    )
    yield _counter("bad_messages", "Messages that could not be used.", _by_name(state.get("bad", {})), ("reason",))
    known = dict.fromkeys(LABELS, 0) | state.get("labels", {})
    yield _counter("verdicts", "Verdicts by label.", _by_name(known), ("label",))
    severe = dict.fromkeys(SEVERITIES[1:], 0) | state.get("severities", {})
    yield _counter("alerts", "Alerts raised, a pair and severity each.", _by_name(severe), ("severity",))


def _delays(state: State) -> Iterator[Metric]:
    delays = state.get("delays")
    if delays:
        sums = itertools.accumulate(delays["counts"])
        bounds = [*(f"{bound:g}" for bound in delays["bounds"]), "+Inf"]
        family = HistogramMetricFamily(f"{PREFIX}verdict_delay_seconds", "From a candidate's arrival to its verdict.")
        family.add_metric([], list(zip(bounds, sums, strict=True)), sum_value=delays["sum"])
        yield family


def _nodes(state: State) -> Iterator[Metric]:
    nodes = state["nodes"]
    for field, (name, meaning) in _NODE_GAUGES.items():
        yield _gauge(name, meaning, (((node,), seen[field]) for node, seen in nodes.items()), ("node",))
    yield _counter(
        "node_lost_candidates",
        "Candidates that a Zeek node gave up.",
        (((node,), seen["lost"]) for node, seen in nodes.items()),
        ("node",),
    )


def _model(state: State) -> Iterator[Metric]:
    shown = tuple(str(state.get(name, "")) for name in ("model", "version"))
    yield _gauge("model_info", "The model in use and the version of the sidecar.", [(shown, 1)], ("model", "version"))
    if alerting := state.get("alerting"):
        samples = [((str(alerting.get("profile", "")),), alerting["threshold"])]
        yield _gauge("threshold", "The score from which a pair alerts.", samples, ("profile",))


def _history(state: State) -> Iterator[Metric]:
    if history := state.get("history"):
        yield from _plain(history, _HISTORY_COUNTERS, _HISTORY_GAUGES)


def _sinks(state: State) -> Iterator[Metric]:
    told = state.get("sinks")
    if not told:
        return
    sinks = told["sinks"]
    for field, (name, meaning) in _SINK_COUNTERS.items():
        yield _counter(name, meaning, (((sink,), one[field]) for sink, one in sinks.items()), ("sink",))
    waiting = (((sink,), one["waiting"]) for sink, one in sinks.items())
    yield _gauge("sink_waiting", "Alerts that wait for a sink.", waiting, ("sink",))
    lost = (((sink, reason), count) for sink, one in sinks.items() for reason, count in one["lost"].items())
    yield _counter("sink_lost", "Alerts that a sink never got, since the queue was made.", lost, ("sink", "reason"))
    yield _gauge("alert_queue_working", "1 while the queue of alerts can be written.", [((), not told["problem"])])
    yield _counter(
        "alert_queue_lost", "Alerts lost while the queue could not be written.", [((), told["lost_in_memory"])]
    )


def _events(state: State) -> Iterator[Metric]:
    told = state.get("events")
    if not told:
        return
    outcomes = (((outcome,), told[outcome]) for outcome in _EVENT_OUTCOMES)
    yield _counter("events", "Events of endpoints, by what became of them.", outcomes, ("outcome",))
    yield _gauge("events_working", "1 while events can be read.", [((), not told["problem"])])
    yield from _plain(told, _EVENT_COUNTERS, _EVENT_GAUGES)


def _follow(state: State) -> Iterator[Metric]:
    told = state.get("followed")
    if not told:
        return
    sources = list(told["sources"].values())
    topics = [one for one in sources if "partitions" in one]
    files = [one for one in sources if "partitions" not in one]
    yield _counter("follow_bytes", "Bytes that were read, unpacked.", [((), sum(one["bytes"] for one in sources))])
    yield _gauge("follow_behind_bytes", "Bytes of logs that wait.", [((), sum(one["behind"] for one in files))])
    yield _gauge("follow_behind_messages", "Messages that wait.", [((), sum(one["behind"] for one in topics))])
    missed = sum(one["missed"] for one in topics)
    yield _counter("follow_missed_messages", "Messages that were gone before they were read.", [((), missed)])
    if "rows" in told:
        rows = told["rows"] | {"bad": told["rows"]["bad"] + sum(one["bad"] for one in topics)}
        yield from _plain(rows, _FOLLOW_COUNTERS, {})
        yield _gauge("follow_unjudged_connections", "Read and not looked at yet.", [((), told["unjudged"])])
        yield _gauge("follow_held_pairs", "Pairs that are held.", [((), told["tracked"])])
        if rows["newest"] is not None:
            lag = max(0.0, state["written"] - rows["newest"])
            yield _gauge("follow_lag_seconds", "Since the newest connection that was read began.", [((), lag)])


def _forward(state: State) -> Iterator[Metric]:
    if told := state.get("forwarded"):
        yield from _plain(told, _FORWARD_COUNTERS, _FORWARD_GAUGES)


_ROLES = tuple(role.name.lower() for role in Role)
_PARTS: tuple[Callable[[State], Iterator[Metric]], ...] = (
    *(_session, _delays, _nodes, _model, _history, _events, _sinks, _follow, _forward),
)


def _plain(
    found: Mapping[str, Any], counters: Mapping[str, tuple[str, str]], gauges: Mapping[str, tuple[str, str]]
) -> Iterator[Metric]:
    """Families without labels, of the fields that are there."""
    for make, table in ((_counter, counters), (_gauge, gauges)):
        for field, (name, meaning) in table.items():
            if field in found:
                yield make(name, meaning, [((), found[field])])


def _by_name(counts: Mapping[str, float]) -> Samples:
    return (((name,), count) for name, count in counts.items())


def _counter(name: str, meaning: str, samples: Samples, labels: tuple[str, ...] = ()) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, meaning, labels=labels), samples)


def _gauge(name: str, meaning: str, samples: Samples, labels: tuple[str, ...] = ()) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, meaning, labels=labels), samples)


def _filled(family: Any, samples: Samples) -> Metric:
    for values, number in samples:
        family.add_metric([_encodable(value) for value in values], float(number))
    filled: Metric = family
    return filled


def _encodable(text: str) -> str:
    """What a peer called itself may hold half a surrogate pair, which no encoder takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
