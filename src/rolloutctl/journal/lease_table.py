"""Whether the lease table says what the events say. Pure: the same for every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rolloutctl.journal.chain import Chain, Findings


@dataclass(frozen=True, slots=True)
class LeaseRow:
    holder: object
    epoch: object
    released: bool


def check_leases(rows: Mapping[str, LeaseRow], chain: Chain, findings: Findings) -> None:
    """Every difference is a finding of its own."""
    for stream, row in rows.items():
        known = chain.leases.get(stream)
        if known is None:
            findings.add(0, f"the lease table has a row for {stream}, whose lease was never taken")
        elif row.epoch != known.epoch:
            findings.add(0, f"the lease table says epoch {row.epoch} for {stream}, the events say {known.epoch}")
        elif row.holder != known.holder:
            says = known.holder or "nobody that can be read"
            findings.add(0, f"the lease table says {row.holder} holds {stream}, the events say {says}")
        elif row.released != known.released:
            findings.add(0, f"the lease table and the events differ on whether the lease of {stream} was released")
    for stream in chain.leases.keys() - rows.keys():
        findings.add(0, f"the lease table has no row for {stream}, whose lease was taken")
