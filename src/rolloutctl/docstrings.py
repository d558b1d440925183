"""What the keys of a file are for, read from the docstrings below the fields of its model.

Read when somebody asks (an editor's schema, an error that explains a key): to read them whenever the models are loaded takes
longer than to load the models.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """By field; those of a base class, too. Empty where the program came without its source."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found |= _own(each)
    return found


def _own(model: type[BaseModel]) -> Mapping[str, str]:
    try:
        (declared,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    except OSError:
        return {}
    assert isinstance(declared, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(said.value.value)
        for field, said in pairwise(declared.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }
