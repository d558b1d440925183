"""What pages say works: commands are commands, plans and configs are read, links and pictures are there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from docs.pages import DOCS, ROOT, blocks, links, pages
from rolloutctl.cli.app import app
from rolloutctl.cli.toplevel import globals_first
from rolloutctl.config import Config
from rolloutctl.errors import ConfigInvalid
from rolloutctl.findings import Severity
from rolloutctl.not_yet import CONFIG
from rolloutctl.plan.facts import Facts
from rolloutctl.plan.lint import lint
from rolloutctl.plan.read import read_plan
from rolloutctl.runbook.lint import lint as lint_runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.strict_toml import parse, validate

WRITTEN = [page for page in pages() if DOCS / "reference" not in page.parents]
GLOBALS = {"--config", "--read-only", "--version", "--help"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words) of every line of a shell block that runs rolloutctl; up to what the shell takes."""
    for page in WRITTEN:
        for block in blocks(page):
            if block.language not in {"sh", "console", "ini"}:
                continue
            for line in block.text.splitlines():
                for match in re.finditer(r"(?:^|[\s(/])rolloutctl(?= [a-z-])([^|;&)>#]*(?:\"[^\"]*\"[^|;&)>#]*)*)", line):
                    if block.language == "console" and not line.startswith("$ "):
                        continue
                    yield str(page.relative_to(ROOT)), shlex.split(match[1])


@pytest.mark.parametrize(("page", "words"), [pytest.param(*each, id=f"{each[0]}: {' '.join(each[1])}") for each in commands()])
def test_commands_and_their_options_exist(page: str, words: list[str]) -> None:
    command: Any = get_command(app)
    rest = [word for word in globals_first(words) if word not in GLOBALS]
    if "--config" in words:
        rest = rest[1:]
    while (inner := getattr(command, "commands", None)) or hasattr(command, "list_commands"):
        assert rest, "a group needs a command"
        name = rest.pop(0)
        command = inner[name] if inner else command.get_command(None, name)
        assert command is not None, f"{page}: there is no command {name}"
    known = {spelling for param in command.params for spelling in [*param.opts, *param.secondary_opts]}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{page}: {command.name} has no {word}"


def toml_blocks() -> Iterator[Any]:
    for page in WRITTEN:
        for block in blocks(page):
            if block.language == "toml":
                yield pytest.param(block.text, id=f"{page.relative_to(ROOT)}:{block.line}")


@pytest.mark.parametrize("text", toml_blocks())
def test_plans_and_configs_are_read(text: str) -> None:
    data = tomllib.loads(text)
    if "steps" in data:
        assert lint_runbook(read_runbook(text, "runbook.toml"), None) == ()
    elif "flag" in data:
        findings = lint(read_plan(text, "plan.toml"), Facts())
        assert not [finding for finding in findings if finding.severity is not Severity.INFO]
    elif data.keys() & {"phases", "criteria", "triggers"}:
        whole = next(block.text for block in blocks(DOCS / "how-to" / "write-a-plan.md") if "[flag]" in block.text)
        kept = tomllib.loads(whole)
        assert set(data) <= {*kept, "triggers"}
        head = re.split(r"(?m)^\[\[(?:phases|criteria|triggers)\]\]", whole)[0]
        both = [part for part in ("criteria", "phases") if part not in data]
        pieces = "".join(f"[[{part}]]{piece}" for part in both for piece in re.split(rf"(?m)^\[\[{part}\]\]", whole)[1:2])
        rest = whole.removeprefix(head) if len(both) == 2 else pieces
        read_plan(f"{head}\n{text}\n{rest.partition('[[phases]]')[0] if both == ['criteria'] else rest}", "plan.toml")
    else:
        validate(Config, parse(text, "config.toml"), ConfigInvalid, CONFIG)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target, picture in links(page):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            assert not picture, f"{target}: a picture from elsewhere"
            continue
        assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_page_can_be_found() -> None:
    """In the navigation; a decision in the list of decisions."""
    listed = re.findall(r'"([^"]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).as_posix()
        if page.parent.name == "decisions" and page.name != "README.md":
            assert f"({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8"), name
        else:
            assert name in listed, f"{name} is missing in the nav of zensical.toml"


@pytest.mark.parametrize("plan", sorted((ROOT / "plans").glob("*.toml")), ids=lambda plan: plan.name)
def test_example_plans_have_no_errors(plan: Path) -> None:
    findings = lint(read_plan(plan.read_text(encoding="utf-8"), plan.name), Facts())
    assert not [str(finding) for finding in findings if finding.severity is Severity.ERROR]
