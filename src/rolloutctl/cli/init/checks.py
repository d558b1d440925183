"""Whether one answer can stand in a config or plan: the models' own rules, asked early. Each raises ValueError with a phrase."""

from __future__ import annotations

import re

from pydantic import TypeAdapter, ValidationError

from rolloutctl.cli.init.here import is_zone
from rolloutctl.config import Url
from rolloutctl.plan.model import Label, Name, Person
from rolloutctl.promql import matchers_of, read

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_URL, _NAME, _PERSON, _LABEL = (TypeAdapter[str](each) for each in (Url, Name, Person, Label))


def url(text: str) -> str:
    return _valid(_URL, text, "write a URL that begins with http:// or https://, without credentials and query").rstrip("/")


def name(text: str) -> str:
    return _valid(_NAME, text, "write lower case letters, digits, dot, dash and underscore")


def person(text: str) -> str:
    return printable(_valid(_PERSON, text, "write a name of at most 100 letters"))


def label(text: str) -> str:
    return _valid(_LABEL, text, "write the name of a label: letters, digits and underscore")


def flag(text: str) -> str:
    if len(text) > 200:
        raise ValueError("it is longer than 200 letters")
    return printable(text)


def printable(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("write at least one letter, and no control characters")
    return text


def variable(text: str) -> str:
    """The name of an environment variable: a token itself is refused without repeating it."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError("write the name of an environment variable, such as UNLEASH_TOKEN, never the token itself")
    return text


def zone(text: str) -> str:
    if not is_zone(text):
        raise ValueError("no such time zone is known; write one such as Europe/Madrid")
    return text


def selector(text: str) -> str:
    """A metric, with or without matchers in braces."""
    try:
        plain = read(text).plain_selector
    except ValueError as error:
        raise ValueError(f"it cannot be read ({error})") from None
    if not plain:
        raise ValueError("write one metric with or without matchers, such as http_requests_total")
    if "{" in text and not text.rstrip().endswith("}"):
        raise ValueError("end it with the closing brace")
    return text.strip()


def matcher(text: str) -> str:
    try:
        found = matchers_of(text)
    except ValueError as error:
        raise ValueError(f"it cannot be read ({error})") from None
    if not found:
        raise ValueError('write a matcher such as code=~"5.."')
    return text


def _valid(adapter: TypeAdapter[str], text: str, wanted: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise ValueError(wanted) from None
