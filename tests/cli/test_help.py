"""Every `--help`: its examples are what the parser accepts, it fits 80 columns, and every option has its sentence."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from rolloutctl.__main__ import screen
from rolloutctl.cli import app as cli_app
from rolloutctl.cli.app import run
from rolloutctl.cli.examples import EXAMPLES
from rolloutctl.cli.table import COMMANDS
from rolloutctl.cli.toplevel import globals_first, help_text


def paths() -> list[str]:
    found: list[str] = []
    for name, entry in COMMANDS.items():
        inner = getattr(cli_app.built(name, entry), "commands", None)
        found += [f"{name} {each}" for each in inner] if inner else [name]
    return found


GROUPS = sorted({path.partition(" ")[0] for path in paths() if " " in path})


def text_of(capsys: pytest.CaptureFixture[str], path: str) -> str:
    assert run([*path.split(), "--help"], screen) == 0
    return capsys.readouterr().out


def examples_in(text: str) -> list[str]:
    body = text.split("\nExamples:\n", 1)[1]
    return [line.strip() for line in body.splitlines() if line.startswith("  ") and not line.startswith("  #")]


def arguments_of(line: str) -> list[str]:
    """Of `rolloutctl` in the line, wherever the shell would find it; without redirections."""
    inner = re.search(r"\$\((.+)\)", line)
    words = shlex.split(inner[1] if inner else line)
    assert words[0] == "rolloutctl"
    return words[1 : words.index(">")] if ">" in words else words[1:]


def parsed(arguments: list[str]) -> str:
    """The path of the command that would run. Raises what the parser says of a wrong line."""
    context = get_command(cli_app.app).make_context("rolloutctl", globals_first(arguments))
    command, rest, path = context.command, [*context._protected_args, *context.args], []
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        path.append(name)
        context = command.make_context(name, rest, parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
    return " ".join(path)


def test_the_table_of_examples_has_every_command_and_no_other():
    assert sorted(EXAMPLES) == sorted(paths())


@pytest.mark.parametrize("path", paths())
def test_help_has_examples_that_parse(capsys, path):
    lines = examples_in(text_of(capsys, path))
    assert lines == [example.line for example in EXAMPLES[path]]
    for line in lines:
        assert parsed(arguments_of(line)) == path


@pytest.mark.parametrize("group", GROUPS)
def test_help_of_a_group_has_an_example_of_each_of_its_commands(capsys, group):
    lines = examples_in(text_of(capsys, group))
    assert [parsed(arguments_of(line)) for line in lines] == [path for path in paths() if path.startswith(f"{group} ")]


@pytest.mark.parametrize("path", [*paths(), *GROUPS])
def test_help_fits_80_columns(capsys, path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    long = [line for line in text_of(capsys, path).splitlines() if len(line) > 80]
    assert not long


def test_the_programs_own_help_fits_80_columns():
    assert not [line for line in help_text().splitlines() if len(line) > 80]


@pytest.mark.parametrize("path", paths())
def test_every_option_and_argument_has_a_sentence(path):
    name, _, inner = path.partition(" ")
    command = cli_app.built(name, COMMANDS[name])
    command = command.commands[inner] if inner else command
    for param in command.params:
        if param.name != "help":
            assert param.help, param.name
            assert param.help.endswith("."), param.help


def test_wrong_examples_would_be_found(tmp_path: Path):
    with pytest.raises(Exception, match="--to-phase"):
        parsed(["advance", "x", "--to-phase", "five"])
    with pytest.raises(Exception, match="no command"):
        parsed(["advanse", "x"])
