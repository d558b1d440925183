"""The documentation's pages as tests see them: blocks of code with language and title, tables, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r'^( *)```(\w+)?(?: title="([^"]*)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[(?:[^\[\]]|`[^`]*`)*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    text: str
    line: int


def pages() -> list[Path]:
    """Every page of the site, and those of the repository's root."""
    return [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        body = "\n".join(line.removeprefix(match[1]) for line in match[4].splitlines())
        yield Block(match[2] or "", match[3] or "", body, text.count("\n", 0, match.start()) + 1)


def links(page: Path) -> Iterator[tuple[str, bool]]:
    """(target, whether it is a picture) of every link outside code."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        yield match[2], bool(match[1])


def rows(page: Path, head: str) -> list[list[str]]:
    """Cells of the table whose first line is `head`, without the lines above its body."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = lines.index(head) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return found
