"""`backtest --since` and `--incident`: one phase at many times, as a table, a picture, or one JSON object.

JSON: {"phase", "every_s", "since", "complete", "summary": {"quiet", "breaches", "ready", "holds", "ready_after_s",
"incidents", "caught", "caught_after_s"}, "quiet": [of one phase, as `backtest --start` prints it], "incidents": [the same and
"caught"]}. Medians and times are null where there is nothing to tell; `every_s` and `since` are null without quiet stretches;
`complete` is false when it was interrupted, or the source went away, before all were judged.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rolloutctl.cli.backtesting import NOT_NEEDED, rfc, shape, whole
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import complain, paint, put, put_json, put_painted, say
from rolloutctl.cli.slid_picture import picture
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.engine.config.settings import read_settings
from rolloutctl.engine.once.backtesting import phase_index
from rolloutctl.engine.once.sliding import Slid, Stretch, Summary, incident, quiet_stretches, slide, summary
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, Failed, RolloutctlError
from rolloutctl.model.verdict import shown_as
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan_file
from rolloutctl.units import show_clock, show_duration

_QUIET_S = 3.0
_SAID_EVERY_S = 5.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to slide over."""

    phase: str
    since: timedelta | None
    every: timedelta
    incidents: tuple[tuple[datetime, datetime], ...]
    plot: Path | None


@dataclass(slots=True)
class _Course:
    """What has come of it so far, and why it ended before its end."""

    done: list[Slid]
    total: int = 0
    signal: int = 0
    trouble: RolloutctlError | None = None

    @property
    def complete(self) -> bool:
        return not self.signal and self.trouble is None


def slide_over(globals_: Globals, file: Path, wanted: Wanted, *, as_json: bool) -> int:
    settings = read_settings(globals_.config, Surroundings.here(), NOT_NEEDED)
    plan = read_plan_file(read_bytes(file), str(file)).plan
    index = phase_index(plan, wanted.phase)
    course = _Course([])
    asyncio.run(in_world(settings, lambda world: _run(world, plan, index, wanted, course)))
    if as_json:
        put_json(_shape(wanted, course))
    else:
        _show(plan, index, wanted, course)
    if course.trouble is not None:
        complain(str(course.trouble))
    if wanted.plot is not None and course.done:
        _draw(wanted.plot, plan, course)
    return _code(course)


async def _run(world: World, plan: Plan, index: int, wanted: Wanted, course: _Course) -> None:
    now = await world.source(plan.metrics.source).now()
    stretches: list[Stretch] = [incident(plan, start, end, now) for start, end in wanted.incidents]
    if wanted.since is not None:
        stretches += quiet_stretches(plan, index, now, wanted.since, wanted.every)
    course.total = len(stretches)
    progress = _Progress(course)
    task = asyncio.current_task()
    assert task is not None

    def end(number: int) -> None:
        course.signal = number
        task.cancel()

    loop = asyncio.get_running_loop()
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, end, number)
    try:
        await slide(world, plan, index, stretches, course.done, progress.step)
    except asyncio.CancelledError:
        if not course.signal:
            raise
        task.uncancel()
    except RolloutctlError as error:
        if not course.done:
            raise
        course.trouble = error
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


class _Progress:
    """A line on stderr now and then, once it takes long."""

    def __init__(self, course: _Course) -> None:
        self._course = course
        self._next = time.monotonic() + _QUIET_S

    def step(self) -> None:
        done, total = self._course.done, self._course.total
        if time.monotonic() >= self._next and len(done) < total:
            self._next = time.monotonic() + _SAID_EVERY_S
            say(f"{len(done)} of {total} judged, up to {_at(done[-1].stretch.start)}")


def _code(course: _Course) -> int:
    if course.signal:
        return 128 + course.signal
    if course.trouble is not None:
        return course.trouble.exit_code
    found = summary(course.done)
    if found.breaches or found.caught < found.incidents:
        return ExitCode.FAILED
    return ExitCode.NOT_YET if found.quiet and not found.ready else ExitCode.OK


def _shape(wanted: Wanted, course: _Course) -> dict[str, Any]:
    found = summary(course.done)
    quiet, incidents = _parted(course.done)
    return {
        "phase": wanted.phase,
        "every_s": whole(wanted.every.total_seconds()) if wanted.since is not None else None,
        "since": rfc(quiet[0].stretch.start) if quiet else None,
        "complete": course.complete,
        "summary": {
            "quiet": found.quiet,
            "breaches": found.breaches,
            "ready": found.ready,
            "holds": found.holds,
            "ready_after_s": whole(found.ready_after_s),
            "incidents": found.incidents,
            "caught": found.caught,
            "caught_after_s": whole(found.caught_after_s),
        },
        "quiet": [shape(each.found) for each in quiet],
        "incidents": [{**shape(each.found), "caught": each.caught} for each in incidents],
    }


def _show(plan: Plan, index: int, wanted: Wanted, course: _Course) -> None:
    quiet, incidents = _parted(course.done)
    length = show_duration(plan.phases[index].deadline_or_default)
    if quiet:
        put(f"phase {wanted.phase}, {length} each, every {show_duration(wanted.every)}: {len(quiet)} quiet stretches")
        _table(quiet)
    if incidents:
        put(f"phase {wanted.phase} over {len(incidents)} incident{'s' if len(incidents) > 1 else ''}")
        _table(incidents)
    for line in picture(quiet):
        put(line)
    for sentence in _sentences(summary(course.done)):
        put(sentence)
    if not course.complete:
        say(f"Ended before its end: {len(course.done)} of {course.total} were judged.")


def _table(slid: Sequence[Slid]) -> None:
    put(f"  {'start (UTC)':<17}  {'in the end':<10}  {'ready after':<11}  {'first breach':<28}  holds")
    for each in slid:
        found, breach = each.found, each.found.first_breach
        ready = "never" if found.first_ready_after_s is None else show_clock(found.first_ready_after_s)
        first = "none" if breach is None else f"{show_clock(breach.after_s)}, {shown_as(breach.criterion, breach.segment)}"
        held = ", ".join(dict.fromkeys(f"{shown_as(h.criterion, h.segment)} {h.state.words}" for h in found.holds)) or "none"
        line = f"  {_at(each.stretch.start):<17}  {found.final.value:<10}  {ready:<11}  {first:<28}  {held}"
        wrong = each.caught is not each.stretch.incident
        put_painted(paint(line, "red")) if wrong else put(line)


def _sentences(found: Summary) -> list[str]:
    said = []
    if found.quiet:
        after = f", in the median after {show_clock(found.ready_after_s)}" if found.ready_after_s is not None else ""
        said.append(
            f"Quiet: {found.breaches} of {found.quiet} would have been called a breach; {found.ready} became READY{after}; "
            f"{found.holds} were held at some time."
        )
    if found.incidents:
        after = f", in the median after {show_clock(found.caught_after_s)}" if found.caught_after_s is not None else ""
        said.append(f"Incidents: {found.caught} of {found.incidents} would have been caught{after}.")
    return said


def _draw(file: Path, plan: Plan, course: _Course) -> None:
    from rolloutctl.cli.slid_plot import svg

    try:
        file.write_text(svg(f"{plan.name}, phase {course.done[0].found.phase}", course.done), encoding="utf-8")
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}.", remedy="Name another file with --plot.") from error
    say(f"drawn: {file}")


def _parted(done: Sequence[Slid]) -> tuple[list[Slid], list[Slid]]:
    return [each for each in done if not each.stretch.incident], [each for each in done if each.stretch.incident]


def _at(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
