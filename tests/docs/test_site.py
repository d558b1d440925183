"""The site is built strictly and whole, without a network, and asks for nothing from elsewhere when it is read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import DOCS, ROOT

ZENSICAL = shutil.which("zensical", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if ZENSICAL is None:
        if os.environ.get("CI"):
            pytest.fail("zensical is not installed, and CI may not skip this.")
        pytest.skip("zensical is not installed; it is a development dependency")
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_COLOR": "1"}
    done = subprocess.run(
        [ZENSICAL, "build", "--strict"],
        cwd=folder,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return folder / "site"


def test_every_page_is_in_it(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        built = page.relative_to(DOCS).with_suffix(".html")
        named = built.with_name("index.html") if page.name == "README.md" else built
        assert (site / named).is_file(), named


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Links may lead anywhere; what a browser loads by itself may not."""
    loaded = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|<link\b[^>]*\bhref=[\"']?(?:https?:)?//")
    for page in site.rglob("*.html"):
        assert loaded.search(page.read_text(encoding="utf-8")) is None, page.name
    for style in site.rglob("*.css"):
        assert re.search(r"url\([\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//", style.read_text(encoding="utf-8")) is None


def test_nothing_has_to_be_fetched_for_a_diagram(site: Path) -> None:
    """The theme would fetch a script for these."""
    assert not [page.name for page in site.rglob("*.html") if re.search(r'class="(?:mermaid|glightbox)', page.read_text("utf-8"))]
