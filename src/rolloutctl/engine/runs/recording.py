"""Writing the record of a rehearsal to the folder that the config names: a TOML and a Markdown file, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.world.world import World
from rolloutctl.errors import Failed
from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import run_stream
from rolloutctl.runner.record import as_markdown, as_toml, record_of


def records_folder(settings: Settings) -> Path:
    declared = settings.config.rehearsals.records
    return Path(declared) if declared is not None else settings.state_home / "rehearsals"


async def write_record(world: World, settings: Settings, state: RunState) -> tuple[Path, Path]:
    """(TOML, Markdown). Raises Failed where they cannot be written: the journal has it all the same."""
    events = await world.journal.call(lambda journal: journal.read(run_stream(state.id)))
    head = await world.journal.call(lambda journal: journal.head())
    record = record_of(state, events, head)
    folder = records_folder(settings)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (
            _written(folder / f"{state.id}.toml", world.scrub(as_toml(record))),
            _written(folder / f"{state.id}.md", world.scrub(as_markdown(record))),
        )
    except OSError as error:
        raise Failed(
            f"the record cannot be written to {folder}: {(error.strerror or 'unknown trouble').lower()}.",
            remedy="The journal has all of it: `rolloutctl runbook runs --json`. Mend the folder ([rehearsals] records).",
        ) from None


def _written(path: Path, text: str) -> Path:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return path
