"""Amending a sealed plan: what differs, what may not, what loosens, and who else has to agree. Pure.

Invariants: no amendment changes what anybody is served: what was entered keeps its cohort, phases are neither skipped nor
swapped, and the next step is asked for like any other. Whatever is not known to be harmless loosens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rolloutctl.model.events import AmendRequested, canonical
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.plan.model import Plan
from rolloutctl.units import parse_duration

_FIXED = ("format", "name", "flag", "change", "metrics.source", "rollback.runbook", "rollback.params")
"""What the rollout is, and the way back that was sealed with it: another one is another rollout."""
_WORDS_ONLY = frozenset({"title", "comms"})
_MORE_TO_ASK = frozenset({"gates", "triggers"})
_NAMED_BY = ("id", "name", "alert")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Change:
    key: str
    """`phases.five.bake`; a whole table that comes or goes is named as such."""
    was: str
    """Canonical JSON; empty: it was not there."""
    now: str
    loosens: bool
    """It may let something pass, or stay unseen, that would not have before."""

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.was)} → {_short(self.now)}{' (loosens)' if self.loosens else ''}"


def changes(old: Plan, new: Plan) -> tuple[Change, ...]:
    """What differs, key by key; written differently and meaning the same is no difference."""
    was, now = _leaves(old.model_dump(mode="json")), _leaves(new.model_dump(mode="json"))
    found: list[Change] = []
    for key in dict.fromkeys((*was, *now)):
        before, after = was.get(key, ""), now.get(key, "")
        if before != after:
            found.append(Change(key, before, after, _loosens(key, before, after)))
    return tuple(_whole_tables(found, was, now))


def forbidden(old: Plan, new: Plan, state: RolloutState) -> tuple[str, ...]:
    """Why `new` cannot take the place of `old` now, a sentence each; empty: it can, once whoever must has agreed."""
    if state.status not in {Status.SEALED, Status.ACTIVE, Status.STABILISING}:
        return (f"the rollout is {state.status.words}; there is nothing to amend.",)
    if state.open_intent is not None or state.accepted is not None or state.step in {Step.APPLYING, Step.SETTLING}:
        return ("a change of the flag is under way; amend when clients have followed.",)
    differing = changes(old, new)
    if not differing:
        return ("the plan says the same as what is sealed; there is nothing to amend.",)
    why = [
        f"{change.key} cannot be amended: with another one it is another rollout."
        for change in differing
        if any(change.key == fixed or change.key.startswith(f"{fixed}.") for fixed in _FIXED)
    ]
    breach = state.guardrail_breach
    if breach is not None and any(change.key.startswith("rollback.") for change in differing):
        why.append(f"how a breach is answered cannot be amended while there is one: BREACH of {breach.shown}.")
    return (*why, *_phases(old, new, state))


def others_needed(old: Plan, state: RolloutState, differing: tuple[Change, ...]) -> int:
    """How many people besides who amends: the approvals of the phase that is served or comes next, one where it loosens."""
    near = old.phases[max(0, state.phase) : state.phase + 2]
    return max([1 if any(change.loosens for change in differing) else 0, *(phase.approvals for phase in near)])


def amend_missing(old: Plan, new: Plan, state: RolloutState, person: str, body: AmendRequested) -> tuple[str, ...]:
    """Why an amendment that `person` asks for is not accepted; empty: it is."""
    if body.was_digest != state.plan_digest:
        return ("the plan was amended since; look at the differences again.",)
    if why := forbidden(old, new, state):
        return why
    needed = others_needed(old, state, changes(old, new))
    given = tuple(name for name in state.amendment_approvals.get(body.plan_digest, ()) if name != person)
    if len(given) >= needed:
        return ()
    names = ", ".join(given) or "nobody yet"
    how = f"`rolloutctl amend {state.id} PLAN --approve`"
    return (f"it needs {needed} approvals of others for exactly this plan, given by {names}: {how}.",)


def _phases(old: Plan, new: Plan, state: RolloutState) -> Iterator[str]:
    entered = old.phases[: state.phase + 1]
    for index, phase in enumerate(entered):
        after = new.phases[index] if index < len(new.phases) else None
        if after is None or after.name != phase.name:
            yield f'phase "{phase.name}" was entered; it keeps its place.'
            return
        if after.cohort != phase.cohort or after.stabilise != phase.stabilise:
            yield f'phase "{phase.name}" was entered; who gets the canary in it cannot be amended.'
    left = [phase.name for phase in new.phases[len(entered) :]]
    at = 0
    for phase in old.phases[len(entered) :]:
        if phase.name not in left[at:]:
            yield f'phase "{phase.name}" would be skipped; phases to come may be added and not taken away or swapped.'
            return
        at = left.index(phase.name, at) + 1


def _loosens(key: str, was: str, now: str) -> bool:
    parts = key.split(".")
    last = parts[-1]
    if last in _WORDS_ONLY:
        return False
    if len(parts) == 2 and parts[0] in _MORE_TO_ASK and not was:
        return False
    tighter = _TIGHTER.get(last) if parts[0] == "phases" else None
    if last == "require_signature":
        return now != "true"
    try:
        return tighter is None or not (was and now) or not tighter(was.strip('"'), now.strip('"'))
    except ValueError:
        return True


_TIGHTER: Mapping[str, Callable[[str, str], bool]] = {
    "bake": lambda was, now: parse_duration(now) >= parse_duration(was),
    "deadline": lambda was, now: parse_duration(now) <= parse_duration(was),
    "approvals": lambda was, now: int(now) >= int(was),
    "advance": lambda _was, now: now == "manual",
}
"""Of a phase's keys: whether the change only asks for more."""


def _leaves(data: object, key: str = "") -> dict[str, str]:
    """Canonical text by key; what is absent or null is not in it."""
    if isinstance(data, Mapping):
        items: list[tuple[str, Any]] = [(str(name), value) for name, value in data.items()]
    elif isinstance(data, list) and data and all(isinstance(item, Mapping) for item in data):
        items = [(_name(item, index), item) for index, item in enumerate(data)]
    elif data is None:
        return {}
    else:
        return {key: canonical(data)}
    found: dict[str, str] = {}
    for name, value in items:
        found |= _leaves(value, f"{key}.{name}" if key else name)
    return found


def _name(item: Mapping[str, Any], index: int) -> str:
    return next((str(item[by]) for by in _NAMED_BY if item.get(by)), str(index))


def _whole_tables(found: list[Change], was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """A criterion, gate, trigger or phase that comes or goes is one change, not one for every key of it."""
    told: set[str] = set()
    for change in found:
        parts = change.key.split(".")
        table = ".".join(parts[:2])
        listed = parts[0] in {"criteria", "gates", "triggers", "phases"} and len(parts) > 2
        begun, left = _has(was, table), _has(now, table)
        if not listed or (begun and left):
            yield change
        elif table not in told:
            told.add(table)
            yield Change(table, "there" if begun else "", "there" if left else "", begun or parts[0] not in _MORE_TO_ASK)


def _has(leaves: Mapping[str, str], table: str) -> bool:
    return any(key.startswith(f"{table}.") for key in leaves)


def _short(text: str) -> str:
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text or "nothing"
