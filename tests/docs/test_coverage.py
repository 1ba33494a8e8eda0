"""Every row of docs/coverage.md names something that is there; what runs in seconds is run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..beacons.cli.commands import run
from .pages import ROOT, SITE, blocks
from .test_commands import Command, commands, complaint, expected, listing

PAGE = SITE / "coverage.md"
ROUTE = re.compile(r"(GET|POST|DELETE) (/api/v1/\S+)")
# Commands of the product that are parsed and not run here, and what runs them instead.
PARSED_ONLY = {
    "serve": "runs until it is ended: tests/beacons/serve, tests/console",
    "watch": "runs until it is ended: tests/beacons/cli/test_lists.py",
    "sidecar": "runs until it is ended: tests/beacons/live",
    "pcap": "needs a Zeek: tests/beacons/live, tests/zeek",
    "token": "writes beside the sidecar's history: tests/beacons/serve",
}
SLOW = {
    "transformer": "needs the extra forecast: tests/beacons/forecast/test_transformer.py"
}  # a word of such a command
# What in a row stands for a command of another program: the file that it needs.
OTHERS = {"docker compose": ROOT / "packaging" / "compose.yaml"}


def rows() -> list[tuple[str, str]]:
    """What another system does, and what does it here."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return [(cells[0], cells[1]) for cells in lines if len(cells) == 2 and cells[1] != "here"]


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


ROWS = rows()
NAMED = [(row, command) for row, here in ROWS for span in spans(here) for command in commands(span)]
OFFLINE = [
    command
    for _, command in NAMED
    if command.program == "zeek-beacons"
    and command.words[0] not in PARSED_ONLY
    and not {"--url", *SLOW} & set(command.words)
]


def test_every_row_names_a_command_or_a_route() -> None:
    assert len(ROWS) > 40
    of_ours = {row for row, _ in NAMED}
    for row, here in ROWS:
        other = [need for start, need in OTHERS.items() if any(span.startswith(start) for span in spans(here))]
        assert row in of_ours or ROUTE.search(here) or (other and other[0].is_file()), row


@pytest.mark.parametrize(("row", "command"), NAMED, ids=[f"{command} ({row})"[:80] for row, command in NAMED])
def test_the_command_line_takes_it(row: str, command: Command) -> None:
    assert complaint(command) == ""


def test_the_routes_are_those_of_the_api(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
    from ..beacons.serve.made import console, history

    history(tmp_path)
    with console(tmp_path) as running:
        described = running.get("openapi.json").json()["paths"]
    known = {(method.upper(), path) for path, methods in described.items() for method in methods}
    named = {found for _, here in ROWS for span in spans(here) for found in ROUTE.findall(span)}
    assert len(named) > 10
    assert named - known == set()


def test_what_runs_in_seconds_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one folder, after the block that the page begins with, from the first row to the last."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "allow.list").write_bytes(listing("install.md", "subnet "))
    before = [command for line in blocks(PAGE)[0].lines for command in commands(line)]
    assert len(before) == 4
    for command in [*before, *dict.fromkeys(OFFLINE)]:
        ran = run(*command.words)
        assert ran.returncode == expected(command), f"{command}: {ran.stderr or ran.stdout}"
    told = {
        "report/scored_pairs.csv": ("rule_score", "rule_reasons", "hybrid_score"),
        "report/run_summary.json": (
            '"grouping"',
            '"outputs"',
            '"validation"',
            '"environment"',
            "the direction is no part",
        ),
        "report-hosts/scored_pairs.csv": ("process_reasons", "supervised_risk", "anomaly_risk", '"risk"'),
        "classes/hosts.csv": ("host",),
        "report-forecast/run_summary.json": ("persistence", "threshold"),
        "report-hosts/hosts.csv": ("risk_max", "risk_mean"),
        "report-hosts/report.md": ("## Hosts to look at first", "## Against the labels", "## Limits"),
    }
    for file, words in told.items():
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert not [word for word in words if word not in text], file


def test_a_row_without_a_command_would_be_seen() -> None:
    assert complaint(Command("zeek-beacons", ("score", "demo", "--no-such-option")))
    assert not ROUTE.search("`PUT /api/v1/beacons`")
