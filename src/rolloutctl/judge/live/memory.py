"""One look at many phases, going on from the look before it wherever that still fits.

Equal to `judge.judge.judge_phase` of each: `Memory` may be thrown away at any time, and is not shared between threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rolloutctl.judge.blocks import BlockMemory
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.judge import Heard, hear, judge_phase
from rolloutctl.judge.live.herd import advance_all
from rolloutctl.judge.live.kept import Kept, keep
from rolloutctl.judge.needs import Need, RatioNeed, ValueNeed, phase_needs, queries_of
from rolloutctl.judge.rate_tests import Ratio
from rolloutctl.model.samples import Answer, Query, Samples
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import Plan

_MOST_CELLS = 20
"""That are added one by one; after a longer pause it is quicker to go through all of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A phase to be judged."""

    rollout: str
    attempt: int
    """Of any phase, counted over the rollout."""
    plan: Plan
    phase: int
    start: float
    """Unix s by the source."""


@dataclass(slots=True)
class _Phase:
    plan: Plan
    attempt: int
    start: float
    criteria: dict[str, Kept] = field(default_factory=dict)
    blocks: dict[str, BlockMemory] = field(default_factory=dict)
    """Of criteria of type `value`."""


@dataclass(slots=True)
class Memory:
    """What was seen of each rollout's phase at the newest look."""

    phases: dict[str, _Phase] = field(default_factory=dict)

    def of(self, asked: Asked) -> _Phase:
        known = self.phases.get(asked.rollout)
        if known is None or (known.attempt, known.start) != (asked.attempt, asked.start) or known.plan is not asked.plan:
            known = self.phases[asked.rollout] = _Phase(asked.plan, asked.attempt, asked.start)
        return known

    def forget_others(self, rollouts: Iterable[str]) -> None:
        """All but these."""
        kept = set(rollouts)
        self.phases = {name: phase for name, phase in self.phases.items() if name in kept}


@dataclass(slots=True)
class _Look:
    frame: Frame
    asked: Asked
    needs: tuple[Need, ...]
    kept: dict[str, Kept]
    blocks: dict[str, BlockMemory]
    answers: Mapping[Query, Answer]
    found: dict[str, tuple[Samples, ...]] = field(default_factory=dict)
    """Of the criteria that go on."""

    def grown(self) -> list[Kept]:
        """Criteria that go on; the others are forgotten."""
        found = []
        for need in self.needs:
            known = self.kept.get(need.criterion.id)
            if known is None:
                continue
            answers = _samples(need, self.answers)
            if answers is not None and _goes_on(known, need) and known.growth.grow(answers, self.frame.now):
                self.found[need.criterion.id] = answers
                found.append(known)
            else:
                del self.kept[need.criterion.id]
        return found

    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(verdict for need in self.needs for verdict in self._of(need))

    def _of(self, need: Need) -> tuple[Verdict, ...]:
        known = self.kept.get(need.criterion.id)
        if known is not None:
            verdicts = known.verdicts(self.frame, self.found[need.criterion.id])
            if verdicts is not None:
                return verdicts
            del self.kept[need.criterion.id]
        answers = _samples(need, self.answers)
        if answers is None or not isinstance(need, RatioNeed):
            blocks = self.blocks.setdefault(need.criterion.id, BlockMemory()) if isinstance(need, ValueNeed) else None
            found = hear(need, self.frame, self.answers, self.asked.phase, blocks)
            return Heard(self.asked.plan, self.asked.phase, self.frame, self.answers, (found,)).verdicts(self.frame.now)
        test = Ratio(need, self.frame, self.answers, self.asked.phase)
        courses = test.courses()
        verdicts = tuple(course.verdict(self.frame.now) for course in courses)
        begun = keep(test, courses, verdicts, answers)
        if begun is not None:
            self.kept[need.criterion.id] = begun
        return verdicts


def look(
    memory: Memory, asked: Sequence[Asked], now: float, answers: Mapping[Query, Answer]
) -> list[tuple[Verdict, ...] | Exception]:
    """The verdicts of each as of `now`, Unix s by the source, or what went wrong with it."""
    looks = [_begun(memory, one, now, answers) for one in asked]
    _advance([(one, kept) for one in looks for kept in one.grown()])
    found: list[tuple[Verdict, ...] | Exception] = []
    for one in looks:
        try:
            found.append(one.verdicts() if now >= one.asked.start else _early(one.asked, now, answers))
        except Exception as error:  # noqa: BLE001 - a fault with one must not keep the others from being judged
            found.append(error)
    return found


def _begun(memory: Memory, asked: Asked, now: float, answers: Mapping[Query, Answer]) -> _Look:
    frame = Frame(asked.plan, asked.plan.phases[asked.phase], asked.start, now)
    needs = phase_needs(asked.plan, asked.phase, asked.start, now).criteria
    known = memory.of(asked)
    return _Look(frame, asked, needs, known.criteria, known.blocks, answers)


def _early(asked: Asked, now: float, answers: Mapping[Query, Answer]) -> tuple[Verdict, ...]:
    return judge_phase(asked.plan, asked.phase, asked.start, now, answers)


def _samples(need: Need, answers: Mapping[Query, Answer]) -> tuple[Samples, ...] | None:
    """Of a ratio that is compared with the baseline and with nothing else; None where it may not go on."""
    if not isinstance(need, RatioNeed) or need.baseline is None or not _follows(need):
        return None
    found = tuple(answers.get(query) for query in queries_of(need))
    sound = tuple(answer for answer in found if isinstance(answer, Samples) and not answer.warnings)
    return sound if len(sound) == len(found) else None


def _follows(need: RatioNeed) -> bool:
    criterion = need.criterion
    relative = criterion.by_evidence and criterion.compares and criterion.versus != "before"
    return relative and criterion.max is None and criterion.min is None


def _goes_on(known: Kept, need: Need) -> bool:
    """Whether the same is asked, but for the newest time."""
    theirs = zip(queries_of(known.need), queries_of(need), strict=True)
    return all(a.text is b.text or a.text == b.text for a, b in theirs)


def _advance(all_: Sequence[tuple[_Look, Kept]]) -> None:
    """By all cells that have closed, many criteria at a time."""
    left = list(all_)
    for _ in range(_MOST_CELLS):
        left = [(one, kept) for one, kept in left if kept.growth.closes(one.frame.now)]
        if not left:
            return
        counted = [kept.counted(kept.growth.close()) for _, kept in left]
        results = iter(advance_all([pair for rows in counted for pair in rows]))
        still = []
        for (one, kept), rows in zip(left, counted, strict=True):
            if kept.closed(one.frame, [next(results) for _ in rows]):
                still.append((one, kept))
            else:
                del one.kept[kept.need.criterion.id]
        left = still
    for one, kept in left:
        if kept.growth.closes(one.frame.now):
            del one.kept[kept.need.criterion.id]
