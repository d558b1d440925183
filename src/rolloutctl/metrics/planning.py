"""Which requests answer a set of queries.

Queries are only put together where they want about the same stretch of time: nobody's first look at a day makes others fetch
a day again.
"""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import promql_parser as ast

from rolloutctl.metrics.aggregate import merged_expressions
from rolloutctl.metrics.errand import Errand, Part, Placed, by_text, of_one_text
from rolloutctl.metrics.limits import Limits
from rolloutctl.metrics.merge import Most, merged_selectors
from rolloutctl.metrics.share import Share
from rolloutctl.metrics.shift import shifted
from rolloutctl.model.samples import QueryKind

MAX_UNION_CHARS = 48_000
"""Of one request: well under what proxies take as a body."""
MAX_UNION_TEXTS = 400
"""The server works on one request with one processor; several share the work."""
_UNION = "union"
_LONGER = 1.5
_SLACK_S = 60.0
_MAX_SHIFT_S = 86_400.0
_MAX_POINTS = 20
"""Of a union: for longer stretches, which are asked once, the server can work on several requests at a time."""
_MAX_REMEMBERED = 1000
T = TypeVar("T")
Merging = Callable[[Iterable[str], Most], list[Share]]


@dataclass(frozen=True, slots=True, eq=False)
class _Slot:
    """A share of one grid, that ends at `end_ms` and wants about `seconds` of it."""

    share: Share
    parts: dict[str, list[Part]]
    text: str
    kind: QueryKind
    step_ms: int
    end_ms: int
    seconds: float


class Planner:
    """Remembers how texts are merged, which does not change from one poll to the next."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._version = -1
        self._known: OrderedDict[tuple[Merging, tuple[str, ...]], list[Share]] = OrderedDict()

    def planned(self, parts: Iterable[Part]) -> list[Errand]:
        """Every part is in exactly one errand."""
        errands: list[Errand] = []
        raw: dict[float, list[Part]] = defaultdict(list)
        grids: dict[tuple[float, float, bool], list[Part]] = defaultdict(list)
        for part in parts:
            query = part.query
            if self._limits.is_alone(query.text):
                errands.append(of_one_text([part]))
            elif query.kind is QueryKind.RAW:
                raw[query.end].append(part)
            else:
                grids[query.step, query.end, query.kind is QueryKind.TIMESTAMP].append(part)
        for same_end in raw.values():
            for bucket in _alike(same_end, _seconds):
                errands += self._raw(bucket)
        slots = [slot for same_grid in grids.values() for bucket in _alike(same_grid, _seconds) for slot in self._slots(bucket)]
        errands += self._unions(slots)
        return errands

    def _merged(self, how: Merging, texts: Iterable[str]) -> list[Share]:
        if self._version != self._limits.version:
            self._version = self._limits.version
            self._known.clear()
        key = how, tuple(sorted(texts))
        if (known := self._known.get(key)) is None:
            self._known[key] = known = how(key[1], self._limits.most)
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known

    def _raw(self, parts: Sequence[Part]) -> Iterator[Errand]:
        texts, end = by_text(parts), parts[0].query.end
        for share in self._merged(merged_selectors, texts):
            mine = {text: texts[text] for text in share.texts}
            begin = min(part.since for same in mine.values() for part in same)
            yield Errand(QueryKind.RAW, (Placed(share, mine, 0, share.text),), begin, end, 0.0, share.family)

    def _slots(self, parts: Sequence[Part]) -> Iterator[_Slot]:
        query, texts = parts[0].query, by_text(parts)
        step_ms, end_ms = round(query.step * 1000), round(query.end * 1000)
        dates = query.kind is QueryKind.TIMESTAMP
        for share in self._merged(merged_selectors if dates else merged_expressions, texts):
            mine = {text: texts[text] for text in share.texts}
            seconds = max(_seconds(part) for same in mine.values() for part in same)
            text = f"timestamp({share.text})" if dates else share.text
            yield _Slot(share, mine, text, query.kind, step_ms, end_ms, seconds)

    def _unions(self, slots: Iterable[_Slot]) -> Iterator[Errand]:
        by_step: dict[int, list[_Slot]] = defaultdict(list)
        for slot in slots:
            if _can_be_united(slot):
                by_step[slot.step_ms].append(slot)
            else:
                yield _errand([_placed(slot, 0, slot.text)], slot, slot.seconds)
        for same_step in by_step.values():
            for bucket in _alike(same_step, lambda slot: slot.seconds):
                yield from self._packed(bucket)

    def _packed(self, slots: Sequence[_Slot]) -> Iterator[Errand]:
        most = self._limits.most(_UNION)
        left = sorted(slots, key=lambda slot: (-slot.end_ms, slot.text))
        while left:
            first, later = left[0], []
            chunk: list[Placed] = []
            chars, texts, seconds = 0, 0, 0.0
            for slot in left:
                shift_ms = first.end_ms - slot.end_ms
                text = shifted(slot.text, shift_ms) if shift_ms <= _MAX_SHIFT_S * 1000 else None
                full = len(chunk) >= most or chars > MAX_UNION_CHARS or texts + len(slot.parts) > MAX_UNION_TEXTS
                if chunk and (text is None or full):
                    later.append(slot)
                    continue
                chunk.append(_placed(slot, shift_ms, text or slot.text))
                chars, texts, seconds = chars + len(slot.text), texts + len(slot.parts), max(seconds, slot.seconds)
            yield _errand(chunk, first, seconds)
            left = later


def _seconds(part: Part) -> float:
    return part.query.end - part.since


def _alike(items: Iterable[T], length_s: Callable[[T], float]) -> Iterator[list[T]]:
    bucket: list[T] = []
    first = 0.0
    for item in sorted(items, key=length_s):
        if bucket and length_s(item) > _LONGER * first + _SLACK_S:
            yield bucket
            bucket = []
        if not bucket:
            first = length_s(item)
        bucket.append(item)
    if bucket:
        yield bucket


def _can_be_united(slot: _Slot) -> bool:
    step = next(iter(slot.parts.values()))[0].query.step
    whole_step = slot.step_ms > 0 and math.isclose(slot.step_ms / 1000, step, rel_tol=1e-9)
    return whole_step and slot.seconds * 1000 <= _MAX_POINTS * slot.step_ms and _is_vector(slot.text)


def _placed(slot: _Slot, shift_ms: int, text: str) -> Placed:
    return Placed(slot.share, slot.parts, shift_ms, text)


def _errand(placed: Sequence[Placed], first: _Slot, seconds: float) -> Errand:
    step, end = first.step_ms / 1000, first.end_ms / 1000
    if len(placed) == 1:
        # Exactly the queries' own times: they may lie between two milliseconds.
        query = next(iter(first.parts.values()))[0].query
        step, end = query.step, query.end
    points = math.floor(seconds / step + 1e-6)
    family = _UNION if len(placed) > 1 else placed[0].share.family
    return Errand(first.kind, tuple(placed), end - points * step, end, step, family)


@lru_cache(maxsize=4096)
def _is_vector(text: str) -> bool:
    try:
        return _gives_a_vector(ast.parse(text))
    except ValueError:
        return False


def _gives_a_vector(node: ast.Expr) -> bool:
    match node:
        case ast.ParenExpr() | ast.UnaryExpr():
            return _gives_a_vector(node.expr)
        case ast.BinaryExpr():
            return _gives_a_vector(node.lhs) or _gives_a_vector(node.rhs)
        case ast.VectorSelector() | ast.AggregateExpr():
            return True
        case ast.Call():
            return node.func.name not in {"time", "scalar", "pi"}
        case _:
            return False
