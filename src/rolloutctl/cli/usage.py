"""A wrong command line as a sentence: what is wrong, which words are allowed, what was probably meant.

typer says it in the words of the libraries below it ("Value error, …", "Input should be …"); what this does not know passes as
typer has it. The wording it looks for is that of the locked version, and a test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from rolloutctl.cli.naming import did_you_mean

_CHOICE = re.compile(r"(?:Value error, )?(?P<given>'.*'|\".*\") is not one of (?P<words>.+?)\.?$", re.DOTALL)
_WANTS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Input should be a valid integer"), lambda _: "a whole number"),
    (re.compile(r"Input should be a valid number"), lambda _: "a number"),
    (re.compile(r"Input should be greater than or equal to (\S+)"), lambda found: f"at least {found[1]}"),
    (re.compile(r"Input should be less than or equal to (\S+)"), lambda found: f"at most {found[1]}"),
    (re.compile(r"Input should be greater than (\S+)"), lambda found: f"more than {found[1]}"),
    (re.compile(r"Input should be less than (\S+)"), lambda found: f"less than {found[1]}"),
)


def usage_sentence(error: Any) -> str:
    """`error`: one of typer's, whose classes are private; told apart by what they carry."""
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        return f"there is no option {option}. {did_you_mean(option, _options(error)).strip()}".rstrip()
    param = getattr(error, "param", None)
    if param is None:
        message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
        return _missing_command(error) if message == "Missing command." else f"{message[:1].lower()}{message[1:]}"
    name = _name(param)
    if hasattr(error, "param_type"):
        wanted = f" {param.metavar}" if param.metavar and name.startswith("-") else ""
        about = (param.help or "").strip()
        return f"{name}{wanted} is missing{f': {about[:1].lower()}{about[1:]}' if about else '.'}"
    return _unusable(name, str(error.message))


def where_help_is(error: Any) -> str:
    """A line that says how the command is used; empty where it is not known which one was meant."""
    ctx = getattr(error, "ctx", None)
    if ctx is None:
        return ""
    usage = " ".join(ctx.get_usage().split()).replace("{", "").replace("}", "")
    return f"{usage}\nMore: {ctx.command_path} --help"


def _unusable(name: str, message: str) -> str:
    choice = _CHOICE.match(message)
    if choice is not None:
        words = re.findall(r"'([^']*)'", choice["words"])
        given = choice["given"][1:-1]
        return f'{name} cannot be "{given}". {did_you_mean(given, words)}It is one of: {", ".join(words)}.'
    for pattern, says in _WANTS:
        found = pattern.match(message)
        if found is not None:
            return f"{name} wants {says(found)}."
    message = message.removeprefix("Value error, ")
    return f"{name} cannot be used: {message}"


def _name(param: Any) -> str:
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or (param.name or "").upper())


def _options(error: Any) -> Iterable[str]:
    params = error.ctx.command.params if error.ctx is not None else ()
    declared = [
        option for param in params if param.param_type_name == "option" for option in (*param.opts, *param.secondary_opts)
    ]
    return [*declared, "--help", "--config", "--read-only"]


def _missing_command(error: Any) -> str:
    inner = getattr(error.ctx.command, "commands", {}) if error.ctx is not None else {}
    return f"which one? {', '.join(inner)}." if inner else "a command is missing."
