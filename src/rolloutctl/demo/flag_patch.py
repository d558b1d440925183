"""JSON Patch (RFC 6902) as the flag server needs it: add, replace, remove, test on one strategy's document."""

import copy
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rolloutctl.demo.flag_model import Document, FlagError


class Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["add", "remove", "replace", "test"]
    path: str
    value: Any = None


def apply_patch(document: Document, operations: Sequence[Operation]) -> Document:
    """Return a patched copy. Raises FlagError 500 for a failed `test` or a missing parent, as the real server does."""
    patched = copy.deepcopy(document)
    for operation in operations:
        parent, leaf = _locate(patched, operation.path)
        if operation.op == "test":
            if _get(parent, leaf) != operation.value:
                raise FlagError(500, "UnknownError", f"Test operation failed\nname: TEST_OPERATION_FAILED\n{operation}")
        elif isinstance(parent, list):
            _change_list(parent, leaf, operation)
        elif operation.op == "remove":
            parent.pop(leaf, None)
        else:
            parent[leaf] = operation.value
    return patched


def _locate(document: Document, path: str) -> tuple[Any, str]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    if not parts:
        raise FlagError(500, "UnknownError", "the whole document cannot be replaced")
    here: Any = document
    for part in parts[:-1]:
        here = _get(here, part)
        if not isinstance(here, dict | list):
            raise FlagError(500, "UnknownError", f"Cannot read properties of undefined (reading '{parts[-1]}')")
    return here, parts[-1]


def _get(parent: Any, leaf: str) -> Any:
    if isinstance(parent, list):
        return parent[int(leaf)] if leaf.isdigit() and int(leaf) < len(parent) else None
    return parent.get(leaf)


def _change_list(parent: list[Any], leaf: str, operation: Operation) -> None:
    position = len(parent) if leaf == "-" else int(leaf) if leaf.isdigit() else -1
    last = len(parent) if operation.op == "add" else len(parent) - 1
    if not 0 <= position <= last:
        raise FlagError(500, "UnknownError", f"there is no list item {leaf}")
    match operation.op:
        case "add":
            parent.insert(position, operation.value)
        case "remove":
            del parent[position]
        case _:
            parent[position] = operation.value
