"""Numbers that come from sums of the source say so wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rolloutctl.cli.shapes import verdict_shape
from rolloutctl.tui.draw import criteria, explain
from rolloutctl.tui.draw.columns import Column
from rolloutctl.tui.draw.ink import Line, plain
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.draw.why import why

from . import worlds

WHEN = When(worlds.NOW, None)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(plain(one) for one in lines)


@pytest.mark.parametrize("approximate", [True, False])
def test_approximate_counts_are_said_on_every_page_and_in_json(approximate: bool) -> None:
    one = worlds.ready()
    verdict = worlds.verdict_errors()
    verdict = replace(verdict, evidence=replace(verdict.evidence, approximate=approximate))
    pages = (
        text(explain.explain(one, verdict, worlds.journal(), WHEN, 100)),
        text(why(one, verdict, WHEN, 100)),
    )
    assert [("approximate counts" in page) for page in pages] == [approximate, approximate]
    columns = tuple(Column(key, "", 30) for key in ("criterion", "state", "canary", "baseline", "bound", "evidence"))
    (evidence,) = (cell for cell in criteria.row(one, verdict, columns, WHEN).cells[-1:])
    assert plain(evidence).startswith("~61k") is approximate
    assert verdict_shape(verdict)["evidence"]["approximate"] is approximate
