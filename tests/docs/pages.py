"""The pages a reader sees, and what can be checked in them: code blocks, code in running text, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs"
# The tables of the evaluation are made by programs; CHANGES.md also tells of what was.
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "models/README.md")),
    *sorted(page for page in SITE.rglob("*.md") if page.parent.name != "evaluation" or page.name == "README.md"),
)


@dataclass
class Block:
    """A fenced or indented block of code."""

    page: Path
    line: int  # of its first line, from 1
    language: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{named(self.page)}:{self.line}"


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    return _split(page)[0]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _split(page)[1]


def _split(page: Path) -> tuple[list[Block], str]:
    found: list[Block] = []
    text: list[str] = []
    fence = indented = False
    previous = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fence, indented = not fence, False
            if fence:
                found.append(Block(page, number + 1, line.strip().removeprefix("```")))
        elif fence:
            found[-1].lines.append(line)
        elif line.startswith("    ") and (indented or not previous.strip()):
            if not indented:
                found.append(Block(page, number))
            indented = True
            found[-1].lines.append(line[4:])
        else:
            indented = False
            text.append(line)
        previous = line
    return found, "\n".join(text)


def code_spans(page: Path) -> list[str]:
    """Code in running text; a span may go over the end of a line, never over that of a paragraph."""
    paragraphs = re.split(r"\n\s*\n", prose(page))
    return [" ".join(span.split()) for text in paragraphs for span in re.findall(r"`([^`]+)`", text)]


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Links and pictures that stay in the repository: file (may be empty) and anchor (may be empty)."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(page))):
        if "://" not in target and not target.startswith("mailto:"):
            file, _, anchor = target.partition("#")
            yield file, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
