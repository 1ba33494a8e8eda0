"""report.md: one alert in full."""

from __future__ import annotations

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports import attack
from zeek_beacons.reports.escape import code, plain
from zeek_beacons.reports.facts import PairFacts, company, facts, outcomes, sizes
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.sentence import sentence, weighed_reasons


def details(scored: Scored, row: int, sources: Sources | None = None) -> list[str]:
    """The sentence of a pair, its facts, and its reasons, as lines of Markdown."""
    known = facts(scored, row, sources)
    lines = [plain(sentence(scored, row)), ""]
    lines += [f"- **{name}**: {text}" for name, text in _facts(scored, row, known) if text]
    lines += ["", "Why:", ""]
    lines += [f"- {plain(text)}" for text in weighed_reasons(scored, row)]
    return lines


def _facts(scored: Scored, row: int, known: PairFacts) -> list[tuple[str, str]]:
    where = f"address {scored.pairs.addr[row]}, service {scored.pairs.service[row] or 'not recognised'}"
    if known.name:
        where += f", name {known.name} ({known.name_from})"
    held = f" (of the newest {known.held})" if known.held < known.connections else ""
    links = ", ".join(f"[{number} {attack.TECHNIQUES[number]}]({attack.url(number)})" for number in known.attack)
    return [
        ("seen", f"{known.first_seen} to {known.last_seen}, {known.connections} connections"),
        ("rhythm", plain(known.waits)),
        ("answers", outcomes(known)),
        ("bytes", sizes(known) + held),
        ("server", plain(where)),
        ("place", plain(known.place)),
        ("indicator list", plain(known.indicator)),
        ("company", company(known) or "how many other hosts talk to it is not known"),
        ("certificate", plain(known.certificate)),
        ("web client", plain(known.web_client)),
        ("also seen", plain(known.traits)),
        ("process", plain(known.endpoint)),
        ("could be instead", plain(known.could_be)),
        ("ATT&CK, if it is C2", links),
        ("newest connections", ", ".join(code(uid) for uid in known.uids)),
        ("filter", code(known.filter)),
        ("to see them", code(known.command) if known.command else ""),
    ]
