"""Commands that ask for a change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, Rollout, Wait, Why, globals_of
from rolloutctl.errors import InvalidInput


def advance(
    ctx: typer.Context,
    rollout: Rollout,
    to: Annotated[str, typer.Option(help="The phase that is expected to be next, or `done`.", metavar="PHASE")] = "",
    why: Why = "",
    break_glass: Annotated[
        str | None,
        typer.Option(
            "--break-glass",
            help="Enter it although the way back is not proved, for this reason; shown for ever after.",
            metavar="WHY",
            show_default=False,
        ),
    ] = None,
    wait: Wait = True,
    json: Json = False,
) -> int:
    """Enter the next phase, or end the last one; what is missing is said, a line each.

    Exit code: 0 entered, 1 it did not happen, 4 unknown, 5 not yet, 6 refused, 7 the flag server is not reachable. If nobody
    drives, this command drives for as long as it needs.
    """
    if break_glass is not None and not break_glass.strip():
        raise InvalidInput("--break-glass needs a reason.", remedy='Say why, such as --break-glass "INC-7: the fix is in it".')
    from rolloutctl.cli.acting import step
    from rolloutctl.engine.view.commands import CommandKind

    return step(
        globals_of(ctx),
        CommandKind.ADVANCE,
        rollout,
        to=to,
        why=why,
        stay=wait,
        as_json=json,
        break_glass=break_glass or "",
    )


def back(
    ctx: typer.Context,
    rollout: Rollout,
    to: Annotated[str, typer.Option(help="An earlier phase, or the present one; default: the one before.", metavar="PHASE")] = "",
    why: Why = "",
    wait: Wait = True,
    json: Json = False,
) -> int:
    """Go back to an earlier phase, or begin the present one anew."""
    from rolloutctl.cli.acting import step
    from rolloutctl.engine.view.commands import CommandKind

    return step(globals_of(ctx), CommandKind.BACK, rollout, to=to, why=why, stay=wait, as_json=json)


def hold(ctx: typer.Context, rollout: Rollout, why: Why, json: Json = False) -> int:
    """Hold: nothing advances, the bake clock stands still, until a person resumes."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.HOLD, rollout, why=why, as_json=json)


def resume(ctx: typer.Context, rollout: Rollout, why: Why = "", json: Json = False) -> int:
    """End a hold, or go on after a deadline."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.RESUME, rollout, why=why, as_json=json)


def approve(
    ctx: typer.Context,
    rollout: Rollout,
    phase: Annotated[str, typer.Option(help="The phase to be entered; default: the next.", metavar="PHASE")] = "",
    why: Why = "",
    json: Json = False,
) -> int:
    """Approve entering a phase; who asks for the step does not count."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.APPROVE, rollout, to=phase, why=why, as_json=json)


def gate(
    ctx: typer.Context,
    rollout: Rollout,
    gate: Annotated[str, typer.Argument(help="Id of the gate.", metavar="GATE", show_default=False)],
    go: Annotated[bool | None, typer.Option("--go/--no-go", help="What is decided; one of the two.", show_default=False)] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="A check that is true, word for word or by its number from 1.", metavar="CHECK")
    ] = None,
    all_checks: Annotated[bool, typer.Option("--all-checks", help="Every check of the gate is true.")] = False,
    why: Why = "",
    json: Json = False,
) -> int:
    """Sign a gate; it is go only when every check is confirmed."""
    if go is None:
        raise InvalidInput(f"what is decided about gate {gate} is missing.", remedy="Say --go or --no-go.")
    from rolloutctl.cli.acting import sign

    return sign(globals_of(ctx), rollout, gate, go=go, checks=tuple(check or ()), all_checks=all_checks, why=why, as_json=json)


def amend(
    ctx: typer.Context,
    rollout: Rollout,
    plan: Annotated[Path, typer.Argument(help="The plan to put in force.", metavar="PLAN", show_default=False)],
    why: Why = "",
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve exactly this plan, for somebody else to put in force.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what differs and what stands against it.")] = False,
    json: Json = False,
) -> int:
    """Amend the sealed plan: shows what differs, key by key; never changes what anybody is served.

    The phase keeps its clock and its breaches. What loosens anything needs the approval of somebody else first (--approve).
    Exit code: 0 amended, 2 the plan is not valid, 6 refused.
    """
    from rolloutctl.cli.amending import amend as amended

    return amended(globals_of(ctx), rollout, plan, why=why, approve=approve, dry_run=dry_run, as_json=json)


def postpone(ctx: typer.Context, rollout: Rollout, why: Why, json: Json = False) -> int:
    """Postpone the countdown that would roll back, by its own length; at most twice."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.POSTPONE, rollout, why=why, as_json=json)


def abort(ctx: typer.Context, rollout: Rollout, why: Why, json: Json = False) -> int:
    """End the rollout at its present exposure: the flag stays as it is."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.ABORT, rollout, why=why, as_json=json)


def note(
    ctx: typer.Context,
    rollout: Rollout,
    text: Annotated[str, typer.Argument(help="What to remember.", metavar="TEXT", show_default=False)],
    json: Json = False,
) -> int:
    """Write a note into the rollout's journal."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.NOTE, rollout, why=text, as_json=json)
