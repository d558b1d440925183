"""Which named things of the config a runbook uses: for the linter, and for the contracts a rehearsal is bound to."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.constraints import Key
from rolloutctl.runbook.digest import Relied
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import AlertStep, CheckStep, FlagStep, HttpStep, NotifyStep


def relies_on(runbook: Runbook) -> Iterator[tuple[Key, Relied, str]]:
    """Where in the file something of the config is used, its kind and its name; empty: the one of the rollout."""
    for key, _, step in runbook.placed():
        match step:
            case HttpStep():
                yield (*key, "adapter"), Relied.ADAPTER, step.adapter
            case NotifyStep():
                yield (*key, "channel"), Relied.CHANNEL, step.channel
            case CheckStep() | AlertStep():
                yield (*key, "source"), Relied.SOURCE, step.source or ""
            case FlagStep():
                yield (*key, "type"), Relied.PROVIDER, ""
            case _:
                continue
