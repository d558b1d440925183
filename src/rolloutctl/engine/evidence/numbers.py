"""The numbers of a verdict as the journal has them. Loads no numpy."""

from __future__ import annotations

from rolloutctl.model.verdict import Verdict


def numbers_of(verdict: Verdict) -> dict[str, str]:
    """Decimals travel as strings: the journal's canonical form has no floats."""
    evidence = verdict.evidence
    found = {
        "canary": evidence.canary,
        "baseline": evidence.baseline,
        "bound": evidence.bound,
        "events_canary": evidence.events_canary,
        "events_baseline": evidence.events_baseline,
        "age_s": evidence.age_s,
    }
    return {name: repr(value) for name, value in found.items() if value is not None}
