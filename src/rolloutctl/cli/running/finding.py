"""What a run is asked for on the command line: the runbook's file, the flag, the rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.cli.files import read_bytes
from rolloutctl.config import Config
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.runs.asked import Wanted
from rolloutctl.errors import InvalidInput
from rolloutctl.model.cohort import Target
from rolloutctl.model.run_words import RunMode
from rolloutctl.runbook.read import RunbookFile, read_runbook_file

FOLDER = "runbooks"


@dataclass(frozen=True, slots=True)
class Line:
    """The options of `runbook run`."""

    name: str
    mode: RunMode
    environment: str
    rollout: str = ""
    flag: str = ""
    params: tuple[str, ...] = ()
    incident: str = ""
    inject: tuple[str, ...] = ()


def runbook_file(name: str) -> RunbookFile:
    """By a path, or by its name in the folder `runbooks` here. Raises InvalidInput, RunbookInvalid."""
    path = Path(name)
    if path.suffix != ".toml" and "/" not in name:
        path = Path(FOLDER) / f"{name}.toml"
        if not path.exists():
            there = sorted(each.stem for each in Path(FOLDER).glob("*.toml")) if Path(FOLDER).is_dir() else []
            listed = ", ".join(there) or "none"
            raise InvalidInput(
                f'there is no runbook "{name}" in the folder {FOLDER} here.',
                remedy=f"There: {listed}. Or give a path: ./NAME.toml.",
            )
    return read_runbook_file(read_bytes(path), str(path))


def is_here(name: str) -> bool:
    """Whether the folder has a runbook of that name."""
    return (Path(FOLDER) / f"{name}.toml").exists()


def wanted(line: Line, settings: Settings, *, confirmed: bool) -> Wanted:
    """Raises InvalidInput."""
    file = runbook_file(line.name)
    params = _params(line.params)
    if line.rollout and line.flag:
        raise InvalidInput("--rollout names the flag already.", remedy="Leave --flag out.")
    if line.rollout:
        return _of_rollout(line, settings, file, params, confirmed=confirmed)
    target = _target(line, settings.config.in_environment(line.environment)) if line.flag else None
    return Wanted(
        file.runbook,
        file.text,
        line.mode,
        line.environment,
        target,
        params,
        incident=line.incident,
        inject=line.inject,
        confirmed=confirmed,
    )


def _of_rollout(line: Line, settings: Settings, file: RunbookFile, params: dict[str, str], *, confirmed: bool) -> Wanted:
    """Live it is the rollout's own flag; elsewhere the flag of that name there."""
    from rolloutctl.cli.reading import journal_of, load

    with journal_of(settings) as journal:
        known = load(journal, line.rollout)
    state, live = known.state, line.mode is RunMode.LIVE
    here = line.environment == state.target.environment
    if live and not here:
        raise InvalidInput(
            f"{state.id} is in {state.target.environment}, not in {line.environment}.",
            remedy=f"Say --env {state.target.environment}.",
        )
    phase = known.plan.phases[state.phase].name if 0 <= state.phase < len(known.plan.phases) else ""
    target = state.target
    if not here:
        config = settings.config.in_environment(line.environment)
        provider = config.providers.get(target.provider)
        project = provider.project if provider is not None else target.project
        target = target.model_copy(update={"environment": line.environment, "project": project})
    return Wanted(
        file.runbook,
        file.text,
        line.mode,
        line.environment,
        target,
        params,
        rollout=state.id if here else "",
        plan=known.plan.name,
        phase=phase,
        source=state.source,
        snapshot=state.snapshot if here else None,
        incident=line.incident,
        inject=line.inject,
        confirmed=confirmed,
    )


def _target(line: Line, config: Config) -> Target:
    provider, slash, key = line.flag.partition("/")
    if not slash or not key:
        raise InvalidInput(f'"{line.flag}" names no flag.', remedy="Write --flag PROVIDER/KEY.")
    if provider not in config.providers:
        there = ", ".join(config.providers) or "none"
        raise InvalidInput(f'the config has no provider "{provider}".', remedy=f"It has: {there}.")
    return Target(provider=provider, key=key, environment=line.environment, project=config.providers[provider].project)


def _params(given: Sequence[str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InvalidInput(f'"{each}" is no parameter.', remedy="Write --param NAME=VALUE.")
        params[name] = value
    return params
