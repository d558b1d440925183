"""The canonical form of a plan, and its digest: what is sealed.

Two plan files that mean the same have the same canonical form: order of keys, comments, white space, `"60s"` or `"1m"`,
`5` or `5.0`, a default written out or left out. It can be read back to an equal plan.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from rolloutctl.errors import InvalidInput, PlanInvalid
from rolloutctl.model.events import canonical
from rolloutctl.plan.model import Plan


def canonical_plan(plan: Plan) -> str:
    """Canonical JSON of the whole plan, defaults included."""
    return canonical(plan.model_dump(mode="json"))


def plan_digest(plan: Plan) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical_plan(plan).encode()).hexdigest()


def read_canonical(text: str) -> Plan:
    """The plan of a canonical form, as sealed. Raises PlanInvalid when it is none that this version can read."""
    try:
        return Plan.model_validate(json.loads(text))
    except (ValidationError, ValueError, RecursionError):
        problem = InvalidInput(
            "The sealed plan cannot be read by this version.",
            remedy="Use the version that started the rollout, or `rolloutctl off` to turn its flag off.",
        )
        raise PlanInvalid((problem,)) from None
