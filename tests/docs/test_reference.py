"""Reference pages, pictures and the example config are what `scripts/reference.py` makes of the code as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from docs.pages import DOCS, ROOT, blocks
from rolloutctl.cli.examples import EXAMPLES
from rolloutctl.config import Config
from rolloutctl.errors import ConfigInvalid, ExitCode
from rolloutctl.model.kinds import Kind
from rolloutctl.model.verdict import State
from rolloutctl.not_yet import CONFIG
from rolloutctl.plan.findings import RULES
from rolloutctl.schemas import config_schema, plan_schema
from rolloutctl.strict_toml import parse, validate

EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
OTHER_WAY = re.compile(r"^#: (\w+) += .*$", re.MULTILINE)


def read(text: str) -> Config:
    return validate(Config, parse(text, "config.example.toml"), ConfigInvalid, CONFIG)


def keys(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, sentence) of every key of every table."""
    for model in [schema, *schema["$defs"].values()]:
        for name, node in model.get("properties", {}).items():
            of = schema["$defs"].get(node.get("$ref", "").rpartition("/")[2], {})
            yield name, node.get("description") or of["description"]


def test_nothing_is_out_of_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "schema"), [("plan", plan_schema()), ("config", config_schema())])
def test_every_key_is_told_with_its_sentence(page: str, schema: dict[str, Any]) -> None:
    text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8").replace("\\|", "|")
    for key, sentence in keys(schema):
        assert re.search(rf"^\| `{key}` \|.*\| {re.escape(' '.join(sentence.split()))} \|$", text, re.MULTILINE), key


def test_every_word_of_the_closed_sets_is_told() -> None:
    def told(page: str) -> str:
        return (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")

    assert all(f"| {state.words} |" in told("states") for state in State)
    assert all(f"| `{kind}` |" in told("events") for kind in Kind)
    assert all(f"| `{code.value}` |" in told("exit-codes") for code in ExitCode)
    assert all(f"| `{code}` |" in told("findings") for code in RULES)
    for name, examples in EXAMPLES.items():
        assert f"### {name}\n" in told("commands")
        assert all(example.line in told("commands") for example in examples)


def test_the_example_config_has_the_sentence_of_every_key() -> None:
    said = " ".join(EXAMPLE.split())
    schema = config_schema()
    schema["$defs"].pop("RevokedKey")  # an inline table: what its keys are for stands with the key that holds it
    for key, sentence in keys(schema):
        assert key in EXAMPLE
        assert " ".join(sentence.split()) in said, key


def test_the_example_config_is_read_without_its_comments_too() -> None:
    bare = "\n".join(line.partition(" # ")[0] for line in EXAMPLE.splitlines() if not line.startswith("#"))
    assert tomllib.loads(bare)
    assert read(bare) == read(EXAMPLE)


@pytest.mark.parametrize("other", [match[0] for match in OTHER_WAY.finditer(EXAMPLE)])
def test_every_other_way_can_be_written_instead(other: str) -> None:
    """A line that begins with `#:` replaces the key above it."""
    before, _, after = EXAMPLE.partition(other)
    key = other.removeprefix("#: ").split()[0]
    lines = before.rstrip("\n").split("\n")
    above = max(number for number, line in enumerate(lines) if re.match(rf"{key} +=", line))
    lines[above] = other.removeprefix("#: ")
    changed = read("\n".join(lines) + after)
    assert changed != read(EXAMPLE)


def test_every_kind_of_auth_and_of_secret_is_shown() -> None:
    for name, model in config_schema()["$defs"].items():
        if name.endswith("Auth"):
            assert f"type = {json.dumps(model['properties']['type']['const'])}" in EXAMPLE
        if name.startswith("From"):
            assert f"{{ {model['required'][0]} = " in EXAMPLE


def test_the_examples_page_shows_the_files() -> None:
    shown = [block.text for block in blocks(DOCS / "reference" / "examples.md")]
    for file in (ROOT / "config.example.toml", *(ROOT / "plans").glob("*.toml")):
        assert file.read_text(encoding="utf-8").rstrip() in shown
