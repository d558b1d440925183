"""Where a rehearsal may run: nowhere that its effects could reach production. Pure.

Reached is a flag of a production environment (by the server's origin and the environment's name there, whatever its project and
key), or the origin (host and port) of an adapter or Alertmanager of one. Sources that are only read do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from rolloutctl.config import Config
from rolloutctl.model.cohort import Target
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import AlertAction, AlertStep, FlagStep, HttpStep

_PORTS = {"http": 80, "https": 443}


def refusals(config: Config, environment: str, runbook: Runbook, target: Target | None) -> tuple[str, ...]:
    """Why the runbook is not rehearsed there, a sentence each; none: it may be."""
    declared = config.environments.get(environment)
    if declared is None or not declared.rehearsal:
        how = f"say [environments.{environment}] rehearsal = true in the config, where no user is harmed by them."
        return (f"{environment} is no environment for rehearsals: {how}",)
    return tuple(dict.fromkeys(_reached(config, environment, runbook, target)))


def origin(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    return host, parts.port or _PORTS.get(parts.scheme, 0)


def _reached(config: Config, environment: str, runbook: Runbook, target: Target | None) -> Iterator[str]:
    here = config.in_environment(environment)
    for name, declared in config.environments.items():
        if not declared.production:
            continue
        production = config.in_environment(name)
        theirs = {origin(adapter.url) for adapter in production.adapters.values()}
        theirs |= {origin(source.alertmanager) for source in production.sources.values() if source.alertmanager is not None}
        for where, url in _origins(here, runbook):
            if origin(url) in theirs:
                host, port = origin(url)
                yield f"{where} is at {host}:{port}, which {name} uses too: override it for {environment} in the config."
        if target is not None and any(isinstance(step, FlagStep) for _, _, step in runbook.placed()):
            yield from _same_flag(here, production, name, target)


def _origins(here: Config, runbook: Runbook) -> Iterator[tuple[str, str]]:
    for _, _, step in runbook.placed():
        match step:
            case HttpStep() if step.adapter in here.adapters:
                yield f"[adapters.{step.adapter}]", here.adapters[step.adapter].url
            case AlertStep() if step.action is not AlertAction.WAIT:
                for name in [step.source] if step.source else list(here.sources):
                    source = here.sources.get(name)
                    if source is not None and source.alertmanager is not None:
                        yield f"the Alertmanager of [sources.{name}]", source.alertmanager


def _same_flag(here: Config, production: Config, name: str, target: Target) -> Iterator[str]:
    mine = here.providers.get(target.provider)
    if mine is None or target.environment != name:
        return
    for theirs in production.providers.values():
        if origin(theirs.url) == origin(mine.url):
            yield f"the flag {target} belongs to {name}."
            return
