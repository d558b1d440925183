"""`doctor`: what this program runs on and is connected to, and whether each part answers; nothing is changed.

The screen's doctor page shows the same of sources, providers, journal and clock. JSON: `DoctorShape`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from rolloutctl.cli.answers.doctor import ConfigShape, DoctorShape, JournalShape, PartShape, TerminalShape
from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import clean, complain, paint, put_json, put_painted
from rolloutctl.cli.reading import ids, journal_of
from rolloutctl.cli.surroundings import Terminal, terminal_here
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.settings import Settings, Surroundings, journal_shown
from rolloutctl.engine.looking.parts import Parts
from rolloutctl.engine.opening import author
from rolloutctl.engine.view.snapshot import PartHealth
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ConfigInvalid, ExitCode, RolloutctlError
from rolloutctl.model.kinds import Action
from rolloutctl.model.outcome import Health
from rolloutctl.policy.permission import refusal
from rolloutctl.units import show_age

_LABEL, _FACT = 14, 12
_SKEW_SHOWN_S = 5.0


def doctor(globals_: Globals, *, as_json: bool) -> ExitCode:
    """0: everything answers; 2: the config cannot be used; 7: a source, a provider or the journal does not answer."""
    terminal = terminal_here(Surroundings.here().environ)
    try:
        settings = settings_of(globals_)
    except ConfigInvalid as error:
        _tell(
            {"terminal": _terminal(terminal), "config": _broken(error), "journal": None, "parts": [], "clock": None},
            as_json=as_json,
        )
        return ExitCode.INVALID
    parts, skew_s = asyncio.run(in_world(settings, _asked))
    journal = _journal(settings)
    found: DoctorShape = {
        "terminal": _terminal(terminal),
        "config": _config(settings),
        "journal": journal,
        "parts": [_part(part) for part in parts],
        "clock": {"ahead_s": skew_s, "steady": skew_s is None or abs(skew_s) < _SKEW_SHOWN_S},
    }
    _tell(found, as_json=as_json)
    answers = journal["ok"] and all(part["ok"] for part in found["parts"])
    return ExitCode.OK if answers else ExitCode.UNREACHABLE


async def _asked(world: World) -> tuple[list[PartHealth], float | None]:
    """Every part, asked once, all at the same time; and how far this machine's clock is ahead of that of the sources."""
    told = Parts(world)
    clocks: list[timedelta] = []

    async def source(name: str) -> PartHealth:
        health = await _healthy(world, world.sources[name].probe)
        if health.ok:
            try:
                clocks.append(datetime.now(UTC) - await world.sources[name].now())
            except RolloutctlError as error:
                health = Health(ok=False, latency_s=health.latency_s, text=str(error), facts=health.facts)
        return told.seen(PartHealth(name, "source", health, world.clock.now()))

    async def provider(name: str) -> PartHealth:
        return told.seen(PartHealth(name, "provider", await _healthy(world, world.providers[name].probe), world.clock.now()))

    parts = await asyncio.gather(*map(source, world.sources), *map(provider, world.providers))
    ahead = max(clocks, key=abs, default=None)
    # Adding zero makes a plain zero of a negative one.
    return list(parts), round(ahead.total_seconds(), 1) + 0.0 if ahead is not None else None


async def _healthy(world: World, probe: Callable[[], Awaitable[Health]]) -> Health:
    began = world.clock.monotonic()
    try:
        return await probe()
    except RolloutctlError as error:
        return Health(ok=False, latency_s=world.clock.monotonic() - began, text=str(error))


def _journal(settings: Settings) -> JournalShape:
    place = journal_shown(settings)
    try:
        with journal_of(settings) as journal:
            if journal is None:
                return {"ok": True, "place": place, "begun": False, "head_seq": 0, "rollouts": 0, "why": ""}
            (head, _), rollouts = journal.head(), len(ids(journal))
            return {"ok": True, "place": place, "begun": True, "head_seq": head, "rollouts": rollouts, "why": ""}
    except RolloutctlError as error:
        return {"ok": False, "place": place, "begun": True, "head_seq": 0, "rollouts": 0, "why": str(error)}


def _terminal(found: Terminal) -> TerminalShape:
    return {
        "columns": found.columns,
        "rows": found.rows,
        "term": found.term,
        "colours": found.colours,
        "colours_why": found.colours_why,
        "encoding": found.encoding,
        "shows_screen": found.shows_screen,
    }


def _config(settings: Settings) -> ConfigShape:
    config, actor = settings.config, author(settings.config).actor
    writable = [name for name in config.environments if not refusal(config, actor, name, Action.ADVANCE)]
    return {
        "ok": True,
        "files": [str(file) for file in settings.files],
        "problems": [],
        "operator": actor,
        "role": config.role_of(actor).value,
        "writes": writable,
    }


def _broken(error: ConfigInvalid) -> ConfigShape:
    problems = [str(problem) for problem in error.problems]
    return {"ok": False, "files": [], "problems": problems, "operator": None, "role": None, "writes": []}


def _part(part: PartHealth) -> PartShape:
    health = part.health
    facts = dict(part.told)
    if health is not None:
        facts |= {label: text for label, text in health.facts.items() if text not in facts.values()}
    return {
        "name": part.name,
        "kind": part.kind,
        "ok": health is not None and health.ok,
        "latency_s": round(health.latency_s, 4) if health is not None else 0.0,
        "says": health.text if health is not None else "not asked",
        "facts": facts,
    }


def _tell(found: DoctorShape, *, as_json: bool) -> None:
    if as_json:
        put_json(found)
        return
    _tell_terminal(found["terminal"])
    _tell_config(found["config"])
    if found["journal"] is not None:
        journal = found["journal"]
        stands = f"event {journal['head_seq']}, rollouts: {journal['rollouts']}" if journal["begun"] else "not begun yet"
        _line("journal", stands if journal["ok"] else journal["why"], ok=journal["ok"])
        _fact("place", journal["place"])
    for part in found["parts"]:
        ready = f"ready, {part['latency_s'] * 1000:.0f} ms" if part["ok"] else "NOT READY"
        _line(part["name"], f"{part['kind']} {ready}: {part['says']}", ok=part["ok"])
        for label, text in part["facts"].items():
            _fact(label, text)
    if found["config"]["ok"] and not found["parts"]:
        _line("servers", "none is named yet; `rolloutctl init` asks where they are and writes a config", ok=None)
    clock = found["clock"]
    if clock is not None:
        _line("clock", _clock_words(clock["ahead_s"]), ok=clock["steady"])
    for problem in found["config"]["problems"]:
        complain(problem)


def _tell_terminal(terminal: TerminalShape) -> None:
    size = f"{terminal['columns']}x{terminal['rows']}" if terminal["columns"] else "the output is no terminal"
    screen = "the screen can be shown" if terminal["shows_screen"] else "the screen cannot be shown here; commands work"
    _line("terminal", f"{size}, TERM {terminal['term'] or 'not set'}, {terminal['encoding']}: {screen}", ok=None)
    colours = terminal["colours"]
    many = "none" if colours == 0 else "16 million" if colours > 256 else str(colours)
    _line("colours", f"{many} ({terminal['colours_why']})", ok=None)


def _tell_config(config: ConfigShape) -> None:
    if not config["ok"]:
        _line("config", "cannot be used", ok=False)
        return
    _line("config", ", ".join(config["files"]) or "no file: the defaults", ok=True)
    _fact("you", f"{config['operator']}, {config['role']}")
    _fact("write in", ", ".join(config["writes"]) or "no environment")


def _clock_words(ahead_s: float | None) -> str:
    if ahead_s is None:
        return "no source tells its time: this machine's clock is not compared"
    if abs(ahead_s) < 1:
        return "this machine's agrees with the source's, whose time decides"
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"this machine's is {show_age(abs(ahead_s))} {side} the source's, whose time decides"


def _line(label: str, text: str, *, ok: bool | None) -> None:
    glyph, ink = ("•", "dim") if ok is None else ("✔", "green") if ok else ("✖", "red")
    put_painted(f"{paint(glyph, ink)} {paint(f'{label:<{_LABEL}}', 'bold')} {clean(text)}")


def _fact(label: str, text: str) -> None:
    put_painted(f"  {'':<{_LABEL}} {paint(f'{label:<{_FACT}}', 'dim')} {clean(text)}")
