"""The canonical form of a plan, and its digest: what is sealed.

Two plan files that mean the same have the same canonical form: order of keys, comments, white space, `"60s"` or `"1m"`,
`5` or `5.0`, a default written out or left out. It can be read back to an equal plan.
"""

from __future__ import annotations

import hashlib

from rolloutctl.model.events import canonical
from rolloutctl.plan.model import Plan


def canonical_plan(plan: Plan) -> str:
    """Canonical JSON of the whole plan, defaults included."""
    return canonical(plan.model_dump(mode="json"))


def plan_digest(plan: Plan) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical_plan(plan).encode()).hexdigest()
