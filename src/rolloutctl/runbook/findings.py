"""What the linter of runbooks can find: the table of all its rules.

Codes are stable: a number is never used for another rule. RC70x what can never work, RC71x names of the config, RC72x what will
disappoint when it is rehearsed or run.
"""

from __future__ import annotations

from rolloutctl.findings import Rule, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

_TABLE = (
    ("RC701", _E, "query cannot be read"),
    ("RC702", _E, "missing data counts as a number"),
    ("RC703", _E, "placeholder without a value"),
    ("RC704", _E, "what the run came to is not known before its end"),
    ("RC705", _E, "objective whose clock never stops"),
    ("RC706", _E, "objective that no run can meet"),
    ("RC707", _E, "secret in the file"),
    ("RC711", _E, "unknown adapter"),
    ("RC712", _E, "unknown channel"),
    ("RC713", _E, "unknown source"),
    ("RC714", _E, "no provider for the flag"),
    ("RC721", _W, "parameter that nothing uses"),
    ("RC722", _W, "a second person is asked, whom an unattended rollback has not"),
    ("RC723", _W, "a rehearsal leaves this behind"),
    ("RC724", _I, "somebody must be there"),
    ("RC725", _W, "expression that drops values"),
    ("RC726", _W, "nobody is told or asked when it does not recover"),
)
RULES = {code: Rule(code, severity, title) for code, severity, title in _TABLE}
"""Every rule by its code, in order."""
