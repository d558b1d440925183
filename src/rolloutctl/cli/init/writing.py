"""Checking both texts as the program itself will read them, and writing both or neither. Nothing is ever overwritten."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rolloutctl.config import Config
from rolloutctl.engine.once.gathering import config_facts
from rolloutctl.errors import ConfigInvalid, Failed, InvalidInput
from rolloutctl.findings import Severity
from rolloutctl.not_yet import CONFIG
from rolloutctl.plan.facts import Facts
from rolloutctl.plan.lint import lint
from rolloutctl.plan.read import read_plan
from rolloutctl.strict_toml import parse, validate


def refuse_existing(path: Path) -> None:
    """Raises InvalidInput."""
    if os.path.lexists(path):
        raise InvalidInput(f"{path} is there already and is not overwritten.", remedy="Name another place, or move it away.")


def check(config: str, plan: str) -> None:
    """Raises ConfigInvalid, PlanInvalid, or Failed for a plan that the linter would complain of."""
    found = validate(Config, parse(config, "the config"), ConfigInvalid, CONFIG)
    read = read_plan(plan, "the plan")
    findings = lint(read, Facts(config=config_facts(found), capabilities=None, live=None))
    serious = [finding for finding in findings if finding.severity is not Severity.INFO]
    if serious:
        raise Failed(
            "with these answers the plan would not do what it should, and nothing was written:\n"
            + "\n".join(f"{finding.why} {finding.do}" for finding in serious)
        )


def write(files: dict[Path, tuple[str, int]]) -> None:
    """All of them, each with its mode, or none. Raises InvalidInput when one is there, Failed when one cannot be written."""
    made: list[Path] = []
    try:
        for path, (text, mode) in files.items():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if mode == 0o600 else 0o777)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            made.append(path)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError):
            refuse_existing(Path(error.filename))
        why = (error.strerror or "unknown trouble").lower()
        raise Failed(f"nothing was written: {why}: {error.filename or path}.", remedy="Name another place.") from None
