"""PromQL as plans and runbooks have it: `$arm` filled in, and what a linter must know of an expression.

Reading goes through the parser's tree; nothing is guessed from text. Raises ValueError with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import promql_parser as pp

_PIECE = re.compile(r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?P<before>,\s*)?\$arm\b(?P<after>\s*,)?""")
_COMPARISONS = frozenset({">", "<", ">=", "<=", "==", "!="})


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression is made of."""

    selectors: int
    plain_selector: bool
    """The whole expression is one selector without window, offset and `@`."""
    longest_window: timedelta
    """Of range selectors and subqueries; zero where there is none."""
    shortest_window: timedelta | None
    """Of range selectors: what a rate is taken over."""
    unguarded_default: bool
    """`or vector(N)` that makes missing data look like a number, with no `and … > …` about it that asks for traffic."""
    filters: bool
    """The outermost operation is a comparison that drops values instead of giving one."""


def mentions_arm(text: str) -> bool:
    return any(match["quoted"] is None for match in _PIECE.finditer(text))


def with_arm(text: str, matchers: str) -> str:
    """`$arm` outside quotes replaced by an arm's matchers, with the commas the grammar wants."""
    inside = matchers.strip().removeprefix("{").removesuffix("}").strip().strip(",").strip()

    def piece(match: re.Match[str]) -> str:
        if match["quoted"] is not None:
            return match["quoted"]
        if inside:
            return f"{',' if match['before'] else ''}{inside}{',' if match['after'] else ''}"
        return "," if match["before"] and match["after"] else ""

    return _PIECE.sub(piece, text)


def matchers_of(text: str) -> frozenset[str]:
    """The label matchers of an arm, so that equal ones are equal whatever their order and spacing."""
    inside = text.strip().removeprefix("{").removesuffix("}").strip().strip(",")
    tree = _parse(f'{{__name__=~".+",{inside}}}' if inside else '{__name__=~".+"}')
    if not isinstance(tree, pp.VectorSelector) or tree.offset is not None or tree.at is not None:
        raise ValueError(f'"{text}" is not a list of label matchers')
    groups = (tree.matchers.matchers, *tree.matchers.or_matchers)
    return frozenset(f"{index} {m.name} {m.op} {m.value}" for index, group in enumerate(groups) for m in group)


def read(text: str) -> Reading:
    """Raises ValueError when the expression cannot be read."""
    tree = _parse(text)
    nodes = list(_nodes(tree))
    ranges = [node.range for node in nodes if isinstance(node, pp.MatrixSelector)]
    spans = [node.range for node in nodes if isinstance(node, pp.SubqueryExpr) and node.range is not None]
    inner = _bare(tree)
    return Reading(
        selectors=sum(isinstance(node, (pp.VectorSelector, pp.MatrixSelector)) for node in nodes),
        plain_selector=isinstance(inner, pp.VectorSelector) and inner.offset is None and inner.at is None,
        longest_window=max([*ranges, *spans], default=timedelta()),
        shortest_window=min(ranges, default=None),
        unguarded_default=_unguarded(tree, guarded=False),
        filters=_compares(inner),
    )


def _parse(text: str) -> pp.Expr:
    try:
        return pp.parse(text)
    except ValueError as error:
        raise ValueError(str(error) or "it is not PromQL") from None


def _bare(node: pp.Expr) -> pp.Expr:
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    return node


def _children(node: pp.Expr) -> tuple[pp.Expr, ...]:
    match node:
        case pp.BinaryExpr():
            return node.lhs, node.rhs
        case pp.AggregateExpr():
            return (node.expr, node.param) if isinstance(node.param, pp.Expr) else (node.expr,)
        case pp.Call():
            return tuple(node.args)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            return (node.expr,)
        case _:
            return ()


def _nodes(tree: pp.Expr) -> Iterator[pp.Expr]:
    # The parser's own walk copies every subtree: seconds for a long sum.
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack += _children(node)


def _compares(node: pp.Expr) -> bool:
    node = _bare(node)
    if not isinstance(node, pp.BinaryExpr):
        return False
    returns_bool = node.modifier is not None and node.modifier.return_bool
    return str(node.op).removesuffix(" bool") in _COMPARISONS and not returns_bool


def _unguarded(tree: pp.Expr, *, guarded: bool) -> bool:
    stack = [(tree, guarded)]
    while stack:
        node, safe = stack.pop()
        if isinstance(node, pp.BinaryExpr):
            if str(node.op) == "or" and _constant(node.rhs) and not safe:
                return True
            if str(node.op) == "and" and (_compares(node.lhs) or _compares(node.rhs)):
                safe = True
        stack += [(inner, safe) for inner in _children(node)]
    return False


def _constant(node: pp.Expr) -> bool:
    node = _bare(node)
    return (
        isinstance(node, pp.Call)
        and node.func.name == "vector"
        and all(isinstance(_bare(argument), pp.NumberLiteral) for argument in node.args)
    )
