"""The files that ship as examples, on one page: config.example.toml, the plans and the runbooks."""

from __future__ import annotations

from pathlib import Path

from reference_pages.markdown import fenced, page


def examples_page(root: Path, config: str) -> str:
    """`config` is the text of config.example.toml as it is to be."""
    intro = """Files to start from. They stand in the repository; `rolloutctl check` reads every plan and
`rolloutctl runbook check` every runbook here without an error."""
    parts = [f"## config.example.toml\n\n{fenced(config, 'toml')}"]
    plans = sorted((root / "plans").glob("*.toml"))
    parts += [f"## plans/{plan.name}\n\n{fenced(plan.read_text(encoding='utf-8'), 'toml')}" for plan in plans]
    runbooks = sorted((root / "runbooks").glob("*.toml"))
    parts += [f"## runbooks/{each.name}\n\n{fenced(each.read_text(encoding='utf-8'), 'toml')}" for each in runbooks]
    return page("Examples", intro, parts)
