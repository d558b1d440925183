"""`status`: every rollout from the journal alone.

JSON: {"at", "live": false, "journal": {"path", "head_seq", "head_hash"}, "rollouts": [rollout_shape], "broken": [sentence]}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rolloutctl.cli.options import Globals
from rolloutctl.cli.out import clean, paint, put, put_json, put_painted, say
from rolloutctl.cli.reading import Known, journal_of, load, load_all, settings_of, utc_now
from rolloutctl.cli.sentences import clauses, condition, criteria_counts, served, where
from rolloutctl.cli.shapes import driving_of, known_shape
from rolloutctl.engine.settings import journal_path
from rolloutctl.engine.snapshot import Driving
from rolloutctl.errors import ExitCode
from rolloutctl.model.events import GENESIS
from rolloutctl.model.state import RolloutState, Status

WORST_FIRST = (
    Status.ROLLBACK_UNKNOWN,
    Status.ROLLING_BACK,
    Status.ACTIVE,
    Status.STABILISING,
    Status.SEALED,
    Status.ROLLED_BACK,
    Status.ABORTED,
    Status.DONE,
)


def show(globals_: Globals, rollout: str, *, as_json: bool) -> ExitCode:
    settings, now = settings_of(globals_), utc_now()
    broken: tuple[str, ...] = ()
    with journal_of(settings) as journal:
        if rollout:
            found: tuple[Known, ...] = (load(journal, rollout),)
        else:
            found, broken = load_all(journal)
        head = journal.head() if journal is not None else (0, GENESIS)
    ordered = sorted(found, key=lambda known: (WORST_FIRST.index(known.state.status), -known.state.seq))
    if as_json:
        place = {"path": str(journal_path(settings)), "head_seq": head[0], "head_hash": head[1]}
        shapes = [known_shape(known, now) for known in ordered]
        put_json({"at": now, "live": False, "journal": place, "rollouts": shapes, "broken": list(broken)})
        return ExitCode.FAILED if broken else ExitCode.OK
    for sentence in broken:
        say(sentence)
    if not ordered and not broken:
        say("There is no rollout in this journal yet. Start one: rolloutctl start PLAN. Try it all: rolloutctl demo.")
    elif rollout:
        _one(ordered[0], now)
    elif ordered:
        _table(ordered, now)
    return ExitCode.FAILED if broken else ExitCode.OK


def _table(rollouts: Sequence[Known], now: datetime) -> None:
    width = max(len(known.id) for known in rollouts)
    places = [where(known.plan, known.state) for known in rollouts]
    room = max(len(place) for place in places)
    for known, place in zip(rollouts, places, strict=True):
        glyph, ink = mark(known.state)
        parts = [condition(known.plan, known.state, now), criteria_counts(known.state), driver_words(known, now)]
        put_painted(
            f"{paint(glyph, ink)} {clean(known.id):<{width}}  {clean(place):<{room}}  {clean('; '.join(filter(None, parts)))}"
        )


def _one(known: Known, now: datetime) -> None:
    state = known.state
    glyph, ink = mark(state)
    put_painted(f"{paint(glyph, ink)} {paint(known.id, 'bold')}  {clean(known.plan.shown)}")
    lines = {
        "phase": where(known.plan, state),
        "state": condition(known.plan, state, now),
        "flag": f"{state.target}: {served(known.plan, state)}",
        "criteria": ", ".join(f"{key} {verdict.replace('_', ' ')}" for key, verdict in state.verdicts.items()),
        "waits for": clauses(state.waiting_for),
        "driver": driver_words(known, now) or "not needed any more",
        "owner": state.owner,
        "sealed": f"{state.plan_digest[:12]} by {state.sealed_by}",
    }
    for label, text in lines.items():
        if text:
            put(f"  {label:<10}{text}")


def driver_words(known: Known, now: datetime) -> str:
    match driving_of(known, now):
        case Driving.UNATTENDED:
            return "UNATTENDED: nobody drives it"
        case Driving.NOT_NEEDED:
            return ""
        case _:
            return f"driven by {known.driver}"


def mark(state: RolloutState) -> tuple[str, str]:
    """(glyph, ink); the words beside it say the same."""
    breach = state.run is not None and any(breach.role == "guardrail" for breach in state.run.breaches)
    if state.status is Status.ROLLBACK_UNKNOWN:
        return "?", "red"
    if state.status is Status.ROLLING_BACK or (breach and not state.status.final):
        return "✖", "red"
    if state.status.final:
        return "•", "dim"
    if state.held or state.drifted or state.flag_failure:
        return "⚠", "yellow"
    return ("✔", "green") if state.step.value == "READY" else ("◷", "bold")
