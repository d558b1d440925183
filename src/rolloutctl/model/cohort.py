"""Who gets the canary, as wanted and as a flag server reports it."""

from __future__ import annotations

from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from rolloutctl.model.fields import Percent
from rolloutctl.units import show_number


class Value(BaseModel):
    """Base of the frozen values that are journalled or come from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)


class Cohort(Value):
    """Everybody in one of `audiences`, and `percent` of the rest. Nobody at all is OFF."""

    audiences: tuple[str, ...] = ()
    percent: Percent = Fraction(0)

    @property
    def off(self) -> bool:
        return not self.audiences and self.percent == 0

    def __str__(self) -> str:
        if self.off:
            return "off"
        parts = list(self.audiences)
        if self.percent or not parts:
            parts.append(f"{show_number(self.percent)} %")
        return " + ".join(parts)


OFF = Cohort()


class Target(Value):
    """One flag at one provider in one environment."""

    provider: str
    key: str
    environment: str
    project: str
    stickiness: str = "default"

    def __str__(self) -> str:
        return f"{self.provider}: {self.key} in {self.environment}"


class CohortState(Value):
    """What the flag server says it serves.

    `cohort` is None where the document cannot be expressed as one (foreign constraints, several percentages):
    `why_foreign` then says what is in the way. `native` is the provider's own document as canonical JSON, complete
    enough to restore it. `token` is the id of the newest event of the flag, for telling who else touched it.
    """

    enabled: bool
    cohort: Cohort | None
    native: str
    token: str = ""
    why_foreign: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def effective(self) -> Cohort | None:
        """Who really gets the canary: a disabled flag serves nobody whatever its strategies say."""
        return self.cohort if self.enabled else OFF

    def __str__(self) -> str:
        if not self.enabled:
            return "off"
        return str(self.cohort) if self.cohort is not None else f"foreign ({self.why_foreign})"
