"""Groups of commands: journal, config, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import EVERYWHERE, Json, globals_of
from rolloutctl.cli.out import put_json
from rolloutctl.errors import ExitCode


def _group(about: str) -> typer.Typer:
    return typer.Typer(help=about, epilog=EVERYWHERE, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


journal = _group("Show, follow and verify the journal.")
config = _group("Show the config in force and check it.")
schema = _group("JSON Schemas of plans and configs, for editors.")


@journal.command("show")
def journal_show(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="Only of this one: `name#n`, or `name`.", metavar="[ROLLOUT]", show_default=False)
    ] = "",
    after: Annotated[
        int | None, typer.Option(help="Events after this number; default: the newest.", metavar="SEQ", min=0)
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    json: Json = False,
) -> int:
    """Events, oldest first.

    Example: rolloutctl journal show checkout-ranker-v7 --limit 200
    """
    from rolloutctl.cli.journal import show

    return show(globals_of(ctx), rollout, after, limit, as_json=json)


@journal.command("follow")
def journal_follow(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="Only of this one: `name#n`, or `name`.", metavar="[ROLLOUT]", show_default=False)
    ] = "",
    json: Json = False,
) -> int:
    """Events as they are written, until interrupted; with --json one JSON object a line.

    Example: rolloutctl journal follow --json
    """
    from rolloutctl.cli.journal import follow

    return follow(globals_of(ctx), rollout, as_json=json)


@journal.command("verify")
def journal_verify(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A journal or a copy of one; default: the config's.", show_default=False)
    ] = None,
    witness: Annotated[str, typer.Option(help="A head that was seen earlier: its number and hash.", metavar='"SEQ HASH"')] = "",
    json: Json = False,
) -> int:
    """Check every link, column and blob offline; says what that shows and what it cannot.

    Exit code: 0 nothing found, 1 findings, 7 it cannot be read.

    Example: rolloutctl journal verify --witness "412 9c0f…"
    """
    from rolloutctl.cli.journal import verify

    return verify(globals_of(ctx), file, witness, as_json=json)


@config.command("show")
def config_show(ctx: typer.Context, json: Json = False) -> int:
    """Every value in force and where it came from; secrets as where they are read from.

    Example: rolloutctl config show
    """
    from rolloutctl.cli.configuring import show

    return show(globals_of(ctx), as_json=json)


@config.command("path")
def config_path(ctx: typer.Context, json: Json = False) -> int:
    """Which config files are read, weakest first, and where the journal is.

    Example: rolloutctl config path
    """
    from rolloutctl.cli.configuring import path

    return path(globals_of(ctx), as_json=json)


@config.command("validate")
def config_validate(ctx: typer.Context, json: Json = False) -> int:
    """Read the config and say what is wrong with it; nothing is asked over the network.

    Exit code: 0 it can be used, 2 it cannot.

    Example: rolloutctl --config team.toml config validate
    """
    from rolloutctl.cli.configuring import validate

    return validate(globals_of(ctx), as_json=json)


@schema.command("plan")
def schema_plan() -> int:
    """The JSON Schema of plan files.

    Example: rolloutctl schema plan > plan.schema.json
    """
    from rolloutctl.schemas import plan_schema

    put_json(plan_schema(), indent=2)
    return ExitCode.OK


@schema.command("config")
def schema_config() -> int:
    """The JSON Schema of config files.

    Example: rolloutctl schema config > config.schema.json
    """
    from rolloutctl.schemas import config_schema

    put_json(config_schema(), indent=2)
    return ExitCode.OK
