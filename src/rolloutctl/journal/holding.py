"""Who drives a stream, by its row in the lease table. Pure: the same rules for every store.

An expired lease that nobody else took still belongs to its holder; one that was released belongs to nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rolloutctl.errors import LeaseLost
from rolloutctl.ports import Lease


@dataclass(frozen=True, slots=True)
class Held:
    """A row of the table, as of the moment it was read."""

    lease: Lease
    released: bool

    @property
    def expired(self) -> bool:
        return self.lease.expires_in_s <= 0

    @property
    def alive(self) -> bool:
        """Whoever holds it drives."""
        return not self.expired and not self.released

    def belongs_to(self, holder: str) -> bool:
        return self.lease.holder == holder and not self.released

    def stands(self, lease: Lease) -> bool:
        """Whether the row is still that of `lease`."""
        return self.belongs_to(lease.holder) and self.lease.epoch == lease.epoch


@dataclass(frozen=True, slots=True)
class Claim:
    """How somebody gets the lease."""

    epoch: int | None
    """The holder's own, which is only renewed; None: it changes hands, and the next epoch begins."""
    takeover_of: str = ""
    """Holder whose lease was alive."""


def claim(held: Held | None, holder: str, *, force: bool) -> Claim | None:
    """None: somebody else drives, and nothing forces them out."""
    if held is not None and held.belongs_to(holder):
        return Claim(held.lease.epoch)
    if held is None or not held.alive:
        return Claim(None)
    return Claim(None, held.lease.holder) if force else None


def standing(held: Held | None, lease: Lease) -> Held:
    """The row, if `lease` still stands. Raises LeaseLost."""
    if held is not None and held.stands(lease):
        return held
    raise _lost(lease, held)


def check_lasts(ttl_s: float) -> None:
    """Raises ValueError for what is no positive time."""
    if not 0 < ttl_s < math.inf:
        raise ValueError(f"a lease cannot last {ttl_s} seconds")


def _lost(lease: Lease, held: Held | None) -> LeaseLost:
    """What to tell whoever believes to hold `lease` while the table says `held`."""
    if held is None:
        now = "nobody holds it"
    elif held.released:
        now = f"it was released at epoch {held.lease.epoch}"
    else:
        now = f"{held.lease.holder} holds it with epoch {held.lease.epoch}"
    return LeaseLost(
        f"{lease.holder} does not drive {lease.stream} any more: its lease had epoch {lease.epoch}, now {now}.",
        remedy="Nothing was written. Look at what the other driver does; a rollback may take the lease over at once.",
    )
