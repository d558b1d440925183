"""Answers of a source that no longer has the beginning of a phase, completed from checkpoints. Pure.

Invariant: where the source still has every series from its beginning on, its answer is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from rolloutctl.engine.evidence.kept import Kept, Stored
from rolloutctl.engine.evidence.packing import Asked, asked_of
from rolloutctl.engine.evidence.parts import beginnings, between, joined, slack_s
from rolloutctl.model.samples import Answer, Labels, Query, Samples


def lacks(kept: Kept, answers: Mapping[Query, Answer]) -> tuple[Query, ...]:
    """Queries to which the source says less of the past than it once said."""
    return tuple(query for query, answer in answers.items() if _lacks(kept.begins.get(asked_of(query)), query, answer))


def _lacks(begins: Mapping[Labels, float] | None, query: Query, answer: Answer) -> bool:
    if not begins or not isinstance(answer, Samples) or answer.warnings:
        return False
    there = beginnings(answer)
    return any(there.get(labels, math.inf) > first + slack_s(query) for labels, first in begins.items())


def completed(answer: Answer, query: Query, stored: Stored, before: Samples) -> Answer:
    """`before` and what the source has since `stored.until`."""
    if not isinstance(answer, Samples) or answer.approximate != before.approximate:
        return answer
    older = between(before, -math.inf, min(stored.until, query.end + slack_s(query)))
    whole = joined([older, between(answer, stored.until, math.inf)])
    return replace(whole, warnings=answer.warnings)


def all_of(kept: Kept, query: Query) -> tuple[Stored, Samples] | None:
    """What checkpoints hold of a query, and how far; None: nothing, or it was not read."""
    asked: Asked = asked_of(query)
    stored = kept.stored.get(asked)
    if stored is None or kept.samples is None or asked not in kept.samples:
        return None
    return stored, kept.samples[asked]
