"""Answers to a criterion's queries: either all usable, or the state that says why nothing can be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolloutctl.judge.threshold import Missing
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, SourceFailure
from rolloutctl.model.verdict import State

Answers = Mapping[Query, Answer]
_WARNING_CHARS = 200


def usable(answers: Answers, query: Query) -> Samples:
    """The samples; none where the query failed."""
    answer = answers.get(query)
    return answer if isinstance(answer, Samples) else Samples(())


def failed(answers: Answers, query: Query) -> bool:
    return not isinstance(answers.get(query), Samples)


def problem(answers: Answers, queries: Iterable[Query]) -> Missing | None:
    """The worst of what the source said instead of samples, or beside them."""
    found = [trouble for query in queries if (trouble := _problem(answers.get(query), query)) is not None]
    order = (State.SOURCE_DOWN, State.INVALID, State.PARTIAL)
    return min(found, key=lambda missing: order.index(missing.state), default=None)


def _problem(answer: Answer | None, query: Query) -> Missing | None:
    match answer:
        case None:
            return Missing(State.SOURCE_DOWN, f"the source gave no answer to {query.text}; nothing was judged.", "An answer.")
        case SourceFailure(FailureKind.DOWN, why):
            return Missing(State.SOURCE_DOWN, f"{_ended(why)} Nothing was judged at this look.", "An answer from the source.")
        case SourceFailure(FailureKind.INVALID, why):
            return Missing(State.INVALID, f"the source refused a query: {_ended(why)}", "A query that it accepts.")
        case Samples(warnings=warnings) if warnings:
            said = "; ".join(warnings)[:_WARNING_CHARS]
            return Missing(State.PARTIAL, f"the source says its answer is partial: {_ended(said)}", "A complete answer.")
    return None


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


_SHOWN_AS = {QueryKind.TIMESTAMP: "timestamp({})", QueryKind.RULE: "rule {}", QueryKind.RECORDED: "recorded: {}"}


def texts(queries: Iterable[Query]) -> tuple[str, ...]:
    """Queries as sent, each once."""
    shown: dict[str, None] = {}
    for query in queries:
        if query.kind is QueryKind.RECORDED_AT:
            continue
        shown[_SHOWN_AS.get(query.kind, "{}").replace("{}", query.text)] = None
    return tuple(shown)
