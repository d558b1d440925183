"""Groups of commands: journal, config, schema; and completion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.completion import Shell, script
from rolloutctl.cli.helping import Documented, DocumentedGroup
from rolloutctl.cli.options import Json, globals_of
from rolloutctl.cli.out import put, put_json
from rolloutctl.errors import ExitCode


def _group(about: str) -> typer.Typer:
    return typer.Typer(
        cls=DocumentedGroup,
        help=about,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


journal = _group("Show, follow, verify, witness, export and copy the journal.")
config = _group("Show the config in force and check it.")
schema = _group("JSON Schemas of plans, runbooks and configs, for editors.")


@journal.command("show", cls=Documented)
def journal_show(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="Only of this one: `name#n`, or `name`.", metavar="ROLLOUT", show_default=False)
    ] = "",
    after: Annotated[
        int | None, typer.Option(help="Events after this number; default: the newest.", metavar="SEQ", min=0)
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    json: Json = False,
) -> int:
    """Events, oldest first."""
    from rolloutctl.cli.journal import show

    return show(globals_of(ctx), rollout, after, limit, as_json=json)


@journal.command("follow", cls=Documented)
def journal_follow(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="Only of this one: `name#n`, or `name`.", metavar="ROLLOUT", show_default=False)
    ] = "",
    json: Json = False,
) -> int:
    """Events as they are written, until interrupted; with --json one JSON object a line."""
    from rolloutctl.cli.journal import follow

    return follow(globals_of(ctx), rollout, as_json=json)


@journal.command("verify", cls=Documented)
def journal_verify(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A journal, a copy or an export of one; default: the config's.", show_default=False)
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="A head that was seen earlier: its number and hash. May be given again.", metavar='"SEQ HASH"'),
    ] = None,
    witness_file: Annotated[
        Path | None,
        typer.Option(
            "--witness-file",
            help="Heads that were seen earlier; default for the config's journal: the config's `journal.witness`.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Check every link, column and blob offline; says what that shows and what it cannot.

    A journal that was cut off at its end, or rewritten as a whole, is only found back to the newest witness.

    Exit code: 0 nothing found, 1 findings, or no journal any more, 7 it cannot be reached.
    """
    from rolloutctl.cli.journal import verify

    return verify(globals_of(ctx), file, witness or (), witness_file, as_json=json)


@journal.command("witness", cls=Documented)
def journal_witness(ctx: typer.Context, json: Json = False) -> int:
    """Print number and hash of the newest event, to be kept where the journal is not; also into `journal.witness` of the config.

    Who has them can show later that nothing up to there was cut off or rewritten.
    """
    from rolloutctl.cli.journal import witness

    return witness(globals_of(ctx), as_json=json)


@journal.command("export", cls=Documented)
def journal_export(ctx: typer.Context) -> int:
    """Every event and blob as lines of JSON; `journal verify FILE` checks such a file by itself."""
    from rolloutctl.cli.journal import export_all

    return export_all(globals_of(ctx))


@journal.command("copy", cls=Documented)
def journal_copy(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(help="A file that is not there yet, or postgresql://USER@HOST/DATABASE.", metavar="TARGET")
    ],
    json: Json = False,
) -> int:
    """Copy the whole journal with its hashes; the original stays as it is, and nobody drives the copy.

    Exit code: 0 copied, 1 ours does not verify, 6 the target holds a journal already, 7 one of them cannot be reached.
    """
    from rolloutctl.cli.journal import copy_to

    return copy_to(globals_of(ctx), target, as_json=json)


@config.command("show", cls=Documented)
def config_show(ctx: typer.Context, json: Json = False) -> int:
    """Every value in force and where it came from; secrets as where they are read from."""
    from rolloutctl.cli.configuring import show

    return show(globals_of(ctx), as_json=json)


@config.command("path", cls=Documented)
def config_path(ctx: typer.Context, json: Json = False) -> int:
    """Which config files are read, weakest first, and where the journal is."""
    from rolloutctl.cli.configuring import path

    return path(globals_of(ctx), as_json=json)


@config.command("validate", cls=Documented)
def config_validate(ctx: typer.Context, json: Json = False) -> int:
    """Read the config and say what is wrong with it; nothing is asked over the network.

    Exit code: 0 it can be used, 2 it cannot.
    """
    from rolloutctl.cli.configuring import validate

    return validate(globals_of(ctx), as_json=json)


@schema.command("plan", cls=Documented)
def schema_plan() -> int:
    """The JSON Schema of plan files."""
    from rolloutctl.schemas import plan_schema

    put_json(plan_schema(), indent=2)
    return ExitCode.OK


@schema.command("runbook", cls=Documented)
def schema_runbook() -> int:
    """The JSON Schema of runbook files."""
    from rolloutctl.schemas import runbook_schema

    put_json(runbook_schema(), indent=2)
    return ExitCode.OK


@schema.command("config", cls=Documented)
def schema_config() -> int:
    """The JSON Schema of config files."""
    from rolloutctl.schemas import config_schema

    put_json(config_schema(), indent=2)
    return ExitCode.OK


def doctor(ctx: typer.Context, json: Json = False) -> int:
    """What this program runs on and is connected to: terminal, colours, config, journal, sources, providers, clock.

    Each is asked once, and nothing is changed. Exit code: 0 everything answers, 2 the config cannot be used, 7 a source, a
    provider or the journal does not answer.
    """
    from rolloutctl.cli.doctoring import doctor as looked

    return looked(globals_of(ctx), as_json=json)


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that is to complete.", metavar="SHELL", show_default=False)],
) -> int:
    """Print a script that makes a shell complete commands, options, rollouts, plan files and names of the config.

    bash: put the first line below into ~/.bashrc. zsh: put the second into ~/.zshrc, behind compinit. fish: run the third once.
    It looks into config and journal of this machine, never over the network.
    """
    put(script(shell).rstrip())
    return ExitCode.OK
