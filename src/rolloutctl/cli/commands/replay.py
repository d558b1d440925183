"""The command that judges again what was journalled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, globals_of


def replay(
    ctx: typer.Context,
    seq: Annotated[int, typer.Argument(help="Number of the event in the journal.", metavar="SEQ", show_default=False)],
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="An export or a copy of a journal instead of the config's.", metavar="FILE", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Judge a journalled verdict again, from the evidence that the journal keeps of it; no network is used.

    Events that keep evidence: verdict.changed, breach.latched, phase.ready, and decisions to go on. `explain` and
    `journal show` name their numbers.

    Exit code: 0 the same, 1 it differs, or the evidence is damaged, 2 there is no such event or it keeps no evidence.
    """
    from rolloutctl.cli.replaying import replay as run

    return run(globals_of(ctx), seq, file, as_json=json)
