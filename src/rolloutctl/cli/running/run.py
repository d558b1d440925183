"""`runbook run`, `runbook resume` and `undo`: one process carries a run, at a terminal or without anybody.

Lines for people go to stderr, the id and what came of it to stdout. JSON: run_shape with "code", "sentence", "receipt" and
"record" (the paths of a rehearsal's record); of a plan planned_shape.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.running.ending import heard
from rolloutctl.cli.running.finding import Line, is_here, runbook_file, wanted
from rolloutctl.cli.running.journal import journal_of
from rolloutctl.cli.running.lines import Lines, summary
from rolloutctl.cli.running.people import AtTerminal, Nobody
from rolloutctl.cli.running.shapes import planned_shape, run_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.runs.asked import Wanted
from rolloutctl.engine.runs.carrying import Hands, begin_run, resume_run, undo_run
from rolloutctl.engine.runs.records import find_run, runbook_of, runs
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, Failed, InvalidInput, JournalUnreachable
from rolloutctl.model.run_words import RunMode
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.model import Runbook
from rolloutctl.runner.facts import Crew
from rolloutctl.runner.runner import Left
from rolloutctl.runner.tools import Stopping
from rolloutctl.units import show_clock, show_duration

if TYPE_CHECKING:
    from rolloutctl.engine.runs.planning import Planned

_SIGNALLED = 128


def run(globals_: Globals, line: Line, *, yes: bool, unattended: bool, as_json: bool) -> int:
    """The exit code of the run; 128+n where signal n paused it."""
    settings = settings_of(globals_)
    asked = wanted(line, settings, confirmed=unattended)
    if line.mode is RunMode.PLAN:
        return _plan(settings, asked, as_json=as_json)
    refuse_read_only(globals_)
    _refuse_unconfirmed(asked.runbook, yes=yes, unattended=unattended)

    async def carry(world: World, hands: Hands) -> Left:
        return await begin_run(world, settings.config, asked, hands)

    return _carried(settings, asked.environment, asked.runbook, carry, yes=yes, unattended=unattended, as_json=as_json)


def resume(globals_: Globals, name: str, *, file: str, take_over: bool, unattended: bool, end: str, as_json: bool) -> int:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        state = find_run(journal, name)
        assert journal is not None
        runbook = runbook_of(journal, state)
    # Its own copy is what it began with, wherever it is resumed; a file that is here must be the same.
    if not end and (file or is_here(state.runbook)):
        runbook = runbook_file(file or state.runbook).runbook

    async def carry(world: World, hands: Hands) -> Left:
        return await resume_run(world, state, runbook, hands, take_over=take_over, giving_up=end)

    return _carried(settings, state.environment, runbook, carry, yes=False, unattended=unattended, as_json=as_json)


def undo(globals_: Globals, name: str, *, take_over: bool, as_json: bool) -> int:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        state = find_run(journal, name)
        assert journal is not None
        runbook = runbook_of(journal, state)

    async def carry(world: World, hands: Hands) -> Left:
        left = await undo_run(world, state, hands, take_over=take_over)
        undone = [each for each in left.state.steps if each.undo.intent]
        missing = [each for each in undone if not each.undo.settled]
        if left.code is not ExitCode.OK or not missing:
            return left if undone else replace(left, why="there was nothing to undo")
        doubt = any(each.undo.to_read_back for each in missing)
        why = f"not undone: {', '.join(each.id for each in missing)}"
        return replace(left, code=ExitCode.UNKNOWN if doubt else ExitCode.FAILED, why=why)

    return _carried(settings, state.environment, runbook, carry, yes=False, unattended=False, as_json=as_json)


def _refuse_unconfirmed(runbook: Runbook, *, yes: bool, unattended: bool) -> None:
    """Before anything is journalled. Raises InvalidInput."""
    if unattended or _is_terminal(0):
        return
    asked = [step.id for step in runbook.steps if step.confirm.kind is not ConfirmKind.NONE]
    again = [step.id for step in runbook.steps if step.confirm.kind is ConfirmKind.SECOND_PERSON]
    if again:
        raise InvalidInput(f"{', '.join(again)} has to be confirmed by a second person.", remedy="Run it at a terminal.")
    if asked and not yes:
        raise InvalidInput(
            f"{', '.join(asked)} has to be confirmed, and this is no terminal.",
            remedy="Confirm every step beforehand with --yes, or say --unattended where nobody can be asked.",
        )


def _carried(
    settings: Settings,
    environment: str,
    runbook: Runbook,
    carry: Callable[[World, Hands], Awaitable[Left]],
    *,
    yes: bool,
    unattended: bool,
    as_json: bool,
) -> int:
    signalled = 0

    async def work(world: World) -> tuple[Left, str, tuple[str, ...]]:
        nonlocal signalled
        stopping = Stopping()
        hands = _hands(world, runbook, stopping, yes=yes, unattended=unattended)
        with heard(stopping, say) as first:
            try:
                left = await carry(world, hands)
            except asyncio.CancelledError:
                if not first.number:
                    raise
                signalled = first.number
                raise _Hurried from None
            signalled = first.number
            record = await _recorded(world, settings, left)
            seq, digest = await world.journal.call(lambda journal: journal.head())
            return left, f"{seq} {digest}", record

    try:
        left, receipt, record = asyncio.run(in_world(_in_environment(settings, environment), work))
    except _Hurried:
        complain("left at once; what was under way is UNKNOWN in the journal, and is read back when the run is resumed.")
        return _SIGNALLED + signalled
    code = _SIGNALLED + signalled if signalled and not left.state.ended else int(left.code)
    _tell(left, code, receipt, record, as_json=as_json)
    return code


class _Hurried(Exception):
    """The second signal."""


def _hands(world: World, runbook: Runbook, stopping: Stopping, *, yes: bool, unattended: bool) -> Hands:
    terminal = not unattended and _is_terminal(0) and sys.stdin is not None
    people = AtTerminal(say, world.clock, stopping, world.author.actor) if terminal else Nobody()
    crew = Crew.UNATTENDED if unattended else Crew.PERSON if terminal else Crew.NOBODY
    titles = {step.id: step.name for _, _, step in runbook.placed()}
    lines = Lines(say, world.clock.monotonic, lambda step: f"{step}: {titles[step]}" if titles.get(step, step) != step else step)
    return Hands(people, lines, stopping, crew, assume_yes=yes)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _in_environment(settings: Settings, environment: str) -> Settings:
    return replace(settings, config=settings.config.in_environment(environment))


async def _recorded(world: World, settings: Settings, left: Left) -> tuple[str, ...]:
    if left.state.mode is not RunMode.REHEARSE or not left.state.ended:
        return ()
    from rolloutctl.engine.runs.recording import write_record

    try:
        return tuple(str(path) for path in await write_record(world, settings, left.state))
    except Failed as error:
        complain(str(error))
        return ()


def _tell(left: Left, code: int, receipt: str, record: tuple[str, ...], *, as_json: bool) -> None:
    state = left.state
    sentence = f"{state.id}: {summary(state) if state.ended and not left.why.startswith('not undone') else left.why}"
    if as_json:
        shape = run_shape(state)
        put_json({**shape, "code": code, "sentence": sentence, "receipt": receipt, "record": list(record)})
        return
    (put if code == ExitCode.OK else complain)(sentence)
    for path in record:
        say(f"record: {path}")
    if state.ended and state.rollout and state.mode is RunMode.LIVE:
        say(f"The rollout {state.rollout} stands as it did: `rolloutctl rollback {state.rollout}` ends it.")
    if not state.ended:
        say(f"Go on with: rolloutctl runbook resume {state.id}")
    say(f"receipt: {receipt}")


def _plan(settings: Settings, asked: Wanted, *, as_json: bool) -> ExitCode:
    from rolloutctl.engine.runs.planning import plan_run

    try:
        with journal_of(settings) as journal:
            past = runs(journal)
    except JournalUnreachable as error:
        complain(str(error))
        past = ()

    async def work(world: World) -> Planned:
        lines = Lines(lambda _: None, world.clock.monotonic, lambda step: step)
        hands = Hands(Nobody(), lines, Stopping(), Crew.NOBODY)
        return await plan_run(world, settings.config, asked, hands, past)

    planned = asyncio.run(in_world(_in_environment(settings, asked.environment), work))
    if as_json:
        put_json(planned_shape(planned))
    else:
        _show(planned)
    return ExitCode.OK if planned.ok else ExitCode.FAILED


def _show(planned: Planned) -> None:
    put(f"{planned.runbook} in {planned.environment}: nothing is changed")
    section = None
    for step in planned.steps:
        if step.section != section:
            section = step.section
            put(f"[{section.value}]")
        passes = {True: "  passes", False: "  DOES NOT PASS", None: ""}[step.passes]
        asks = f"  (asks: {step.confirm})" if step.confirm != "none" else ""
        put(f"  {step.id}  {step.title}{asks}{passes}")
        for line in step.requests:
            put(f"      {line}")
        if step.difference:
            put(f"      {step.difference}")
        if step.trouble:
            put(f"      trouble: {step.trouble}")
    objective = show_duration(planned.objective)
    if planned.estimate is None:
        put(f"time to rollback: no run to estimate it from; the objective is {objective}")
    else:
        estimate = show_clock(planned.estimate.total_seconds())
        put(f"time to rollback: about {estimate}, by {planned.runs} runs; the objective is {objective}")
