"""What is in deploy/ is what the pages say, and what systemd takes."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import DOCS, ROOT, blocks
from rolloutctl.cli.watched.server import parse_address

UNIT = ROOT / "deploy" / "rolloutctl-drive.service"
CONTAINER = ROOT / "deploy" / "Containerfile"
PAGE = DOCS / "how-to" / "run-unattended.md"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_the_page_shows_lines_of_the_unit() -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.title.endswith(UNIT.name)]
    assert set(shown.splitlines()) <= set(UNIT.read_text(encoding="utf-8").splitlines())


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("There is no systemd-analyze on this machine.")
    here = tmp_path / UNIT.name
    start = unit()["Service"]["ExecStart"]
    here.write_text(UNIT.read_text(encoding="utf-8").replace(start.split()[0], sys.executable))
    done = subprocess.run([systemd, "verify", str(here)], capture_output=True, text=True, timeout=60, check=False)
    about_it = [line for line in done.stderr.splitlines() if UNIT.stem in line]
    assert (done.returncode, about_it) == (0, []), done.stderr


def test_unit_and_container_start_the_same_thing() -> None:
    container = CONTAINER.read_text(encoding="utf-8")
    inside = [word for part in re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", container, re.MULTILINE) for word in json.loads(part)]
    words = shlex.split(unit()["Service"]["ExecStart"])
    assert [Path(words[0]).name, *words[1:]] == inside
    address = parse_address(words[words.index("--listen") + 1])
    assert f"http://{address[0]}:{address[1]}/healthz" in container


def test_what_the_container_is_built_from_is_there() -> None:
    container = CONTAINER.read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (?!--from)(.*)$", container, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    assert re.search(r"^psycopg==", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    assert "USER 10001" in container
