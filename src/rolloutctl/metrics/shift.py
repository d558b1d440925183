"""An expression whose values are those it had some time ago: `offset` put behind every selector; pure.

The parser tells no positions, so the text is walked, and what came out is read by the parser: unless every selector in it is
the one that was there before, with the offset wanted, nothing is shifted.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

import promql_parser as ast

_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_WORDS = _LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "start", "end"}
_CLOCKS = re.compile(r"\b(time|minute|hour|day_of_week|day_of_month|day_of_year|days_in_month|month|year|timestamp)\s*\(")
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<number>[0-9.][0-9A-Za-z_.]*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def shifted(text: str, milliseconds: int) -> str | None:
    """At any time t what `text` is at t minus `milliseconds`; None where we cannot make that. Raises nothing."""
    if milliseconds == 0:
        return text
    pieces = _pieces(text)
    return None if pieces is None else f" offset {milliseconds}ms".join(pieces)


@lru_cache(maxsize=8192)
def _pieces(text: str) -> tuple[str, ...] | None:
    """The text, cut where offsets belong."""
    try:
        before = _selectors(text)
        if any(offset or at for _, offset, at in before) or _asks_the_clock(text):
            return None
        pieces = _cut(text)
        after = _selectors(" offset 1ms".join(pieces))
    except ValueError:
        return None
    wanted = timedelta(milliseconds=1)
    return tuple(pieces) if after == [(selector, wanted, None) for selector, _, _ in before] else None


def _asks_the_clock(text: str) -> bool:
    """Whether a function may look at the time of the evaluation; `timestamp` of a plain selector never does."""
    return any(match[1] != "timestamp" for match in _CLOCKS.finditer(text)) or not _timestamps_of_selectors(text)


def _timestamps_of_selectors(text: str) -> bool:
    right = True

    def visit(node: ast.Expr) -> None:
        nonlocal right
        if isinstance(node, ast.Call) and node.func.name == "timestamp":
            right = right and isinstance(node.args[0], ast.VectorSelector)
        if isinstance(node, ast.SubqueryExpr):
            right = False

    ast.walk(ast.parse(text), visit)
    return right


def _selectors(text: str) -> list[tuple[str, timedelta | None, object]]:
    """Each with its offset. Raises ValueError."""
    found: list[tuple[str, timedelta | None, object]] = []

    def visit(node: ast.Expr) -> None:
        if isinstance(node, ast.VectorSelector):
            matchers = [(m.name, str(m.op), m.value) for m in node.matchers.matchers]
            others = [[(m.name, str(m.op), m.value) for m in group] for group in node.matchers.or_matchers]
            found.append((repr((node.name, matchers, others)), node.offset, node.at))

    ast.walk(ast.parse(text), visit)
    return found


def _cut(text: str) -> list[str]:
    """Behind every selector. Raises ValueError for what is not closed."""
    tokens = [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]
    pieces = [""]
    place = 0
    while place < len(tokens):
        kind, token = tokens[place]
        after = _skip_space(tokens, place + 1)
        follows = tokens[after][1] if after < len(tokens) else ""
        ends_here = False
        if kind == "name" and token.lower() in _LISTS and follows == "(":
            stop = _closing(tokens, after, "(", ")")
        elif token == "{" or (kind == "name" and _is_metric(token, follows)):
            stop, ends_here = _end_of_selector(tokens, place), True
        else:
            stop = place + 1
        pieces[-1] += "".join(text for _, text in tokens[place:stop])
        if ends_here:
            pieces.append("")
        place = stop
    return pieces


def _is_metric(name: str, follows: str) -> bool:
    """Rather than a function, an aggregation or a word of the language."""
    return follows != "(" and follows.lower() not in {"by", "without"} and name.lower() not in _WORDS


def _end_of_selector(tokens: list[tuple[str, str]], place: int) -> int:
    if tokens[place][1] != "{":
        place += 1
    stop = place
    for opening, closing in (("{", "}"), ("[", "]")):
        after = _skip_space(tokens, stop)
        if after < len(tokens) and tokens[after][1] == opening:
            stop = _closing(tokens, after, opening, closing)
    return stop


def _closing(tokens: list[tuple[str, str]], place: int, opening: str, closing: str) -> int:
    """The place behind the bracket that closes the one at `place`."""
    depth = 0
    for at in range(place, len(tokens)):
        kind, token = tokens[at]
        if kind == "other":
            depth += (token == opening) - (token == closing)
            if depth == 0:
                return at + 1
    raise ValueError


def _skip_space(tokens: list[tuple[str, str]], place: int) -> int:
    while place < len(tokens) and tokens[place][0] == "space":
        place += 1
    return place
