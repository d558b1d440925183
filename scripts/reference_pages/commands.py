"""Commands with arguments, options and examples, from what the command line itself is built of."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.main import get_command

from reference_pages.markdown import code, fenced, page, table
from rolloutctl.cli.app import app
from rolloutctl.cli.helping import examples_of
from rolloutctl.cli.table import GLOBAL_OPTIONS, PROGRAM, SECTIONS

_EVERYWHERE = {"--help", "--config", "--read-only", "--version"}
_KINDS = {float: "NUMBER", int: "NUMBER", Path: "PATH"}


def commands_page() -> str:
    root: Any = get_command(app)
    intro = f"""`{PROGRAM}` alone opens the screen. A rollout is named `name#n`, or `name` for its newest attempt.
Standard output is data, standard error is talk; `--json` makes the data JSON. What the codes mean:
[exit codes](exit-codes.md)."""
    everywhere = _options([(code(option), about) for option, about in GLOBAL_OPTIONS])
    parts = [f"## Global options\n\nBefore or after the command.\n\n{everywhere}"]
    for section in SECTIONS:
        parts.append(f"## {section.title}")
        for name in section.commands:
            parts += _told(root.get_command(None, name), name)
    return page("Commands", intro, parts)


def _told(command: Any, name: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner:
        for short, each in inner.items():
            yield from _told(each, f"{name} {short}")
        return
    yield f"### {name}"
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [
        param
        for param in command.params
        if param.param_type_name == "option" and not param.hidden and not _EVERYWHERE & set(param.opts)
    ]
    yield fenced(" ".join([PROGRAM, name, *(_placeholder(a) for a in arguments), *(["[OPTIONS]"] if options else [])]), "text")
    yield from (" ".join(paragraph.split()) for paragraph in inspect.cleandoc(command.help or "").split("\n\n"))
    rows = [(code(_placeholder(a)), getattr(a, "help", "") or "") for a in arguments]
    rows += [(_spelling(option), _about(option)) for option in options]
    if rows:
        yield _options(rows)
    examples = examples_of(name)
    if examples:
        yield fenced("\n".join(f"# {example.does}\n{example.line}" for example in examples), "sh")


def _options(rows: list[tuple[str, str]]) -> str:
    return table(("argument or option", "meaning"), rows)


def _placeholder(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    if argument.nargs == -1 and not word.endswith("..."):
        word = f"{word}..."
    return word if argument.required or word.startswith("[") else f"[{word}]"


def _spelling(option: Any) -> str:
    names = ", ".join(code(name) for name in [*option.opts, *option.secondary_opts])
    if getattr(option, "is_flag", False):
        return names
    of = _type_of(option)
    if isinstance(of, type) and issubclass(of, Enum):
        return f"{names} {', '.join(code(str(choice.value)) for choice in of)}"
    return f"{names} {option.metavar or _KINDS.get(of, 'TEXT')}"


def _type_of(option: Any) -> Any:
    """The declared type of one value: typer keeps it with the parameter."""
    declared = option.type_descriptor.annotation
    return get_args(declared)[0] if get_origin(declared) is list else declared


def _about(option: Any) -> str:
    """The help, with the default where one is a value a person could have written."""
    text = (getattr(option, "help", "") or "").strip()
    default = getattr(option.default, "value", option.default)
    if callable(default) or default in (None, "", False, True, (), []):
        if option.secondary_opts and isinstance(default, bool):
            default = option.opts[0] if default else option.secondary_opts[0]
        else:
            return text
    return f"{text} Default: {code(str(default))}."
