"""Commands about plans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, globals_of


def check(
    ctx: typer.Context,
    plans: Annotated[list[Path], typer.Argument(help="Plan files.", metavar="PLAN...", show_default=False)],
    live: Annotated[bool, typer.Option("--live", help="Ask the source and the provider too.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings for the exit code.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Answer in SARIF 2.1.0, for code review.")] = False,
    json: Json = False,
) -> int:
    """Read plans and say what they would not do as their author believes, with what to do about it.

    Exit code: 0 clean, 1 findings (errors; with --strict warnings too), 2 a plan cannot be read.

    Example: rolloutctl check plans/canary.toml --strict
    """
    from rolloutctl.cli.checking import check as checked

    return checked(globals_of(ctx), tuple(plans), live=live, strict=strict, sarif=sarif, as_json=json)


def start(
    ctx: typer.Context,
    plan: Annotated[Path, typer.Argument(help="The plan file.", metavar="PLAN", show_default=False)],
    adopt: Annotated[bool, typer.Option("--adopt", help="The flag may be on: take the state it has as the snapshot.")] = False,
    drive: Annotated[bool, typer.Option("--drive/--no-drive", help="Stay and drive it.")] = False,
    json: Json = False,
) -> int:
    """Seal a plan and make a rollout of it. Nothing is exposed yet: `advance` enters the first phase.

    Prints the rollout's id. A plan with lint errors is refused (1); exit code 7 when the flag server is not reachable.

    Example: rolloutctl start plans/canary.toml
    """
    from rolloutctl.cli.starting import start as started

    return started(globals_of(ctx), plan, adopt=adopt, drive=drive, as_json=json)
