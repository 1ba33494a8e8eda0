"""Whether an empty list can be trusted: Zeek, lag, what was lost, the model, what was left out of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zeek_beacons.pages.context import PageContext
from zeek_beacons.pages.environment import render
from zeek_beacons.pages.simple import PROFILE_CHOICES
from zeek_beacons.pages.words import count, octets, plural, score, when
from zeek_beacons.readmodel import About

Facts = list[tuple[str, str]]
Status = Mapping[str, Any]  # the sidecar's state, see live/state.py


@dataclass(frozen=True, slots=True)
class Card:
    """Facts of one subject."""

    title: str
    facts: Facts
    examples: list[tuple[str, list[str]]] = field(default_factory=list)
    is_wide: bool = False


def diagnostics_page(about: About, ctx: PageContext, status: Status | None = None, problems: Sequence[str] = ()) -> str:
    """Of a running sidecar: its state and what `live/status.py` finds wrong with it; of a run: its summary."""
    told = [*problems, *map(str, about.summary.get("warnings", ()))]
    return render(
        "diagnostics.html",
        ctx=ctx,
        about=about,
        problems=told,
        sound=not told,
        answer=_answer(ctx, told),
        beneath=_beneath(about, ctx),
        cards=[*_live(status), *run_cards(about, about.summary)],
        profiles=PROFILE_CHOICES,
    )


def run_cards(about: About, summary: Status) -> list[Card]:
    """What was read, how it was judged, and what is held."""
    return [*_input(summary), _judging(about, summary), _held(about)]


def _answer(ctx: PageContext, problems: Sequence[str]) -> str:
    if problems:
        return plural(len(problems), "thing needs you", "things need you")
    return "The run read what it was given" if ctx.is_run else "All is well"


def _beneath(about: About, ctx: PageContext) -> str:
    if ctx.is_run:
        return "What was left out, and why, stands below."
    return f"Zeek and sidecar talk, and nothing is known to be lost. Last written {when(about.written)}."


def _live(status: Status | None) -> list[Card]:
    if not status:
        return []
    zeek, lag, history = status.get("zeek") or {}, status.get("lag_seconds") or {}, status.get("history") or {}
    link: Facts = [("Link", f"{status.get('address', 'Zeek')}: {status.get('role', 'not known')}")]
    link += [(name.capitalize(), str(zeek[name])) for name in ("sensor", "node", "zeek", "package") if zeek.get(name)]
    for node, seen in (status.get("nodes") or {}).items():
        link.append(
            (f"Node {node}", f"{seen['outstanding']} without a verdict, heard {seen['silent_seconds']:.0f} s ago")
        )
    flow: Facts = [
        (name.capitalize(), count(status[name])) for name in ("received", "scored", "queue") if name in status
    ]
    if lag:
        flow.append(("Delay", f"{lag['p50'] * 1000:.0f} ms median, {lag['p99'] * 1000:.0f} ms for 99 %"))
    lost: Facts = [
        (name, count(status[key]))
        for name, key in (
            ("Dropped", "dropped"),
            ("Never came", "gaps"),
            ("Failed", "failed"),
            ("Faults", "faults"),
            ("Asked again", "resyncs"),
            ("Alerts given up", "forgotten_alerts"),
        )
        if key in status
    ]
    lost += [(f"Bad: {reason}", count(number)) for reason, number in (status.get("bad") or {}).items()]
    cards = [Card("Zeek", link), Card("Candidates", flow), Card("Lost, and counted", lost)]
    if history:
        works = "works" if history.get("working") else "FAILS"
        size = f"{count(history.get('pairs', 0))} pairs, {octets(history.get('bytes'))}"
        cards.append(Card("History", [("State", works), ("Holds", size), ("Errors", count(history.get("errors", 0)))]))
    if events := status.get("events"):
        names = ("taken", "joined", "held", "bad", "untimely", "forgotten")
        facts: Facts = [("State", events["problem"] or "works")]
        cards.append(Card("Events of endpoints", facts + [(name.capitalize(), count(events[name])) for name in names]))
    for name, one in ((status.get("sinks") or {}).get("sinks") or {}).items():
        failed = f", {one['failures']} failed tries" if one.get("failures") else ""
        text = f"{one['delivered']} sent, {one['waiting']} waiting, {sum(one['lost'].values())} lost{failed}"
        cards.append(Card(f"Alerts to {name}", [("State", text), ("Last error", one.get("last_error") or "none")]))
    return cards


def _input(summary: Status) -> list[Card]:
    ingest = summary.get("ingest")
    if not isinstance(ingest, Mapping):
        return []
    facts: Facts = [("Rows used", f"{count(ingest.get('used', 0))} of {count(ingest.get('rows', 0))}")]
    facts += [(f"Left out: {why}", plural(rows, "row")) for why, rows in ingest.get("left_out", {}).items()]
    facts += [(f"Skipped: {why}", plural(one["rows"], "row")) for why, one in ingest.get("skipped", {}).items()]
    facts.append(("Duplicates", count(ingest.get("duplicates", 0))))
    facts.append(("Pieces merged", count(ingest.get("merged_pieces", 0))))
    examples = [(f"Such as ({why})", list(one["examples"])) for why, one in ingest.get("skipped", {}).items()]
    notes = list(map(str, ingest.get("notes", ())))
    files = [f"{name}: {form}" for name, form in list(ingest.get("files", {}).items())[:20]]
    return [Card("Input", facts, [*examples, *([("Notes", notes)] if notes else []), ("Files read", files)])]


def _judging(about: About, summary: Status) -> Card:
    facts: Facts = [("Model", about.model), ("Profile", about.profile), ("Alerts from", score(about.threshold))]
    facts += [(f"Threshold {name}", f"{value:.3f}") for name, value in about.thresholds.items()]
    facts.append(("A score is", "a probability" if about.calibrated else "a rank, no probability"))
    false = summary.get("expected_false_alerts_per_host_day")
    if false is not None:
        facts.append(("False alerts expected", f"{false:g} a host and day, on networks the model had not seen"))
    return Card("Model and thresholds", [(name, text) for name, text in facts if text])


def _held(about: About) -> Card:
    facts: Facts = [
        ("Pairs", count(about.pairs)),
        ("Judged", count(about.scored)),
        ("Alert", count(about.beacons)),
        ("Near misses", count(about.near_misses)),
        ("Kept quiet", count(about.suppressed)),
        ("Hosts", count(about.hosts)),
        ("From", when(about.first_seen)),
        ("To", when(about.last_seen)),
        ("File", f"{about.path}, {octets(about.bytes)}, schema {about.schema}"),
    ]
    return Card("What is held", facts)
