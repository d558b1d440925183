"""What is known of the health of sources and providers, and what a look that failed leaves of what was seen."""

from __future__ import annotations

from dataclasses import replace

from rolloutctl.engine.view.snapshot import PartHealth
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.model.outcome import Health

Parts = dict[str, PartHealth]
"""By name; every look replaces those it saw."""


def answers_in(took_s: float) -> str:
    return f"answers in {took_s * 1000:.0f} ms"


def well(took_s: float) -> Health:
    return Health(ok=True, latency_s=took_s, text=answers_in(took_s))


def blind(rollout: RolloutRecord, why: str) -> None:
    """No verdict is better than an old one: it would pass for evidence."""
    rollout.observed = replace(rollout.observed, judgement=None, source_error=why)
    rollout.wake.set()


def unread(rollout: RolloutRecord, why: str) -> None:
    """The flag as it was read last, which is not as it is now."""
    rollout.observed = replace(rollout.observed, flag=replace(rollout.observed.flag, error=why))
    rollout.wake.set()
