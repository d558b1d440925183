"""The pictures of the architecture page: the loop, and the layers as import-linter checks them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reference_pages.svg import Box, Picture


def loop() -> str:
    picture = Picture(930, 394, "The loop: data goes one way")
    plan_file = picture.box(Box(30, 40, 130, 50), "world", "plan.toml")
    plan = picture.box(Box(215, 40, 130, 50), "pure", "plan", "sealed at start")
    prometheus = picture.box(Box(30, 150, 130, 50), "world", "Prometheus")
    metrics = picture.box(Box(215, 150, 130, 50), "box", "metrics", "samples")
    judge = picture.box(Box(400, 150, 130, 50), "pure", "judge", "verdicts")
    policy = picture.box(Box(400, 40, 130, 50), "pure", "policy", "one decision")
    engine = picture.box(Box(585, 40, 130, 50), "acts", "engine", "acts, journals")
    flags = picture.box(Box(585, 150, 130, 50), "box", "flags", "change, read back")
    server = picture.box(Box(770, 150, 120, 50), "world", "flag server")
    journal = picture.box(Box(585, 260, 130, 50), "box", "journal", "intent, outcome")
    state = picture.box(Box(400, 260, 130, 50), "pure", "state", "folded from events")
    views = picture.box(Box(215, 260, 130, 50), "box", "tui · cli", "show snapshots")
    for start, end in ((plan_file, plan), (prometheus, metrics), (metrics, judge), (plan, policy), (policy, engine)):
        picture.arrow(start.right, end.left)
    picture.arrow(plan.bottom, (plan.bottom[0], 118), (440, 118), (440, judge.y))
    picture.arrow((490, judge.y), (490, policy.y + policy.height))
    picture.arrow((630, engine.y + engine.height), (630, flags.y))
    picture.arrow((670, flags.y), (670, engine.y + engine.height))
    picture.words(680, 124, "read-back", anchor="start")
    picture.arrow((flags.right[0], 167), (server.x, 167))
    picture.arrow((server.x, 184), (flags.right[0], 184))
    right = 748
    picture.arrow((engine.right[0], 65), (right, 65), (right, 285), journal.right)
    picture.words(right + 10, 250, "before and", anchor="start")
    picture.words(right + 10, 266, "after acting", anchor="start")
    picture.arrow(journal.left, state.right)
    picture.arrow(state.left, views.right)
    picture.arrow((490, state.y), (490, 230), (555, 230), (555, 78), (policy.right[0], 78))
    picture.arrow(views.bottom, (280, 328), (905, 328), (905, 52), (engine.right[0], 52))
    picture.words(430, 324, "commands")
    legend = (
        ("pure", "pure: no network, no clock"),
        ("acts", "acts"),
        ("box", "talks to one outside part"),
        ("world", "the world"),
    )
    left = 30.0
    for kind, words in legend:
        picture.box(Box(left, 352, 22, 16), kind, "")
        picture.words(left + 30, 365, words, anchor="start")
        left += 60 + 7.2 * len(words)
    return picture.svg()


def layers(root: Path) -> str:
    """From pyproject.toml, so that the picture cannot say anything else than CI checks."""
    contracts = _contracts(root)
    rows: list[list[str]] = [re.split(r"\s*[|:]\s*", row) for row in contracts["layers"]["layers"]]
    pure = {name.removeprefix("rolloutctl.") for name in contracts["pure"]["source_modules"]}
    height = 44
    picture = Picture(800, 40 + height * len(rows) + 30, "The layers: a layer imports only what is below it")
    for number, row in enumerate(rows):
        _row(picture, row, 24 + number * height, pure)
    among = [number for number, row in enumerate(rows) if set(row) <= pure]
    top, bottom = 26 + among[0] * height, 24 + among[-1] * height + height - 10
    picture.line((640, top), (650, top), (650, bottom), (640, bottom))
    picture.words(660, (top + bottom) / 2 - 12, "pure:", anchor="start", kind="name")
    for line, words in enumerate(("no network, screen,", "database, thread", "or clock")):
        picture.words(660, (top + bottom) / 2 + 6 + 16 * line, words, anchor="start")
    picture.words(320, 24 + height * len(rows) + 18, "a layer imports only what is below it")
    return picture.svg()


def _row(picture: Picture, names: Sequence[str], y: float, pure: set[str]) -> None:
    width = (600 - 10 * (len(names) - 1)) / len(names)
    for place, name in enumerate(names):
        kind = "pure" if name in pure else "acts" if name == "engine" else "box"
        picture.box(Box(24 + place * (width + 10), y, width, 34), kind, name)


def _contracts(root: Path) -> Mapping[str, Mapping[str, Any]]:
    declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract for contract in declared}
