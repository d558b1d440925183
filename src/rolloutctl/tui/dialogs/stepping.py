"""Dialogs that step the flag: once it was accepted they follow the journal until the step is verified or has failed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from rolloutctl.engine.view.snapshot import JournalPage, RolloutSnapshot
from rolloutctl.errors import ExitCode
from rolloutctl.tui.dialogs.base import Dialog, now
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span
from rolloutctl.tui.draw.progress import StepProgress, followed, step_progress

_PAGE = 200


class StepDialog(Dialog):
    """What was agreed to stays below what has come of it."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._progress = StepProgress()
        self._read_to = 0
        self._looked_at = -1
        """The rollout's newest event when the journal was asked last."""
        self._asking = False

    def afterwards(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        if self.reply is None or self.reply.code is not ExitCode.OK or not self.reply.seq:
            return super().afterwards(rollout, cells)
        self._look(rollout, self.reply.seq)
        come = step_progress(self._progress, self.shell.when(), cells)
        agreed = line(span("what was agreed to:", Ink.DIM))
        return (*come, EMPTY, now(rollout), EMPTY, agreed, *self.agreed(rollout, cells))

    def _look(self, rollout: RolloutSnapshot, request: int) -> None:
        """Ask for what was journalled since; once for every change of the rollout."""
        if self._asking or self._progress.over or rollout.state.seq == self._looked_at:
            return
        self._asking, self._looked_at = True, rollout.state.seq
        after = max(self._read_to, request - 1)
        self.shell.land(self.shell.engine.events(self.target, after, _PAGE), self._read)

    def _read(self, future: Future[JournalPage]) -> None:
        self._asking = False
        if future.exception() is not None or self.reply is None:
            # The journal cannot be read just now: it is asked again with the next change, and the header says so meanwhile.
            self._looked_at = -1
            return
        events = future.result().events
        self._progress = followed(self._progress, events, self.reply.seq)
        if events:
            self._read_to = events[-1].seq
        if len(events) >= _PAGE:
            self._looked_at = -1
        if self.is_attached:
            self.redraw()
