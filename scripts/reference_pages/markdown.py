"""Markdown from plain values: cells that survive a table, headings whose anchors are known, docstrings of enum members."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import pairwise

WRITTEN_BY = "<!-- Written by scripts/reference.py from the code; `make docs-reference` renews it. -->"
_CODE = re.compile(r"(`[^`]+`)")


def page(title: str, intro: str, parts: Iterable[str]) -> str:
    """A whole page, with the notice that it is generated."""
    return "\n\n".join([f"# {title}", WRITTEN_BY, intro.strip(), *(part.strip() for part in parts)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(' --- ' for _ in heads)}|"]
    lines += [f"| {' | '.join(cell(value) or ' ' for value in row)} |" for row in rows]
    return "\n".join(lines)


def cell(text: str) -> str:
    """One line; pipes and angle brackets are shown as they are. Inside back-ticks only an entity survives every renderer."""
    done = []
    for part in _CODE.split(" ".join(text.split())):
        if part.startswith("`") and "|" in part:
            done.append(f"<code>{_entities(part[1:-1])}</code>")
        elif part.startswith("`"):
            done.append(part)
        else:
            done.append(part.replace("<br>", "\0").replace("<", "&lt;").replace("|", "\\|").replace("\0", "<br>"))
    return "".join(done)


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")


def code(text: str) -> str:
    return f"`{text}`"


def fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def anchor(heading: str) -> str:
    """What the heading is linked by, here and on a repository's page."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def link(heading: str, words: str = "") -> str:
    """To a heading of the same page; its brackets are shown as code."""
    shown = words or (code(heading) if heading.startswith("[") else heading)
    return f"[{shown}](#{anchor(heading)})"


def members(words: type[Enum]) -> Mapping[str, str]:
    """Name of each member -> the docstring under it. Raises LookupError for a member that has none."""
    said = attributes(words)
    lacking = [name for name in words.__members__ if name not in said]
    if lacking:
        raise LookupError(f"{words.__module__}.{words.__name__}: a sentence under {', '.join(lacking)} is missing")
    return said


def attributes(declared: type) -> Mapping[str, str]:
    """Name of each attribute with a docstring under it -> that docstring; of the class itself, not of its bases."""
    body = ast.parse(textwrap.dedent(inspect.getsource(declared))).body[0]
    assert isinstance(body, ast.ClassDef)
    said: dict[str, str] = {}
    for statement, following in pairwise(body.body):
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            continue
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                said[name] = inspect.cleandoc(str(following.value.value))
    return said
