"""Events in words: a sentence for a line of its own, and the values that matter for a row that names who and what already.

Pure. Foreign text is handed on as it is: whoever shows it cleans it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rolloutctl.model import events as ev
from rolloutctl.model import run_events as runs
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.events import Body, Event
from rolloutctl.model.kinds import HoldKind
from rolloutctl.model.run_words import Part
from rolloutctl.model.signed import Signed
from rolloutctl.model.verdict import shown_as

_QUIET = frozenset(
    {
        "v",
        "at",
        "blob",
        "codes",
        "snapshot",
        "evidence",
        "settle_until",
        "before_token",
        "plan_blob",
        "was_digest",
        "requests",
        "was",
        "index",
        "pid",
        "signed",
    }
)
"""Left out of `values`; the opened event shows everything."""
_SPEAKS_FOR_ITSELF = frozenset(
    {"why", "reason", "text", "phase", "criterion", "action", "to", "want", "plan", "state", "segment"}
)
"""Written without the name of the field."""


def sentence(event: Event) -> str:  # noqa: C901, PLR0912 - a closed set, one arm each
    """`ana.ruiz asks to enter five: all quiet`."""
    body, who = event.body, event.actor
    match body:
        case ev.AdvanceRequested():
            asks = because(f"{who} asks to enter {body.to}", body.why)
            return f"{asks}; BREAKS THE GLASS: {body.break_glass}" if body.break_glass else asks
        case ev.BackRequested():
            return because(f"{who} asks to go back to {body.to}", body.why)
        case ev.HoldRequested():
            return because(f"{who} asks to hold", body.why)
        case ev.ResumeRequested():
            return because(f"{who} asks to resume", body.why)
        case ev.RollbackRequested():
            return because(f"{who} asks to roll back", body.why)
        case ev.AbortRequested():
            return because(f"{who} asks to abort", body.why)
        case ev.ApprovalGiven(phase=""):
            return because(f"{who} approves amending the plan to {body.amendment[:12]}{_certainty(body.signed)}", body.why)
        case ev.ApprovalGiven():
            return because(f"{who} approves entering {body.phase}{_certainty(body.signed)}", body.why)
        case ev.AmendRequested():
            return because(f"{who} asks to amend the plan{_certainty(body.signed)}", body.why)
        case ev.PlanAmended():
            return because(f"plan amended by {body.by}, {len(body.changes)} changes, now {body.plan_digest[:12]}", body.why)
        case ev.GateSigned():
            return because(f"{who} signs gate {body.gate}: {'go' if body.go else 'no-go'}{_certainty(body.signed)}", body.why)
        case ev.CountdownPostponed():
            return because(f"{who} postpones the countdown", body.why)
        case ev.RollbackChecked():
            return because(f"{who} has looked at the flag server", body.why)
        case ev.NoteAdded():
            return f"note by {who}: {body.text}"
        case ev.RolloutSealed():
            return f"sealed by {who}: {body.title}, {body.target}, plan {body.plan_digest[:12]}, flag was {body.snapshot}"
        case ev.PhaseWaiting():
            return because(f"phase {body.phase}: WAITING", clauses(body.missing))
        case ev.PhaseBaking():
            return because(f"phase {body.phase}: BAKING", body.how_verified)
        case ev.PhaseReady():
            return f"phase {body.phase}: READY"
        case ev.VerdictChanged():
            was = f" (was {words(body.was)})" if body.was else ""
            return because(f"{shown_as(body.criterion, body.segment)}: {words(body.state)}{was}", body.why)
        case ev.BreachLatched():
            return because(f"BREACH of {body.shown} in phase {body.phase}", body.why)
        case ev.SampleRecorded():
            beside = f", baseline {body.baseline}" if body.baseline else ""
            return f"{body.criterion}: {body.canary}{beside} is recorded, of {body.at:%H:%M:%S} UTC"
        case ev.JudgeCheckpoint():
            return f"samples of phase {body.phase} up to {body.until:%H:%M:%S} UTC are kept: {body.samples}"
        case ev.DecisionMade():
            into = f" → {body.phase}" if body.phase else ""
            return because(f"{body.action}{into} {'accepted' if body.accepted else 'refused'}", clauses(body.reasons))
        case ev.HoldSet():
            return because(f"held by {who if body.by is HoldKind.PERSON else 'policy'}", body.reason)
        case ev.HoldCleared():
            return because("hold ended", body.reason)
        case ev.CountdownStarted():
            return because(f"rolls back at {body.fires_at:%H:%M:%S} UTC unless postponed or held", body.reason)
        case ev.RolloutEnded():
            return because(f"{words(body.status)}", body.reason)
        case ev.FlagIntent():
            return because(f"flag: {body.before} → {body.want} ({body.purpose})", body.why)
        case ev.FlagReconciled():
            return because(f"flag read back: {words(body.found.value)}", body.why)
        case ev.FlagUnknown():
            return because("flag: it is UNKNOWN whether the change happened", body.why)
        case ev.FlagDrifted():
            return f"flag changed by somebody else: it is {body.actual}, it should be {body.expected}"
        case ev.FlagOutcome():
            state = f", reads {body.state}" if body.state is not None else ""
            return because(f"flag: {words(event.kind.removeprefix('flag.'))}{state}", body.why)
        case ev.LeaseTaken():
            over = f", taken over from {body.takeover_of}" if body.takeover_of else ""
            return f"driven by {body.holder}{over}"
        case ev.LeaseReleased():
            return because(f"no longer driven by {body.holder}", body.why)
        case runs.RunCreated() | runs.RunEnded() | runs.StepIntent() | runs.StepOutcome() | runs.Notified():
            return _of_run(event, body)
        case ev.HeadWitnessed():
            return f"the journal's event {body.seq} was witnessed: {body.where}"
        case ev.JournalRecovered():
            return f"{body.lines} lines of a file taken in that was written while the journal could not be"
        case _:
            return str(event.kind)


def _of_run(event: Event, body: runs.RunCreated | runs.RunEnded | runs.StepIntent | runs.StepOutcome | runs.Notified) -> str:
    match body:
        case runs.RunCreated():
            return because(f"{body.mode} of runbook {body.runbook} in {body.environment} begun by {event.actor}", body.incident)
        case runs.RunEnded():
            return because(f"run {words(body.result.value)}, clean-up {body.clean_up}", body.why)
        case runs.StepIntent():
            undone = " is undone" if body.part is Part.UNDO else ""
            return because(f"step {body.step}{undone}, attempt {body.attempt}", clauses(body.requests))
        case runs.StepReconciled():
            return because(f"step {body.step}: {'a person says' if body.by_person else 'read back'}", words(body.found.value))
        case runs.StepOutcome():
            undone = ", undone" if body.part is Part.UNDO else ""
            return because(f"step {body.step}{undone}: {event.kind.removeprefix('step.')}", body.why)
        case runs.Notified():
            told = "told" if body.delivered else f"NOT told ({clause(body.why)})"
            return because(f"people were {told} through {body.channel or 'no channel'}", body.text)


def _certainty(signed: Signed | None) -> str:
    """How it is known who it was. A signature is named by the key it claims; `journal verify` says whether it is good."""
    return f" (signed, {signed.key[:15]}…)" if signed is not None else " (unauthenticated)"


def because(what: str, why: str) -> str:
    return f"{what}: {clause(why)}" if why else what


def clause(sentence: str) -> str:
    """Without its full stop, to go on after it or to add one."""
    text = sentence.rstrip()
    return text if text.endswith("..") else text.removesuffix(".")


def clauses(sentences: Sequence[str]) -> str:
    """Several sentences as one."""
    return "; ".join(map(clause, sentences))


def words(state: str) -> str:
    return state.replace("_", " ")


def values(event: Event) -> str:
    """The body as one line: `five · all quiet`; what is particular first."""
    body: Body = event.body
    parts: list[str] = []
    # The phase and its attempt are the same for many events in a row: what is particular comes first.
    for key in sorted(type(body).model_fields, key=lambda key: key in {"phase", "attempt"}):
        value = getattr(body, key)
        if key in _QUIET or value in ("", (), None, {}) or _said_already(body, key, value):
            continue
        if isinstance(value, CohortState) or (value is False and key not in {"accepted", "go"}):
            continue
        parts.append(_part(key, value))
    return " · ".join(parts)


def _said_already(body: Body, key: str, value: object) -> bool:
    """The reason of a countdown begins with the criterion it is about; a decision without a request answers none."""
    if key in {"criterion", "segment"}:
        return str(getattr(body, "reason", "")).startswith(shown_as(getattr(body, "criterion", ""), getattr(body, "segment", "")))
    return key == "request" and value == 0


def _part(key: str, value: object) -> str:
    if isinstance(value, bool):
        return key if value else f"not {key}"
    if isinstance(value, tuple):
        return "; ".join(str(item) for item in value)
    if isinstance(value, datetime):
        return f"{key.replace('_', ' ')} {value.strftime('%H:%M:%S')} UTC"
    if key in _SPEAKS_FOR_ITSELF:
        return str(value)
    return f"{key.replace('_', ' ')} {value}"
