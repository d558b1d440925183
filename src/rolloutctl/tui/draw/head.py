"""The header bar: what this is, who you are and what you may do, how the parts are and how old everything is."""

from __future__ import annotations

from rolloutctl.config import OperatorRole
from rolloutctl.engine.snapshot import Driving, FleetSnapshot, PartHealth
from rolloutctl.tui.draw.ink import Ink, Line, clip, headline, join, line, span, spread, width
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age

_SKEW_SHOWN_S = 5.0


def may_write(fleet: FleetSnapshot) -> bool:
    return not fleet.read_only and fleet.role is not OperatorRole.VIEWER


def header(fleet: FleetSnapshot | None, when: When, cells: int) -> Line:
    """One line; the parts' health gives way before who and where."""
    name = span("rolloutctl", Ink.STRONG)
    if fleet is None:
        return line(name, span("  waiting for the engine", Ink.WAIT))
    places = sorted({rollout.plan.flag.environment for rollout in fleet.rollouts})
    where = line(name, span(" ▸ ", Ink.DIM), span(_places(places), Ink.ACCENT)) if places else line(name)
    mode = span("WRITE", Ink.GOOD) if may_write(fleet) else span(" READ-ONLY ", Ink.CAUTION)
    left = join([where, line(f"{fleet.operator} · ", mode), _loud(fleet, when)], "  ")
    parts, driver = _parts(fleet, when), _driver(fleet)
    for right in (join([parts, driver], "  "), parts, join([_worst_part(fleet), driver], "  "), _worst_part(fleet)):
        if width(left) + width(right) + 3 <= cells:
            return spread(line(" ", *left), line(*right, " "), cells)
    return clip(line(" ", *left), cells)


def _places(places: list[str]) -> str:
    return ", ".join(places) if len(places) <= 2 else f"{len(places)} environments"


def _loud(fleet: FleetSnapshot, when: When) -> Line:
    """Paused, old or skewed: never to be overlooked."""
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
    kinds = [r.driver.driving for r in fleet.rollouts if r.driver.driving is not Driving.NOT_NEEDED]
    if Driving.UNATTENDED in kinds:
        return line(span("⚠ UNATTENDED", Ink.WARN))
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
