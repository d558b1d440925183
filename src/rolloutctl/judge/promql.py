"""PromQL as the judge needs it: `$arm` filled in, and the selectors inside an expression.

Everything that is sent has been read by the parser first, and selectors are rendered from its tree, so that two ways of
writing the same selector are one query. Raises InvalidInput with a sentence; never a parser's own error.
"""

from __future__ import annotations

import re
from functools import lru_cache

import promql_parser

from rolloutctl.errors import InvalidInput
from rolloutctl.promql import with_arm as fill_arm

_TEXT = re.compile(r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|`(?P<raw>[^`]*)`""")
_OPERATORS = ("=", "!=", "=~", "!~")
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@lru_cache(maxsize=4096)
def with_arm(text: str, matchers: str) -> str:
    """`$arm` filled in, raw strings written as quoted ones, and read by the parser. Empty matchers match every series."""
    filled = fill_arm(_TEXT.sub(lambda match: match["quoted"] or _quoted(match["raw"]), text), matchers)
    parse(filled)
    return filled


@lru_cache(maxsize=4096)
def parse(text: str) -> promql_parser.Expr:
    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not PromQL that can be read: {error}.") from None


@lru_cache(maxsize=4096)
def counter_selector(text: str) -> str:
    """The one selector that `text` is; rates, sums and offsets are refused, since only raw counters are counted."""
    tree = parse(text)
    while isinstance(tree, promql_parser.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, promql_parser.VectorSelector):
        raise InvalidInput(
            f"{text!r} is not a plain selector of a counter.",
            remedy="Write the counter itself, without rate(), sum() or a window: the judge counts its increments.",
        )
    if tree.offset is not None or tree.at is not None:
        raise InvalidInput(f"{text!r} looks at another time; write the counter without `offset` and `@`.")
    return _rendered(tree)


@lru_cache(maxsize=4096)
def selectors(text: str) -> tuple[str, ...]:
    """Every selector inside an expression, without its window, offset or `@`, each once, in order of appearance."""
    found: dict[str, None] = {}

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found[_rendered(node)] = None

    promql_parser.walk(parse(text), visit)
    return tuple(found)


@lru_cache(maxsize=4096)
def name_and_labels(selector: str) -> tuple[str, frozenset[str]]:
    """The metric's name (empty: none is fixed) and the labels that a selector's matchers look at."""
    tree = parse(selector)
    assert isinstance(tree, promql_parser.VectorSelector)
    labels = {m.name for m in _all_matchers(tree)}
    fixed = [m.value for m in tree.matchers.matchers if m.name == "__name__" and m.op == promql_parser.MatchOp.Equal]
    return tree.name or (fixed[0] if fixed else ""), frozenset(labels - {"__name__"})


def _all_matchers(tree: promql_parser.VectorSelector) -> list[promql_parser.Matcher]:
    return [*tree.matchers.matchers, *(m for group in tree.matchers.or_matchers for m in group)]


def _rendered(tree: promql_parser.VectorSelector) -> str:
    # The parser's own str() does not escape quotes in values.
    groups = [g for g in (tree.matchers.matchers, *tree.matchers.or_matchers) if g]
    inside = " or ".join(",".join(_matcher(m) for m in group) for group in groups)
    name = tree.name or ""
    if name and not _PLAIN_NAME.fullmatch(name):
        inside, name = ",".join(part for part in (_quoted(name), inside) if part), ""
    return f"{name}{{{inside}}}" if inside or not name else name


def _matcher(matcher: promql_parser.Matcher) -> str:
    kinds = promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual, promql_parser.MatchOp.Re, promql_parser.MatchOp.NotRe
    operator = next(text for text, kind in zip(_OPERATORS, kinds, strict=True) if matcher.op == kind)
    label = matcher.name if _PLAIN_LABEL.fullmatch(matcher.name) else _quoted(matcher.name)
    return f"{label}{operator}{_quoted(matcher.value)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
