"""RC4xx: the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rolloutctl.findings import Finding
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import OnBreach, Plan
from rolloutctl.units import show_duration

_LONG = timedelta(minutes=15)


def rollback(plan: Plan) -> Iterator[Finding]:
    way = plan.rollback
    if way.irreversible is not None:
        yield RULES["RC402"].at(
            ("rollback", "irreversible"),
            "This rollout is declared irreversible: a breach holds, and nothing rolls back.",
            "Make sure somebody is paged.",
        )
    elif way.on_breach is OnBreach.HOLD:
        yield RULES["RC401"].at(
            ("rollback", "on_breach"),
            "A breach only holds: users stay in the canary until a person acts.",
            'Use "ask" or "auto".',
        )
    elif way.on_breach is OnBreach.ASK:
        if not way.countdown:
            yield RULES["RC403"].at(
                ("rollback", "countdown"),
                "A countdown of 0s leaves nobody time to answer.",
                'Give it time, or say on_breach = "auto".',
            )
        elif way.countdown > _LONG:
            yield RULES["RC405"].at(
                ("rollback", "countdown"),
                f"After a breach users stay in the canary for another {show_duration(way.countdown)}.",
                "Keep the countdown to what a person needs to look, such as a minute.",
            )
    if not way.watch_after:
        yield RULES["RC404"].at(
            ("rollback", "watch_after"),
            "After a rollback nobody notices when the flag comes back on.",
            'Write "10m", the default.',
        )
