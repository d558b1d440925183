"""Commands that run runbooks and tell how their rehearsals stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.helping import Documented, DocumentedGroup
from rolloutctl.cli.options import Json, globals_of
from rolloutctl.model.run_words import RunMode


def _group(about: str) -> typer.Typer:
    return typer.Typer(
        cls=DocumentedGroup, help=about, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )


runbook = _group("List, show and check runbooks; run them: plan, rehearse, live; resume.")
rehearsal = _group("How the rehearsals of runbooks stand.")

_Run = Annotated[
    str, typer.Argument(help="Id of the run, or its beginning where that is clear.", metavar="RUN", show_default=False)
]
_TakeOver = Annotated[bool, typer.Option("--take-over", help="Carry it although another process seems to.")]


_Name = Annotated[
    str, typer.Argument(help="A runbook of the folder `runbooks` here, or a path.", metavar="NAME", show_default=False)
]


@runbook.command("list", cls=Documented)
def runbook_list(ctx: typer.Context, json: Json = False) -> int:
    """The runbooks of the folder `runbooks` here, and how their rehearsals stand.

    Exit code: 0, or 2 where one cannot be read.
    """
    from rolloutctl.cli.runbooks.listing import list_runbooks

    return list_runbooks(globals_of(ctx), as_json=json)


@runbook.command("show", cls=Documented)
def runbook_show(
    ctx: typer.Context,
    name: _Name,
    md: Annotated[bool, typer.Option("--md", help="As a page in Markdown, made from the file.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="As a checklist for somebody without a network.")] = False,
    json: Json = False,
) -> int:
    """What a runbook does, step by step, and how its rehearsals stand; where it was edited since, what.

    Exit code: 0, or 2 where it cannot be read.
    """
    from rolloutctl.cli.runbooks.showing import show

    return show(globals_of(ctx), name, md=md, offline=offline, as_json=json)


@runbook.command("check", cls=Documented)
def runbook_check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Runbook files.", metavar="FILE", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings for the exit code.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Answer in SARIF 2.1.0, for code review.")] = False,
    json: Json = False,
) -> int:
    """Read runbooks and say what they would not do as their author believes, with what to do about it.

    Exit code: 0 clean, 1 findings (errors; with --strict warnings too), 2 a runbook cannot be read.
    """
    from rolloutctl.cli.runbooks.checking import check

    return check(globals_of(ctx), tuple(files), strict=strict, sarif=sarif, as_json=json)


@runbook.command("run", cls=Documented)
def runbook_run(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="A runbook of the folder `runbooks` here, or a path.", metavar="NAME", show_default=False)
    ],
    mode: Annotated[RunMode, typer.Option(help="plan changes nothing, rehearse cleans up.", show_default=False)],
    env: Annotated[str, typer.Option("--env", help="Environment of the config.", metavar="ENV", show_default=False)],
    rollout: Annotated[str, typer.Option(help="The rollout whose flag it is about.", metavar="ROLLOUT")] = "",
    flag: Annotated[str, typer.Option(help="The flag it is about, without a rollout.", metavar="PROVIDER/KEY")] = "",
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the runbook; may be given again.", metavar="K=V")
    ] = None,
    incident: Annotated[str, typer.Option(help="What it is run for, such as INC-7.", metavar="TEXT")] = "",
    inject: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault that a rehearsal injects: flag-off=lost-answer@1; may be given again.", metavar="STEP=FAULT@N"
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Confirm every step beforehand; a second person is asked all the same.")
    ] = False,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Nobody is there: what would be asked is paged, and the run goes on.")
    ] = False,
    json: Json = False,
) -> int:
    """Run a runbook; its journal makes it possible to resume it wherever it was ended, from this machine or another.

    Exit code: 0 done, in time; 1 failed or not recovered; 3 done, later than the objective; 4 unknown whether a step happened:
    a person must look; 5 paused; 6 refused; 128+n paused by signal n. What is paused is resumed with `runbook resume`.
    """
    from rolloutctl.cli.running.finding import Line
    from rolloutctl.cli.running.run import run

    line = Line(name, mode, env, rollout, flag, tuple(param or ()), incident, tuple(inject or ()))
    return run(globals_of(ctx), line, yes=yes, unattended=unattended, as_json=json)


@runbook.command("resume", cls=Documented)
def runbook_resume(
    ctx: typer.Context,
    run: _Run,
    file: Annotated[str, typer.Option(help="The runbook's file; default: by its name.", metavar="PATH")] = "",
    take_over: _TakeOver = False,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Nobody is there: what would be asked is paged, and the run goes on.")
    ] = False,
    end: Annotated[str, typer.Option(help="End the run where it is, for this reason.", metavar="WHY")] = "",
    json: Json = False,
) -> int:
    """Go on with a run that was ended in the middle, by whomever: what was under way is read back first.

    Exit code: as `runbook run`; 6 too where the runbook is another version than the one that the run began with.
    """
    from rolloutctl.cli.running.run import resume

    return resume(globals_of(ctx), run, file=file, take_over=take_over, unattended=unattended, end=end, as_json=json)


@runbook.command("runs", cls=Documented)
def runbook_runs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Of this runbook alone.", metavar="NAME", show_default=False)] = "",
    json: Json = False,
) -> int:
    """Every run in the journal, oldest first, and what came of it."""
    from rolloutctl.cli.running.listing import list_runs

    return list_runs(globals_of(ctx), name, as_json=json)


@rehearsal.command("check", cls=Documented)
def rehearsal_check(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Runbooks; default: all of the folder `runbooks` here.", metavar="NAME", show_default=False),
    ] = None,
    max_age: Annotated[str, typer.Option("--max-age", help="Default: what each runbook says.", metavar="30d")] = "",
    env: Annotated[str, typer.Option("--env", help="Only rehearsals in this environment count.", metavar="ENV")] = "",
    provider: Annotated[str, typer.Option(help="The flag's provider, where the config has several.", metavar="NAME")] = "",
    source: Annotated[str, typer.Option(help="The metrics source, where the config has several.", metavar="NAME")] = "",
    json: Json = False,
) -> int:
    """Whether every runbook was rehearsed lately, in this very version and in time. For CI.

    Exit code: 0 all are REHEARSED, 1 one is not (its state is said), 2 a runbook cannot be read.
    """
    from rolloutctl.cli.running.listing import check_rehearsals

    return check_rehearsals(
        globals_of(ctx), names or (), max_age=max_age, environment=env, provider=provider, source=source, as_json=json
    )


@rehearsal.command("list", cls=Documented)
def rehearsal_list(
    ctx: typer.Context,
    env: Annotated[str, typer.Option("--env", help="Only those in this environment.", metavar="ENV")] = "",
    json: Json = False,
) -> int:
    """Every ended run, oldest first, with its times; those with injected faults too, though they are no proof."""
    from rolloutctl.cli.running.listing import list_rehearsals

    return list_rehearsals(globals_of(ctx), environment=env, as_json=json)


def undo(ctx: typer.Context, run: _Run, take_over: _TakeOver = False, json: Json = False) -> int:
    """Undo what a run of a runbook did, newest step first; each is proved by reading it back.

    Exit code: 0 undone, 1 a step could not be undone, 4 unknown, 6 refused.
    """
    from rolloutctl.cli.running.run import undo as undone

    return undone(globals_of(ctx), run, take_over=take_over, as_json=json)
