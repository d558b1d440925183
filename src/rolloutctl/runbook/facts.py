"""What the linter of runbooks may know besides the file: gathered elsewhere, so that linting itself stays pure."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutctl.runbook.digest import Relied


@dataclass(frozen=True, slots=True)
class Known:
    """Names that the config declares."""

    sources: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    def of(self, kind: Relied) -> frozenset[str]:
        match kind:
            case Relied.SOURCE:
                return self.sources
            case Relied.PROVIDER:
                return self.providers
            case Relied.ADAPTER:
                return self.adapters
            case Relied.CHANNEL:
                return self.channels
