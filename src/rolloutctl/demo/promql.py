"""A small PromQL evaluator over promql-parser's AST, for the demo without a Prometheus.

It knows what the demo's plans need and its neighbourhood; results equal those of Prometheus 2.42 (a test compares
them with the real one). Whatever it does not know raises UnsupportedError: never a wrong number.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import promql_parser as ast

from rolloutctl.demo.promql_binary import Matching, Operation, combine
from rolloutctl.demo.promql_functions import (
    AGGREGATIONS,
    KEEPS_NAME,
    RANGE_FUNCTIONS,
    Span,
    clamp,
    histogram_quantile,
)
from rolloutctl.demo.promql_values import (
    BadQueryError,
    Matrix,
    QueryError,
    Sample,
    Scalar,
    Text,
    UnsupportedError,
    Value,
    Vector,
    distinct,
    drop_name,
    only,
    without,
)
from rolloutctl.demo.tsdb import NAME, Matcher, MatchOp, Point, Tsdb

LOOKBACK_MS: Final = 300_000


def parse(query: str) -> Any:
    """Parse PromQL; raises BadQueryError with the parser's sentence."""
    if not query.strip():
        raise BadQueryError("no expression found in input")
    try:
        return ast.parse(query)
    except ValueError as error:
        raise BadQueryError(f"parse error: {error}") from None


class Evaluator:
    """Evaluates at one moment (`at_ms`, milliseconds since the epoch)."""

    def __init__(self, tsdb: Tsdb, at_ms: int) -> None:
        self._tsdb = tsdb
        self._at_ms = at_ms
        vector, scalar = self._vector, self._scalar
        self._functions: Mapping[str, Callable[[Sequence[Any]], Value]] = {
            "time": lambda _: Scalar(at_ms / 1000),
            "vector": lambda args: Vector([Sample((), scalar(args[0]))]),
            "scalar": lambda args: self._only_value(args[0]),
            "absent": lambda args: self._absent(args[0]),
            "timestamp": lambda args: _mapped(self._times(args[0]), lambda at: at),
            "abs": lambda args: _mapped(vector(args[0]), abs),
            "clamp": lambda args: self._clamp(args[0], scalar(args[1]), scalar(args[2])),
            "clamp_min": lambda args: self._clamp(args[0], scalar(args[1]), math.inf),
            "clamp_max": lambda args: self._clamp(args[0], -math.inf, scalar(args[1])),
            "histogram_quantile": lambda args: distinct(histogram_quantile(scalar(args[0]), vector(args[1]))),
        }

    def evaluate(self, node: Any) -> Value:
        match node:
            case ast.NumberLiteral():
                return Scalar(node.val)
            case ast.StringLiteral():
                return Text(node.val)
            case ast.ParenExpr():
                return self.evaluate(node.expr)
            case ast.UnaryExpr():
                return self._negate(node)
            case ast.VectorSelector():
                return Vector([Sample(point.labels, point.value) for point in self._points(node)])
            case ast.MatrixSelector():
                return self._range(node)[0]
            case ast.AggregateExpr():
                return self._aggregate(node)
            case ast.BinaryExpr():
                return self._binary(node)
            case ast.Call():
                return self._call(node)
            case _:
                raise UnsupportedError("a subquery" if isinstance(node, ast.SubqueryExpr) else type(node).__name__)

    # -- selectors

    def _points(self, node: ast.VectorSelector) -> Sequence[Point]:
        return self._tsdb.instant(matchers_of(node), self._at_ms - _offset_ms(node), LOOKBACK_MS)

    def _range(self, node: ast.MatrixSelector) -> tuple[Matrix, Span]:
        selector = node.vector_selector
        end = self._at_ms - _offset_ms(selector)
        span = Span(end - _milliseconds(node.range), end)
        return Matrix(self._tsdb.windows(matchers_of(selector), span.start_ms, span.end_ms)), span

    # -- operators

    def _negate(self, node: ast.UnaryExpr) -> Value:
        match self.evaluate(node.expr):
            case Scalar(value):
                return Scalar(-value)
            case Vector(samples):
                return _mapped(samples, operator.neg)
            case _:
                raise QueryError("unary expression only allowed on expressions of type scalar or instant vector")

    def _binary(self, node: ast.BinaryExpr) -> Value:
        left, right = self.evaluate(node.lhs), self.evaluate(node.rhs)
        if not isinstance(left, Scalar | Vector) or not isinstance(right, Scalar | Vector):
            raise QueryError("binary expression must contain only scalar and instant vector types")
        return combine(_operation(node), left, right)

    def _aggregate(self, node: ast.AggregateExpr) -> Vector:
        name = str(node.op)
        if name not in AGGREGATIONS or node.param is not None:
            raise UnsupportedError(f"{name}()")
        labels = list(node.modifier.labels) if node.modifier is not None else []
        drops = node.modifier is not None and node.modifier.type == ast.AggModifierType.Without
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for sample in self._vector(node.expr):
            key = without(sample.labels, labels) if drops else only(sample.labels, labels)
            groups.setdefault(key, []).append(sample.value)
        return Vector([Sample(key, AGGREGATIONS[name](values)) for key, values in groups.items()])

    # -- functions

    def _call(self, node: ast.Call) -> Value:
        name, args = node.func.name, node.args
        if name in RANGE_FUNCTIONS:
            return self._over_range(name, args[0])
        if name not in self._functions:
            raise UnsupportedError(f"{name}()")
        return self._functions[name](args)

    def _only_value(self, node: Any) -> Scalar:
        samples = self._vector(node)
        return Scalar(samples[0].value if len(samples) == 1 else math.nan)

    def _absent(self, node: Any) -> Vector:
        return Vector([] if self._vector(node) else [Sample(_absent_labels(node), 1.0)])

    def _over_range(self, name: str, arg: Any) -> Vector:
        node = _unwrap(arg)
        if not isinstance(node, ast.MatrixSelector):
            raise UnsupportedError("a subquery")
        matrix, span = self._range(node)
        found: list[Sample] = []
        for window in matrix.windows:
            value = RANGE_FUNCTIONS[name](window, span)
            if value is not None:
                found.append(Sample(window.labels if name in KEEPS_NAME else drop_name(window.labels), value))
        return distinct(found)

    def _times(self, arg: Any) -> Sequence[Sample]:
        """Give each sample its own time where a selector is asked, else the moment of evaluation."""
        node = _unwrap(arg)
        if isinstance(node, ast.VectorSelector):
            return [Sample(point.labels, point.at_ms / 1000) for point in self._points(node)]
        return [Sample(sample.labels, self._at_ms / 1000) for sample in self._vector(node)]

    def _clamp(self, arg: Any, low: float, high: float) -> Vector:
        samples = self._vector(arg)
        return Vector(()) if high < low else _mapped(samples, lambda value: clamp(value, low, high))

    def _vector(self, node: Any) -> Sequence[Sample]:
        value = self.evaluate(node)
        if not isinstance(value, Vector):
            raise QueryError("expected type instant vector")
        return value.samples

    def _scalar(self, node: Any) -> float:
        value = self.evaluate(node)
        if not isinstance(value, Scalar):
            raise QueryError("expected type scalar")
        return value.value


_OPS: Final = {
    "MatchOp.Equal": MatchOp.EQUAL,
    "MatchOp.NotEqual": MatchOp.NOT_EQUAL,
    "MatchOp.Re": MatchOp.REGEX,
    "MatchOp.NotRe": MatchOp.NOT_REGEX,
}


def matchers_of(node: ast.VectorSelector) -> Sequence[Matcher]:
    """Return a selector's conditions, its name included; raises UnsupportedError for what tsdb cannot match."""
    if node.matchers.or_matchers:
        raise UnsupportedError("`or` between label matchers")
    if node.at is not None:
        raise UnsupportedError("the @ modifier")
    found = [Matcher(each.name, _OPS[str(each.op)], each.value) for each in node.matchers.matchers]
    if node.name is not None:
        found.append(Matcher(NAME, MatchOp.EQUAL, node.name))
    if all(each.holds({}) for each in found):
        raise BadQueryError("parse error: vector selector must contain at least one non-empty matcher")
    return found


def _operation(node: ast.BinaryExpr) -> Operation:
    modifier = node.modifier
    if modifier is None:
        return Operation(str(node.op))
    many = ast.VectorMatchCardinality
    if modifier.card == many.ManyToOne or modifier.card == many.OneToMany:  # noqa: PLR1714 - not hashable
        raise UnsupportedError("group_left and group_right")
    if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
        raise UnsupportedError("fill")
    matching = Matching()
    if modifier.matching is not None:
        matching = Matching(tuple(modifier.matching.labels), on=modifier.matching.type == ast.LabelModifierType.Include)
    return Operation(str(node.op), as_bool=modifier.return_bool, matching=matching)


def _mapped(samples: Sequence[Sample], change: Callable[[float], float]) -> Vector:
    return distinct([Sample(drop_name(each.labels), change(each.value)) for each in samples])


def _unwrap(node: Any) -> Any:
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def _absent_labels(arg: Any) -> tuple[tuple[str, str], ...]:
    node = _unwrap(arg)
    if not isinstance(node, ast.VectorSelector):
        return ()
    conditions = [each for each in matchers_of(node) if each.name != NAME]
    names = [each.name for each in conditions]
    equal = {each.name: each.value for each in conditions if each.op is MatchOp.EQUAL and names.count(each.name) == 1}
    return tuple(sorted((name, value) for name, value in equal.items() if value))


def _offset_ms(node: ast.VectorSelector) -> int:
    return 0 if node.offset is None else _milliseconds(node.offset)


def _milliseconds(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
