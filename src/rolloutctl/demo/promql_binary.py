"""Binary operators of the embedded PromQL evaluator: arithmetic, comparison, `and`, `or`, `unless`, matching one to one."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rolloutctl.demo.promql_values import QueryError, Sample, Scalar, Vector, distinct, drop_name, only, show, without
from rolloutctl.model.samples import Labels


def _divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _modulo(left: float, right: float) -> float:
    try:
        return math.fmod(left, right)
    except ValueError:
        return math.nan


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right == math.floor(right) and math.fmod(right, 2) != 0
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        if left != 0:
            return math.nan
        odd = right == math.floor(right) and math.fmod(right, 2) != 0
        return math.copysign(math.inf, left) if odd else math.inf


ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
    "atan2": math.atan2,
}
COMPARISON: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
SETS: Final = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Matching:
    """Which labels two samples must share: `on` some, or all but the ignored."""

    names: tuple[str, ...] = ()
    on: bool = False

    def signature(self, labels: Labels) -> Labels:
        return only(labels, self.names) if self.on else without(labels, self.names)

    def result(self, labels: Labels, *, named: bool) -> Labels:
        kept = labels if named else drop_name(labels)
        if self.on:
            return only(kept, self.names)
        return tuple(pair for pair in kept if pair[0] not in self.names)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator; `as_bool` makes a comparison give 0 or 1 instead of leaving out."""

    symbol: str
    as_bool: bool = False
    matching: Matching = Matching()

    def apply(self, left: float, right: float, kept: float) -> float | None:
        """Return the result; None where a comparison leaves the sample out, else `kept` where it holds."""
        if self.symbol in ARITHMETIC:
            return ARITHMETIC[self.symbol](left, right)
        holds = COMPARISON[self.symbol](left, right)
        if self.as_bool:
            return float(holds)
        return kept if holds else None

    @property
    def names_survive(self) -> bool:
        return self.symbol in COMPARISON and not self.as_bool


def combine(operation: Operation, left: Scalar | Vector, right: Scalar | Vector) -> Scalar | Vector:
    match left, right:
        case Scalar(one), Scalar(other):
            value = operation.apply(one, other, one)
            return Scalar(math.nan if value is None else value)
        case Vector(samples), Scalar(number):
            return _each(operation, [(each, each.value, number) for each in samples])
        case Scalar(number), Vector(samples):
            return _each(operation, [(each, number, each.value) for each in samples])
        case Vector(), Vector():
            if operation.symbol in SETS:
                return _as_sets(operation, left.samples, right.samples)
            return _one_to_one(operation, left.samples, right.samples)
    raise QueryError("binary expression must contain only scalar and instant vector types")


def _each(operation: Operation, pairs: Sequence[tuple[Sample, float, float]]) -> Vector:
    found: list[Sample] = []
    for sample, left, right in pairs:
        value = operation.apply(left, right, sample.value)
        if value is not None:
            labels = sample.labels if operation.names_survive else drop_name(sample.labels)
            found.append(Sample(labels, value))
    return distinct(found)


def _as_sets(operation: Operation, left: Sequence[Sample], right: Sequence[Sample]) -> Vector:
    signature = operation.matching.signature
    in_left = {signature(each.labels) for each in left}
    in_right = {signature(each.labels) for each in right}
    match operation.symbol:
        case "and":
            return Vector([each for each in left if signature(each.labels) in in_right])
        case "unless":
            return Vector([each for each in left if signature(each.labels) not in in_right])
        case _:
            return Vector([*left, *(each for each in right if signature(each.labels) not in in_left)])


def _one_to_one(operation: Operation, left: Sequence[Sample], right: Sequence[Sample]) -> Vector:
    if not left or not right:
        return Vector(())
    matching = operation.matching
    partners: dict[Labels, Sample] = {}
    for each in right:
        twin = partners.setdefault(matching.signature(each.labels), each)
        if twin is not each:
            raise QueryError(
                f"found duplicate series for the match group {show(matching.signature(each.labels))} on the right "
                f"hand-side of the operation: [{show(each.labels)}, {show(twin.labels)}];many-to-many matching not "
                "allowed: matching labels must be unique on one side"
            )
    found: list[Sample] = []
    taken: set[Labels] = set()
    for each in left:
        signature = matching.signature(each.labels)
        partner = partners.get(signature)
        if partner is None:
            continue
        value = operation.apply(each.value, partner.value, each.value)
        if value is None:
            continue
        if signature in taken:
            raise QueryError("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
        taken.add(signature)
        found.append(Sample(matching.result(each.labels, named=operation.names_survive), value))
    return distinct(found)
