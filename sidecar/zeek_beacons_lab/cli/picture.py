"""`python -m zeek_beacons_lab picture`: what `make demo` prints, as the picture at the head of the README."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

NAME = "demo.svg"
SEVERITIES = {"critical": "bold red", "high": "bold red", "medium": "yellow", "low": "cyan"}


def demo_output() -> str:
    """What `make demo` prints: the alerts of the sample site, and how they compare with its labels."""
    with tempfile.TemporaryDirectory() as scratch:
        _run(scratch, "sample", "site", "demo-out/logs")
        truth = "demo-out/logs/labels.csv"
        return _run(scratch, "score", "demo-out/logs", "--truth", truth, "-o", "demo-out/report")


def _run(folder: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "zeek_beacons", *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603


def draw(output: str) -> str:
    """A terminal with this output, as SVG. Its fonts are the reader's own: none is fetched."""
    from rich.console import Console
    from rich.text import Text

    lines = output.rstrip().splitlines()
    console = Console(record=True, width=max(map(len, lines)), file=io.StringIO())
    for line in lines:
        text = Text(line, style="bold" if line.startswith(" #") else "")
        if ranked := re.match(r" *\d+  (critical|high|medium|low)\b", line):
            text.stylize(SEVERITIES[ranked[1]], *ranked.span(1))
        console.print(text, soft_wrap=True)
    return re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title="make demo", unique_id="demo"), flags=re.DOTALL
    )


def picture(
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Folder for {NAME}.")] = Path("docs/assets"),
) -> None:
    """Draw what `make demo` prints, as the README shows it.

    Examples:

        python -m zeek_beacons_lab picture
    """
    from zeek_beacons.files import write_atomic

    write_atomic(output / NAME, draw(demo_output()))
    print(output / NAME)
