"""Parameters of a runbook: declared in the file, filled in by a plan or a person, checked before anything runs.

Values are text. A pattern is anchored and matched in linear time, so that no value can make it hang.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from rolloutctl.errors import InvalidInput
from rolloutctl.runbook.fields import Model, Switch, Text
from rolloutctl.runbook.placeholders import Fact
from rolloutctl.shown import printable, shown

_LONGEST = 1000


def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z", regex_engine="rust-regex"))


def _pattern(pattern: str) -> str:
    try:
        _compiled(pattern)
    except SchemaError:
        raise ValueError(f"{shown(pattern)} is not a regular expression that can be matched in linear time") from None
    return pattern


class Param(Model):
    """A value that a plan or a person fills in."""

    type: Literal["string", "integer"] = "string"
    """string or integer; an integer is written in digits."""
    title: Text = ""
    """What people read; default: its name."""
    required: Switch = False
    """There must be a value; a parameter that has the name of a fact (flag, provider, …) takes the fact's."""
    default: Annotated[str, Field(max_length=_LONGEST)] | None = None
    """Value where none is given; without one it is empty."""
    pattern: Annotated[str, Field(max_length=200), AfterValidator(_pattern)] | None = None
    """Regular expression that the whole value must match."""
    choices: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=100)] = ()
    """The value must be one of these."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.required and self.default is not None:
            raise ValueError("a parameter with a default is never missing; leave out `required` or `default`")
        if self.default is not None and (wrong := self.wrong(self.default)):
            raise ValueError(f"the default {shown(self.default)} {wrong}")
        return self

    def wrong(self, value: str) -> str:
        """What is wrong with a value, as the rest of a sentence that begins with it; empty: nothing."""
        if len(value) > _LONGEST:
            return f"is longer than {_LONGEST} characters"
        if any(not char.isprintable() for char in value):
            return "holds a control character"
        if self.type == "integer" and not (value.removeprefix("-").isdecimal() and value.isascii()):
            return "is not a whole number"
        if self.choices and value not in self.choices:
            return f"is not one of {', '.join(self.choices)}"
        if self.pattern is not None:
            try:
                _compiled(self.pattern).validate_python(value)
            except ValidationError:
                return f"does not match {printable(self.pattern)}"
        return ""


def fill_in(params: Mapping[str, Param], given: Mapping[str, str], facts: Mapping[Fact, str]) -> dict[str, str]:
    """The values of all placeholders but `run.*`: the facts, and over them the parameters.

    A parameter that is not given takes the fact of its name, then its default. Raises InvalidInput with everything that is wrong.
    """
    problems = [
        f'the runbook has no parameter "{printable(name, 60)}"; it has: {", ".join(params) or "none"}.'
        for name in given
        if name not in params
    ]
    values = {fact.value: facts.get(fact, "") for fact in Fact}
    for name, param in params.items():
        value = given.get(name) or values.get(name) or param.default or ""
        if not value and param.required:
            problems.append(f'the parameter "{name}" has no value.')
        elif (value or name in given) and (wrong := param.wrong(value)):
            problems.append(f'the parameter "{name}": {shown(value)} {wrong}.')
        values[name] = value
    if problems:
        raise InvalidInput(" ".join(problems), remedy="Give each parameter as `--param NAME=VALUE`, or in the plan's `params`.")
    return values
