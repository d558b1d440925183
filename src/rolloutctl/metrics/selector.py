"""A selector as a value: its metric and matchers, which series fit, and its text again; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import promql_parser

from rolloutctl.metrics.regex import decidable, same_everywhere

_OPERATORS = ("=", "!=", "=~", "!~")


class CannotTell(Exception):
    """Whether a series fits is for the source to say."""


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    label: str
    operator: str
    """One of = != =~ !~."""
    value: str

    @property
    def text(self) -> str:
        return f"{self.label}{self.operator}{quoted(self.value)}"

    @property
    def known(self) -> bool:
        """Whether `fits` can be told for nearly every value."""
        return self.operator in {"=", "!="} or same_everywhere(self.value) is not None

    def fits(self, value: str) -> bool:
        """`value` of the label; empty where a series lacks it. Raises CannotTell."""
        if self.operator in {"=", "!="}:
            return (value == self.value) is (self.operator == "=")
        pattern = same_everywhere(self.value)
        if pattern is None or not decidable(value):
            raise CannotTell
        return (pattern.fullmatch(value) is not None) is (self.operator == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    name: str
    matchers: frozenset[Matcher]

    @property
    def text(self) -> str:
        """Equal selectors have equal texts."""
        inside = ",".join(matcher.text for matcher in sorted(self.matchers))
        return f"{self.name}{{{inside}}}" if inside else self.name


def fits(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Raises CannotTell."""
    return all(matcher.fits(labels.get(matcher.label, "")) for matcher in matchers)


@lru_cache(maxsize=4096)
def selector_of(text: str) -> Selector | None:
    """None for what is not one plain selector of one named metric."""
    try:
        tree = promql_parser.parse(text)
    except ValueError:
        return None
    return plain(tree)


def plain(tree: promql_parser.Expr) -> Selector | None:
    if not isinstance(tree, promql_parser.VectorSelector) or tree.offset is not None or tree.at is not None:
        return None
    if not tree.name or not _is_plain(tree.name) or tree.matchers.or_matchers:
        return None
    kinds = promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual, promql_parser.MatchOp.Re, promql_parser.MatchOp.NotRe
    matchers = []
    for one in tree.matchers.matchers:
        operator = next(text for text, kind in zip(_OPERATORS, kinds, strict=True) if one.op == kind)
        if one.name == "__name__" or not _is_plain(one.name):
            return None
        matchers.append(Matcher(one.name, operator, one.value))
    return Selector(tree.name, frozenset(matchers))


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace(":", "_").isidentifier()


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
