"""Alerts as a metrics source shows them: its `ALERTS` series, and the rules it evaluates.

Prometheus writes a series `ALERTS{alertname, alertstate, …labels}` with the value 1 at every evaluation in which an alert is
pending or firing, and none at all while it is quiet: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
So an absent series says "quiet" only where the rule is known to be evaluated. The answer to a RULE query says that: one
series per alerting rule of the name, with the labels the rule itself declares and those named here; its one sample stands at
the newest evaluation (Unix s; no sample: not evaluated yet), and its value is the s between two evaluations.

The answer to an ANNOUNCED query holds the alerts of the name that an Alertmanager has as firing now, whoever sent them: one
series per alert with its labels, whose one sample stands where it began to fire.
"""

from __future__ import annotations

from collections.abc import Mapping

ALERTS = "ALERTS"
RULE, ANNOUNCED = "RULE", "ANNOUNCED"
"""Names of the series in answers to RULE and ANNOUNCED queries."""
ALERT_NAME = "alertname"
ALERT_STATE = "alertstate"
FIRING, PENDING = "firing", "pending"
HEALTH = "__health__"
"""`ok`, `err` or `unknown`, as the source calls it."""
ERROR = "__error__"
"""Why the newest evaluation failed."""
OURS = frozenset({"__name__", ALERT_NAME, ALERT_STATE})
"""Labels of `ALERTS` that are not the alert's own."""


def alerts_selector(name: str, labels: Mapping[str, str]) -> str:
    matchers = {ALERT_NAME: name, **labels}
    return f"{ALERTS}{{{', '.join(f'{label}={_quoted(value)}' for label, value in matchers.items())}}}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
