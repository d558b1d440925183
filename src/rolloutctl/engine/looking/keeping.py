"""What verdicts rest on, into the journal and out of it again: evidence, checkpoints, and the past a source has forgotten.

Invariants: evidence is stored in the transaction of the event that names it. What cannot be kept keeps nobody from being
judged or rolled back: the event is written without it. Encoding and decoding happen on threads of their own, never on the
engine's loop or the journal's. numpy is loaded with the first of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rolloutctl.engine.evidence import due
from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import JournalUnreachable, RolloutctlError
from rolloutctl.model import events as ev
from rolloutctl.model.samples import Answer, FailureKind, Query, SourceFailure
from rolloutctl.ports import Lease

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.engine.evidence.kept import Kept
    from rolloutctl.engine.evidence.recording import Checkpointed, Judged

# ruff: noqa: PLC0415 - numpy takes longer to load than a rollback takes altogether

_log = logging.getLogger(__name__)
WithEvidence = ev.VerdictChanged | ev.BreachLatched | ev.PhaseReady | ev.DecisionMade
"""Bodies that name the blob with the evidence of a look."""


class Keeping:
    """What one look leaves in the journal; its evidence is made once, when the first event wants it."""

    def __init__(self, world: World, rollout: RolloutRecord, judgement: Judgement | None) -> None:
        self._world = world
        self._rollout = rollout
        self._judgement = judgement
        self._made: tuple[bytes, str] | None = None
        self._tried = False

    async def commit(self, lease: Lease, body: WithEvidence) -> None:
        """The event and its evidence together. Raises LeaseLost, JournalUnreachable."""
        made = await self._evidence()
        if made is None:
            await commit(self._world, self._rollout, lease, body)
            return
        content, digest = made
        try:
            await commit(self._world, self._rollout, lease, body.model_copy(update={"blob": digest}), (content,))
        except JournalUnreachable:
            # A disk may have room for an event and none for its evidence; a breach must not wait for more.
            await commit(self._world, self._rollout, lease, body)

    async def checkpoint(self, lease: Lease) -> None:
        """Keep what has settled since the newest checkpoint, where that is worth it. Raises LeaseLost, JournalUnreachable."""
        judged = self._judged()
        if judged is None:
            return
        try:
            await self._learn()
            every_s = due.AFTER_EVIDENCE_S if self._made is not None else due.EVERY_S
            if not due.is_due(judged.plan, judged.run, judged.now, self._rollout.kept, every_s):
                return
            made = await asyncio.to_thread(_checkpointed, judged, self._rollout.kept, self._world)
        except RolloutctlError as error:
            _log.warning("no checkpoint of %s: %s", self._rollout.id, error)
            return
        if made is None:
            return
        body = ev.JudgeCheckpoint(
            phase=judged.phase_name,
            attempt=judged.run.attempt,
            until=datetime.fromtimestamp(made.until, UTC),
            samples=made.samples,
            blob=made.kept.checkpoints[-1],
        )
        await commit(self._world, self._rollout, lease, body, (made.content,))
        self._rollout.kept = made.kept

    async def _evidence(self) -> tuple[bytes, str] | None:
        judged = self._judged()
        if not self._tried and judged is not None:
            self._tried = True
            try:
                await self._learn()
                self._made = await asyncio.to_thread(_evidence, judged, self._rollout.kept, self._world)
            except Exception:  # noqa: BLE001 - a breach is journalled, whatever becomes of its evidence
                _log.exception("no evidence of %s is kept", self._rollout.id)
        return self._made

    def _judged(self) -> Judged | None:
        judgement, state, plan = self._judgement, self._rollout.state, self._rollout.plan
        if judgement is None or judgement.answers is None or state.run is None or state.run.attempt != judgement.phase_attempt:
            return None
        from rolloutctl.engine.evidence.recording import Judged

        at = judgement.at.timestamp()
        return Judged(plan, state, state.run, at, judgement.answers, judgement.verdicts, judgement.phase.state)

    async def _learn(self) -> None:
        run = self._rollout.state.run
        assert run is not None
        known = self._rollout.kept
        if (known.attempt, known.checkpoints) != (run.attempt, run.checkpoints):
            self._rollout.kept = await asyncio.to_thread(_learnt, known, run.attempt, run.checkpoints, self._world)


async def complete(
    world: World, asked: Iterable[tuple[RolloutRecord, Iterable[Query]]], answers: Mapping[Query, Answer]
) -> Mapping[Query, Answer]:
    """`answers`, with what only checkpoints still know of phases that have gone on for longer than the source remembers."""
    found: dict[Query, Answer] = {}
    for rollout, queries in asked:
        run = rollout.state.run
        if run is not None and run.checkpoints:
            mine = {query: answers[query] for query in queries if query in answers}
            rollout.kept, more = await asyncio.to_thread(_completed, rollout.kept, run.attempt, run.checkpoints, mine, world)
            found |= more
    return {**answers, **found} if found else answers


def _completed(
    kept: Kept, attempt: int, checkpoints: tuple[str, ...], answers: Mapping[Query, Answer], world: World
) -> tuple[Kept, dict[Query, Answer]]:
    from rolloutctl.engine.evidence import completing, reading

    short: tuple[Query, ...] = tuple(answers)
    try:
        kept = _learnt(kept, attempt, checkpoints, world)
        short = completing.lacks(kept, answers)
        if not short:
            return replace(kept, samples=None) if kept.samples is not None else kept, {}
        kept = reading.with_samples(kept, lambda digest: _blob(world, digest))
    except RolloutctlError as error:
        # Half a phase would be judged for the whole one.
        failure = SourceFailure(FailureKind.DOWN, f"a checkpoint of the phase cannot be read from the journal: {error}")
        return kept, dict.fromkeys(short, failure)
    whole = {query: (answers[query], completing.all_of(kept, query)) for query in short}
    return kept, {query: completing.completed(answer, query, *known) for query, (answer, known) in whole.items() if known}


def _learnt(kept: Kept, attempt: int, checkpoints: tuple[str, ...], world: World) -> Kept:
    from rolloutctl.engine.evidence.reading import learnt

    return learnt(kept, attempt, checkpoints, lambda digest: _blob(world, digest))


def _blob(world: World, digest: str) -> bytes:
    """From a thread that is neither the loop's nor the journal's."""
    return world.journal.submit(lambda journal: journal.get_blob(digest)).result()


def _evidence(judged: Judged, kept: Kept, world: World) -> tuple[bytes, str] | None:
    from rolloutctl.engine.evidence.recording import evidence
    from rolloutctl.engine.evidence.text import digest_of

    content = evidence(judged, kept, world.scrub)
    return (content, digest_of(content)) if content is not None else None


def _checkpointed(judged: Judged, kept: Kept, world: World) -> Checkpointed | None:
    from rolloutctl.engine.evidence.recording import checkpoint

    return checkpoint(judged, kept, world.scrub)
