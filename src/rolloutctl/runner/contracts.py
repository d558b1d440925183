"""The contracts of the config that a runbook relies on, as the digest that its rehearsals are bound to. Pure.

What a runbook leaves to the rollout (its provider, its source) has no name of its own here, so that staging and production,
which call them differently, have the same contract.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from rolloutctl.config import Config
from rolloutctl.runbook.digest import Relied, adapter_digest, contract
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.relies import relies_on


def contracts_digest(runbook: Runbook, config: Config, provider: str = "", source: str = "") -> str:
    """`provider` and `source`: the rollout's; empty: the only one there is. What the config lacks has an empty contract."""
    tables: Mapping[Relied, Mapping[str, BaseModel]] = {
        Relied.ADAPTER: config.adapters,
        Relied.CHANNEL: config.channels,
        Relied.PROVIDER: config.providers,
        Relied.SOURCE: config.sources,
    }
    usual = {Relied.PROVIDER: provider, Relied.SOURCE: source}
    contracts = []
    for _, kind, name in relies_on(runbook):
        found = tables[kind].get(name or usual.get(kind, ""))
        if found is None and not name and len(tables[kind]) == 1:
            found = next(iter(tables[kind].values()))
        contracts.append(contract(kind, name, found.model_dump(mode="json") if found is not None else {}))
    return adapter_digest(contracts)
