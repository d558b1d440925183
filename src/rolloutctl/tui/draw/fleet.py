"""Rows of the fleet: one per rollout, columns that fit the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolloutctl.engine.view.snapshot import FleetSnapshot, RolloutSnapshot
from rolloutctl.keymap import DEFAULTS
from rolloutctl.model.state import Status
from rolloutctl.model.verdict import State
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.columns import SMALL_BAKE, Column, Row, fleet_columns
from rolloutctl.tui.draw.digits import NOTHING, share
from rolloutctl.tui.draw.ink import Ink, Line, clip, line, span, width
from rolloutctl.tui.draw.spark import bar
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age

if TYPE_CHECKING:
    from rolloutctl.plan.model import Plan


def columns(cells: int, rollouts: Sequence[RolloutSnapshot] = ()) -> tuple[Column, ...]:
    """Columns for a table `cells` wide, without its borders, and for what `rollouts` need."""
    return fleet_columns(
        cells,
        name=max((width(line(rollout.id)) for rollout in rollouts), default=20),
        phase=max((width(_phase(rollout)) for rollout in rollouts), default=12),
        verdict=max((len(marks.of_rollout(rollout).word) for rollout in rollouts), default=16),
    )


def row(rollout: RolloutSnapshot, shown: tuple[Column, ...], when: When, keys: Mapping[str, str] = DEFAULTS) -> Row:
    mark = marks.of_rollout(rollout)
    room = {column.key: column.width for column in shown}
    drawn = {
        "state": lambda: line(span(mark.glyph, mark.ink)),
        "rollout": lambda: _name(rollout, room["rollout"]),
        "phase": lambda: _phase(rollout),
        "cohort": lambda: line(span(_cohort(rollout), Ink.PLAIN)),
        "verdict": lambda: line(span(mark.word, mark.ink)),
        "criteria": lambda: _tally(rollout),
        "bake": lambda: _bake(rollout, room["bake"]),
        "next": lambda: _next(rollout, when, keys),
    }
    return Row(rollout.id, tuple(clip(drawn[column.key](), column.width) for column in shown))


def _name(rollout: RolloutSnapshot, room: int) -> Line:
    """The attempt stays when the name has to be cut: trying again until it passes must be seen."""
    attempt = span(f"#{rollout.state.attempt}", Ink.DIM if rollout.state.attempt == 1 else Ink.WARN)
    return (*clip(line(rollout.state.plan), room - len(attempt.text)), attempt)


def _phase(rollout: RolloutSnapshot) -> Line:
    state, phases = rollout.state, rollout.plan.phases
    if state.status.final:
        return line(span("ended", Ink.DIM))
    index = state.entering if state.phase < 0 else state.phase
    arrow = span("→", Ink.DIM) if state.phase < 0 else ""
    return line(arrow, span(f"{index + 1}/{len(phases)} ", Ink.DIM), phases[index].name)


def _cohort(rollout: RolloutSnapshot) -> str:
    """Who is served now; a rollback has left nobody of its phase."""
    if rollout.state.status is not Status.ROLLED_BACK:
        return cohort_words(rollout.plan, rollout.state.phase)
    from rolloutctl.plan.model import RollbackTo  # noqa: PLC0415 - there is a plan: it is loaded

    return str(rollout.state.snapshot) if rollout.plan.rollback.to is RollbackTo.SNAPSHOT else "off"


def cohort_words(plan: Plan, index: int) -> str:
    """Who is served in a phase: `off`, `shadow`, `employees`, `25 %`."""
    if index < 0:
        return "off"
    spec = plan.phases[index].cohort
    if spec.shadow:
        return "shadow"
    if spec.percent:
        return share(spec.percent)
    return ", ".join(spec.audiences)


def tally(rollout: RolloutSnapshot) -> tuple[int, int, int, int]:
    """How many criteria pass, are pending, lack evidence, are in breach (a latched one stands) or blamed on one host."""
    latched = marks.latched(rollout)
    states = [State.BREACH if verdict.key in latched else verdict.state for verdict in rollout.verdicts]
    states += [State.BREACH] * len(latched - {verdict.key for verdict in rollout.verdicts})
    passing = sum(state is State.PASS for state in states)
    pending = sum(state is State.PENDING for state in states)
    missing = sum(state.missing_evidence for state in states)
    return passing, pending, missing, len(states) - passing - pending - missing


def _tally(rollout: RolloutSnapshot) -> Line:
    if not rollout.verdicts:
        return line(span(NOTHING, Ink.DIM))
    passing, pending, missing, broken = tally(rollout)
    parts = [span(f"{passing}✔ ", Ink.GOOD if passing else Ink.DIM), span(f"{pending}◷ ", Ink.WAIT if pending else Ink.DIM)]
    if missing and broken:
        parts = parts[:1]
    if missing:
        parts.append(span(f"{missing}∅ ", Ink.WARN))
    if broken or not missing:
        parts.append(span(f"{broken}✖", Ink.BAD if broken else Ink.DIM))
    return tuple(parts)


def _bake(rollout: RolloutSnapshot, room: int) -> Line:
    total = rollout.bake.total_seconds()
    if rollout.state.status.final or rollout.state.run is None or total <= 0:
        return line(span(NOTHING, Ink.DIM))
    part = min(1.0, rollout.baked.total_seconds() / total)
    words = "done" if part >= 1 else f"{int(part * 100):2d} %"
    ink = Ink.WARN if rollout.state.held else Ink.GOOD if part >= 1 else Ink.WAIT
    return bake_cell(part, words, ink, room)


def bake_cell(part: float, words: str, ink: Ink, room: int) -> Line:
    return line(span(words, ink)) if room <= SMALL_BAKE else line(span(bar(part, 8), ink), f" {words}")


def _next(rollout: RolloutSnapshot, when: When, keys: Mapping[str, str]) -> Line:
    if marks.unattended(rollout):
        since = f" {show_age(when.seconds_since(rollout.driver.since))}" if rollout.driver.since is not None else ""
        return line(span(f"⚠ UNATTENDED{since}", Ink.CAUTION))
    countdown = rollout.state.countdown
    if countdown is not None and not rollout.state.status.final and rollout.state.status is not Status.ROLLING_BACK:
        left = when.left(countdown.fires_at)
        return line(span(f"rolls back in {left}" if left != "0s" else "rollback is due", Ink.ALARM))
    return line(span(next_words(rollout, keys), Ink.DIM if rollout.state.status.final else Ink.PLAIN))


def next_words(rollout: RolloutSnapshot, keys: Mapping[str, str]) -> str:
    """What happens next; where that is a key's business, the key as it is bound."""
    default = DEFAULTS["rollout.advance"]
    said = rollout.next.removeprefix(f"{default} to ")
    return rollout.next if said == rollout.next else f"{keys['rollout.advance']} to {said}"


def matches(rollout: RolloutSnapshot, wanted: str) -> bool:
    """Every word of the filter stands in what the row says."""
    mark = marks.of_rollout(rollout)
    parts = (rollout.id, rollout.plan.shown, rollout.plan.owner, rollout.plan.flag.environment, mark.word, rollout.next)
    text = " ".join((*parts, *(phase.name for phase in rollout.plan.phases[: rollout.state.phase + 1][-1:]))).lower()
    return all(word in text for word in wanted.lower().split())


def title(fleet: FleetSnapshot, shown: int, wanted: str) -> str:
    total = len(fleet.rollouts)
    return f"rollouts {shown}/{total} · filter {wanted}" if wanted else f"rollouts {total}"


TEACHES: tuple[Line, ...] = (
    line(span("No rollouts yet.", Ink.STRONG)),
    line(),
    line("Start one from a plan:      ", span("rolloutctl start PLAN.toml", Ink.KEY)),
    line("Write a config and a plan:  ", span("rolloutctl init", Ink.KEY), span("  asks for what it needs", Ink.DIM)),
    line("Try it without any server:  ", span("rolloutctl demo", Ink.KEY)),
    line(),
    line(span("A rollout that is started anywhere on this journal appears here by itself.", Ink.DIM)),
)
