"""The evidence of one look at a phase, as a blob: what was said, and every answer it rests on. Pure.

`rolloutctl-evidence`, version 1, canonical JSON:

    {"format", "v", "rollout", "plan_digest", "plan_blob", "phase", "attempt", "started_at", "now", "phase_state",
     "said": [{"criterion", "segment", "state", "why", "numbers": {name: decimal}, "missing_since", "grace_over"}],
     "answers": [see `packing`]}

Answers whose `after` is not null go on where the checkpoints end that were journalled before. For 24 hours of a ratio on
12 hosts at 15 s all of it together is about 0.15 MB compressed; a look takes what is newer than the newest checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rolloutctl.engine.evidence.numbers import numbers_of
from rolloutctl.engine.evidence.packing import Packed, pack, unpack
from rolloutctl.engine.evidence.text import decoded, encoded
from rolloutctl.model.verdict import Verdict, key_of

FORMAT, VERSION = "rolloutctl-evidence", 1


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict as it was journalled."""

    criterion: str
    segment: str
    state: str
    why: str
    numbers: Mapping[str, str]
    missing_since: float | None
    grace_over: bool

    @property
    def key(self) -> str:
        return key_of(self.criterion, self.segment)


@dataclass(frozen=True, slots=True)
class Look:
    rollout: str
    plan_digest: str
    plan_blob: str
    """Digest of the blob with the plan's text."""
    phase: str
    attempt: int
    started_at: float
    """Unix s by the source, as `now`."""
    now: float
    phase_state: str
    said: tuple[Said, ...]
    answers: tuple[Packed, ...]


def said_of(verdict: Verdict, scrub: Callable[[str], str]) -> Said:
    return Said(
        criterion=verdict.criterion,
        segment=verdict.segment,
        state=verdict.state.value,
        why=scrub(verdict.why),
        numbers=numbers_of(verdict),
        missing_since=verdict.missing_since,
        grace_over=verdict.grace_over,
    )


def encode_look(look: Look, scrub: Callable[[str], str]) -> bytes:
    """`scrub` takes secrets out of what a source said."""
    said = [
        {
            "criterion": each.criterion,
            "segment": each.segment,
            "state": each.state,
            "why": each.why,
            "numbers": dict(each.numbers),
            "missing_since": None if each.missing_since is None else repr(each.missing_since),
            "grace_over": each.grace_over,
        }
        for each in look.said
    ]
    return encoded(
        {
            "format": FORMAT,
            "v": VERSION,
            "rollout": look.rollout,
            "plan_digest": look.plan_digest,
            "plan_blob": look.plan_blob,
            "phase": look.phase,
            "attempt": look.attempt,
            "started_at": repr(look.started_at),
            "now": repr(look.now),
            "phase_state": look.phase_state,
            "said": said,
            "answers": [pack(each, scrub) for each in look.answers],
        }
    )


def decode_look(content: bytes) -> Look:
    """Raises JournalCorrupt."""
    return decoded(content, FORMAT, VERSION, _look)


def is_look(content: bytes) -> bool:
    """Whether a blob is evidence of this kind at all: journals hold other blobs too."""
    return content.startswith(b"{") and f'"format":"{FORMAT}"'.encode() in content


def _look(document: Mapping[str, Any]) -> Look:
    return Look(
        rollout=str(document["rollout"]),
        plan_digest=str(document["plan_digest"]),
        plan_blob=str(document["plan_blob"]),
        phase=str(document["phase"]),
        attempt=int(document["attempt"]),
        started_at=float(document["started_at"]),
        now=float(document["now"]),
        phase_state=str(document["phase_state"]),
        said=tuple(_said(each) for each in document["said"]),
        answers=tuple(unpack(each) for each in document["answers"]),
    )


def _said(stored: Mapping[str, Any]) -> Said:
    since = stored["missing_since"]
    return Said(
        criterion=str(stored["criterion"]),
        segment=str(stored["segment"]),
        state=str(stored["state"]),
        why=str(stored["why"]),
        numbers={str(name): str(number) for name, number in stored["numbers"].items()},
        missing_since=None if since is None else float(since),
        grace_over=bool(stored["grace_over"]),
    )
