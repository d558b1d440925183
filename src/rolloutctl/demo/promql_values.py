"""Values of the embedded PromQL evaluator, what it may refuse with, and rules about labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rolloutctl.demo.tsdb import NAME, Window
from rolloutctl.model.samples import Labels


class QueryError(Exception):
    """A query that has no answer; `execution` in the API's words (HTTP 422)."""


class BadQueryError(QueryError):
    """A query that cannot be read; `bad_data` in the API's words (HTTP 400)."""


class UnsupportedError(QueryError):
    """PromQL that this evaluator does not know: refused, because a wrong number would be worse."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by the demo's embedded metrics; put prometheus on PATH for all of PromQL")


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Scalar:
    value: float


@dataclass(frozen=True, slots=True)
class Vector:
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Matrix:
    windows: Sequence[Window]


@dataclass(frozen=True, slots=True)
class Text:
    value: str


Value = Scalar | Vector | Matrix | Text


def drop_name(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != NAME)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    wanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in wanted)


def without(labels: Labels, names: Iterable[str]) -> Labels:
    """Drop labels, and the metric's name with them."""
    unwanted = frozenset(names) | {NAME}
    return tuple(pair for pair in labels if pair[0] not in unwanted)


def show(labels: Labels) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    return f"{dict(labels).get(NAME, '')}{{{inside}}}"


def distinct(samples: Sequence[Sample]) -> Vector:
    """Make a vector; raises QueryError where two samples have the same labels."""
    if len({sample.labels for sample in samples}) != len(samples):
        raise QueryError("vector cannot contain metrics with the same labelset")
    return Vector(samples)
