"""Who gets a flag, according to the evaluation engine that Unleash's own SDKs run."""

import json
from collections.abc import Iterable
from typing import Any

from yggdrasil_engine.engine import UnleashEngine  # type: ignore[import-untyped]


def enabled_users(features: dict[str, Any], flag: str, user_ids: Iterable[str]) -> frozenset[str]:
    """Those of `user_ids` for whom `flag` is on in `features`, an answer of /api/client/features.

    Raises LookupError where the engine does not know the flag: its own answer for that is a mere "off".
    """
    engine = UnleashEngine()
    if warnings := engine.take_state(json.dumps(features)):
        raise ValueError(f"The engine does not understand this state: {warnings}")
    return frozenset(user for user in user_ids if _is_enabled(engine, flag, user))


def _is_enabled(engine: UnleashEngine, flag: str, user: str) -> bool:
    answer = engine.is_enabled(flag, {"userId": user})
    if not answer.is_found:
        raise LookupError(f"The engine does not know the flag {flag!r}.")
    return bool(answer.is_enabled)
