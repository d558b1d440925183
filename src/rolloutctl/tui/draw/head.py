"""The header bar: what this is, who you are and what you may do, how the parts are and how old everything is."""

from __future__ import annotations

from rolloutctl.engine.view.snapshot import Driving, FleetSnapshot, PartHealth
from rolloutctl.model.kinds import Action
from rolloutctl.model.state import Status
from rolloutctl.tui.draw.ink import Ink, Line, clip, headline, join, line, span, spread, width
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age

_SKEW_SHOWN_S = 5.0


def header(fleet: FleetSnapshot | None, when: When, cells: int) -> Line:
    """One line. The parts' health gives way first, then the environment, then who you are; what is loud stays."""
    name = span("rolloutctl", Ink.STRONG)
    if fleet is None:
        return line(" ", name, span("  waiting for the engine", Ink.WAIT))
    where = line(name, span(" ▸ ", Ink.DIM), span(_places(fleet), Ink.ACCENT)) if fleet.rollouts else line(name)
    mode, loud, short = _mode(fleet), _loud(fleet, when), _loud(fleet, when, named=False)
    who = line(f"{fleet.operator} · ", *mode)
    first = join([where, who, loud], "  ")
    lefts = [first, *(join([*parts, short], "  ") for parts in ([where, who], [line(name), who], [who], [mode]))]
    left = next((left for left in lefts if width(left) + 2 <= cells), lefts[-1])
    parts, driver = _parts(fleet, when), _driver(fleet)
    for right in (join([parts, driver], "  "), parts, join([_worst_part(fleet), driver], "  "), _worst_part(fleet)):
        if width(left) + width(right) + 3 <= cells:
            return spread(line(" ", *left), line(*right, " "), cells)
    return clip(line(" ", *left), cells)


def _places(fleet: FleetSnapshot) -> str:
    named = _environments(fleet)
    return ", ".join(named) if len(named) <= 2 else f"{len(named)} environments"


def _environments(fleet: FleetSnapshot) -> tuple[str, ...]:
    return tuple(sorted({rollout.plan.flag.environment for rollout in fleet.rollouts}))


def _closed(fleet: FleetSnapshot) -> tuple[str, ...]:
    """Environments of the rollouts in which this person may advance nothing."""
    return tuple(sorted({r.plan.flag.environment for r in fleet.rollouts if Action.ADVANCE in r.refused}))


def _mode(fleet: FleetSnapshot) -> Line:
    """WRITE only where something may be changed: role, --read-only and the environment's `write` together."""
    from rolloutctl.config import OperatorRole  # noqa: PLC0415 - there is a snapshot: it is loaded

    closed = _closed(fleet)
    if fleet.read_only or fleet.role is OperatorRole.VIEWER or (closed and closed == _environments(fleet)):
        return line(span(" READ-ONLY ", Ink.CAUTION))
    if closed:
        return line(span("WRITE", Ink.GOOD), " ", span(f" READ-ONLY in {', '.join(closed)} ", Ink.CAUTION))
    return line(span("WRITE", Ink.GOOD))


def _loud(fleet: FleetSnapshot, when: When, *, named: bool = True) -> Line:
    """Never to be overlooked, on whatever page: a countdown, nobody driving; then paused, old or skewed data."""
    return join([_countdown(fleet, when, named=named), _unattended(fleet), _doubtful(fleet, when)], " ")


def _countdown(fleet: FleetSnapshot, when: When, *, named: bool) -> Line:
    running = [
        (rollout.state.countdown.fires_at, rollout.state.plan)
        for rollout in fleet.rollouts
        if rollout.state.countdown is not None and rollout.state.status in {Status.ACTIVE, Status.STABILISING}
    ]
    if not running:
        return ()
    at, plan = min(running)
    left = when.left(at)
    words = f"ROLLS BACK IN {left}" if left != "0s" else "ROLLBACK IS DUE"
    more = f" +{len(running) - 1}" if len(running) > 1 else ""
    return line(span(f" ✖ {f'{plan} ' if named else ''}{words}{more} ", Ink.ALARM))


def _unattended(fleet: FleetSnapshot) -> Line:
    alone = sum(rollout.driver.driving is Driving.UNATTENDED for rollout in fleet.rollouts)
    return line(span(f" ⚠ {f'{alone} ' if alone > 1 else ''}UNATTENDED ", Ink.CAUTION)) if alone else ()


def _doubtful(fleet: FleetSnapshot, when: When) -> Line:
    age = when.seconds_since(fleet.at)
    if fleet.paused:
        return line(span(f" ‖ PAUSED · data {show_age(age)} old ", Ink.CAUTION))
    if age > max(10.0, 3 * fleet.interval_s):
        return line(span(f" ⚠ DATA {show_age(age)} OLD ", Ink.ALARM))
    if abs(fleet.skew_s) > _SKEW_SHOWN_S:
        side = "ahead of" if fleet.skew_s > 0 else "behind"
        return line(span(f" ⚠ clock {show_age(abs(fleet.skew_s))} {side} the source ", Ink.CAUTION))
    return ()


def _parts(fleet: FleetSnapshot, when: When) -> Line:
    shown: list[Line] = []
    for part in fleet.parts:
        glyph, ink = _health(part)
        age = f" {when.age(part.at)}" if part.at is not None and part.kind != "journal" else ""
        shown.append(line(f"{part.name} ", span(f"{glyph}{age}", ink)))
    return join(shown, "  ")


def _driver(fleet: FleetSnapshot) -> Line:
    kinds = [r.driver.driving for r in fleet.rollouts if r.driver.driving in {Driving.HERE, Driving.ELSEWHERE}]
    if not kinds:
        return ()
    here = kinds.count(Driving.HERE)
    words = "driver here" if here == len(kinds) else "driver elsewhere" if not here else f"drives {here} of {len(kinds)}"
    return line(span(words, Ink.DIM))


def _worst_part(fleet: FleetSnapshot) -> Line:
    bad = [part for part in fleet.parts if part.health is not None and not part.health.ok]
    return line(span(f"✖ {', '.join(part.name for part in bad)} down", Ink.BAD)) if bad else line("parts ", span("✔", Ink.GOOD))


def _health(part: PartHealth) -> tuple[str, Ink]:
    if part.health is None:
        return "◷", Ink.WAIT
    return ("✔", Ink.GOOD) if part.health.ok else ("✖", Ink.BAD)


def lasting(fleet: FleetSnapshot | None, width_cells: int) -> tuple[Line, ...]:
    """What is wrong with or worth knowing about the whole program, while it lasts."""
    if fleet is None:
        return ()
    shown: list[Line] = []
    if fleet.journal_error:
        shown += headline(line(span("✖ journal: ", Ink.BAD)), fleet.journal_error, width_cells)
    for part in fleet.parts:
        if part.health is not None and not part.health.ok:
            shown += headline(line(span(f"✖ {part.name}: ", Ink.BAD)), part.health.text, width_cells)
    if fleet.notice:
        shown += headline(line(span("• ", Ink.ACCENT)), fleet.notice, width_cells, Ink.DIM)
    return tuple(shown)
