"""What a module drags in, as a fresh interpreter sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carded import House

SOURCE = Path(__file__).parents[1] / "src" / "rolloutctl"
PURE = [
    "errors",
    "units",
    "shown",
    "constraints",
    "model",
    "config",
    "plan",
    "strict_toml",
    "schemas",
    "judge",
    "policy",
    "ports",
]
OUTSIDE = {"httpx", "textual", "sqlite3", "requests", "prometheus_api_client", "asyncio", "socket", "subprocess", "typer"}
HEAVY = {"textual", "httpx", "requests", "numpy", "pandas", "prometheus_api_client", "rich", "promql_parser"}
TEXT_ONLY = HEAVY | {"typer", "pydantic", "asyncio", "sqlite3"}
SHOW = "import json, sys; sys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"


def loaded(script: str, tmp_path: Path) -> set[str]:
    """Top-level names in sys.modules after `script`."""
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYDANTIC_DISABLE_PLUGINS": "__all__"}
    command = [sys.executable, "-c", f"import atexit\ndef show():\n    {SHOW}\natexit.register(show)\n{script}"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stderr.rsplit("\n", 1)[1])}


def modules_of(part: str) -> list[str]:
    place = SOURCE / part
    if not place.is_dir():
        return [f"rolloutctl.{part}"]
    files = sorted(place.rglob("*.py"))
    names = [".".join(("rolloutctl", *file.relative_to(SOURCE).with_suffix("").parts)) for file in files]
    return [name.removesuffix(".__init__") for name in names]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What pydantic itself needs is not ours to judge."""
    return loaded("import pydantic\nclass A(pydantic.BaseModel):\n    a: int = 0", tmp_path_factory.mktemp("bare"))


def test_everything_up_to_the_ports_is_pure(bare: set[str], tmp_path: Path):
    every = [name for part in PURE for name in modules_of(part)]
    assert len(every) > 40
    found = loaded("\n".join(f"import {name}" for name in every), tmp_path) - bare
    assert not found & OUTSIDE
    assert "rolloutctl" in found


def command(*arguments: str) -> str:
    return f"import sys\nsys.argv = {['rolloutctl', *arguments]!r}\nfrom rolloutctl.__main__ import main\nmain()"


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], TEXT_ONLY),
        (["--version"], TEXT_ONLY),
        (["status", "--json"], HEAVY),
        (["journal", "show"], HEAVY),
        (["config", "show"], HEAVY),
        (["demo", "--help"], {"textual", "pandas", "numpy", "prometheus_api_client"}),
        (["advance", "--help"], HEAVY | {"sqlite3", "asyncio"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: list[str], absent: set[str], tmp_path: Path):
    found = loaded(command(*arguments), tmp_path)
    assert "rolloutctl" in found
    assert not found & absent


def glanced(folder: Path) -> House:
    house = House(folder)
    house.keep()
    house.journal.close()
    return house


@pytest.mark.parametrize("arguments", [["status", "--json"], ["status"], ["status", "two"]])
def test_status_at_a_glance_loads_nothing_heavy(arguments: list[str], tmp_path: Path):
    house = glanced(tmp_path)
    found = loaded(command("--config", str(house.config), *arguments), tmp_path)
    assert "sqlite3" in found, "it has looked at the journal"
    assert not found & (TEXT_ONLY - {"sqlite3"})


def test_the_first_look_loads_nothing_heavy(tmp_path: Path):
    house = glanced(tmp_path)
    script = f"""
from datetime import UTC, datetime
from pathlib import Path
from rolloutctl.__main__ import main
from rolloutctl.engine.cards.glance import glance
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.tui.first import picture
lines = picture(glance(Path({str(house.config)!r}), Surroundings.here()), datetime.now(UTC), 120, 40)
assert any("two#1" in text for text, _ in lines)
"""
    assert not loaded(script, tmp_path) & (TEXT_ONLY - {"sqlite3"})


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["rollback", "two"], "acting"),
        (["rollback", "--plan", "plan.toml", "--why", "errors"], "emergency"),
        (["off", "unleash", "ranker", "--env", "production"], "emergency"),
    ],
)
def test_a_rollback_loads_neither_numbers_nor_a_screen_nor_what_is_not_asked(arguments: list[str], module: str, tmp_path: Path):
    house = glanced(tmp_path)
    script = f"import sys\nsys.argv = ['rolloutctl', '--config', {str(house.config)!r}, *{arguments!r}]\n"
    script += "from rolloutctl.cli.plain import plain_line\nassert plain_line(sys.argv[1:])\n"
    script += f"import rolloutctl.cli.{module}, rolloutctl.flags.unleash\n"
    if module == "emergency":
        script += "assert not {'rolloutctl.engine.engine', 'rolloutctl.plan.model'} & set(sys.modules)"
    found = loaded(script, tmp_path)
    assert {"httpx", "pydantic", "asyncio"} <= found
    assert not found & {
        "textual",
        "numpy",
        "pandas",
        "requests",
        "prometheus_api_client",
        "promql_parser",
        "typer",
        "rich",
        "click",
    }
