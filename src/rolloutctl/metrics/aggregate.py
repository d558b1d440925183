"""Similar expressions as one, by labels, where that is exactly the same; pure.

`sum(rate(x{service="a"}[5m]))` and the same of "b" are `sum by (service) (rate(x{service=~"a|b"}[5m]))`: each group holds
what the one expression would have summed. It holds as well for quotients of such sums, because both sides then carry the same
labels, for a quantile over `le`, and for expressions without any aggregation, whose series keep their labels.
Everything else is left alone. The label that is lifted has to be an equality with one value in every selector.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import promql_parser as ast

from rolloutctl.metrics.merge import MAX_CHARS, Most, Places, chunked, lifted
from rolloutctl.metrics.selector import Matcher, Selector, plain
from rolloutctl.metrics.share import Share, Taker, alone

_AGGREGATIONS = frozenset({"sum", "avg", "min", "max", "count"})
_OF_A_RANGE = frozenset(
    (
        *("rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets"),
        *("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time"),
        *("stddev_over_time", "stdvar_over_time"),
    )
)
_ARITHMETIC = frozenset("+-*/")
_LABELS, _MORE_LABELS = "\0by\0", "\0,by\0"
"""Holes for labels to group by: alone, and after others. No text of PromQL holds a zero byte."""


@dataclass(frozen=True, slots=True)
class _Read:
    """An expression of the kinds we know, with holes for selectors (their numbers between zero bytes) and labels to group by."""

    holes: str
    selectors: tuple[Selector, ...]
    grouped: frozenset[str]
    """Labels that it is grouped by already."""
    strip: bool


class _OtherKind(Exception):
    pass


def merged_expressions(texts: Iterable[str], most: Most) -> list[Share]:
    """Of expressions for the same times."""
    shares: list[Share] = []
    reads: dict[tuple[str, tuple[str, ...]], _Read] = {}
    families: dict[tuple[str, tuple[str, ...]], Places] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        read = _read(text)
        common = _common(read) if read is not None else {}
        if read is None or not common:
            shares.append(alone(text))
            continue
        labels = tuple(sorted(common))
        blank = [_filled_in(one, {Matcher(label, "=", "") for label in labels}, labels) for one in read.selectors]
        key = _text(read.holes, blank, ()), labels
        reads[key] = read
        families[key][tuple(common[label] for label in labels)] += [Taker(text)]
    for key, places in families.items():
        family, labels = key
        shares += [_share(labels, chunk, reads[key], family) for chunk in chunked(places, most(family), MAX_CHARS)]
    return shares


def _share(labels: tuple[str, ...], chunk: Places, read: _Read, family: str) -> Share:
    matchers, apart = lifted(labels, chunk)
    selectors = [_filled_in(one, matchers, labels) for one in read.selectors]
    chosen = [labels.index(label) for label in apart]
    places = {tuple(values[i] for i in chosen): tuple(takers) for values, takers in chunk.items()}
    return Share(_text(read.holes, selectors, apart), apart, places, strip=read.strip, family=family)


def _filled_in(selector: Selector, matchers: frozenset[Matcher] | set[Matcher], labels: tuple[str, ...]) -> Selector:
    others = {m for m in selector.matchers if m.operator != "=" or m.label not in labels}
    return Selector(selector.name, frozenset(others | matchers))


def _common(read: _Read) -> dict[str, str]:
    """Labels that every selector wants to have the same one value, and that are not in the result already."""
    found: dict[str, str] = {}
    for number, selector in enumerate(read.selectors):
        equal = [(m.label, m.value) for m in selector.matchers if m.operator == "="]
        if len(dict(equal)) < len(equal):
            return {}
        mine = dict(equal)
        found = mine if number == 0 else {k: v for k, v in found.items() if mine.get(k) == v}
    return {label: value for label, value in found.items() if label not in read.grouped}


def _text(holes: str, selectors: Sequence[Selector], by: tuple[str, ...]) -> str:
    text = holes
    for number, selector in reversed(list(enumerate(selectors))):
        text = text.replace(f"\0{number}\0", selector.text)
    grouping = f" by ({','.join(by)})" if by else ""
    return text.replace(_MORE_LABELS, "".join(f",{label}" for label in by)).replace(_LABELS, grouping)


@lru_cache(maxsize=4096)
def _read(text: str) -> _Read | None:
    reader = _Reader()
    try:
        holes = reader.whole(ast.parse(text))
        if reader.aggregations and reader.bare:
            # A sum has no labels until we give it some: it would find partners that it does not have by itself.
            return None
    except (_OtherKind, ValueError):
        return None
    return _Read(holes, tuple(reader.selectors), frozenset(reader.grouped), reader.aggregations > 0)


class _Reader:
    def __init__(self) -> None:
        self.selectors: list[Selector] = []
        self.grouped: set[str] = set()
        self.aggregations = self.bare = 0

    def whole(self, node: ast.Expr) -> str:
        match node:
            case ast.ParenExpr():
                return self.whole(node.expr)
            case ast.AggregateExpr():
                return self.aggregate(node)
            case ast.BinaryExpr() if str(node.op) in _ARITHMETIC and node.modifier is None:
                return f"({self.whole(node.lhs)}) {node.op} ({self.whole(node.rhs)})"
            case ast.NumberLiteral() if math.isfinite(node.val):
                return repr(node.val)
            case ast.Call() if node.func.name == "histogram_quantile":
                return self.quantile(node)
            case _:
                self.bare += 1
                return self.inner(node)

    def quantile(self, node: ast.Call) -> str:
        quantile, over = node.args
        if not isinstance(quantile, ast.NumberLiteral) or not math.isfinite(quantile.val):
            raise _OtherKind
        if not isinstance(over, ast.AggregateExpr):
            raise _OtherKind
        if over.modifier is None or "le" not in over.modifier.labels:
            raise _OtherKind
        return f"histogram_quantile({quantile.val!r}, {self.aggregate(over)})"

    def aggregate(self, node: ast.AggregateExpr) -> str:
        if str(node.op) not in _AGGREGATIONS or node.param is not None:
            raise _OtherKind
        labels: list[str] = []
        if node.modifier is not None:
            if node.modifier.type != ast.AggModifierType.By:
                raise _OtherKind
            labels = sorted(set(node.modifier.labels))
        self.grouped.update(labels)
        self.aggregations += 1
        by = f" by ({','.join(labels)}{_MORE_LABELS})" if labels else _LABELS
        return f"{node.op}{by} ({self.inner(node.expr)})"

    def inner(self, node: ast.Expr) -> str:
        match node:
            case ast.ParenExpr():
                return self.inner(node.expr)
            case ast.VectorSelector():
                return self.selector(node)
            case ast.Call() if node.func.name in _OF_A_RANGE and len(node.args) == 1:
                (over,) = node.args
                if not isinstance(over, ast.MatrixSelector):
                    raise _OtherKind
                milliseconds = round(over.range / timedelta(milliseconds=1))
                return f"{node.func.name}({self.selector(over.vector_selector)}[{milliseconds}ms])"
            case _:
                raise _OtherKind

    def selector(self, node: ast.Expr) -> str:
        found = plain(node)
        if found is None:
            raise _OtherKind
        self.selectors.append(found)
        return f"\0{len(self.selectors) - 1}\0"
