"""The alerting rules a source evaluates, and the alerts an Alertmanager has, as samples; pure.

Contracts: https://prometheus.io/docs/prometheus/latest/querying/api/#rules and version 2 of the Alertmanager's API,
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. What the series mean says `model/alerts.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rolloutctl.metrics.decode import NotTheApi
from rolloutctl.metrics.failure import clean
from rolloutctl.model.alerts import ALERT_NAME, ANNOUNCED, ERROR, HEALTH, RULE
from rolloutctl.model.samples import Query, Samples, Series

Named = Sequence[tuple[str, Series]]
"""Series by the alert's name."""


def rules(result: Any) -> Named:
    """`data` of `/api/v1/rules`: its alerting rules. Raises NotTheApi."""
    groups = result.get("groups") if isinstance(result, dict) else None
    if not isinstance(groups, list):
        raise NotTheApi("answered something other than groups of rules")
    try:
        return tuple(found for group in groups for found in _rules_of(group))
    except (TypeError, ValueError, KeyError, AttributeError):
        raise NotTheApi("answered rules that cannot be read") from None


def _rules_of(group: Any) -> Iterator[tuple[str, Series]]:
    every_s = float(group.get("interval") or 0.0)
    for rule in group.get("rules") or ():
        if rule.get("type") != "alerting":
            continue
        name, evaluated = str(rule["name"]), _unix(str(rule.get("lastEvaluation") or ""))
        labels = {str(label): str(value) for label, value in (rule.get("labels") or {}).items()}
        labels |= {"__name__": RULE, ALERT_NAME: name, HEALTH: str(rule.get("health") or "unknown")}
        if said := clean(str(rule.get("lastError") or "")):
            labels[ERROR] = said
        times, values = ((), ()) if evaluated is None else ((evaluated,), (every_s,))
        yield name, Series(tuple(sorted(labels.items())), times, values)


def announced(result: Any) -> Named:
    """The list of alerts of an Alertmanager, one sample each: since when it fires. Silenced ones fire all the same.

    Raises NotTheApi.
    """
    if not isinstance(result, list):
        raise NotTheApi("answered something other than a list of alerts")
    found = []
    try:
        for alert in result:
            labels = {str(label): str(value) for label, value in alert["labels"].items()}
            since = _unix(str(alert["startsAt"]))
            name = labels.get(ALERT_NAME, "")
            if since is not None:
                found.append((name, Series(tuple(sorted({**labels, "__name__": ANNOUNCED}.items())), (since,), (1.0,))))
    except (TypeError, ValueError, KeyError, AttributeError):
        raise NotTheApi("answered alerts that cannot be read") from None
    return tuple(found)


def chosen(found: Named, query: Query) -> Samples:
    """Those of the query's name; an alert that fires in several ways, and a rule that several groups have, are several."""
    return Samples(tuple(series for name, series in found if name == query.text))


def _unix(text: str) -> float | None:
    """Of an RFC 3339 time, with however many digits behind the second; None for none, and for the year 1 of what never was."""
    if not text:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return None if time.year < 1970 else math.floor(time.timestamp() * 1e6) / 1e6
